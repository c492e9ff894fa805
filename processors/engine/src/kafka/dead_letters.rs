//! The dead letters as a person handles them: listed, shown, replayed, dropped.
//!
//! A letter is about an event, or about one row of a listing: then it holds an event of that row
//! alone, and is named by the row's place as well.
//!
//! The topic is a log like any other: nothing is taken out of it before its retention ends. What
//! was done to a letter is therefore one more record on its partition, with the letter's own key
//! (its origin), no value, and a header [`HANDLED`]. Markers are younger than their letters, so a
//! letter never outlives its marker.
//!
//! **Replaying** appends the event's bytes again, untouched, to its partition of the events topic,
//! and marks the letter once that is acknowledged. It never goes back to the old offset, so nothing
//! else is read twice. A crash in between replays it once more, which changes nothing: the event
//! has the same id. An event that still cannot be read becomes a new letter.

use super::access::{ANSWER, Access, ReadError, STALLED};
use super::producer::Deliveries;
use gapless_schemas::{DeadLetter, Event, Timestamp};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Header of a marker: `replayed` or `dropped`.
pub const HANDLED: &str = "gapless-handled";

/// What a person did to a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Its event was appended again.
    Replayed,
    /// It was given up.
    Dropped,
}

impl Handling {
    /// Its name, as in the header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Dropped => "dropped",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        [Self::Replayed, Self::Dropped]
            .into_iter()
            .find(|handling| handling.name().as_bytes() == text)
    }
}

/// A letter without its bytes.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Partition and offset that the event came from; the whole origin is in `topic` too.
    pub partition: i32,
    /// See `partition`.
    pub offset: i64,
    /// Topic that it came from.
    pub topic: String,
    /// See [`DeadLetter::reason`].
    pub reason: String,
    /// See [`DeadLetter::error`].
    pub error: String,
    /// See [`DeadLetter::at`].
    pub at: Timestamp,
    /// Size of the event's record.
    pub size_bytes: usize,
    /// What was done to it; none: nothing yet.
    pub handled: Option<Handling>,
    /// Where the letter itself is.
    found_at: i64,
    /// Its record key: its origin, `topic/partition/offset`, and of a listing's row its place there.
    key: String,
}

impl Entry {
    /// Its name: its origin without the topic.
    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or(&self.key, |(_, name)| name)
    }
}

/// Why the letters could not be read or handled.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The topic was not read to its end, or not written. Reaction: as there.
    #[error(transparent)]
    Topic(#[from] ReadError),
    /// A letter is gone: its time on the topic was over.
    #[error("the dead letter {0} is no longer on the topic")]
    Gone(String),
}

impl From<KafkaError> for DeadLetterError {
    fn from(error: KafkaError) -> Self {
        Self::Topic(error.into())
    }
}

/// Reads every letter that the topic holds, oldest first within a partition. Blocks.
///
/// # Errors
/// See [`DeadLetterError`].
pub fn read(access: &Access) -> Result<Vec<Entry>, DeadLetterError> {
    let (mut entries, mut handled) = (Vec::new(), HashMap::new());
    access.each(&access.topics.dead_letters(), |message| {
        let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
        match handling(message) {
            Some(handling) => {
                handled.insert(key, handling);
            }
            None => entries.push(entry(access, message, key)),
        }
    })?;
    for entry in &mut entries {
        entry.handled = handled.get(&entry.key).copied();
    }
    entries.sort_by_key(|entry| (entry.partition, entry.found_at));
    // After a crash letters may have been appended twice.
    let mut seen = HashSet::new();
    entries.retain(|entry| seen.insert(entry.key.clone()));
    Ok(entries)
}

/// The bytes of the event that a letter is about. Blocks.
///
/// # Errors
/// See [`DeadLetterError`].
pub fn value(access: &Access, entry: &Entry) -> Result<Vec<u8>, DeadLetterError> {
    let consumer: BaseConsumer = access.consumer().create()?;
    let mut assignment = TopicPartitionList::new();
    let at = Offset::Offset(entry.found_at);
    assignment.add_partition_offset(&access.topics.dead_letters(), entry.partition, at)?;
    consumer.assign(&assignment)?;
    let began = Instant::now();
    while began.elapsed() < STALLED {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message?;
            let letter = message
                .payload()
                .and_then(|bytes| access.codec.decode::<DeadLetter>(bytes).ok());
            return letter
                .filter(|_| message.offset() == entry.found_at)
                .map(|letter| letter.value)
                .ok_or_else(|| DeadLetterError::Gone(entry.key.clone()));
        }
    }
    Err(ReadError::Stalled.into())
}

/// The event that a letter is about, where its envelope can be read.
pub fn event(access: &Access, value: &[u8]) -> Option<Event> {
    access.codec.decode(value).ok()
}

/// Appends a letter's event again and marks the letter, or only marks it. Blocks until both are
/// acknowledged.
///
/// # Errors
/// See [`DeadLetterError`]; doing it again is harmless.
pub fn handle(access: &Access, entry: &Entry, handling: Handling) -> Result<(), DeadLetterError> {
    let producer: BaseProducer<Deliveries> = access
        .client(&[
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("message.max.bytes", "33554432"),
            ("message.timeout.ms", "8000"),
        ])
        .create_with_context(Deliveries::default())?;
    if handling == Handling::Replayed {
        let value = value(access, entry)?;
        let key = event(access, &value).map_or_else(|| entry.key.clone(), |event| event.event_id);
        let topic = access.topics.events();
        let record = BaseRecord::to(&topic).partition(entry.partition);
        append(&producer, record.key(&key).payload(&value))?;
    }
    let (topic, key) = (access.topics.dead_letters(), entry.key.clone());
    let headers = OwnedHeaders::new().insert(Header {
        key: HANDLED,
        value: Some(handling.name()),
    });
    let record = BaseRecord::to(&topic).partition(entry.partition);
    append(&producer, record.key(&key).headers(headers))
}

/// Appends one record and waits until it is acknowledged.
fn append(
    producer: &BaseProducer<Deliveries>,
    record: BaseRecord<'_, String, Vec<u8>>,
) -> Result<(), DeadLetterError> {
    producer.send(record).map_err(|(error, _)| error)?;
    producer.flush(ANSWER)?;
    match producer.context().take_error() {
        None => Ok(()),
        Some(error) => Err(error.into()),
    }
}

fn handling(message: &BorrowedMessage<'_>) -> Option<Handling> {
    message
        .headers()?
        .iter()
        .filter(|header| header.key == HANDLED)
        .find_map(|header| Handling::parse(header.value?))
}

/// A letter as it is listed. One that cannot be read itself is listed too, and can be dropped.
fn entry(access: &Access, message: &BorrowedMessage<'_>, key: String) -> Entry {
    let bytes = message.payload().unwrap_or_default();
    let found_at = message.offset();
    match access.codec.decode::<DeadLetter>(bytes) {
        Ok(letter) => Entry {
            partition: letter.partition,
            offset: letter.offset,
            topic: letter.topic,
            reason: letter.reason,
            error: letter.error,
            at: letter.at,
            size_bytes: letter.value.len(),
            handled: None,
            found_at,
            key,
        },
        Err(error) => Entry {
            partition: message.partition(),
            offset: found_at,
            topic: access.topics.dead_letters(),
            reason: "letter".to_owned(),
            error: error.to_string(),
            at: Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0)),
            size_bytes: bytes.len(),
            handled: None,
            found_at,
            key: format!(
                "{}/{}/{found_at}",
                access.topics.dead_letters(),
                message.partition()
            ),
        },
    }
}
