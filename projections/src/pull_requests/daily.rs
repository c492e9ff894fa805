//! What a pull request adds to `pull_requests_daily`, by day: pure.

use super::figures::Figures;
use super::row::PullRequestRow;
use crate::life::{Turn, WAITING_DAYS};
use crate::origin::is_there;
use crate::table::{Column, Mapped, Type, Value, is_day};
use gapless_schemas::{PullRequest, Timestamp};
use std::collections::BTreeMap;

/// Contributions to one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) day: i32,
    pub(crate) opened: i64,
    pub(crate) merged: i64,
    pub(crate) merged_unapproved: i64,
    pub(crate) closed_unmerged: i64,
    pub(crate) reopened: i64,
    pub(crate) open_delta: i64,
    pub(crate) awaiting_delta: [i64; WAITING_DAYS.len()],
    pub(crate) coding_seconds: Option<i64>,
    pub(crate) pickup_seconds: Option<i64>,
    pub(crate) rework_seconds: Option<i64>,
    pub(crate) merge_seconds: Option<i64>,
    pub(crate) cycle_seconds: Option<i64>,
}

/// What it adds, ascending by day; nothing where it is not there, or nobody knows since when.
pub(crate) fn contributions(state: &PullRequest, figures: &Figures) -> Vec<Day> {
    let mut days = Days::default();
    let Some(life) = figures.life.as_ref().filter(|_| is_there(state.presence)) else {
        return Vec::new();
    };
    let mut open = false;
    for &(turn, at) in &life.turns {
        let day = days.at(at);
        match turn {
            Turn::Opened => day.opened += 1,
            Turn::Reopened => day.reopened += 1,
            Turn::Closed => day.closed_unmerged += 1,
            Turn::Merged => {
                day.merged += 1;
                day.merged_unapproved += i64::from(figures.last_approved_at.is_none());
            }
        }
        let opens = matches!(turn, Turn::Opened | Turn::Reopened);
        day.open_delta += i64::from(opens) - i64::from(open);
        open = opens;
    }
    for (day, deltas) in life.waiting_deltas() {
        days.day(day).awaiting_delta = deltas;
    }
    let mut ended =
        |at: Option<Timestamp>, seconds: Option<i64>, field: fn(&mut Day) -> &mut Option<i64>| {
            if let (Some(at), Some(_)) = (at, seconds) {
                *field(days.at(at)) = seconds;
            }
        };
    ended(state.created_at, figures.coding_seconds, |day| {
        &mut day.coding_seconds
    });
    ended(figures.first_review_at, figures.pickup_seconds, |day| {
        &mut day.pickup_seconds
    });
    ended(figures.first_approved_at, figures.rework_seconds, |day| {
        &mut day.rework_seconds
    });
    ended(state.merged_at, figures.merge_seconds, |day| {
        &mut day.merge_seconds
    });
    ended(state.merged_at, figures.cycle_seconds, |day| {
        &mut day.cycle_seconds
    });
    days.0.into_values().filter(|day| is_day(day.day)).collect()
}

#[derive(Default)]
struct Days(BTreeMap<i32, Day>);

impl Days {
    fn day(&mut self, day: i32) -> &mut Day {
        self.0.entry(day).or_insert_with(|| Day {
            day,
            ..Day::default()
        })
    }

    fn at(&mut self, at: Timestamp) -> &mut Day {
        self.day(at.day())
    }
}

const COUNTS: Type = Type::Array(&Type::Int);
const DURATIONS: Type = Type::Array(&Type::Nullable(&Type::Int));

fn column(
    name: &'static str,
    ty: Type,
    value: for<'a> fn(&'a PullRequestRow) -> Value<'a>,
) -> Mapped<PullRequestRow> {
    Mapped::of(
        Column::stored(
            name,
            ty,
            "",
            "What it adds to the figure of this name in pull_requests_daily, by daily.day.",
        )
        .hidden(),
        value,
    )
}

/// The columns that hold the contributions, in lists of one length.
#[rustfmt::skip]
pub(crate) fn columns() -> Vec<Mapped<PullRequestRow>> {
    vec![
        column("daily.day", Type::Array(&Type::Day), |r| Value::list(r.daily.iter().map(|d| Value::Day(d.day)))),
        column("daily.opened", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.opened))),
        column("daily.merged", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.merged))),
        column("daily.merged_unapproved", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.merged_unapproved))),
        column("daily.closed_unmerged", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.closed_unmerged))),
        column("daily.reopened", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.reopened))),
        column("daily.open_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.open_delta))),
        column("daily.awaiting_10_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[0]))),
        column("daily.awaiting_30_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[1]))),
        column("daily.awaiting_60_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[2]))),
        column("daily.awaiting_90_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[3]))),
        column("daily.awaiting_365_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[4]))),
        column("daily.coding_seconds", DURATIONS, |r| Value::list(r.daily.iter().map(|d| d.coding_seconds))),
        column("daily.pickup_seconds", DURATIONS, |r| Value::list(r.daily.iter().map(|d| d.pickup_seconds))),
        column("daily.rework_seconds", DURATIONS, |r| Value::list(r.daily.iter().map(|d| d.rework_seconds))),
        column("daily.merge_seconds", DURATIONS, |r| Value::list(r.daily.iter().map(|d| d.merge_seconds))),
        column("daily.cycle_seconds", DURATIONS, |r| Value::list(r.daily.iter().map(|d| d.cycle_seconds))),
    ]
}
