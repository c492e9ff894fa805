//! The sink as a service: Kafka in, ClickHouse out.
//!
//! ```text
//! consumer ──records──▶ Projector ──steps──▶ writer ──▶ store, commit
//! ```
//!
//! **Rows** are handed over when the first of them has waited [`LINGER`], in a flood [`FLOOD_LINGER`].
//! **Figures** follow, and
//! with them the commit, as soon as they take no more than a fifth of the time: under load each is
//! computed for many changes at once, at the latest after [`FIGURES_WITHIN`], and rows wait for one
//! computation of them at most. **Behind** by many records, or not yet told how many, rows wait until
//! their table is full ([`BOUNDS`]), figures are due, or no record comes for [`LINGER`]: a replay
//! inserts few large blocks, each of which costs ClickHouse about as much as a small one.
//!
//! **Bounds**: what is read and not yet stored is at most two pieces (one filling, one being stored)
//! within [`BOUNDS`], and librdkafka's queue of 8 MB. At the bound, reading waits; the log keeps the
//! rest. The client is served all the same, with its partitions paused where that takes longer than
//! [`PAUSED_AFTER`]: left alone, it heaps up what it has to tell (30 KB a second), and leaves its group
//! after `max.poll.interval.ms`.
//!
//! **Tables that were damaged** or lost are written again beside this, see [`upkeep`](super::upkeep):
//! the group stands where it stood.
//!
//! **A rebalance** drops what was read and not yet handed over; what was handed over is stored, but
//! not committed. Both are read again by whoever has the partitions then, and written the same.

pub(in crate::sink) mod consumer;
mod crash;
mod status;
mod writer;

pub use consumer::topics;
pub use crash::CrashPoint;
pub use status::{Phase, Status, TableRebuild};

use super::clickhouse::{ClickHouse, ClickHouseOptions, SetupError, prepare};
use super::projector::{Bounds, Offsets, Projector, Record, Refused};
use super::step::Step;
use super::upkeep::{Context, Keeper};
use consumer::Consumer;
use gapless_schemas::{Codec, Topics};
use rdkafka::Message;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use writer::{Work, Writer};

/// How long a row waits for others.
const LINGER: Duration = Duration::from_millis(500);
/// From this many waiting records on there is a flood, and rows wait for [`FLOOD_LINGER`]: processors
/// that replay, which the sink has caught up with, or a history that is fetched. A hundred rows cost
/// ClickHouse nearly as much as some thousand.
const FLOOD_RECORDS: u64 = 1_000;
/// How long a row waits for others in a flood.
const FLOOD_LINGER: Duration = Duration::from_secs(2);
/// Figures wait for this many times as long as the last ones took.
const FIGURES_PAUSE: u32 = 4;
/// How long figures wait at most; a crash repeats as much.
const FIGURES_WITHIN: Duration = Duration::from_secs(15);
/// Records not yet read from which on the sink is behind.
const BEHIND_RECORDS: u64 = 5_000;
/// How long the sink is taken to be behind while nobody has told; a partition whose leader is gone
/// must not hold back the rows of the others for longer.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
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
const AT_THE_WRITER: usize = 1;
/// Pausing costs what was fetched already, which is fetched again; a ClickHouse that is well takes no
/// longer than this over a piece.
const PAUSED_AFTER: Duration = Duration::from_secs(3);
/// A rebalance while reading waits gives partitions that are not paused: they are, at the latest, after
/// this time or one record.
const PAUSED_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long to wait before ClickHouse is asked again for the tables.
const SETUP_RETRY: Duration = Duration::from_secs(1);

/// How to run the sink.
#[derive(Clone, Debug)]
pub struct Options {
    /// Kafka's bootstrap servers.
    pub bootstrap: String,
    /// Further librdkafka settings: TLS, SASL, `group.instance.id` for static membership. Those that
    /// a promise rests on stay ours.
    pub client_settings: Vec<(String, String)>,
    /// The topics to read; their generation is that of the tables.
    pub topics: Topics,
    /// Where to write.
    pub clickhouse: ClickHouseOptions,
    /// Called at every crash point; a test of real processes dies there.
    pub reached: fn(CrashPoint),
}

/// The sink cannot go on. Reaction: stop, and show it to a person.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tables belong to a newer program.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Kafka's settings are wrong.
    #[error("Kafka's settings are refused: {0}")]
    Kafka(#[from] KafkaError),
}

/// Writes all tables from the log until `shutdown` ends; then stores what it has read, unless
/// ClickHouse fails, and ends. How it is doing is sent to `status`.
///
/// # Errors
/// See [`Error`]; whatever may pass is retried for ever and shown in `status` instead.
pub async fn run(
    options: Options,
    codec: Codec,
    status: watch::Sender<Status>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let ended = run_until(pin!(shutdown), options, codec, &status).await;
    status.send_modify(|status| status.phase = Phase::Stopped);
    ended
}

async fn run_until(
    mut shutdown: Pin<&mut impl Future<Output = ()>>,
    options: Options,
    codec: Codec,
    status: &watch::Sender<Status>,
) -> Result<(), Error> {
    tokio::select! {
        () = &mut shutdown => return Ok(()),
        ready = tables(&options, status) => ready?,
    }
    let projector = Projector::new(codec.clone(), &options.topics);
    let consumer = consumer::connect(&options)?;
    let context = Context {
        options,
        codec,
        figures: Arc::new(Mutex::new(())),
        step_failed: Arc::new(Notify::new()),
        status: status.clone(),
    };
    tokio::select! {
        () = &mut shutdown => {}
        keeper = first_look(&context, &consumer, &projector) => {
            consumer::subscribe(&consumer, projector.topics())?;
            status.send_modify(|status| status.phase = Phase::Running);
            read_and_write(shutdown, &context, keeper, projector, &consumer).await;
        }
    }
    // Leaving the group blocks for a moment.
    let _ = tokio::task::spawn_blocking(move || drop(consumer)).await;
    Ok(())
}

