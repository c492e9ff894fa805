//! The log on Kafka.
//!
//! **Durable**: `acks=all`, so `Ok` means that all in-sync replicas have the event.
//! **Bounded in time**: librdkafka gives a record up after [`DELIVERY_TIMEOUT`], and a timer of our
//! own a moment later, so a dead log is known as such in under 5 s. A record that was given up may
//! have reached the broker all the same; appending the event again is harmless, as its id is
//! deterministic.
//! **Bounded in memory**: the producer's queue holds at most [`QUEUE_MAX_KIB`]; at the bound an
//! append fails at once with [`AppendError::Retry`].
//! **Never stuck**: an idempotent producer can end in a fatal state (a broker that lost its tail,
//! say). It is then replaced by a new one: order and duplicates do not matter to us, so nothing
//! has to be carried over.

use crate::log::{AppendError, Appended, EventLog};
use gapless_schemas::{Codec, Event, Source, Topics, client_settings};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How to reach the cluster.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// Further settings by librdkafka's names: TLS and SASL. Those that Gapless needs to be as they
    /// are stay as they are.
    pub settings: Vec<(String, String)>,
}

impl KafkaConfig {
    /// A cluster without TLS or SASL.
    pub fn plain(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            settings: Vec::new(),
        }
    }

    /// See [`client_settings`].
    pub(crate) fn client(&self, own: &[(&str, &str)]) -> ClientConfig {
        let defaults = [
            ("client.id", "gapless"),
            ("socket.keepalive.enable", "true"),
            ("socket.connection.setup.timeout.ms", "3000"),
            // A broker that comes back after a restart is found within a second.
            ("reconnect.backoff.max.ms", "1000"),
        ];
        let own = [own, &[("bootstrap.servers", &self.bootstrap_servers)]].concat();
        let configured = self.settings.iter().map(|(name, value)| (name, value));
        let settings = client_settings(&defaults, configured, &own, |name| {
            tracing::warn!(name, "a Kafka setting is Gapless's own and stays as it is");
        });
        settings.into_iter().collect()
    }

    /// A producer whose records are acknowledged by all in-sync replicas.
    ///
    /// # Errors
    /// Where librdkafka refuses a setting: the configuration is wrong, and the process stops.
    pub fn producer(&self) -> Result<FutureProducer, KafkaError> {
        let mut client = self.client(&[
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("linger.ms", "5"),
            ("compression.type", "zstd"),
            ("compression.level", "1"),
            ("message.max.bytes", &RECORD_MAX_BYTES.to_string()),
            (
                "message.timeout.ms",
                &DELIVERY_TIMEOUT.as_millis().to_string(),
            ),
            ("queue.buffering.max.kbytes", &QUEUE_MAX_KIB.to_string()),
        ]);
        // The configuration may be that of a member of a group; librdkafka would complain each time.
        client.remove("session.timeout.ms").create()
    }
}

/// After this time without an acknowledgement librdkafka gives a record up.
const DELIVERY_TIMEOUT: Duration = Duration::from_millis(4_000);
/// After this time we do, whatever librdkafka does.
const APPEND_TIMEOUT: Duration = Duration::from_millis(4_500);
/// Bound of the producer's queue.
const QUEUE_MAX_KIB: usize = 256 * 1024;
/// Largest record, as the events topic takes it.
const RECORD_MAX_BYTES: usize = 32 * 1024 * 1024;

/// Named places between an append and what follows from it; tests of real processes die at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// The log has a delivery, and GitHub was not answered.
    DeliveryAppended,
    /// The log has an answer of GitHub's, and neither its command nor the poll's position tells.
    AnswerAppended,
}

impl CrashPoint {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::DeliveryAppended, Self::AnswerAppended];

    /// Its name, as in `GAPLESS_CRASH_AT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeliveryAppended => "delivery-appended",
            Self::AnswerAppended => "answer-appended",
        }
    }

    const fn after(source: Source) -> Self {
        match source {
            Source::Webhook => Self::DeliveryAppended,
            Source::Snapshot | Source::Listing | Source::Archive | Source::Gap => {
                Self::AnswerAppended
            }
        }
    }
}

/// Appends events to the events topic.
pub struct KafkaLog {
    config: KafkaConfig,
    topics: Topics,
    topic: String,
    codec: Codec,
    producer: RwLock<Arc<FutureProducer>>,
    reached: fn(CrashPoint),
    /// Why and when an append last failed.
    failed: Mutex<Option<(Instant, String)>>,
}

