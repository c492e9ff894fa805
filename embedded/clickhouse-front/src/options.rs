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

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everything.
    Write,
    /// Queries that stay inside the database.
    Read,
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
    /// How many of the writer's statements, and as many of readers', run at the same time; more
    /// wait their turn.
    pub slots: usize,
    /// How much memory the engine may take, in bytes; a query that needs more fails with
    /// ClickHouse's code 241.
    pub memory_bytes: u64,
}
