//! The sink as a service: Kafka in, ClickHouse out.
//!
//! ```text
//! consumer ──records──▶ Projector ──steps──▶ writer ──▶ store, commit
//! ```
//!
//! When what was read is handed over, [`pace`] decides; how much is held, [`reader`].
//!
//! **Tables that were damaged** or lost are written again beside this, see [`upkeep`](super::upkeep):
//! the group stands where it stood.

pub(in crate::sink) mod consumer;
mod crash;
mod pace;
mod reader;
mod status;
mod writer;

pub use consumer::topics;
pub use crash::CrashPoint;
pub use status::{Phase, Status, TableRebuild};

use super::clickhouse::{ClickHouse, ClickHouseOptions, SetupError, prepare};
use super::projector::Projector;
use super::upkeep::{Context, Keeper};
use consumer::Consumer;
use gapless_schemas::{Codec, Topics};
use rdkafka::error::KafkaError;
use reader::{AT_THE_WRITER, Reader};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::time::{Instant, timeout_at};
use writer::Writer;

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
