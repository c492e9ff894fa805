//! How a front is set up.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A name and its password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The user's name, as ClickHouse's clients send it.
    pub user: String,
    /// The password, in clear: the front listens on the loopback only.
    pub password: String,
}

impl Credentials {
    /// Whether these are the name and password given.
    pub(crate) fn fit(&self, user: &str, password: &str) -> bool {
        self.user == user && self.password == password
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.user)
    }
}

/// The database that readers select from; its generations are `gapless_1` and so on.
pub(crate) const DATABASE: &str = "gapless";

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everything that tables need.
    Write,
    /// The writer's, by GET: nothing that changes anything.
    Look,
    /// A reader's: what the judge lets pass.
    Read,
}

/// What holds a reader back. In use, all of it; a test leaves some out to show what each holds alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers {
    /// The kernel confines the process.
    pub confinement: bool,
    /// Readers' statements are judged by their syntax tree.
    pub judge: bool,
    /// The engine grants what is listed, and nothing that reaches outside.
    pub grants: bool,
}

impl Layers {
    /// What is in use.
    pub(crate) const ALL: Self = Self {
        confinement: true,
        judge: true,
        grants: true,
    };
}

/// How a front is set up: what it loads, where it listens, who may do what, its bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The engine: the file `libchdb.so`.
    pub library: PathBuf,
    /// Where to listen: an address of the loopback, and a port.
    pub listen: SocketAddr,
    /// The engine's data folder; made when missing. One front at a time.
    pub data_dir: PathBuf,
    /// Who may do everything.
    pub writer: Credentials,
    /// Who may only query, inside the database.
    pub reader: Credentials,
    /// How many of the writer's statements run at the same time; more wait their turn.
    pub slots: usize,
    /// How much memory the engine may take, in bytes; a query that needs more fails with
    /// ClickHouse's code 241. Half of it is readers', an equal part for each of their statements.
    pub memory_bytes: u64,
}

/// What readers may take at the same time: altogether no more threads than there are cores (two on one
/// core), so that the writer, who goes first, never waits for more than one of them to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReaderBounds {
    /// How many of their statements run; more wait their turn. Two at the least: one that takes its time
    /// must not hold up a whole dashboard.
    pub(crate) slots: usize,
    /// Of each statement.
    pub(crate) threads: usize,
    /// Of each statement.
    pub(crate) memory_bytes: u64,
}

impl ReaderBounds {
    /// On a machine with this many cores, for an engine with this much memory.
    pub(crate) fn new(cores: usize, engine_memory_bytes: u64) -> Self {
        let slots = (cores / 2).clamp(2, 8);
        Self {
            slots,
            threads: (cores / slots).max(1),
            memory_bytes: engine_memory_bytes / 2 / slots as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_have_no_more_threads_than_there_are_cores_and_half_of_the_memory() {
        for (cores, slots, threads) in [
            (1, 2, 1),
            (2, 2, 1),
            (4, 2, 2),
            (8, 4, 2),
            (16, 8, 2),
            (64, 8, 8),
        ] {
            let bounds = ReaderBounds::new(cores, 4 << 30);
            assert_eq!(
                (bounds.slots, bounds.threads),
                (slots, threads),
                "{cores} cores"
            );
            assert!(
                bounds.slots * bounds.threads <= cores.max(2),
                "{cores} cores"
            );
            assert_eq!(bounds.memory_bytes * slots as u64, 2 << 30);
        }
    }
}
