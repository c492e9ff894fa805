//! Refetch: what detectors ask for is fetched from GitHub and appended as snapshots.
//!
//! A command leaves its topic (by a tombstone) only after its answer is in the log, and its offset
//! is committed only after that. So a crash at any point repeats a request and loses no command.

mod answer;
mod item;
mod lanes;
mod metrics;
mod offsets;
mod queue;
pub(crate) mod repository;
mod slim;
mod worker;

pub use answer::{AnswerError, Clients, answer};
pub use item::{FetchError, Target, fetch_item};
pub use metrics::FetchMetrics;
pub use queue::{Batch, Left, Patience, Placed, Queue, QueueTimes, ResourceKey};
pub use worker::{WorkerError, WorkerOptions, run_refetch_worker};
