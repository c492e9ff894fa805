//! The Kafka shell: one consumer of the events topic, a task for each partition that it is given.
//!
//! One thread does it all, one batch of one partition after another: what a batch costs is CPU, and
//! more processes or a higher share of partitions a process, not threads, make it faster. At the
//! bound of a batch the consumer reads no further; librdkafka's own queue is bounded by
//! `queued.max.messages.kbytes`. Between batches the same thread looks after its output partitions,
//! see [`Tail`](crate::Tail).

mod access;
mod client;
mod consumer;
mod counts;
pub mod dead_letters;
mod producer;
mod tail;

pub use access::{Access, ReadError};
pub use counts::DeadLetterCounts;

use crate::drive::{CrashPoint, Halt, LogError, drive};
use crate::task::Settings;
use consumer::{Consumer, Held, Polled};
use gapless_schemas::{Codec, Timestamp, Topics};
use producer::{Appender, KafkaLog};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tail::TailReader;

/// What the processors' role needs.
pub struct Options {
    /// Kafka's bootstrap servers.
    pub bootstrap: String,
    /// Further librdkafka settings, for TLS and SASL. Those that a promise rests on stay ours.
    pub client_settings: Vec<(String, String)>,
    /// Topics.
    pub topics: Topics,
    /// Folder of the partitions' stores.
    pub store_folder: PathBuf,
    /// Whether this generation appends gap events, commands and dead letters. One that is rebuilt
    /// beside it writes states alone; no two may act.
    pub acts: bool,
    /// How long detectors wait.
    pub patience: gapless_core::detect::Patience,
    /// Reads events, writes states.
    pub codec: Codec,
    /// Called at every crash point; a test of real processes dies there.
    pub reached: fn(CrashPoint),
}

/// What the role is doing, for `status`, `/metrics` and `/readyz`.
#[derive(Debug, Default)]
pub struct Status {
    partitions: Mutex<BTreeMap<i32, PartitionStatus>>,
    events: AtomicU64,
    lag: Mutex<Option<u64>>,
    dead_letters: DeadLetterCounts,
    trouble: Mutex<Option<String>>,
}

/// One partition's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// Offset of the next event.
    pub next_offset: i64,
    /// The log's clock.
    pub now: Timestamp,
    /// Entities whose state asks something that GitHub has not answered yet.
    pub asking: usize,
}

impl Status {
    /// Progress of the partitions that this process owns.
    pub fn partitions(&self) -> BTreeMap<i32, PartitionStatus> {
        lock(&self.partitions).clone()
    }

    /// Events processed since the start, repeats included.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Events in the log, as of the last look, that are not processed; none while that is not known.
    pub fn lag(&self) -> Option<u64> {
        *lock(&self.lag)
    }

    /// Dead letters written since the start.
    pub fn dead_letters(&self) -> &DeadLetterCounts {
        &self.dead_letters
    }

    /// Why it makes no progress, in a sentence; nothing while all is well.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }
}

/// A lock whose holder panicked still guards plain values, which are read as they are.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Why the role ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Kafka cannot be talked to at all. Reaction: check the configuration.
    #[error("the processors cannot use Kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// Reaction: stop the process; a restart begins where the store stands.
    #[error("the processors stopped: {0}")]
    Halted(#[from] Halt),
}

/// How long to wait before a batch that the log did not acknowledge is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Runs until `stop` is set; then partitions are given back, and a batch that is not at its end is read
/// again by whoever has them next.
///
/// # Errors
/// See [`RunError`]. A log that does not answer is no error: the same batch is tried for ever.
pub fn run(options: Options, status: &Status, stop: &AtomicBool) -> Result<(), RunError> {
    let mut log = KafkaLog::connect(&options)?;
    let consumer = Consumer::subscribe(&options)?;
    log.commit_through(consumer.handle());
    let mut tail = TailReader::connect(&options)?;
    while !stop.load(Ordering::Relaxed) {
        for joined in poll(&consumer, status)? {
            finish(&consumer, &mut log, joined, status, stop, options.reached)?;
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match tail.turn(&mut consumer.tasks(), &mut log) {
            Err(Halt::Log(LogError::Retry(error))) => {
                tracing::warn!(error, "late writes are not undone yet; trying again");
                *lock(&status.trouble) = Some(error);
            }
            ended => ended?,
        }
    }
    Ok(())
}

fn poll(consumer: &Consumer, status: &Status) -> Result<BTreeMap<i32, u64>, RunError> {
    match consumer.poll() {
        Polled::Batches(batches) => {
            *lock(&status.lag) = consumer.lag();
            // Without events nothing else would say that the trouble is over.
            if batches.is_empty() && status.trouble().is_some() && consumer.is_answered() {
                *lock(&status.trouble) = None;
            }
            Ok(batches)
        }
        Polled::Trouble(error) => {
            tracing::warn!(error, "cannot read the events topic");
            *lock(&status.lag) = None;
            *lock(&status.trouble) = Some(error);
            Ok(BTreeMap::new())
        }
        Polled::Failed(halt) => Err(halt.into()),
    }
}

/// Brings the batch that a partition's task has joined to its end: its outputs are appended again and
/// again while the log does not acknowledge them.
fn finish(
    consumer: &Consumer,
    log: &mut KafkaLog,
    (partition, events): (i32, u64),
    status: &Status,
    stop: &AtomicBool,
    reached: fn(CrashPoint),
) -> Result<(), RunError> {
    while !stop.load(Ordering::Relaxed) {
        let mut tasks = consumer.tasks();
        // Given away: its owner reads the batch again.
        let Some(Held { task, tail }) = tasks.get_mut(&partition) else {
            return Ok(());
        };
        let letters = &status.dead_letters;
        let mut log = Appender { log, tail, letters };
        let survived = |point| {
            reached(point);
            true
        };
        match drive(task, &mut log, survived) {
            Ok(()) => {
                let progress = PartitionStatus {
                    next_offset: task.next_offset(),
                    now: task.now(),
                    asking: task.asking(),
                };
                lock(&status.partitions).insert(partition, progress);
                status.events.fetch_add(events, Ordering::Relaxed);
                *lock(&status.trouble) = None;
                return Ok(());
            }
            Err(Halt::Log(LogError::Retry(error))) => {
                tracing::warn!(
                    partition,
                    error,
                    "a batch was not acknowledged; trying again"
                );
                // The log may grow meanwhile, and nobody looks.
                *lock(&status.lag) = None;
                *lock(&status.trouble) = Some(error);
                drop(tasks);
                std::thread::sleep(RETRY);
            }
            Err(halt) => return Err(halt.into()),
        }
    }
    Ok(())
}

/// What a task of this shell is told.
fn settings(options: &Options) -> Settings {
    Settings {
        events_topic: options.topics.events(),
        epoch: options.topics.epoch,
        acts: options.acts,
        patience: options.patience,
        codec: options.codec.clone(),
    }
}
