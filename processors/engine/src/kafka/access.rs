//! The log as an operator's commands reach it: without joining the processors' group.

use super::client;
use gapless_schemas::{Codec, DecodeError, Event, Topics};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long Kafka may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// Without a record for this long before the end is reached, reading is given up.
pub(super) const STALLED: Duration = Duration::from_secs(15);

/// Why a topic was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Kafka does not answer. Reaction: try again once it does.
    #[error("Kafka does not answer: {0}")]
    Kafka(#[from] KafkaError),
    /// No record came for a while before the topic's end. Reaction: try again.
    #[error("Kafka does not hand out all that the topic holds; try again")]
    Stalled,
}

/// What a command needs to reach the log.
#[derive(Clone)]
pub struct Access {
    /// Kafka's bootstrap servers.
    pub bootstrap: String,
    /// Further librdkafka settings, for TLS and SASL. Those that a promise rests on stay ours.
    pub client_settings: Vec<(String, String)>,
    /// Topics.
    pub topics: Topics,
    /// Reads their records.
    pub codec: Codec,
}

impl Access {
    /// The settings of any client; `own` are not to be overridden.
    pub(super) fn client(&self, own: &[(&str, &str)]) -> ClientConfig {
        let defaults = [
            ("client.id", "gapless-operator"),
            ("fetch.message.max.bytes", "33554432"),
        ];
        client::config(&self.bootstrap, &self.client_settings, &defaults, own)
    }

    /// The settings of a consumer that is told what to read, and commits nothing.
    pub(super) fn consumer(&self) -> ClientConfig {
        self.client(&[
            ("group.id", "gapless-operator"),
            ("enable.auto.commit", "false"),
        ])
    }

    /// Hands every record that `topic` holds now to `take`, in order within a partition. Blocks.
    pub(super) fn each(
        &self,
        topic: &str,
        mut take: impl FnMut(&BorrowedMessage<'_>),
    ) -> Result<(), ReadError> {
        let consumer: BaseConsumer = self.consumer().create()?;
        let mut open = HashMap::new();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..self.topics.partitions {
            let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
            if low < high {
                open.insert(partition, high);
                assignment.add_partition_offset(topic, partition, Offset::Offset(low))?;
            }
        }
        consumer.assign(&assignment)?;
        let mut last = Instant::now();
        while !open.is_empty() {
            match consumer.poll(Duration::from_millis(100)) {
                Some(message) => {
                    let message = message?;
                    last = Instant::now();
                    if open
                        .get(&message.partition())
                        .is_some_and(|high| message.offset() + 1 >= *high)
                    {
                        open.remove(&message.partition());
                    }
                    take(&message);
                }
                None if last.elapsed() > STALLED => return Err(ReadError::Stalled),
                None => {}
            }
        }
        Ok(())
    }

    /// The same of all events of the log; a record that is none is passed over.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn each_event(&self, mut take: impl FnMut(Event)) -> Result<(), ReadError> {
        self.each(&self.topics.events(), |message| {
            let event = message.payload().map(|bytes| self.codec.decode(bytes));
            if let Some(Ok(event)) = event {
                take(event);
            }
        })
    }

    /// Whether the log was begun under schema ids that [`Self::codec`] does not know: with another
    /// schema registry, or without one. So it is where the first event of some partition has such an
    /// id, and that of none a known one. A partition whose first event does not come in time tells
    /// nothing, nor do bytes without an id. Blocks.
    ///
    /// # Errors
    /// Where Kafka does not answer.
    pub fn is_of_another_registry(&self) -> Result<bool, KafkaError> {
        let consumer: BaseConsumer = self.consumer().create()?;
        let topic = self.topics.events();
        let mut is_unknown = false;
        for partition in 0..self.topics.partitions {
            let (low, high) = consumer.fetch_watermarks(&topic, partition, ANSWER)?;
            if low == high {
                continue;
            }
            let mut first = TopicPartitionList::new();
            first.add_partition_offset(&topic, partition, Offset::Offset(low))?;
            consumer.assign(&first)?;
            let Some(message) = first_message(&consumer) else {
                continue;
            };
            let value = message.payload().unwrap_or_default();
            match self.codec.decode::<Event>(value) {
                Err(DecodeError::UnknownId(_)) => is_unknown = true,
                Err(DecodeError::Framing(_)) => {}
                Ok(_) | Err(DecodeError::Datum { .. }) => return Ok(false),
            }
        }
        Ok(is_unknown)
    }

    /// Events in the log that the processors have not committed. Blocks.
    ///
    /// # Errors
    /// Where Kafka does not answer.
    pub fn processors_lag(&self) -> Result<u64, KafkaError> {
        self.lag(&self.topics.processors_group(), &[self.topics.events()])
    }

    /// Records of `topics` that `group` has not committed; what compaction took counts as well. Blocks.
    ///
    /// # Errors
    /// Where Kafka does not answer.
    pub fn lag(&self, group: &str, topics: &[String]) -> Result<u64, KafkaError> {
        let own = [("group.id", group), ("enable.auto.commit", "false")];
        let consumer: BaseConsumer = self.client(&own).create()?;
        let mut partitions = TopicPartitionList::new();
        for topic in topics {
            partitions.add_partition_range(topic, 0, self.topics.partitions - 1);
        }
        let committed = consumer.committed_offsets(partitions, ANSWER)?;
        let mut lag = 0;
        for element in committed.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
            let next = match element.offset() {
                Offset::Offset(offset) => offset,
                _ => low,
            };
            lag += high.saturating_sub(next).max(0).unsigned_abs();
        }
        Ok(lag)
    }
}

/// The first message within [`ANSWER`]. Reports in between are of one moment and one broker.
fn first_message(consumer: &BaseConsumer) -> Option<BorrowedMessage<'_>> {
    let until = Instant::now() + ANSWER;
    loop {
        match consumer.poll(until.saturating_duration_since(Instant::now()))? {
            Ok(message) => return Some(message),
            Err(error) => tracing::debug!(%error, "Kafka, while its first events are looked at"),
        }
    }
}
