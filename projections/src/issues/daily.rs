//! What an issue adds to `issues_daily`, by day: pure.

use super::row::{Figures, IssueRow};
use crate::life::{Turn, WAITING_DAYS};
use crate::origin::is_there;
use crate::table::{Column, Mapped, Type, Value, is_day};
use gapless_schemas::Issue;
use std::collections::BTreeMap;

/// Contributions to one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) day: i32,
    pub(crate) opened: i64,
    pub(crate) closed: i64,
    pub(crate) closed_not_planned: i64,
    pub(crate) closed_duplicate: i64,
    pub(crate) reopened: i64,
    pub(crate) open_delta: i64,
    pub(crate) awaiting_delta: [i64; WAITING_DAYS.len()],
    pub(crate) close_seconds: Option<i64>,
}

/// What it adds, ascending by day; nothing where it is not there, or nobody knows since when.
pub(crate) fn contributions(state: &Issue, figures: &Figures) -> Vec<Day> {
    let Some(life) = figures.life.as_ref().filter(|_| is_there(state.presence)) else {
        return Vec::new();
    };
    let mut days = BTreeMap::<i32, Day>::new();
    for &(turn, at) in &life.turns {
        let day = days.entry(at.day()).or_default();
        match turn {
            Turn::Opened => day.opened += 1,
            Turn::Reopened => day.reopened += 1,
            Turn::Closed | Turn::Merged => day.closed += 1,
        }
        let opens = matches!(turn, Turn::Opened | Turn::Reopened);
        day.open_delta += if opens { 1 } else { -1 };
    }
    // GitHub tells the reason of the closing that holds, not of those before it.
    if let Some(closed_at) = life.closed_at() {
        let day = days.entry(closed_at.day()).or_default();
        let reason = state.state_reason.as_deref();
        day.closed_not_planned += i64::from(reason == Some("not_planned"));
        day.closed_duplicate += i64::from(reason == Some("duplicate"));
        day.close_seconds = figures.close_seconds;
    }
    for (day, deltas) in life.waiting_deltas() {
        days.entry(day).or_default().awaiting_delta = deltas;
    }
    days.into_iter()
        .filter(|(day, _)| is_day(*day))
        .map(|(day, contributions)| Day {
            day,
            ..contributions
        })
        .collect()
}

const COUNTS: Type = Type::Array(&Type::Int);

fn column(
    name: &'static str,
    ty: Type,
    value: for<'a> fn(&'a IssueRow) -> Value<'a>,
) -> Mapped<IssueRow> {
    Mapped::of(
        Column::stored(
            name,
            ty,
            "",
            "What it adds to the figure of this name in issues_daily, by daily.day.",
        )
        .hidden(),
        value,
    )
}

/// The columns that hold the contributions, in lists of one length.
#[rustfmt::skip]
pub(crate) fn columns() -> Vec<Mapped<IssueRow>> {
    vec![
        column("daily.day", Type::Array(&Type::Day), |r| Value::list(r.daily.iter().map(|d| Value::Day(d.day)))),
        column("daily.opened", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.opened))),
        column("daily.closed", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.closed))),
        column("daily.closed_not_planned", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.closed_not_planned))),
        column("daily.closed_duplicate", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.closed_duplicate))),
        column("daily.reopened", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.reopened))),
        column("daily.open_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.open_delta))),
        column("daily.awaiting_10_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[0]))),
        column("daily.awaiting_30_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[1]))),
        column("daily.awaiting_60_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[2]))),
        column("daily.awaiting_90_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[3]))),
        column("daily.awaiting_365_delta", COUNTS, |r| Value::list(r.daily.iter().map(|d| d.awaiting_delta[4]))),
        column("daily.close_seconds", Type::Array(&Type::Nullable(&Type::Int)), |r| Value::list(r.daily.iter().map(|d| d.close_seconds))),
    ]
}
