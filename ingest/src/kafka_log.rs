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
use gapless_schemas::{Codec, Event, Topics};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How to reach the cluster.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// Further settings by librdkafka's names: TLS and SASL. They win over our own.
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

    /// librdkafka's settings: `own`, then those of the configuration.
    pub(crate) fn client(&self, own: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", "gapless")
            .set("socket.keepalive.enable", "true")
            .set("socket.connection.setup.timeout.ms", "3000")
            // A broker that comes back after a restart is found within a second.
            .set("reconnect.backoff.max.ms", "1000");
        for (name, value) in own {
            client.set(*name, *value);
        }
        for (name, value) in &self.settings {
            client.set(name, value);
        }
        client
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
/// How long a topic's creation may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Appends events to the events topic.
pub struct KafkaLog {
    config: KafkaConfig,
    topics: Topics,
    topic: String,
    codec: Codec,
    producer: RwLock<Arc<FutureProducer>>,
}

impl KafkaLog {
    /// A log that appends to `topics.events()`. Connects in the background.
    ///
    /// # Errors
    /// Where librdkafka refuses a setting: the configuration is wrong, and the process stops.
    pub fn new(config: KafkaConfig, topics: Topics, codec: Codec) -> Result<Self, KafkaError> {
        let producer = RwLock::new(Arc::new(producer(&config)?));
        Ok(Self {
            topic: topics.events(),
            config,
            topics,
            codec,
            producer,
        })
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
        match producer(&self.config) {
            Ok(fresh) => {
                tracing::warn!(%code, reason, "the producer failed for good and was replaced");
                *current = Arc::new(fresh);
            }
            Err(error) => tracing::error!(%error, "no new producer could be made"),
        }
    }
}

/// A producer whose records are acknowledged by all in-sync replicas.
pub(crate) fn producer(config: &KafkaConfig) -> Result<FutureProducer, KafkaError> {
    config
        .client(&[
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
        ])
        .create()
}

impl EventLog for KafkaLog {
    async fn append(&self, event: Event) -> Result<Appended, AppendError> {
        let value = self
            .codec
            .encode(&event)
            .map_err(|error| AppendError::Refuse(error.to_string()))?;
        let partition = self.topics.partition_of_event(&event);
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
        if delivered.is_err() {
            self.replace_if_fatal(&producer);
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

/// A topic could not be made. Reaction: stop, with the sentence that this prints.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The cluster cannot be reached or refuses all topics.
    #[error("the topics cannot be created: {0}")]
    Cluster(#[from] KafkaError),
    /// It refuses one.
    #[error("topic {name} cannot be created: {reason}")]
    Topic {
        /// The topic.
        name: String,
        /// What the cluster says.
        reason: RDKafkaErrorCode,
    },
}

/// Creates those of `topics.specs()` that do not exist, with the cluster's default replication.
/// A topic that exists is left as it is.
///
/// # Errors
/// See [`TopicError`].
pub async fn ensure_topics(config: &KafkaConfig, topics: &Topics) -> Result<(), TopicError> {
    /// By the protocol: as many replicas as the broker's `default.replication.factor` says.
    const BROKER_DEFAULT: i32 = -1;
    let admin: AdminClient<DefaultClientContext> = config.client(&[]).create()?;
    let specs = topics.specs();
    let wanted: Vec<NewTopic<'_>> = specs
        .iter()
        .map(|spec| {
            let replication = TopicReplication::Fixed(BROKER_DEFAULT);
            let topic = NewTopic::new(&spec.name, spec.partitions, replication);
            spec.settings
                .iter()
                .fold(topic, |topic, (name, value)| topic.set(name, value))
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(ADMIN_TIMEOUT))
        .operation_timeout(Some(ADMIN_TIMEOUT));
    for result in admin.create_topics(&wanted, &options).await? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, reason)) => return Err(TopicError::Topic { name, reason }),
        }
    }
    Ok(())
}

/// How many partitions `topic` has; none where there is no such topic.
///
/// # Errors
/// Where the cluster cannot be reached.
pub async fn existing_partitions(
    config: &KafkaConfig,
    topic: &str,
) -> Result<Option<i32>, TopicError> {
    let admin: AdminClient<DefaultClientContext> = config.client(&[]).create()?;
    let topic = topic.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        // All topics: asking for one by name may create it.
        let metadata = admin.inner().fetch_metadata(None, ADMIN_TIMEOUT)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        Ok(found.and_then(|found| i32::try_from(found.partitions().len()).ok()))
    });
    asked
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
