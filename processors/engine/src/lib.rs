//! Runs the law over the log: one [`Task`] a partition, the [order of writing](drive), local
//! [stores](store), and the [Kafka shell](kafka) around them.
//!
//! The task, the order and the stores know no Kafka: the same code runs in one process on an
//! in-memory log, where every crash point is tried.

mod drive;
pub mod kafka;
pub mod store;
mod tail;
mod task;

pub use drive::{CrashPoint, Halt, Log, LogError, drive};
pub use tail::Tail;
pub use task::{Input, Output, Reason, Settings, Task};
