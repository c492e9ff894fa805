//! Reads records and hands over work.
//!
//! **Bounds**: what is read and not yet stored is at most two pieces (one filling, one being stored)
//! within [`BOUNDS`], and librdkafka's queue of 8 MB. At the bound, reading waits; the log keeps the
//! rest. The client is served all the same, with its partitions paused where that takes longer than
//! [`PAUSED_AFTER`]: left alone, it heaps up what it has to tell (30 KB a second), and leaves its group
//! after `max.poll.interval.ms`.
//!
//! **A rebalance** drops what was read and not yet handed over; what was handed over is stored, but
//! not committed. Both are read again by whoever has the partitions then, and written the same.

use super::super::projector::{Bounds, Offsets, Projector, Record, Refused};
use super::super::step::Step;
use super::consumer::{self, Consumer};
use super::pace::{self, Due, Facts};
use super::status::{Phase, Status};
use super::writer::Work;
use super::{SETUP_RETRY, serve};
use rdkafka::Message;
use rdkafka::consumer::Consumer as _;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// Every row that waits.
const ALL: Bounds = Bounds {
    events_bytes: 0,
    entities: 0,
};
/// An entity's row has about 2 KB. ClickHouse takes in few large blocks more cheaply than many small
/// ones, but a replay with blocks of 64 MB is no faster, and takes twice the memory
/// (`docs/decisions/0009-replays.md`).
const BOUNDS: Bounds = Bounds {
    events_bytes: 32 << 20,
    entities: 10_000,
};
/// How many pieces of work the writer has at most.
pub(super) const AT_THE_WRITER: usize = 1;
/// Pausing costs what was fetched already, which is fetched again; a ClickHouse that is well takes no
/// longer than this over a piece.
const PAUSED_AFTER: Duration = Duration::from_secs(3);
/// A rebalance while reading waits gives partitions that are not paused: they are, at the latest, after
/// this time or one record.
const PAUSED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What was read, and where it goes.
pub(super) struct Reader {
    projector: Projector,
    consumer: Arc<Consumer>,
    work: mpsc::Sender<Work>,
    /// Room at the writer: taken for a piece of work, and given back when it is done.
    room: Arc<Semaphore>,
    status: watch::Sender<Status>,
    assignment: u64,
    /// Since when it reads under that assignment.
    since: Instant,
    /// Records read since offsets were last handed over.
    records: u64,
    /// Records read since rows were last handed over.
    waiting: u64,
    /// When the first record was read whose row waits.
    rows_since: Option<Instant>,
    /// When the first record was read whose figures wait.
    figures_since: Option<Instant>,
    /// What stands in the way, where this release cannot read a record: no other is taken in then.
    unreadable: Option<String>,
}

impl Reader {
    pub(super) fn new(
        projector: Projector,
        consumer: Arc<Consumer>,
        work: mpsc::Sender<Work>,
        status: watch::Sender<Status>,
    ) -> Self {
        let assignment = consumer.context().assignment();
        Self {
            projector,
            consumer,
            work,
            room: Arc::new(Semaphore::new(AT_THE_WRITER)),
            status,
            assignment,
            since: Instant::now(),
            records: 0,
            waiting: 0,
            rows_since: None,
            figures_since: None,
            unreadable: None,
        }
    }

    /// Runs until the writer has ended; dropping it between two records loses nothing.
    pub(super) async fn run(&mut self) {
        while !self.work.is_closed() {
            if let Some(error) = self.unreadable.clone() {
                self.wait_for_another_release(error).await;
            }
            let (due, at) = self.due();
            if self.read(at).await {
                if self.projector.is_full(&BOUNDS) {
                    self.hand_over_rows(&BOUNDS).await;
                }
                continue;
            }
            match due {
                Due::Rows => {
                    self.hand_over_rows(&ALL).await;
                    self.rows_since = None;
                    self.waiting = 0;
                }
                Due::Figures => self.hand_over_all().await,
            }
        }
    }

    /// See [`pace::due`].
    fn due(&self) -> (Due, Instant) {
        pace::due(&Facts {
            now: Instant::now(),
            unread: self.consumer.context().unread(),
            reading_since: self.since,
            waiting: self.waiting,
            rows_since: self.rows_since,
            figures_since: self.figures_since,
            last_figures: self.status.borrow().last_figures,
        })
    }

