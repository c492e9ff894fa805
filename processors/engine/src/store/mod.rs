//! Local stores: an entity's states, the detectors' watches and the input offset of one partition.
//!
//! A store holds nothing that the log does not: losing it costs a replay. So its form may change
//! with a release, and a store of another form is thrown away rather than migrated.

mod disk;
mod memory;

pub use disk::{DiskStore, FORM};
pub use memory::MemoryStore;

use gapless_schemas::Timestamp;

/// What a store holds beside states and watches; written in the same atomic step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Offset of the next event to process.
    pub next_offset: i64,
    /// The log's clock: the greatest `received_at` of the events before it, but that no event moves
    /// it by more than a day.
    pub now: Timestamp,
}

/// The two kinds of values that are kept under an entity's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The joined state.
    State,
    /// What the detectors remember.
    Watch,
}

/// One change of a store; no value: the key is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Which kind of value.
    pub column: Column,
    /// The entity's key as text.
    pub key: String,
    /// The new value.
    pub value: Option<Vec<u8>>,
}

/// A store that cannot be read or written. Reaction: stop the task; a restart opens the store
/// anew, or replays the partition where the operator removed it.
#[derive(Debug, thiserror::Error)]
#[error("the local store failed: {0}")]
pub struct StoreError(pub String);

/// Keeps one partition's states.
pub trait Store {
    /// Where the store stands; nothing in a new one.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn position(&self) -> Result<Option<Position>, StoreError>;

    /// The value under `key`.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn get(&self, column: Column, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// All of a column, in key order: read once, when a task starts, for the watches.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn scan(&self, column: Column) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Writes all of `writes` and the position, or nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn commit(&mut self, writes: &[Write], position: Position) -> Result<(), StoreError>;
}
