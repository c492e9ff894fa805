//! The view `issues_daily`: what happened to issues, by repository, day and author.

use crate::issues;
use crate::keys::{
    AUTHOR_LOGIN, BY_DAY_AND_AUTHOR, INDEX_BY_DAY_AND_AUTHOR, OF_DAY_AND_AUTHOR, REPOSITORY_NAME,
};
use crate::origin::{OWNER, REPOSITORY_PRESENCE};
use crate::rollup::{Figure, Rollup};
use crate::table::Table;

/// Figures by host, repository, day and author.
pub(crate) static ROLLUP: Rollup = Rollup {
    table: Table {
        name: "issues_daily",
        meaning: "One row a repository, day (UTC) and author. Counts belong to the day of their event, a duration to the day on which it ended. What holds as of a day is the sum of a delta up to and with that day.",
        columns: || ROLLUP.columns(),
        key: BY_DAY_AND_AUTHOR,
        versioned: true,
    },
    rows: &issues::TABLE,
    index: Some(Table {
        name: "issues_days",
        meaning: "Every row of issues_daily that an issue ever counted under; never shortened.",
        columns: || ROLLUP.index_columns(),
        key: INDEX_BY_DAY_AND_AUTHOR,
        versioned: false,
    }),
    key: OF_DAY_AND_AUTHOR,
    figures: &[
        REPOSITORY_NAME,
        AUTHOR_LOGIN,
        Figure::sum("opened", "issues", "Opened that day.", "daily.opened"),
        Figure::sum(
            "closed",
            "issues",
            "Closings that day, whatever their reason.",
            "daily.closed",
        ),
        Figure::sum(
            "closed_not_planned",
            "issues",
            "Of these, closings that still hold, as not planned.",
            "daily.closed_not_planned",
        ),
        Figure::sum(
            "closed_duplicate",
            "issues",
            "Of these, closings that still hold, as duplicate.",
            "daily.closed_duplicate",
        ),
        Figure::sum(
            "reopened",
            "issues",
            "Reopenings that day.",
            "daily.reopened",
        ),
        Figure::sum(
            "open_delta",
            "issues",
            "Opened and reopened less closed: its sum up to a day is what was open at its end.",
            "daily.open_delta",
        ),
        Figure::sum(
            "awaiting_10_delta",
            "issues",
            "Summed up to a day: those open for 10 days or longer at its end. The wait begins anew with a reopening.",
            "daily.awaiting_10_delta",
        ),
        Figure::sum(
            "awaiting_30_delta",
            "issues",
            "The same for 30 days.",
            "daily.awaiting_30_delta",
        ),
        Figure::sum(
            "awaiting_60_delta",
            "issues",
            "The same for 60 days.",
            "daily.awaiting_60_delta",
        ),
        Figure::sum(
            "awaiting_90_delta",
            "issues",
            "The same for 90 days.",
            "daily.awaiting_90_delta",
        ),
        Figure::sum(
            "awaiting_365_delta",
            "issues",
            "The same for 365 days.",
            "daily.awaiting_365_delta",
        ),
        Figure::count(
            "close_count",
            "How many times to close ended that day, and still hold.",
            "daily.close_seconds",
        ),
        Figure::percentiles(
            "close_seconds",
            "Times to close that ended that day, and still hold: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels.",
            "daily.close_seconds",
        ),
    ],
    computed: &[OWNER, REPOSITORY_PRESENCE],
};
