//! The sink as a service: Kafka in, ClickHouse out.
//!
//! ```text
//! consumer ──records──▶ Projector ──steps──▶ [≤ 1 batch waits] ──▶ writer ──▶ store, commit
//! ```
//!
//! **Batches** end when the first record of one has waited [`LINGER`]; then figures are computed
//! and offsets committed. When catching up, the bound of rows or bytes is reached before that:
//! rows are stored at once, and figures follow for many such pieces together, at the latest after
//! [`FIGURES_WITHIN`]. So live figures are fresh, and a replay computes each figure rarely.
//!
//! **Bounds**: what is read and not yet stored is at most three pieces (one filling, one waiting,
//! one being stored) of [`PIECE_RECORDS`] records or [`PIECE_BYTES`] bytes, and librdkafka's queue
//! of 32 MB. At the bound, reading waits; the log keeps the rest.
//!
//! **A rebalance** drops what was read and not yet handed over; what was handed over is stored, but
//! not committed. Both are read again by whoever has the partitions then, and written the same.

mod consumer;
mod crash;
mod status;
mod writer;

pub use crash::CrashPoint;
pub use status::{Phase, Status};

use super::clickhouse::{ClickHouse, ClickHouseOptions, SetupError, prepare};
use super::projector::{Projector, Record};
use consumer::Consumer;
use gapless_schemas::{Codec, Topics};
use rdkafka::Message;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use writer::{Work, Writer};

/// How long a record waits for others.
const LINGER: Duration = Duration::from_millis(250);
/// How long figures wait for rows when catching up.
const FIGURES_WITHIN: Duration = Duration::from_secs(5);
/// Records of a piece, at most.
const PIECE_RECORDS: usize = 20_000;
/// Bytes of a piece's records, at most (and one record more).
const PIECE_BYTES: usize = 16 << 20;
/// How long to wait before ClickHouse is asked again for the tables.
const SETUP_RETRY: Duration = Duration::from_secs(1);

/// How to run the sink.
#[derive(Clone, Debug)]
pub struct Options {
    /// librdkafka's settings: `bootstrap.servers`, TLS, SASL, `group.instance.id` for static
    /// membership.
    pub kafka: BTreeMap<String, String>,
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
    let mut shutdown = pin!(shutdown);
    let is_ready = tokio::select! {
        () = &mut shutdown => false,
        ready = tables(&options, &status) => ready.map(|()| true)?,
    };
    if is_ready {
        let projector = Projector::new(codec, &options.topics);
        let Topics {
            prefix, generation, ..
        } = &options.topics;
        let group = format!("{prefix}.{generation}.projections");
        let consumer = consumer::subscribe(&options.kafka, &group, projector.topics())?;
        status.send_modify(|status| status.phase = Phase::Running);
        let (stop, stopping) = watch::channel(false);
        let (work, works) = mpsc::channel(1);
        let writer = Writer {
            store: ClickHouse::new(&options.clickhouse, options.topics.generation),
            consumer: Arc::clone(&consumer),
            status: status.clone(),
            stopping,
            reached: options.reached,
        };
        let writer = tokio::spawn(writer.run(works));
        let mut reader = Reader::new(projector, Arc::clone(&consumer), work, status.clone());
        tokio::select! {
            () = &mut shutdown => {}
            () = reader.run() => {}
        }
        let _ = stop.send(true);
        reader.finish().await;
        let _ = writer.await;
        // Leaving the group blocks for a moment.
        let _ = tokio::task::spawn_blocking(move || drop(consumer)).await;
    }
    status.send_modify(|status| status.phase = Phase::Stopped);
    Ok(())
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

/// Reads records and hands over work.
struct Reader {
    projector: Projector,
    consumer: Arc<Consumer>,
    work: mpsc::Sender<Work>,
    status: watch::Sender<Status>,
    assignment: u64,
    /// When the first record was read that is not yet handed over with its figures.
    began: Option<Instant>,
    /// Whether rows were handed over whose figures are still to follow.
    is_catching_up: bool,
    records: usize,
    bytes: usize,
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
            status,
            assignment,
            began: None,
            is_catching_up: false,
            records: 0,
            bytes: 0,
        }
    }

    /// Runs until the writer has ended; dropping it between two records loses nothing.
    async fn run(&mut self) {
        while !self.work.is_closed() {
            let deadline = self.deadline();
            if self.read(deadline).await {
                if self.records >= PIECE_RECORDS || self.bytes >= PIECE_BYTES {
                    self.hand_over_rows().await;
                }
                if self
                    .began
                    .is_some_and(|began| began.elapsed() < FIGURES_WITHIN)
                {
                    continue;
                }
            }
            self.hand_over_all().await;
        }
    }

    /// When what was read must be handed over with its figures. While catching up, that is when
    /// nothing more comes for a moment, or the figures have waited long enough.
    fn deadline(&self) -> Instant {
        let now = Instant::now();
        match self.began {
            Some(began) if self.is_catching_up => (now + LINGER).min(began + FIGURES_WITHIN),
            Some(began) => began + LINGER,
            None => now + LINGER,
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
        let record = Record {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            value: message.payload(),
        };
        self.records += 1;
        self.bytes += message.payload_len();
        self.began.get_or_insert_with(Instant::now);
        let accepted = self.projector.push(record);
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

    /// Drops what was read under an assignment that holds no more.
    fn notice_rebalance(&mut self) {
        let assignment = self.consumer.context().assignment();
        if assignment != self.assignment {
            self.assignment = assignment;
            self.projector.clear();
            self.began = None;
            self.is_catching_up = false;
            (self.records, self.bytes) = (0, 0);
        }
    }

    /// Hands over a full piece: its rows, while the figures wait for more.
    ///
    /// Here and below nothing is taken out of the projector before there is room for it: dropped
    /// while it waits, this has done nothing, and no offset can be committed without its rows.
    async fn hand_over_rows(&mut self) {
        let Ok(room) = self.work.reserve().await else {
            return;
        };
        (self.records, self.bytes) = (0, 0);
        self.is_catching_up = true;
        room.send(Work {
            steps: self.projector.take_rows(),
            offsets: BTreeMap::new(),
            assignment: self.assignment,
        });
    }

    /// Hands over all that was read, with its figures and offsets.
    async fn hand_over_all(&mut self) {
        self.notice_rebalance();
        if self.began.is_some() {
            // The writer only ends early when the sink does.
            let Ok(room) = self.work.reserve().await else {
                return;
            };
            (self.records, self.bytes) = (0, 0);
            self.is_catching_up = false;
            self.began = None;
            let batch = self.projector.take_figures();
            room.send(Work {
                steps: batch.steps,
                offsets: batch.offsets,
                assignment: self.assignment,
            });
        }
        let lag = self.consumer.context().lag();
        self.status.send_if_modified(|status| {
            let is_news = status.lag != lag;
            status.lag = lag;
            is_news
        });
    }

    /// Hands over what is left.
    async fn finish(mut self) {
        self.hand_over_all().await;
    }
}
