//! The loop that answers refetch commands from Kafka: a thin shell around [`Queue`], [`Offsets`]
//! and [`answer`].
//!
//! Order of writing, for each batch: fetch → append the answer and await its acknowledgement
//! → tombstone each command and await that → commit offsets up to the first command that is not
//! done. A crash after any step repeats the earlier ones: another snapshot of the same item, whose
//! gaps may be closed already, changes nothing.
//!
//! **Rebalances** are eager: every partition is revoked and read again from what was committed. So
//! the worker forgets everything that waits when one happens; batches under way end, but count for
//! nothing. The rebalance runs inside `recv`, hence no record of an older assignment is seen after
//! it.
//!
//! **Bounds**: at most [`WORKING_MAX`] commands wait; at the bound no more are read. At most
//! `concurrent_max` batches are under way.

use super::answer::{AnswerError, Clients, answer};
use super::metrics::FetchMetrics;
use super::offsets::Offsets;
use super::queue::{Batch, Placed, Queue, QueueTimes};
use crate::clock::Clock;
use crate::github::GitHub;
use crate::kafka_log::{KafkaConfig, producer};
use crate::log::{AppendError, EventLog};
use gapless_schemas::{Codec, Refetch, Timestamp, Topics};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer,
};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Commands that may wait at a time, about 500 bytes each.
const WORKING_MAX: usize = 100_000;
/// Pause after a fault of the consumer's; librdkafka reconnects by itself.
const FAULT_PAUSE: Duration = Duration::from_secs(1);
/// How long a tombstone may take.
const TOMBSTONE_TIMEOUT: Duration = Duration::from_secs(5);

/// How the worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Its consumer group.
    pub group: String,
    /// Items that are fetched at a time; GitHub allows 100 requests for all clients together.
    pub concurrent_max: usize,
    /// Windows and waits.
    pub times: QueueTimes,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            group: "gapless-fetcher".into(),
            concurrent_max: 8,
            times: QueueTimes::default(),
        }
    }
}

/// The worker cannot go on. Reaction: stop.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// librdkafka refuses the configuration.
    #[error("the refetch worker cannot use Kafka: {0}")]
    Kafka(#[from] KafkaError),
}

/// Counts rebalances.
#[derive(Default)]
struct Rebalances(AtomicU64);

impl ClientContext for Rebalances {}

impl ConsumerContext for Rebalances {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, _: &Rebalance<'_>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A batch that ended, in the assignment in which it began.
struct Ended {
    assignment: u64,
    batch: Batch,
    result: Result<(), AnswerError>,
}

struct Worker<G, C, L> {
    topic: String,
    codec: Codec,
    clients: Arc<Clients<G>>,
    clock: C,
    log: L,
    consumer: StreamConsumer<Rebalances>,
    tombstones: FutureProducer,
    metrics: Arc<FetchMetrics>,
    concurrent_max: usize,
    times: QueueTimes,
    assignment: u64,
    queue: Queue,
    offsets: Offsets,
    under_way: JoinSet<Ended>,
}

/// What the loop waits for.
enum Turn {
    Stop,
    Record(Read),
    Ended(Ended),
    Due,
}

/// A record of the topic.
struct Read {
    partition: i32,
    offset: i64,
    command_id: String,
    /// None: a tombstone.
    value: Option<Vec<u8>>,
}

impl Read {
    fn of(record: &BorrowedMessage<'_>) -> Self {
        Self {
            partition: record.partition(),
            offset: record.offset(),
            command_id: String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned(),
            value: record.payload().map(<[u8]>::to_vec),
        }
    }
}

/// Answers commands until `shutdown` ends; batches under way are then dropped, since they will be
/// answered after the next start.
///
/// # Errors
/// See [`WorkerError`].
#[allow(
    clippy::too_many_arguments,
    reason = "each is a part of its own that is handed in once"
)]
pub async fn run_refetch_worker<G, C, L>(
    kafka: &KafkaConfig,
    topics: &Topics,
    codec: Codec,
    clients: Arc<Clients<G>>,
    clock: C,
    log: L,
    options: WorkerOptions,
    metrics: Arc<FetchMetrics>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), WorkerError>
where
    G: GitHub + 'static,
    C: Clock + Clone + 'static,
    L: EventLog + Clone + 'static,
{
    let consumer: StreamConsumer<Rebalances> = kafka
        .client(&[
            ("group.id", &options.group),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "earliest"),
            ("partition.assignment.strategy", "range"),
            // Not reading at the bound is no sign of death.
            ("max.poll.interval.ms", "86400000"),
        ])
        .create_with_context(Rebalances::default())?;
    let topic = topics.refetches();
    consumer.subscribe(&[&topic])?;
    let worker = Worker {
        topic,
        codec,
        clients,
        clock,
        log,
        consumer,
        tombstones: producer(kafka)?,
        metrics,
        concurrent_max: options.concurrent_max.max(1),
        times: options.times,
        assignment: 0,
        queue: Queue::new(options.times),
        offsets: Offsets::default(),
        under_way: JoinSet::new(),
    };
    worker.run(shutdown).await;
    Ok(())
}

