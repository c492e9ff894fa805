//! Webhook server and GitHub client: everything that appends events to the log.
//!
//! Decisions are pure (what a request is answered, what a payload says, when to ask GitHub what);
//! the shells around them are thin. They reach the log, the clock and GitHub through the traits
//! [`EventLog`], [`Clock`] and [`github::GitHub`], so that a simulation can stand in for each.

mod clock;
pub mod fetch;
pub mod github;
mod kafka_log;
mod kafka_topics;
mod log;
pub mod poll;
pub mod recorded;
mod source;
pub mod webhook;

pub use clock::{Clock, SystemClock};
pub use kafka_log::{CrashPoint, KafkaConfig, KafkaLog};
pub use kafka_topics::{TopicError, ensure_topics, existing_partitions};
pub use log::{AppendError, Appended, EventLog};
pub use source::{PUBLIC_HOST, Secret, SourceConfig};
