//! Refetches: the real queue and the real fetch, over commands in memory, with answers that take
//! their time and a worker that dies.

use crate::block_on::block_on;
use crate::broker::Broker;
use crate::chance::Chance;
use crate::clock::VirtualClock;
use crate::counts::Counts;
use crate::github::SimulatedGitHub;
use crate::intake::Intake;
use gapless_ingest::fetch::{Batch, Left, Placed, Queue, QueueTimes, answer};
use gapless_ingest::{AppendError, Appended, EventLog};
use gapless_schemas::{Event, Refetch, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Items that may wait: so few that audits give way to gaps twice in a run.
const ITEMS_MAX: usize = 2;

/// An answer under way.
struct UnderWay {
    arrives_at: Timestamp,
    event: Event,
    batch: Batch,
}

/// Takes the event that the fetch would append, so that it can arrive later.
#[derive(Default)]
struct Catcher(Mutex<Option<Event>>);

impl EventLog for Catcher {
    async fn append(&self, event: Event) -> Result<Appended, AppendError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
        Ok(Appended {
            partition: 0,
            offset: 0,
        })
    }
}

/// The refetch worker.
pub(crate) struct Fetcher {
    broker: Broker,
    topic: String,
    github: Arc<SimulatedGitHub>,
    clock: VirtualClock,
    intake: Arc<Intake>,
    chance: Chance,
    slow_share: f64,
    queue: Queue,
    /// Next offset to read, by partition.
    read: BTreeMap<i32, i64>,
    /// Offsets whose commands are not answered.
    open: BTreeSet<(i32, i64)>,
    under_way: Vec<UnderWay>,
}

impl Fetcher {
    pub(crate) fn new(
        broker: Broker,
        github: Arc<SimulatedGitHub>,
        clock: VirtualClock,
        intake: Arc<Intake>,
        chance: Chance,
        slow_share: f64,
    ) -> Self {
        Self {
            topic: broker.topics.refetches(),
            broker,
            github,
            clock,
            intake,
            chance,
            slow_share,
            queue: Queue::new(QueueTimes::default(), ITEMS_MAX),
            read: BTreeMap::new(),
            open: BTreeSet::new(),
            under_way: Vec::new(),
        }
    }

    /// When something is due next, as far as is known.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        let arrivals = self.under_way.iter().map(|it| it.arrives_at);
        arrivals.chain(self.queue.next_due_at()).min()
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        let unread = |partition| {
            let read = self.read.get(&partition).copied().unwrap_or(0);
            self.broker.end(&self.topic, partition) > read
        };
        self.queue.is_empty() && self.under_way.is_empty() && !self.broker.partitions().any(unread)
    }

    /// The worker dies and starts again where it had committed.
    pub(crate) fn crash(&mut self, counts: &mut Counts) {
        counts.add("crash of the fetcher");
        for partition in self.broker.partitions() {
            let first = self.open.range((partition, 0)..(partition + 1, 0)).next();
            if let Some((_, offset)) = first {
                self.read.insert(partition, *offset);
            }
        }
        self.queue = Queue::new(QueueTimes::default(), ITEMS_MAX);
        self.open.clear();
        self.under_way.clear();
    }

    /// Reads new commands, asks what is due, and appends what has arrived.
    pub(crate) fn turn(&mut self, counts: &mut Counts) {
        self.read_commands(counts);
        for batch in self.queue.due(self.clock.0.now(), 8) {
            self.ask(batch, counts);
        }
        let now = self.clock.0.now();
        let (arrived, under_way) = std::mem::take(&mut self.under_way)
            .into_iter()
            .partition(|it| it.arrives_at <= now);
        self.under_way = under_way;
        for answer in arrived {
            self.append(answer, counts);
        }
    }

    fn read_commands(&mut self, counts: &mut Counts) {
        for partition in self.broker.partitions() {
            let from = self.read.get(&partition).copied().unwrap_or(0);
            let records = self.broker.read(&self.topic, partition, from, usize::MAX);
            for record in records {
                self.read.insert(partition, record.offset + 1);
                let Some(value) = record.value else {
                    if let Some(placed) = self.queue.answered(&record.key) {
                        self.open.remove(&(placed.partition, placed.offset));
                    }
                    continue;
                };
                let command: Refetch = self.broker.codec.decode(&value).expect("a command is read");
                self.open.insert((partition, record.offset));
                let placed = Placed {
                    command,
                    partition,
                    offset: record.offset,
                };
                let left = self.queue.add(placed, self.clock.0.now());
                self.give_up(left, counts);
            }
        }
    }

    fn ask(&mut self, batch: Batch, counts: &mut Counts) {
        let catcher = Catcher::default();
        match block_on(answer(
            &[self.github.as_ref()],
            &self.clock,
            &catcher,
            &batch,
        )) {
            Ok(_) => {
                let caught = catcher
                    .0
                    .into_inner()
                    .unwrap_or_else(PoisonError::into_inner);
                let event = caught.expect("an answer is appended");
                let millis = if self.chance.happens(self.slow_share) {
                    counts.add("slow answers");
                    self.chance.log_even(1_000.0, 100.0 * 3_600_000.0) as i64
                } else {
                    0
                };
                self.under_way.push(UnderWay {
                    arrives_at: self.clock.0.now().plus_millis(millis),
                    event,
                    batch,
                });
            }
            Err(error) => {
                counts.add("fetches that failed");
                self.put_back(batch, error.patience(), counts);
            }
        }
    }

    fn put_back(
        &mut self,
        batch: Batch,
        patience: gapless_ingest::fetch::Patience,
        counts: &mut Counts,
    ) {
        let left = self.queue.put_back(batch, patience, self.clock.0.now());
        self.give_up(left, counts);
    }

    /// What the queue gave back needs no answer any more; a dropped audit is buried.
    fn give_up(&mut self, left: Vec<Left>, counts: &mut Counts) {
        for left in left {
            let placed = left.placed();
            self.open.remove(&(placed.partition, placed.offset));
            if let Left::Dropped(placed) = left {
                counts.add("audits that gave way");
                let key = placed.command.command_id;
                self.broker
                    .append(self.topic.clone(), placed.partition, key, None);
            }
        }
    }

    fn append(&mut self, answer: UnderWay, counts: &mut Counts) {
        let mut event = answer.event;
        event.received_at = self.clock.0.now();
        if block_on(self.intake.append(event)).is_err() {
            return self.put_back(
                answer.batch,
                gapless_ingest::fetch::Patience::Growing,
                counts,
            );
        }
        counts.add("fetches");
        for placed in &answer.batch.commands {
            let key = placed.command.command_id.clone();
            self.broker
                .append(self.topic.clone(), placed.partition, key, None);
            self.open.remove(&(placed.partition, placed.offset));
        }
    }
}