impl<G, C, L> Worker<G, C, L>
where
    G: GitHub + 'static,
    C: Clock + Clone + 'static,
    L: EventLog + Clone + 'static,
{
    async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            self.begin_due();
            let (wait, has_room) = (self.wait(), self.queue.len() < WORKING_MAX);
            let turn = tokio::select! {
                () = &mut shutdown => Turn::Stop,
                Some(Ok(ended)) = self.under_way.join_next() => Turn::Ended(ended),
                record = self.consumer.recv(), if has_room => match record {
                    Ok(record) => Turn::Record(Read::of(&record)),
                    Err(error) => {
                        tracing::warn!(%error, "refetch commands cannot be read at the moment");
                        tokio::time::sleep(FAULT_PAUSE).await;
                        Turn::Due
                    }
                },
                () = until(wait) => Turn::Due,
            };
            let assignment = self.consumer.context().0.load(Ordering::Acquire);
            if assignment != self.assignment {
                self.assignment = assignment;
                self.queue = Queue::new(self.times);
                self.offsets = Offsets::default();
            }
            match turn {
                Turn::Stop => break,
                Turn::Record(read) => self.take(read),
                Turn::Ended(ended) => self.end(ended),
                Turn::Due => {}
            }
            self.commit();
            let waiting = self.queue.len() + self.under_way.len();
            self.metrics
                .waiting
                .store(waiting as u64, Ordering::Relaxed);
        }
        self.under_way.shutdown().await;
    }

    fn take(&mut self, read: Read) {
        let Read {
            partition, offset, ..
        } = read;
        let Some(value) = read.value else {
            self.offsets.pass(partition, offset);
            if let Some(placed) = self.queue.answered(&read.command_id) {
                self.offsets.done(placed.partition, placed.offset);
            }
            return;
        };
        match self.codec.decode::<Refetch>(&value) {
            Ok(command) => {
                self.offsets.open(partition, offset);
                let placed = Placed {
                    command,
                    partition,
                    offset,
                };
                if let Some(repeated) = self.queue.add(placed, self.clock.now()) {
                    self.offsets.done(repeated.partition, repeated.offset);
                }
            }
            Err(error) => {
                tracing::error!(%error, partition, offset, "a refetch command cannot be read");
                self.offsets.pass(partition, offset);
            }
        }
    }

    /// How long until a window ends; none where nothing waits or no more may begin.
    fn wait(&self) -> Option<Duration> {
        if self.under_way.len() >= self.concurrent_max {
            return None;
        }
        let due_at: Timestamp = self.queue.next_due_at()?;
        let millis = due_at.millis_since(self.clock.now()).max(1);
        Some(Duration::from_millis(millis.unsigned_abs()))
    }

    fn begin_due(&mut self) {
        let room = self.concurrent_max.saturating_sub(self.under_way.len());
        for batch in self.queue.due(self.clock.now(), room) {
            let (assignment, clients) = (self.assignment, Arc::clone(&self.clients));
            let (clock, log) = (self.clock.clone(), self.log.clone());
            let (topic, tombstones) = (self.topic.clone(), self.tombstones.clone());
            self.under_way.spawn(async move {
                let result = async {
                    let host = &batch.key.host;
                    let github = clients
                        .of(host, batch.repository())
                        .ok_or_else(|| AnswerError::NoClient(host.clone()))?;
                    answer(github, &clock, &log, &batch).await?;
                    bury(&tombstones, &topic, &batch).await
                }
                .await;
                Ended {
                    assignment,
                    batch,
                    result,
                }
            });
        }
    }

    fn end(&mut self, ended: Ended) {
        let batch = ended.batch;
        let key = &batch.key;
        match &ended.result {
            Ok(()) => {
                let commands = batch.commands.len() as u64;
                self.metrics.commands.fetch_add(commands, Ordering::Relaxed);
                self.metrics.answers.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(?key, commands, "refetch commands were answered");
            }
            Err(error) => {
                self.metrics.failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(?key, %error, failures = batch.failures, "a refetch failed");
            }
        }
        if ended.assignment != self.assignment {
            return;
        }
        match ended.result {
            Ok(()) => {
                for placed in &batch.commands {
                    self.offsets.done(placed.partition, placed.offset);
                }
            }
            Err(error) => {
                let now = self.clock.now();
                for repeated in self.queue.put_back(batch, error.patience(), now) {
                    self.offsets.done(repeated.partition, repeated.offset);
                }
            }
        }
    }

    fn commit(&mut self) {
        let mut positions = TopicPartitionList::new();
        for (partition, offset) in self.offsets.take_commits() {
            // Cannot fail: the offset is a number, and the list grows as needed.
            let _ = positions.add_partition_offset(&self.topic, partition, Offset::Offset(offset));
        }
        if positions.count() == 0 {
            return;
        }
        if let Err(error) = self.consumer.commit(&positions, CommitMode::Async) {
            // The next commit covers this one; until then a restart repeats some answers.
            tracing::warn!(%error, "the position in the refetch commands was not committed");
        }
    }
}

/// Writes the tombstones of a batch that is answered.
async fn bury(producer: &FutureProducer, topic: &str, batch: &Batch) -> Result<(), AnswerError> {
    for placed in &batch.commands {
        let record = FutureRecord::<str, [u8]>::to(topic)
            .partition(placed.partition)
            .key(&placed.command.command_id);
        let sent = producer.send(record, TOMBSTONE_TIMEOUT).await;
        sent.map_err(|(error, _)| AppendError::Retry(error.to_string()))?;
    }
    Ok(())
}

/// Ends after `wait`; never, where there is nothing to wait for.
async fn until(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
