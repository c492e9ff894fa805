//! Named places in the order of writing; tests of real processes die at each.

use super::super::step::{Step, StepKind};

/// A place between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Pairs of an index are stored, the rows that they belong to are not.
    PairsInserted,
    /// Rows of a table are stored, figures that follow from them are not.
    RowsInserted,
    /// Figures are computed, offsets not committed.
    FiguresComputed,
    /// All done.
    FiguresCommitted,
}

impl CrashPoint {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [
        Self::PairsInserted,
        Self::RowsInserted,
        Self::FiguresComputed,
        Self::FiguresCommitted,
    ];

    /// Its name, as in `GAPLESS_CRASH_AT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PairsInserted => "pairs-inserted",
            Self::RowsInserted => "rows-inserted",
            Self::FiguresComputed => "figures-computed",
            Self::FiguresCommitted => "figures-committed",
        }
    }

    /// Where the sink is once `step` is done.
    pub(super) const fn after(step: &Step) -> Self {
        match step.kind() {
            StepKind::Pairs => Self::PairsInserted,
            StepKind::Rows => Self::RowsInserted,
            StepKind::Figures => Self::FiguresComputed,
        }
    }
}
