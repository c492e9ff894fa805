//! The producer: appends a batch's outputs and waits for every acknowledgement.

use super::consumer::Owner;
use super::{Options, client, lock};
use crate::drive::{Log, LogError};
use crate::tail::Tail;
use crate::task::Output;
use gapless_schemas::{Codec, EncodeError, StateTopic, Topics};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longer than this without an acknowledgement, and the batch is tried again.
const ACKNOWLEDGE: Duration = Duration::from_secs(30);
/// Pause between two looks for acknowledgements. rdkafka's own `poll` and `flush` stay until their
/// time is over, also where all has come, and spin through the last millisecond of it.
const LOOK: Duration = Duration::from_micros(500);

pub(super) struct KafkaLog {
    config: ClientConfig,
    producer: BaseProducer<Deliveries>,
    consumer: Option<Arc<BaseConsumer<Owner>>>,
    topics: Topics,
    codec: Codec,
}

/// What became of records since it was last asked.
#[derive(Default)]
pub(super) struct Deliveries {
    /// Records acknowledged or given up, ever.
    ended: AtomicU64,
    error: Mutex<Option<KafkaError>>,
    /// Names of the topics of which offsets are kept.
    topics: Vec<(String, StateTopic)>,
    offsets: Mutex<Vec<Delivered>>,
}

/// A state that was acknowledged.
struct Delivered {
    topic: StateTopic,
    partition: i32,
    offset: i64,
}

impl Deliveries {
    /// Keeps the offsets of states.
    fn of_states(topics: &Topics) -> Self {
        let topics = StateTopic::ALL.map(|topic| (topics.state(topic), topic));
        Self {
            topics: topics.into(),
            ..Self::default()
        }
    }

    /// The first error, if there was one.
    pub(super) fn take_error(&self) -> Option<KafkaError> {
        lock(&self.error).take()
    }

    fn take_offsets(&self) -> Vec<Delivered> {
        std::mem::take(&mut lock(&self.offsets))
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(message) => {
                let name = message.topic();
                let mut topics = self.topics.iter();
                // An acknowledgement of a repeat may lack its offset.
                if let Some((_, topic)) = topics.find(|(known, _)| known == name)
                    && message.offset() >= 0
                {
                    lock(&self.offsets).push(Delivered {
                        topic: *topic,
                        partition: message.partition(),
                        offset: message.offset(),
                    });
                }
            }
            Err((error, _)) => {
                lock(&self.error).get_or_insert_with(|| error.clone());
            }
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// librdkafka's own log lines, under our targets.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            tracing::warn!(facility, "kafka client: {message}");
        }
        _ => tracing::debug!(facility, "kafka client: {message}"),
    }
}