/// A failure this long ago says nothing about now: appends come at least every ten minutes, with the
/// polls, and a health that waited for the next one would be wrong until then.
const FAILURE_COUNTS_FOR: Duration = Duration::from_secs(60);

impl KafkaLog {
    /// A log that appends to `topics.events()`. Connects in the background.
    ///
    /// # Errors
    /// Where librdkafka refuses a setting: the configuration is wrong, and the process stops.
    pub fn new(config: KafkaConfig, topics: Topics, codec: Codec) -> Result<Self, KafkaError> {
        let producer = RwLock::new(Arc::new(config.producer()?));
        Ok(Self {
            topic: topics.events(),
            config,
            topics,
            codec,
            producer,
            reached: |_| {},
            failed: Mutex::default(),
        })
    }

    /// The same log, which calls `reached` at every crash point.
    pub fn telling(mut self, reached: fn(CrashPoint)) -> Self {
        self.reached = reached;
        self
    }

    /// Why the log takes nothing at the moment; nothing while it does, or is not tried.
    pub fn trouble(&self) -> Option<String> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, error) = failed.as_ref()?;
        (at.elapsed() < FAILURE_COUNTS_FOR).then(|| error.clone())
    }

    fn note(&self, delivered: &Result<Appended, AppendError>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed = match delivered {
            // One event that is refused says nothing about the others.
            Ok(_) | Err(AppendError::Refuse(_)) => None,
            Err(error) => Some((Instant::now(), error.to_string())),
        };
    }

    fn producer(&self) -> Arc<FutureProducer> {
        let producer = self.producer.read();
        Arc::clone(&producer.unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces a producer that is in its fatal state, unless another call already did.
    fn replace_if_fatal(&self, failed: &Arc<FutureProducer>) {
        let Some((code, reason)) = failed.client().fatal_error() else {
            return;
        };
        let mut current = self
            .producer
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, failed) {
            return;
        }
        match self.config.producer() {
            Ok(fresh) => {
                tracing::warn!(%code, reason, "the producer failed for good and was replaced");
                *current = Arc::new(fresh);
            }
            Err(error) => tracing::error!(%error, "no new producer could be made"),
        }
    }
}

impl EventLog for KafkaLog {
    async fn append(&self, event: Event) -> Result<Appended, AppendError> {
        let value = self
            .codec
            .encode(&event)
            .map_err(|error| AppendError::Refuse(error.to_string()))?;
        let partition = self.topics.partition_of_event(&event);
        let crash_point = CrashPoint::after(event.source);
        let producer = self.producer();
        let record = FutureRecord::<str, [u8]>::to(&self.topic)
            .partition(partition)
            .key(&event.event_id)
            .payload(&value);
        let delivery = producer
            .send_result(record)
            .map_err(|(error, _)| reaction(&error));
        // The producer has its own copy: ours need not be held while waiting.
        drop((event, value));
        let delivered = match delivery {
            Err(error) => Err(error),
            Ok(delivery) => match tokio::time::timeout(APPEND_TIMEOUT, delivery).await {
                Err(_) => Err(AppendError::Retry("no acknowledgement in time".into())),
                Ok(Err(_)) => Err(AppendError::Retry("the producer was replaced".into())),
                Ok(Ok(Err((error, _)))) => Err(reaction(&error)),
                Ok(Ok(Ok(delivery))) => Ok(Appended {
                    partition: delivery.partition,
                    offset: delivery.offset,
                }),
            },
        };
        self.note(&delivered);
        match &delivered {
            Ok(_) => (self.reached)(crash_point),
            Err(_) => self.replace_if_fatal(&producer),
        }
        delivered
    }
}

/// What the caller does about an error of librdkafka's.
fn reaction(error: &KafkaError) -> AppendError {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, InvalidMessage, InvalidMessageSize, MessageSizeTooLarge,
        TopicAuthorizationFailed, UnknownPartition, UnknownTopic, UnknownTopicOrPartition,
    };
    let text = error.to_string();
    match error.rdkafka_error_code() {
        Some(MessageSizeTooLarge | InvalidMessageSize | InvalidMessage) => {
            AppendError::Refuse(text)
        }
        Some(
            UnknownTopic
            | UnknownPartition
            | UnknownTopicOrPartition
            | TopicAuthorizationFailed
            | ClusterAuthorizationFailed,
        ) => AppendError::Stop(text),
        _ => AppendError::Retry(text),
    }
}
