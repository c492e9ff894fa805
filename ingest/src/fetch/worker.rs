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
//! **Bounds**: at most about [`ITEMS_MAX`] items wait for each client. At the bound gaps are still
//! read, and take the places of audits, which are buried unanswered: their detectors ask again (see
//! [`super::Queue`]). Only where gaps alone fill a client's queue, no more are read, of any client,
//! until one of them is answered; they stay on their topic. At most `concurrent_max` batches of each client are
//! under way, and none waits for another client's limits. What several clients of a host may have to
//! be asked about has a lane of its own, with as many, so it holds up none of theirs, nor another host.
//!
//! **Faults**: an answer that fails is tried again, later each time. A panic stops the worker with
//! an error: what panicked once would panic again, unseen, and its commands would wait for ever.

use super::answer::{AnswerError, Clients, answer};
use super::item::FetchError;
use super::lanes::Lanes;
use super::metrics::FetchMetrics;
use super::offsets::Offsets;
use super::queue::{Batch, Left, Placed, QueueTimes};
use crate::clock::Clock;
use crate::github::GitHub;
use crate::kafka_log::KafkaConfig;
use crate::log::{AppendError, EventLog};
use gapless_schemas::{Codec, Refetch, Topics};
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
use tokio::task::{JoinError, JoinSet};

/// Items that may wait for each client at a time, with about 700 bytes for each command.
const ITEMS_MAX: usize = 100_000;
/// How long a tombstone may take.
const TOMBSTONE_TIMEOUT: Duration = Duration::from_secs(5);

/// How the worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Items that are fetched at a time from each client; GitHub allows 100 requests.
    pub concurrent_max: usize,
    /// Windows and waits.
    pub times: QueueTimes,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
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
    /// A batch panicked.
    #[error("the refetch worker came upon a fault of its own: {0}")]
    Panicked(#[from] JoinError),
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
    lane: usize,
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
    assignment: u64,
    lanes: Lanes,
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
            ("group.id", &topics.fetcher_group()),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "earliest"),
            ("partition.assignment.strategy", "range"),
            // Not reading at the bound is no sign of death.
            ("max.poll.interval.ms", "86400000"),
        ])
        .create_with_context(Rebalances::default())?;
    let topic = topics.refetches();
    consumer.subscribe(&[&topic])?;
    let lanes = clients.lanes();
    let mut worker = Worker {
        topic,
        codec,
        clients,
        clock,
        log,
        consumer,
        tombstones: kafka.producer()?,
        metrics,
        assignment: 0,
        lanes: Lanes::new(lanes, options.concurrent_max, options.times, ITEMS_MAX),
        offsets: Offsets::default(),
        under_way: JoinSet::new(),
    };
    let done = worker.run(shutdown).await;
    worker.under_way.shutdown().await;
    // Leaving the group waits for the broker, and ending a producer for what it holds.
    let clients = (worker.consumer, worker.tombstones);
    let closed = tokio::task::spawn_blocking(move || drop(clients)).await;
    done.and(closed.map_err(WorkerError::from))
}