impl KafkaLog {
    pub(super) fn connect(options: &Options) -> Result<Self, KafkaError> {
        let defaults = [
            ("compression.type", "lz4"),
            ("linger.ms", "2"),
            ("queue.buffering.max.kbytes", "131072"),
        ];
        let own = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("message.timeout.ms", "25000"),
            ("message.max.bytes", "33554432"),
        ];
        let configured = &options.client_settings;
        let config = client::config(&options.bootstrap, configured, &defaults, &own);
        Ok(Self {
            producer: config.create_with_context(Deliveries::of_states(&options.topics))?,
            config,
            consumer: None,
            topics: options.topics.clone(),
            codec: options.codec.clone(),
        })
    }

    /// Offsets are committed by the consumer that owns the partitions.
    pub(super) fn commit_through(&mut self, consumer: Arc<BaseConsumer<Owner>>) {
        self.consumer = Some(consumer);
    }

    /// Topic, record key and value of an output.
    fn record(&self, output: &Output) -> Result<(String, String, Vec<u8>), EncodeError> {
        Ok(match output {
            Output::State(key, record) => {
                let value = record.encode(&self.codec)?;
                (self.topics.state(key.kind.topic()), key.record_key(), value)
            }
            Output::Event(event) => (
                self.topics.events(),
                event.event_id.clone(),
                self.codec.encode(event.as_ref())?,
            ),
            Output::Refetch(refetch) => (
                self.topics.refetches(),
                refetch.command_id.clone(),
                self.codec.encode(refetch)?,
            ),
            Output::DeadLetter(key, letter) => (
                self.topics.dead_letters(),
                key.clone(),
                self.codec.encode(letter)?,
            ),
        })
    }

    fn send(&self, partition: i32, output: &Output) -> Result<(), LogError> {
        let (topic, key, value) = self
            .record(output)
            .map_err(|error| LogError::Stop(error.to_string()))?;
        let mut record = BaseRecord::to(&topic)
            .partition(partition)
            .key(&key)
            .payload(&value);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    self.producer.poll(Duration::from_millis(10));
                    record = refused;
                }
                Err((error, _)) => return Err(reaction(&error)),
            }
        }
    }

    /// An idempotent producer can fail for good (a broker that lost its tail, say): a new one takes
    /// its place. Nothing has to be carried over, since the whole batch is written again.
    fn replace_if_fatal(&mut self) {
        let Some((code, reason)) = self.producer.client().fatal_error() else {
            return;
        };
        let context = Deliveries::of_states(&self.topics);
        match self.config.create_with_context(context) {
            Ok(fresh) => {
                tracing::warn!(%code, reason, "the producer failed for good and was replaced");
                self.producer = fresh;
            }
            Err(error) => tracing::error!(%error, "no new producer could be made"),
        }
    }

    /// Appends all of `outputs`; once it returns, none of them is under way any more.
    fn write(&self, partition: i32, outputs: &[Output]) -> Result<(), LogError> {
        self.producer.context().take_error();
        let ended = || self.producer.context().ended.load(Ordering::Relaxed);
        let mut under_way_until = ended();
        let sent = outputs.iter().try_for_each(|output| {
            self.send(partition, output)?;
            under_way_until += 1;
            Ok(())
        });
        let deadline = Instant::now() + ACKNOWLEDGE;
        while ended() < under_way_until {
            if Instant::now() >= deadline {
                return Err(LogError::Retry("Kafka acknowledges nothing".to_owned()));
            }
            self.producer.poll(Duration::ZERO);
            std::thread::sleep(LOOK);
        }
        sent?;
        match self.producer.context().take_error() {
            None => Ok(()),
            Some(error) => Err(reaction(&error)),
        }
    }

    /// Appends all of `outputs`, and tells `tail` which records are its own.
    pub(super) fn append(
        &mut self,
        partition: i32,
        outputs: &[Output],
        tail: &mut Tail,
    ) -> Result<(), LogError> {
        let written = self.write(partition, outputs);
        for delivered in self.producer.context().take_offsets() {
            if delivered.partition == partition {
                tail.own(delivered.topic, delivered.offset);
            }
        }
        if written.is_err() {
            self.replace_if_fatal();
        }
        written
    }

    fn commit(&self, partition: i32, next_offset: i64, metadata: &str) {
        let Some(consumer) = &self.consumer else {
            return;
        };
        let topic = self.topics.events();
        let mut offsets = TopicPartitionList::new();
        let mut noted = offsets.add_partition(&topic, partition);
        noted.set_metadata(metadata);
        let noted = noted
            .set_offset(Offset::Offset(next_offset))
            .and_then(|()| consumer.commit(&offsets, CommitMode::Async));
        // A commit that fails costs a repeat, nothing else.
        if let Err(error) = noted {
            tracing::warn!(partition, %error, "the offset was not committed; the batch may be read again");
        }
    }
}

/// The log as one task sees it: what it writes is its tail's own.
pub(super) struct Appender<'a> {
    pub(super) letters: &'a super::DeadLetterCounts,
    pub(super) log: &'a mut KafkaLog,
    pub(super) tail: &'a mut Tail,
}

impl Log for Appender<'_> {
    fn produce(&mut self, partition: i32, outputs: &[Output]) -> Result<(), LogError> {
        self.log.append(partition, outputs, self.tail)?;
        self.letters.add(outputs);
        Ok(())
    }

    fn commit(&mut self, partition: i32, next_offset: i64) {
        let metadata = self.tail.metadata();
        self.log.commit(partition, next_offset, &metadata);
    }
}

/// What to do about an error of librdkafka's. Rights and topics that lack can be mended while we
/// wait, and `/readyz` says what is wanted; a record that is too large stays so.
fn reaction(error: &KafkaError) -> LogError {
    let text = error.to_string();
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => LogError::Stop(format!(
            "{text}: let the topics take records of 32 MiB (max.message.bytes), then start again"
        )),
        _ => LogError::Retry(text),
    }
}
