//! The consumer: a task is opened for each partition that the group gives, and dropped with it.

use super::{Options, client, lock, settings};
use crate::drive::{Halt, LogError};
use crate::store::{DiskStore, StoreError};
use crate::tail::Tail;
use crate::task::{Input, Settings, Task};
use gapless_schemas::CONSUMER_DEFAULTS;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// At most this many events in a batch. In a replay the entities that a batch touches are written once
/// each, so that long batches write less (`docs/decisions/0009-replays.md`).
const BATCH_EVENTS: usize = 12_000;
/// At most this many bytes are read for a batch; what is kept of them is far less, but for what
/// cannot be read.
const BATCH_BYTES: usize = 128 * 1_048_576;
/// How long a batch is gathered once its first event is there; after that, what has been fetched
/// already is still taken. What a batch costs apart from its events (a commit on disk,
/// acknowledgements) is paid a few times a second where events come one by one, and for as many as
/// a batch may have where a log is replayed.
const GATHER: Duration = Duration::from_millis(100);
/// How long to wait for a first event before looking whether to stop.
const IDLE: Duration = Duration::from_millis(200);
/// How long to wait for the group's offsets; then it is said, and tried again.
const COMMITTED: Duration = Duration::from_secs(5);
/// How long a look whether Kafka answers may take.
const LOOK: Duration = Duration::from_secs(2);

/// More events than a second brings, at whose end the log is flushed.
const TAIL_MAX: i64 = 10_000;

/// A partition that is ours.
pub(super) struct Held {
    pub(super) task: Task<DiskStore>,
    /// Where the task's output partitions were looked at; as long-lived as the ownership.
    pub(super) tail: Tail,
}

pub(super) type Tasks = HashMap<i32, Held>;

pub(super) enum Polled {
    /// How many events the task of each partition has joined.
    Batches(BTreeMap<i32, u64>),
    /// Reaction: say so, and poll again.
    Trouble(String),
    /// Reaction: stop.
    Failed(Halt),
}

pub(super) struct Consumer {
    inner: Arc<BaseConsumer<Owner>>,
    topic: String,
}

/// Owns the tasks; the group's assignments change them, on the polling thread.
pub(super) struct Owner {
    tasks: Mutex<Tasks>,
    /// Partitions that the group gave and that could not be taken over yet.
    given: Mutex<Option<TopicPartitionList>>,
    /// Counts changes of the assignment.
    assignments: AtomicU64,
    /// Ends of the partitions, as librdkafka tells them every second.
    ends: Mutex<BTreeMap<i32, i64>>,
    settings: Settings,
    store_folder: PathBuf,
}

impl ClientContext for Owner {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        super::producer::log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        let topics = statistics.topics.values();
        let partitions = topics.flat_map(|topic| topic.partitions.values());
        *lock(&self.ends) = partitions.map(|it| (it.partition, it.hi_offset)).collect();
    }
}

impl ConsumerContext for Owner {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        self.assignments.fetch_add(1, Ordering::Relaxed);
        if err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Taken over by `Consumer::poll`, which can try again and can say what is wrong.
            *lock(&self.given) = Some(partitions.clone());
            return;
        }
        // Also after an error: nothing is held that is not ours for certain. Batches that were read
        // and not processed find no task and are dropped.
        *lock(&self.given) = None;
        lock(&self.tasks).clear();
        if let Err(error) = consumer.unassign() {
            tracing::error!(%error, "partitions were not given back");
        }
    }
}

/// Why partitions that were given could not be taken over.
enum NotTaken {
    /// Reaction: try again.
    Kafka(KafkaError),
    /// Reaction: stop.
    Halt(Halt),
}

impl From<KafkaError> for NotTaken {
    fn from(error: KafkaError) -> Self {
        Self::Kafka(error)
    }
}

