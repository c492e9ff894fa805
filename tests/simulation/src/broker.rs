//! The log in memory: topics with partitions, and the offsets that groups committed.

use gapless_core::Record as State;
use gapless_engine::Output;
use gapless_schemas::{Codec, Topics};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A record of a topic.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) offset: i64,
    pub(crate) key: String,
    /// None: a tombstone.
    pub(crate) value: Option<Vec<u8>>,
}

/// The log; clones are the same log.
#[derive(Clone)]
pub(crate) struct Broker {
    pub(crate) topics: Topics,
    pub(crate) codec: Codec,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    partitions: BTreeMap<(String, i32), Vec<Record>>,
    committed: BTreeMap<(&'static str, String, i32), i64>,
}

impl Broker {
    pub(crate) fn new(topics: Topics) -> Self {
        Self {
            topics,
            codec: Codec::embedded(),
            shared: Arc::default(),
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Partitions of every topic.
    pub(crate) fn partitions(&self) -> std::ops::Range<i32> {
        0..self.topics.partitions
    }

    /// Appends a record and returns its offset.
    pub(crate) fn append(
        &self,
        topic: String,
        partition: i32,
        key: String,
        value: Option<Vec<u8>>,
    ) -> i64 {
        let mut shared = self.shared();
        let records = shared.partitions.entry((topic, partition)).or_default();
        let offset = records.len() as i64;
        records.push(Record { offset, key, value });
        offset
    }

    /// Appends an output of a task to the topic and under the key that the Kafka shell would choose.
    pub(crate) fn append_output(&self, partition: i32, output: &Output) {
        let codec = &self.codec;
        let (topic, key, value) = match output {
            Output::State(key, record) => {
                let value = match record.as_ref() {
                    State::PullRequest(record) => codec.encode(record.as_ref()),
                    State::Issue(record) => codec.encode(record.as_ref()),
                    State::Repository(record) => codec.encode(record.as_ref()),
                    State::Ledger(record) => codec.encode(record.as_ref()),
                    State::Gap(record) => codec.encode(record.as_ref()),
                };
                (self.topics.state(key.kind.topic()), key.record_key(), value)
            }
            Output::Event(event) => (
                self.topics.events(),
                event.event_id.clone(),
                codec.encode(event.as_ref()),
            ),
            Output::Refetch(refetch) => (
                self.topics.refetches(),
                refetch.command_id.clone(),
                codec.encode(refetch),
            ),
            Output::DeadLetter(letter) => (
                self.topics.dead_letters(),
                format!("{}/{}/{}", letter.topic, letter.partition, letter.offset),
                codec.encode(letter),
            ),
        };
        let value = value.expect("outputs fit their schemas");
        self.append(topic, partition, key, Some(value));
    }

    /// Up to `most` records from offset `from` on.
    pub(crate) fn read(&self, topic: &str, partition: i32, from: i64, most: usize) -> Vec<Record> {
        let shared = self.shared();
        let records = shared.partitions.get(&(topic.to_owned(), partition));
        let records = records.into_iter().flatten();
        records
            .skip(from.max(0) as usize)
            .take(most)
            .cloned()
            .collect()
    }

    /// One past the last offset.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> i64 {
        let shared = self.shared();
        let records = shared.partitions.get(&(topic.to_owned(), partition));
        records.map_or(0, |records| records.len() as i64)
    }

    pub(crate) fn commit(&self, group: &'static str, topic: &str, partition: i32, next: i64) {
        let key = (group, topic.to_owned(), partition);
        self.shared().committed.insert(key, next);
    }

    pub(crate) fn committed(
        &self,
        group: &'static str,
        topic: &str,
        partition: i32,
    ) -> Option<i64> {
        let key = (group, topic.to_owned(), partition);
        self.shared().committed.get(&key).copied()
    }
}