    /// Reads one record; false where none came before `deadline`.
    async fn read(&mut self, deadline: Instant) -> bool {
        let consumer = Arc::clone(&self.consumer);
        if Instant::now() >= deadline {
            return false;
        }
        let message = match timeout_at(deadline, consumer.recv()).await {
            Err(_) => return false,
            Ok(Ok(message)) => message,
            Ok(Err(error)) => {
                tracing::warn!(%error, "Kafka reports");
                return true;
            }
        };
        self.notice_rebalance();
        if self.unreadable.is_some() {
            return false;
        }
        let record = Record {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            value: message.payload(),
        };
        let accepted = self.projector.push(record);
        if let Err(error @ Refused::NewerState(_)) = &accepted {
            let what = format!("{} {}/{}", record.topic, record.partition, record.offset);
            tracing::error!(%error, what, "a record cannot be read by this release");
            self.unreadable = Some(format!("{what}: {error}"));
            return false;
        }
        self.consumer.context().note_read();
        self.records += 1;
        self.waiting += 1;
        let now = Instant::now();
        self.rows_since.get_or_insert(now);
        self.figures_since.get_or_insert(now);
        if let Err(error) = &accepted {
            let Record {
                topic,
                partition,
                offset,
                ..
            } = record;
            tracing::error!(%error, topic, partition, offset, "a record was left out");
        }
        self.status.send_if_modified(|status| {
            status.records += 1;
            status.refused += u64::from(accepted.is_err());
            // Watchers are woken by the writer; a record alone is no news.
            false
        });
        true
    }

    /// Has what came before stored and committed, leaves the group, whose other members read on if
    /// they can, and says for ever what stands in the way.
    async fn wait_for_another_release(&mut self, error: String) {
        consumer::pause(&self.consumer);
        self.hand_over_all().await;
        drop(self.room().await);
        self.consumer.unsubscribe();
        self.tell_lag(None);
        self.status
            .send_modify(|status| status.phase = Phase::Retrying { error });
        loop {
            serve(&self.consumer, Instant::now() + SETUP_RETRY).await;
        }
    }

    /// Drops what was read under an assignment that holds no more.
    fn notice_rebalance(&mut self) {
        let assignment = self.consumer.context().assignment();
        if assignment != self.assignment {
            self.assignment = assignment;
            self.since = Instant::now();
            self.projector.clear();
            let dropped = std::mem::take(&mut self.records);
            self.status.send_modify(|status| status.settled += dropped);
            self.waiting = 0;
            self.rows_since = None;
            self.figures_since = None;
        }
    }

    /// Hands over the rows of the tables that are full, while the figures wait for more.
    ///
    /// Here and below nothing is taken out of the projector before there is room for it: dropped
    /// while it waits, this has done nothing, and no offset can be committed without its rows.
    async fn hand_over_rows(&mut self, bounds: &Bounds) {
        let room = self.room().await;
        let steps = self.projector.take_full(bounds);
        self.send(steps, BTreeMap::new(), 0, room);
    }

    /// Hands over all that was read, with its figures and offsets.
    async fn hand_over_all(&mut self) {
        self.notice_rebalance();
        if self.figures_since.is_some() {
            let room = self.room().await;
            self.rows_since = None;
            self.figures_since = None;
            self.waiting = 0;
            let batch = self.projector.take_figures();
            let records = std::mem::take(&mut self.records);
            self.send(batch.steps, batch.offsets, records, room);
        }
        self.tell_lag(self.consumer.context().unread());
    }

    fn tell_lag(&self, unread: Option<u64>) {
        self.status.send_if_modified(|status| {
            let lag = unread.map(|unread| unread + status.records - status.settled);
            let is_news = status.lag != lag;
            status.lag = lag;
            is_news
        });
    }

    /// Waits until the writer has done what it was given. A record that comes meanwhile is taken in:
    /// the first of an assignment that is new and not yet paused, see [`PAUSED_AGAIN_AFTER`].
    async fn room(&mut self) -> OwnedSemaphorePermit {
        let room = Arc::clone(&self.room).acquire_owned();
        let mut room = pin!(async { room.await.expect("nobody closes it") });
        if let Ok(room) = timeout(PAUSED_AFTER, &mut room).await {
            return room;
        }
        let room = loop {
            consumer::pause(&self.consumer);
            // Ends of partitions are known to whoever fetches from them.
            self.tell_lag(None);
            tokio::select! {
                biased;
                room = &mut room => break room,
                _ = self.read(Instant::now() + PAUSED_AGAIN_AFTER) => {}
            }
        };
        consumer::resume(&self.consumer);
        self.notice_rebalance();
        room
    }

    /// The channel is closed only where the writer has ended, and the sink with it; it is never full,
    /// since it has as much room as there is in all.
    fn send(&self, steps: Vec<Step>, offsets: Offsets, records: u64, room: OwnedSemaphorePermit) {
        let sent = self.work.try_send(Work {
            steps,
            offsets,
            records,
            assignment: self.assignment,
            room,
        });
        debug_assert!(!matches!(sent, Err(TrySendError::Full(_))));
    }

    /// Hands over what is left.
    pub(super) async fn finish(mut self) {
        self.hand_over_all().await;
    }
}
