//! The producer: appends a batch's outputs and waits for every acknowledgement.

use super::consumer::Owner;
use super::{Options, lock};
use crate::drive::{Log, LogError};
use crate::task::Output;
use gapless_core::Record;
use gapless_schemas::{Codec, EncodeError, Topics};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than this without an acknowledgement, and the batch is tried again.
const ACKNOWLEDGE: Duration = Duration::from_secs(30);

pub(super) struct KafkaLog {
    config: ClientConfig,
    producer: BaseProducer<Deliveries>,
    consumer: Option<Arc<BaseConsumer<Owner>>>,
    topics: Topics,
    codec: Codec,
}

/// The first delivery error since it was last taken.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<Option<KafkaError>>);

impl Deliveries {
    /// That error, if there was one.
    pub(super) fn take_error(&self) -> Option<KafkaError> {
        lock(&self.0).take()
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
        if let Err((error, _)) = result {
            lock(&self.0).get_or_insert_with(|| error.clone());
        }
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
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &options.bootstrap)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "2")
            .set("message.timeout.ms", "25000")
            .set("message.max.bytes", "33554432")
            .set("queue.buffering.max.kbytes", "131072");
        for (name, value) in &options.client_settings {
            config.set(name, value);
        }
        Ok(Self {
            producer: config.create_with_context(Deliveries::default())?,
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
                let value = match record.as_ref() {
                    Record::PullRequest(record) => self.codec.encode(record.as_ref()),
                    Record::Issue(record) => self.codec.encode(record.as_ref()),
                    Record::Repository(record) => self.codec.encode(record.as_ref()),
                    Record::Ledger(record) => self.codec.encode(record.as_ref()),
                    Record::Gap(record) => self.codec.encode(record.as_ref()),
                }?;
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
            Output::DeadLetter(letter) => {
                let origin = format!("{}/{}/{}", letter.topic, letter.partition, letter.offset);
                (
                    self.topics.dead_letters(),
                    origin,
                    self.codec.encode(letter)?,
                )
            }
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
        match self.config.create_with_context(Deliveries::default()) {
            Ok(fresh) => {
                tracing::warn!(%code, reason, "the producer failed for good and was replaced");
                self.producer = fresh;
            }
            Err(error) => tracing::error!(%error, "no new producer could be made"),
        }
    }

    fn write(&self, partition: i32, outputs: &[Output]) -> Result<(), LogError> {
        self.producer.context().take_error();
        for output in outputs {
            self.send(partition, output)?;
        }
        self.producer
            .flush(ACKNOWLEDGE)
            .map_err(|error| reaction(&error))?;
        match self.producer.context().take_error() {
            None => Ok(()),
            Some(error) => Err(reaction(&error)),
        }
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

impl Log for KafkaLog {
    fn produce(&mut self, partition: i32, outputs: &[Output]) -> Result<(), LogError> {
        let written = self.write(partition, outputs);
        if written.is_err() {
            self.replace_if_fatal();
        }
        written
    }

    fn commit(&mut self, partition: i32, next_offset: i64) -> Result<(), LogError> {
        let Some(consumer) = &self.consumer else {
            return Ok(());
        };
        let mut offsets = TopicPartitionList::new();
        let topic = self.topics.events();
        let noted = offsets
            .add_partition_offset(&topic, partition, Offset::Offset(next_offset))
            .and_then(|()| consumer.commit(&offsets, CommitMode::Async));
        // A commit that fails costs a repeat, nothing else.
        if let Err(error) = noted {
            tracing::warn!(partition, %error, "the offset was not committed; the batch may be read again");
        }
        Ok(())
    }
}
