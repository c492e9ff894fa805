//! Kafka and ClickHouse for a laptop: fetch, start, watch, stop.
//!
//! ```text
//! cache ──jars, library──▶ kafka, clickhouse ──what to run──▶ process ──states──▶ stack
//! ```
//!
//! Nothing here knows what Gapless stores in them: the rest of the system reaches both by their
//! own protocols, as it reaches external ones. Each runs as a child process of its own, on the
//! loopback, and dies with its parent; what it acknowledged outlives both (see [`Embedded`]).
//!
//! A program that uses this calls [`become_part_if_asked`] first of all in its `main`.

mod cache;
mod clickhouse;
mod credentials;
mod error;
mod in_test;
mod java;
mod kafka;
mod lock;
mod part;
mod ports;
mod process;
mod stack;

pub use cache::{CACHE_VARIABLE, Cache, Package};
pub use error::Error;
pub use gapless_clickhouse_front::{Confinement, Credentials};
pub use java::find as find_java;
pub use lock::DataDirLock;
pub use part::{PartCommand, become_part_if_asked};
pub use process::PartState;
pub use stack::{Embedded, Options};