impl Owner {
    /// Takes over what the group gave: opens the store of each partition, and reads from the earlier
    /// of its offset and the group's.
    fn take_over(&self, consumer: &BaseConsumer<Self>) -> Result<(), NotTaken> {
        let Some(partitions) = lock(&self.given).clone() else {
            return Ok(());
        };
        let committed = consumer.committed_offsets(partitions, COMMITTED)?;
        let mut assignment = TopicPartitionList::new();
        let mut tasks = lock(&self.tasks);
        tasks.clear();
        for element in committed.elements() {
            let group = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            let partition = element.partition();
            let (_, end) = consumer.fetch_watermarks(element.topic(), partition, COMMITTED)?;
            let task = self.open_within(partition, group, end);
            let task = task.map_err(NotTaken::Halt)?;
            let start = Offset::Offset(task.start_offset());
            assignment.add_partition_offset(element.topic(), partition, start)?;
            let tail = Tail::resume(element.metadata());
            tasks.insert(partition, Held { task, tail });
        }
        tracing::info!(partitions = ?tasks.keys().collect::<Vec<_>>(), "took over partitions");
        drop(tasks);
        consumer.assign(&assignment)?;
        *lock(&self.given) = None;
        Ok(())
    }

    /// The task of a partition whose log ends at `end`. A store that has read further knows events
    /// that the log does not: what is appended from now on would be taken for known and be skipped.
    ///
    /// A power cut takes the log's last second, which was not flushed, where the store was: the store
    /// is removed then, and the log, which is the truth, is replayed. A log that ends long before, or
    /// is empty, was replaced or truncated: its versions would begin anew below those that are
    /// shown, so a person has to decide.
    fn open_within(
        &self,
        partition: i32,
        committed: Option<i64>,
        end: i64,
    ) -> Result<Task<DiskStore>, Halt> {
        let committed = committed.map(|committed| committed.min(end));
        let task = self.open(partition, committed)?;
        let known = task.next_offset();
        if known <= end {
            return Ok(task);
        }
        if end == 0 || known - end > TAIL_MAX {
            return Err(Halt::Log(LogError::Stop(format!(
                "partition {partition} of {} ends at offset {end}, but events up to {known} were \
                 processed, so it was replaced or truncated: put its backup back, or begin anew with \
                 another data folder",
                self.settings.events_topic
            ))));
        }
        tracing::warn!(
            partition,
            end,
            known,
            "the log has lost its end, as in a power cut: its partition is replayed"
        );
        drop(task);
        std::fs::remove_file(self.store_path(partition))
            .map_err(|error| StoreError(error.to_string()))?;
        Ok(self.open(partition, committed)?)
    }

    fn open(&self, partition: i32, committed: Option<i64>) -> Result<Task<DiskStore>, StoreError> {
        std::fs::create_dir_all(&self.store_folder)
            .map_err(|error| StoreError(error.to_string()))?;
        let store = DiskStore::open(&self.store_path(partition))?;
        Task::open(partition, self.settings.clone(), store, committed)
    }

    fn store_path(&self, partition: i32) -> PathBuf {
        self.store_folder.join(format!("{partition}.redb"))
    }
}

/// What lies between each partition's next offset and its end; unknown without partitions, or where
/// an end is.
fn lag(partitions: impl Iterator<Item = (i64, Option<i64>)>) -> Option<u64> {
    let mut partitions = partitions.peekable();
    partitions.peek()?;
    let behind = |(next, end): (i64, Option<i64>)| {
        // librdkafka's word for an end that it does not know is negative.
        let end = end.filter(|end| *end >= 0)?;
        Some(end.saturating_sub(next).max(0).unsigned_abs())
    };
    partitions.map(behind).sum()
}

impl Consumer {
    pub(super) fn subscribe(options: &Options) -> Result<Self, KafkaError> {
        let group = options.topics.processors_group();
        let own = [
            ("group.id", group.as_str()),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("statistics.interval.ms", "1000"),
            // `Owner::rebalance` gives back everything at once.
            ("group.protocol", "classic"),
            ("partition.assignment.strategy", "range"),
        ];
        let configured = &options.client_settings;
        let config = client::config(&options.bootstrap, configured, &CONSUMER_DEFAULTS, &own);
        let owner = Owner {
            tasks: Mutex::default(),
            given: Mutex::default(),
            assignments: AtomicU64::new(0),
            ends: Mutex::default(),
            settings: settings(options),
            store_folder: options.store_folder.clone(),
        };
        let inner: BaseConsumer<Owner> = config.create_with_context(owner)?;
        inner.subscribe(&[&options.topics.events()])?;
        Ok(Self {
            inner: Arc::new(inner),
            topic: options.topics.events(),
        })
    }

