//! Polls: what finds a lost event that nothing followed.
//!
//! Three schedules for each owner: its repositories; the issues and pull requests of each that
//! changed since the last time, with an overlap; and all of them, daily. What is found is appended
//! as listings and snapshots; nobody here compares it with anything. An empty listing that is
//! complete is appended as well: it says that GitHub was asked, and until when.
//!
//! **A poll's position moves only after its events are in the log**, so a crash repeats a poll and
//! skips none. Positions are kept in a small file, because asking for everything again after every
//! restart could spend an hour's budget; where the file is missing or damaged, that is what
//! happens, and it is harmless.
//!
//! **Pages move while they are read.** What changed is listed with the latest first: an item that
//! changes meanwhile moves to a page that was read already, and the next poll finds it; the others
//! only slide towards pages to come. Everything is listed by creation, oldest first, which no
//! change moves. Only a deletion or a transfer in between can hide a neighbour, until the next day.

mod listing;
mod owner;
mod poller;
mod positions;
mod schedule;

pub use crate::fetch::repository::RepositoryFound;
pub use listing::{Listed, poll_repository};
pub use owner::{OwnerPoll, poll_owner, probe_repository};
pub use poller::{Poller, Turn};
pub use positions::{Position, Positions};
pub use schedule::{Next, Poll, PollTimes, Schedule};

use crate::fetch::FetchError;
use crate::github::{PagesError, TransportError};
use crate::log::AppendError;

/// Why a poll did not succeed. It is made again.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// GitHub's side.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The log's side.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What was to be polled is not there: 301, 404 or 410. Reaction: probe it, record the answer.
    #[error("{path} was answered with {status}")]
    Absent {
        /// What was asked for.
        path: String,
        /// The status.
        status: u16,
    },
}

impl From<PagesError> for PollError {
    fn from(error: PagesError) -> Self {
        match error {
            PagesError::Status {
                path,
                status: status @ (301 | 404 | 410),
            } => Self::Absent { path, status },
            other => Self::Fetch(other.into()),
        }
    }
}

impl From<TransportError> for PollError {
    fn from(error: TransportError) -> Self {
        Self::Fetch(error.into())
    }
}
