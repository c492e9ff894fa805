//! The order of writing: outputs, their acknowledgement, the store, the offset.
//!
//! A crash between any two steps repeats work and loses nothing:
//!
//! - before the outputs are acknowledged, neither the store nor the group knows of the batch: it
//!   is processed again, and its outputs have the same ids, keys and versions;
//! - between the acknowledgement and the store, the same;
//! - between the store and the group's offset, the batch is read again although its states are
//!   known. Joining it changes nothing, so "emit on change" would emit nothing; the task emits every
//!   entity touched below the store's offset, changed or not, for it cannot know which outputs were
//!   acknowledged in an earlier life.
//!
//! The offset that the group gets is that of what was read in this life, and none before where it stood.
//! A replay that moved it back, or a store ahead of it that moved it on past events that are yet to be
//! emitted again, would let the next owner leave an older record of a key as its last.
//!
//! Where the log does not acknowledge, the task keeps the batch as it was joined, and the same outputs
//! are appended again, until they are or the partition is another's.

use crate::store::{Store, StoreError};
use crate::task::{Output, Task};

/// Named places between two steps; tests die at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrashPoint {
    /// Joined in memory, nothing written.
    Prepared,
    /// Outputs acknowledged, store not written.
    Produced,
    /// Store written, offset not committed.
    Stored,
    /// All done.
    Committed,
}

impl CrashPoint {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [
        Self::Prepared,
        Self::Produced,
        Self::Stored,
        Self::Committed,
    ];

    /// Its name, as in `GAPLESS_CRASH_AT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Produced => "produced",
            Self::Stored => "stored",
            Self::Committed => "committed",
        }
    }
}

/// What the log refused.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Reaction: the same again, later. Writing twice is harmless.
    #[error("the log did not acknowledge, trying again: {0}")]
    Retry(String),
    /// Reaction: stop; the partition is no longer ours, or the log refuses for good.
    #[error("the log refuses: {0}")]
    Stop(String),
}

/// Why a batch was not brought to its end.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// See [`LogError`].
    #[error(transparent)]
    Log(#[from] LogError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A crash point was told to die. Only in tests.
    #[error("died at crash point {0:?}")]
    Crashed(CrashPoint),
}

/// Where outputs and offsets go.
pub trait Log {
    /// Appends all of `outputs`, each to `partition` of its topic, and returns once every one is
    /// acknowledged.
    ///
    /// # Errors
    /// See [`LogError`]; some of the outputs may have been appended.
    fn produce(&mut self, partition: i32, outputs: &[Output]) -> Result<(), LogError>;

    /// Notes in the consumer group that everything before `next_offset` is done. Where that fails,
    /// the batch is read again after a restart, and nothing is lost.
    fn commit(&mut self, partition: i32, next_offset: i64);
}

/// Brings the batch that was joined through all steps, and with it one that the log did not acknowledge
/// before; does nothing where there is neither. `reach` is called at every crash point and dies there by
/// returning false.
///
/// # Errors
/// See [`Halt`]. After [`LogError::Retry`] the task holds the batch: the next call brings it to its end.
/// After any other error the task must be dropped and opened anew from its store: its memory may hold
/// joins that the store lacks.
pub fn drive<S: Store>(
    task: &mut Task<S>,
    log: &mut impl Log,
    mut reach: impl FnMut(CrashPoint) -> bool,
) -> Result<(), Halt> {
    let mut at = |point| {
        if reach(point) {
            Ok(())
        } else {
            Err(Halt::Crashed(point))
        }
    };
    task.prepare()?;
    at(CrashPoint::Prepared)?;
    let Some(outputs) = task.outputs() else {
        return Ok(());
    };
    if !outputs.is_empty() {
        log.produce(task.partition(), outputs)?;
    }
    at(CrashPoint::Produced)?;
    let next_offset = task.store()?;
    at(CrashPoint::Stored)?;
    log.commit(task.partition(), next_offset);
    at(CrashPoint::Committed)
}
