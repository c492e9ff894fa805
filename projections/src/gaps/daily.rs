//! The rollup `gaps_daily`: gaps by the day whose completeness they lower.

use crate::keys::{BY_DAY, OF_DAY};
use crate::rollup::{Figure, Rollup};
use crate::table::Table;

/// Gaps by host, repository and day.
pub(crate) static ROLLUP: Rollup = Rollup {
    table: Table {
        name: "gaps_daily",
        meaning: "One row a repository and day (UTC): gaps by the day on which the missing fact happened.",
        columns: || ROLLUP.columns(),
        key: BY_DAY,
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
    key: OF_DAY,
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
