//! What the sink decides to do: steps, executed in order; of one kind, in any order.

use crate::rollup::Rollup;
use crate::table::{Cell, Rows};
use std::collections::BTreeMap;
use std::fmt;

/// One step. Each is harmless when done twice, and so is every prefix of a batch, and any part of
/// those of one kind that come next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Store rows.
    Insert(Rows),
    /// Compute figures again.
    Recompute(Recompute),
}

/// What a step does, in the order of writing. Steps of one kind do not depend on each other: each
/// stores another table's rows, or computes figures from rows, never from figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// Pairs of an index: which keys an entity counts under, stored before the entity's row.
    Pairs,
    /// Rows.
    Rows,
    /// Figures that follow from rows.
    Figures,
}

/// Figures to compute again: every key that one of the entities ever counted under.
#[derive(Clone, Debug)]
pub struct Recompute {
    /// Which figures.
    pub rollup: &'static Rollup,
    /// Keys of the entities; where the rollup has no index, the rollup's own keys.
    pub entities: Vec<Vec<Cell>>,
    /// For each repository (host, id) among them, the version that the figures get.
    pub versions: BTreeMap<(String, i64), u64>,
}

impl Step {
    /// Its kind.
    pub const fn kind(&self) -> StepKind {
        match self {
            // An index has no versions.
            Self::Insert(rows) if rows.table.versioned => StepKind::Rows,
            Self::Insert(_) => StepKind::Pairs,
            Self::Recompute(_) => StepKind::Figures,
        }
    }

    /// What it does, for logs.
    pub fn describe(&self) -> String {
        match self {
            Self::Insert(rows) => format!("insert {} rows into {}", rows.count, rows.table.name),
            Self::Recompute(recompute) => format!(
                "recompute {} for {} entities",
                recompute.rollup.table.name,
                recompute.entities.len()
            ),
        }
    }
}

/// A store failed. Reaction: retry the same step; it may or may not have been done.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct StoreError {
    what: String,
    why: String,
}

impl StoreError {
    /// `what` failed because of `why`.
    pub fn new(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self {
            what: what.into(),
            why: why.to_string(),
        }
    }
}

/// Where steps are done. A step that returned is stored: later steps and readers see it.
pub trait Store: Send + Sync {
    /// Does `step`.
    ///
    /// # Errors
    /// Where it is not known to be done. Reaction: retry.
    fn execute(&self, step: &Step) -> impl Future<Output = Result<(), StoreError>> + Send;
}
