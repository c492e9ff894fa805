//! How the sink is doing, as a value that others watch.

use std::time::Duration;
use tokio::time::Instant;

/// What the sink is doing.
///
/// ```text
/// Starting ──tables are there──▶ Running ◀──────▶ Retrying
///                                  └──shutdown──▶ Stopped
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It waits for ClickHouse, to make the tables.
    #[default]
    Starting,
    /// It reads and writes.
    Running,
    /// Something stands in the way: ClickHouse does not do a step, the group cannot be set back, or a
    /// newer release wrote a state. It is tried until it works, and nothing is lost: what is not stored
    /// is not committed.
    Retrying {
        /// What stands in the way.
        error: String,
    },
    /// It has ended.
    Stopped,
}

/// A damaged table that is written again, while the others go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableRebuild {
    /// Its name.
    pub table: String,
    /// What happened to it.
    pub reason: String,
    /// Records of its topic that are stored again.
    pub records_read: u64,
    /// Records that are still to be read; 0 also before it began, and where it is computed from other
    /// tables.
    pub records_left: u64,
}

/// A state of the sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What it is doing.
    pub phase: Phase,
    /// Records read.
    pub records: u64,
    /// Of these, records that are stored with their figures, or were dropped, to be read again by
    /// whoever has their partition now.
    pub settled: u64,
    /// Rows stored, those of figures left out.
    pub rows: u64,
    /// Records that no row could be made of.
    pub refused: u64,
    /// Batches committed.
    pub batches: u64,
    /// Records in the log that are not yet stored with their figures, as of a second or two ago; none
    /// where that is not known: before the first are read, and while reading waits for ClickHouse.
    pub lag: Option<u64>,
    /// Tables that are damaged, by name.
    pub rebuilds: Vec<TableRebuild>,
    /// How long the last batch took from its first step to its commit.
    pub last_batch: Option<Duration>,
    /// When the last figures were done, and how long they took.
    pub last_figures: Option<(Instant, Duration)>,
}