async fn read_and_write(
    shutdown: Pin<&mut impl Future<Output = ()>>,
    context: &Context,
    keeper: Keeper,
    projector: Projector,
    consumer: &Arc<Consumer>,
) {
    let (options, status) = (&context.options, &context.status);
    let (stop, stopping) = watch::channel(false);
    let (work, works) = mpsc::channel(AT_THE_WRITER);
    let keeper = tokio::spawn(keeper.run(Arc::clone(consumer), stopping.clone()));
    let writer = Writer {
        store: ClickHouse::new(&options.clickhouse, options.topics.generation),
        consumer: Arc::clone(consumer),
        status: status.clone(),
        stopping,
        figures: Arc::clone(&context.figures),
        step_failed: Arc::clone(&context.step_failed),
        reached: options.reached,
    };
    let writer = tokio::spawn(writer.run(works));
    let mut reader = Reader::new(projector, Arc::clone(consumer), work, status.clone());
    tokio::select! {
        () = shutdown => {}
        () = reader.run() => {}
    }
    let _ = stop.send(true);
    reader.finish().await;
    let _ = writer.await;
    if let Ok(Some(keeper)) = keeper.await {
        keeper.finish().await;
    }
}

/// Makes the tables, however long ClickHouse takes to be there.
async fn tables(options: &Options, status: &watch::Sender<Status>) -> Result<(), SetupError> {
    loop {
        match prepare(&options.clickhouse, options.topics.generation).await {
            Err(error @ SetupError::ClickHouse { .. }) => {
                tracing::warn!(%error, "the tables cannot be made yet");
                let error = error.to_string();
                status.send_modify(|status| status.phase = Phase::Retrying { error });
                tokio::time::sleep(SETUP_RETRY).await;
            }
            done => return done,
        }
    }
}

/// Looks at the tables before anything is read, however long ClickHouse and Kafka take to answer.
async fn first_look(context: &Context, consumer: &Arc<Consumer>, projector: &Projector) -> Keeper {
    let topics: Vec<String> = projector.topics().map(str::to_owned).collect();
    let partitions = context.options.topics.partitions;
    loop {
        let (client, topics) = (Arc::clone(consumer), topics.clone());
        let has_read = tokio::task::spawn_blocking(move || {
            consumer::has_read(&client, topics.iter().map(String::as_str), partitions)
        });
        let error = match has_read.await {
            Ok(Ok(has_read)) => match Keeper::begin(context.clone(), has_read).await {
                Ok(keeper) => return keeper,
                Err(error) => error.to_string(),
            },
            Ok(Err(error)) => format!("Kafka does not tell what was read before: {error}"),
            Err(panic) => panic.to_string(),
        };
        tracing::warn!(error, "the projections cannot begin yet");
        let phase = Phase::Retrying { error };
        context.status.send_modify(|status| status.phase = phase);
        serve(consumer, Instant::now() + SETUP_RETRY).await;
    }
}

/// Lets a consumer that reads nothing do its work.
async fn serve(consumer: &Consumer, until: Instant) {
    while let Ok(received) = timeout_at(until, consumer.recv()).await {
        if let Err(error) = received {
            tracing::warn!(%error, "Kafka reports");
        }
    }
}

/// Reads records and hands over work.
struct Reader {
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
    /// When the first record was read whose row waits.
    rows_since: Option<Instant>,
    /// When the first record was read whose figures wait.
    figures_since: Option<Instant>,
    /// What stands in the way, where this release cannot read a record: no other is taken in then.
    unreadable: Option<String>,
}

/// What is to be handed over next.
enum Due {
    Rows,
    Figures,
}

impl Reader {
    fn new(
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
            rows_since: None,
            figures_since: None,
            unreadable: None,
        }
    }

    /// Runs until the writer has ended; dropping it between two records loses nothing.
    async fn run(&mut self) {
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
                }
                Due::Figures => self.hand_over_all().await,
            }
        }
    }

    /// What must be handed over next, and when unless a record comes before. Nothing is waited for
    /// where no record comes.
    fn due(&self) -> (Due, Instant) {
        let now = Instant::now();
        let is_behind = match self.consumer.context().unread() {
            Some(records) => records > BEHIND_RECORDS,
            None => now < self.since + UNKNOWN_FOR,
        };
        let Some(first) = self.figures_since else {
            return (Due::Figures, now + LINGER);
        };
        let linger = match self.records {
            ..FLOOD_RECORDS => LINGER,
            _ => FLOOD_LINGER,
        };
        let latest = first + FIGURES_WITHIN;
        let figures = match self.status.borrow().last_figures {
            _ if is_behind => latest,
            Some((ended, took)) => (ended + FIGURES_PAUSE * took).clamp(first + linger, latest),
            None => first + linger,
        };
        match self.rows_since {
            Some(since) if !is_behind && since + linger < figures => {
                (Due::Rows, (since + linger).min(now + LINGER))
            }
            _ => (Due::Figures, figures.min(now + LINGER)),
        }
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
    async fn finish(mut self) {
        self.hand_over_all().await;
    }
}
