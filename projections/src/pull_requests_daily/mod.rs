//! The view `pull_requests_daily`: what happened to pull requests, by repository, day and author.

use crate::keys::{
    AUTHOR_LOGIN, BY_DAY_AND_AUTHOR, INDEX_BY_DAY_AND_AUTHOR, OF_DAY_AND_AUTHOR, REPOSITORY_NAME,
};
use crate::origin::{OWNER, REPOSITORY_PRESENCE};
use crate::pull_requests;
use crate::rollup::{Figure, Rollup};
use crate::table::Table;

/// Figures by host, repository, day and author.
pub(crate) static ROLLUP: Rollup = Rollup {
    table: Table {
        name: "pull_requests_daily",
        meaning: "One row a repository, day (UTC) and author. Counts belong to the day of their event, a duration to the day on which it ended. What holds as of a day is the sum of a delta up to and with that day; rows of days to come tell when those open now will have waited so long.",
        columns: || ROLLUP.columns(),
        key: BY_DAY_AND_AUTHOR,
        versioned: true,
    },
    rows: &pull_requests::TABLE,
    index: Some(Table {
        name: "pull_requests_days",
        meaning: "Every row of pull_requests_daily that a pull request ever counted under; never shortened.",
        columns: || ROLLUP.index_columns(),
        key: INDEX_BY_DAY_AND_AUTHOR,
        versioned: false,
    }),
    key: OF_DAY_AND_AUTHOR,
    figures: &[
        REPOSITORY_NAME,
        AUTHOR_LOGIN,
        Figure::sum(
            "opened",
            "pull requests",
            "Opened that day.",
            "daily.opened",
        ),
        Figure::sum(
            "merged",
            "pull requests",
            "Merged that day.",
            "daily.merged",
        ),
        Figure::sum(
            "merged_unapproved",
            "pull requests",
            "Of these, merged without an approval by someone other than the author.",
            "daily.merged_unapproved",
        ),
        Figure::sum(
            "closed_unmerged",
            "pull requests",
            "Closings that day without a merge.",
            "daily.closed_unmerged",
        ),
        Figure::sum(
            "reopened",
            "pull requests",
            "Reopenings that day.",
            "daily.reopened",
        ),
        Figure::sum(
            "open_delta",
            "pull requests",
            "Opened and reopened less merged and closed: its sum up to a day is what was open at its end.",
            "daily.open_delta",
        ),
        Figure::sum(
            "awaiting_10_delta",
            "pull requests",
            "Summed up to a day: those open and ready for 10 days or longer at its end. The wait begins anew with a reopening and when a draft becomes ready.",
            "daily.awaiting_10_delta",
        ),
        Figure::sum(
            "awaiting_30_delta",
            "pull requests",
            "The same for 30 days.",
            "daily.awaiting_30_delta",
        ),
        Figure::sum(
            "awaiting_60_delta",
            "pull requests",
            "The same for 60 days.",
            "daily.awaiting_60_delta",
        ),
        Figure::sum(
            "awaiting_90_delta",
            "pull requests",
            "The same for 90 days.",
            "daily.awaiting_90_delta",
        ),
        Figure::sum(
            "awaiting_365_delta",
            "pull requests",
            "The same for 365 days.",
            "daily.awaiting_365_delta",
        ),
        Figure::count(
            "coding_count",
            "How many coding times ended that day.",
            "daily.coding_seconds",
        ),
        Figure::count(
            "pickup_count",
            "How many pickup times ended that day.",
            "daily.pickup_seconds",
        ),
        Figure::count(
            "rework_count",
            "How many rework times ended that day.",
            "daily.rework_seconds",
        ),
        Figure::count(
            "merge_count",
            "How many merge times ended that day.",
            "daily.merge_seconds",
        ),
        Figure::count(
            "cycle_count",
            "How many cycle times ended that day.",
            "daily.cycle_seconds",
        ),
        Figure::percentiles(
            "coding_seconds",
            "Coding times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels.",
            "daily.coding_seconds",
        ),
        Figure::percentiles(
            "pickup_seconds",
            "Pickup times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels.",
            "daily.pickup_seconds",
        ),
        Figure::percentiles(
            "rework_seconds",
            "Rework times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels.",
            "daily.rework_seconds",
        ),
        Figure::percentiles(
            "merge_seconds",
            "Merge times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels.",
            "daily.merge_seconds",
        ),
        Figure::percentiles(
            "cycle_seconds",
            "Cycle times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels.",
            "daily.cycle_seconds",
        ),
    ],
    computed: &[OWNER, REPOSITORY_PRESENCE],
};