    pub(super) fn handle(&self) -> Arc<BaseConsumer<Owner>> {
        Arc::clone(&self.inner)
    }

    pub(super) fn tasks(&self) -> MutexGuard<'_, Tasks> {
        lock(&self.inner.context().tasks)
    }

    /// Events whose outputs are not appended and stored, up to where the log ended a second ago.
    pub(super) fn lag(&self) -> Option<u64> {
        let (tasks, ends) = (self.tasks(), lock(&self.inner.context().ends));
        lag(tasks.iter().map(|(partition, held)| {
            let end = ends.get(partition).copied();
            (held.task.stored_offset(), end)
        }))
    }

    /// Whether Kafka answers.
    pub(super) fn is_answered(&self) -> bool {
        self.inner.fetch_metadata(Some(&self.topic), LOOK).is_ok()
    }

    /// Gathers a batch, each event into the task of its partition.
    ///
    /// When the group's assignment changes meanwhile, what was gathered before is dropped with its
    /// tasks: the new ones read from their own starts.
    pub(super) fn poll(&self) -> Polled {
        let mut joined: BTreeMap<i32, u64> = BTreeMap::new();
        let (mut events, mut bytes, mut spare) = (0, 0, None);
        let mut until = None;
        let mut assignment = self.inner.context().assignments.load(Ordering::Relaxed);
        while events < BATCH_EVENTS && bytes < BATCH_BYTES {
            let wait = until.map_or(IDLE, |until: Instant| {
                until.saturating_duration_since(Instant::now())
            });
            let polled = self.inner.poll(wait);
            match self.inner.context().take_over(&self.inner) {
                Ok(()) => {}
                Err(NotTaken::Kafka(error)) => {
                    return Polled::Trouble(format!("partitions are not taken over yet: {error}"));
                }
                Err(NotTaken::Halt(halt)) => return Polled::Failed(halt),
            }
            let current = self.inner.context().assignments.load(Ordering::Relaxed);
            if current != assignment {
                assignment = current;
                joined.clear();
            }
            let message = match polled {
                Some(Ok(message)) => message,
                Some(Err(error)) if joined.is_empty() => {
                    return Polled::Trouble(error.to_string());
                }
                // What was gathered is processed first; an error that lasts comes again.
                Some(Err(_)) | None => break,
            };
            let value = message.payload().unwrap_or_default();
            let codec = &self.inner.context().settings.codec;
            let input = Input::read(codec, message.offset(), value, &mut spare);
            let partition = message.partition();
            events += 1;
            bytes += value.len();
            until.get_or_insert_with(|| Instant::now() + GATHER);
            // Without a task it was read under an assignment that holds no more.
            if let Some(Held { task, .. }) = self.tasks().get_mut(&partition) {
                if let Err(error) = task.join(input) {
                    return Polled::Failed(error.into());
                }
                *joined.entry(partition).or_default() += 1;
            }
        }
        Polled::Batches(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_known_where_every_end_is() {
        let table = [
            (vec![], None),
            (vec![(5, None)], None),
            (vec![(5, Some(9)), (5, Some(-1_001))], None),
            (vec![(5, Some(9)), (5, None)], None),
            (vec![(5, Some(9)), (0, Some(2))], Some(6)),
            // More was read since the end was told.
            (vec![(5, Some(3)), (7, Some(8))], Some(1)),
        ];
        for (partitions, expected) in table {
            let found = lag(partitions.iter().copied());
            assert_eq!(found, expected, "{partitions:?}");
        }
    }
}
