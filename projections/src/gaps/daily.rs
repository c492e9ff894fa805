//! The rollup `gaps_daily`: gaps by the day whose completeness they lower.

use crate::origin::{HOST, REPOSITORY_ID};
use crate::rollup::{Figure, Rollup};
use crate::table::{Column, Table, Type};

/// Gaps by host, repository and day.
pub(crate) static ROLLUP: Rollup = Rollup {
    table: Table {
        name: "gaps_daily",
        meaning: "One row a repository and day (UTC): gaps by the day on which the missing fact happened.",
        columns: || ROLLUP.columns(),
        key: &["host", "repository_id", "day"],
        versioned: true,
    },
    rows: &super::TABLE,
    index: Some(Table {
        name: "gaps_days",
        meaning: "Every row of gaps_daily that a gap ever counted under; never shortened.",
        columns: || ROLLUP.index_columns(),
        key: &["host", "repository_id", "gap_id", "day"],
        versioned: false,
    }),
    key: &[
        (HOST, "host"),
        (REPOSITORY_ID, "repository_id"),
        (
            Column::stored("day", Type::Day, "UTC day", "The day."),
            "daily.day",
        ),
    ],
    figures: &[
        Figure::sum(
            "opened",
            "gaps",
            "Gaps about that day, open or closed.",
            "daily.opened",
        ),
        Figure::sum("open", "gaps", "Of these, still open.", "daily.open"),
        Figure::sum(
            "lacking",
            "gaps",
            "Of these, not about a missing number, which the ledger counts.",
            "daily.lacking",
        ),
    ],
    computed: &[],
};
