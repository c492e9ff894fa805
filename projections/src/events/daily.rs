//! The rollup `events_daily`: events by the day on which they occurred.

use crate::origin::{HOST, REPOSITORY_ID};
use crate::rollup::{Figure, Rollup};
use crate::table::{Column, Table, Type};

/// Events by host, repository and day.
pub(crate) static ROLLUP: Rollup = Rollup {
    table: Table {
        name: "events_daily",
        meaning: "One row a repository and day (UTC): events by the day on which they occurred; those that tell none are in no row.",
        columns: || ROLLUP.columns(),
        key: &["host", "repository_id", "day"],
        versioned: true,
    },
    rows: &super::TABLE,
    index: None,
    key: &[
        (HOST, "host"),
        (REPOSITORY_ID, "repository_id"),
        (
            Column::stored("day", Type::Day, "UTC day", "The day."),
            "occurred_on",
        ),
    ],
    figures: &[
        Figure::contributions("events", "events", "Events that occurred that day."),
        Figure::distinct(
            "webhooks",
            "changes",
            "Changes that webhooks told of: one that came through two hooks counts once, as do those of one kind, item and second.",
            "change",
        ),
    ],
    computed: &[],
};