impl<G, C, L> Worker<G, C, L>
where
    G: GitHub + 'static,
    C: Clock + Clone + 'static,
    L: EventLog + Clone + 'static,
{
    async fn run(&mut self, shutdown: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            self.begin_due();
            let (wait, has_room) = (self.wait(), self.lanes.has_room());
            let turn = tokio::select! {
                () = &mut shutdown => Turn::Stop,
                Some(ended) = self.under_way.join_next() => Turn::Ended(ended?),
                record = self.consumer.recv(), if has_room => match record {
                    Ok(record) => Turn::Record(Read::of(&record)),
                    // No pause: each is a report of one moment that librdkafka queued (it reconnects
                    // by itself, with waits), and a queue of them would hold up the commands behind.
                    // It cannot be a hot loop, for `recv` waits where nothing is queued.
                    Err(error) => {
                        tracing::warn!(%error, "refetch commands cannot be read at the moment");
                        Turn::Due
                    }
                },
                () = until(wait) => Turn::Due,
            };
            let assignment = self.consumer.context().0.load(Ordering::Acquire);
            if assignment != self.assignment {
                self.assignment = assignment;
                self.lanes.forget_waiting();
                self.offsets = Offsets::default();
            }
            match turn {
                Turn::Stop => return Ok(()),
                Turn::Record(read) => self.take(read),
                Turn::Ended(ended) => self.end(ended),
                Turn::Due => {}
            }
            self.commit();
            let waiting = self.lanes.waiting() as i64;
            self.metrics.waiting.set(waiting);
        }
    }

    fn take(&mut self, read: Read) {
        let Read {
            partition, offset, ..
        } = read;
        let Some(value) = read.value else {
            self.offsets.pass(partition, offset);
            if let Some(placed) = self.lanes.answered(&read.command_id) {
                self.offsets.done(placed.partition, placed.offset);
            }
            return;
        };
        match self.codec.decode::<Refetch>(&value) {
            Ok(command) => {
                self.offsets.open(partition, offset);
                let name = command.repository.as_deref();
                let lane = self.clients.lane_of(&command.host, name);
                let placed = Placed {
                    command,
                    partition,
                    offset,
                };
                let left = self.lanes.add(lane, placed, self.clock.now());
                self.give_up(left);
            }
            Err(error) => {
                tracing::error!(%error, partition, offset, "a refetch command cannot be read");
                self.offsets.pass(partition, offset);
            }
        }
    }

    /// What the queue gave back needs no answer any more.
    fn give_up(&mut self, left: Vec<Left>) {
        for left in left {
            let placed = left.placed();
            self.offsets.done(placed.partition, placed.offset);
            if let Left::Dropped(placed) = left {
                self.metrics.dropped.inc();
                // Not awaited: without its tombstone it only lies on its topic for longer.
                let _ = self.tombstones.send_result(tombstone(&self.topic, &placed));
            }
        }
    }

    /// How long until a batch may begin; none where nothing waits or no more may begin.
    fn wait(&self) -> Option<Duration> {
        let due_at = self.lanes.next_due_at()?;
        Some(self.clock.sleep_before(due_at))
    }

    fn begin_due(&mut self) {
        for (lane, batch) in self.lanes.begin_due(self.clock.now()) {
            let (assignment, clients) = (self.assignment, Arc::clone(&self.clients));
            let (clock, log) = (self.clock.clone(), self.log.clone());
            let (topic, tombstones) = (self.topic.clone(), self.tombstones.clone());
            self.under_way.spawn(async move {
                let result = async {
                    let asked = clients.of(&batch.key.host, batch.repository());
                    answer(&asked, &clock, &log, &batch).await?;
                    bury(&tombstones, &topic, &batch).await
                }
                .await;
                Ended {
                    assignment,
                    lane,
                    batch,
                    result,
                }
            });
        }
    }

    fn end(&mut self, ended: Ended) {
        self.lanes.ended(ended.lane);
        let batch = ended.batch;
        let key = &batch.key;
        match &ended.result {
            Ok(()) => {
                let commands = batch.commands.len() as u64;
                self.metrics.commands.inc_by(commands);
                self.metrics.answers.inc();
                tracing::debug!(%key, commands, "refetch commands were answered");
            }
            Err(error) => {
                self.metrics.failures.inc();
                if let AnswerError::Fetch(FetchError::Denied { .. }) = error {
                    self.metrics.denied.inc();
                }
                let waited_millis = batch.waited_millis;
                tracing::warn!(%key, %error, waited_millis, "a refetch failed");
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
                let (patience, now) = (error.patience(), self.clock.now());
                let left = self.lanes.put_back(ended.lane, batch, patience, now);
                self.give_up(left);
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
        let sent = producer.send(tombstone(topic, placed), TOMBSTONE_TIMEOUT);
        let sent = sent.await;
        sent.map_err(|(error, _)| AppendError::Retry(error.to_string()))?;
    }
    Ok(())
}

/// The record that ends a command.
fn tombstone<'a>(topic: &'a str, placed: &'a Placed) -> FutureRecord<'a, str, [u8]> {
    FutureRecord::to(topic)
        .partition(placed.partition)
        .key(&placed.command.command_id)
}

/// Ends after `wait`; never, where there is nothing to wait for.
async fn until(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
