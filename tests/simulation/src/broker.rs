//! The log in memory: topics with partitions, and the offsets that groups committed.

use gapless_engine::Output;
use gapless_schemas::{Codec, Event, Source, StateTopic, Topics};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What stands before each time of a payload that nobody can read.
pub(crate) const UNREADABLE_TIME: &str = "on the day of";

/// Kinds of the simulator's deliveries that no figure comes from.
const NOT_INTERPRETED: [&str; 1] = ["push"];

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
    /// Offset and metadata.
    committed: BTreeMap<(&'static str, String, i32), (i64, String)>,
}

impl Broker {
    pub(crate) fn new(topics: Topics) -> Self {
        Self {
            topics,
            codec: Codec::embedded(),
            shared: Arc::default(),
        }
    }

    /// The same log, as another generation sees it.
    pub(crate) fn of_generation(&self, generation: u32) -> Self {
        Self {
            topics: Topics {
                generation,
                ..self.topics.clone()
            },
            ..self.clone()
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

    /// Appends an output of a task to the topic and under the key that the Kafka shell would choose,
    /// and returns where, if it is a state.
    pub(crate) fn append_output(
        &self,
        partition: i32,
        output: &Output,
    ) -> Option<(StateTopic, i64)> {
        let codec = &self.codec;
        let (topic, key, value) = match output {
            Output::State(key, record) => {
                let value = record.encode(codec);
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
            Output::DeadLetter(key, letter) => (
                self.topics.dead_letters(),
                key.clone(),
                codec.encode(letter),
            ),
        };
        let value = value.expect("outputs fit their schemas");
        let offset = self.append(topic, partition, key, Some(value));
        match output {
            Output::State(key, _) => Some((key.kind.topic(), offset)),
            _ => None,
        }
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
        self.commit_with(group, topic, partition, next, String::new());
    }

    pub(crate) fn commit_with(
        &self,
        group: &'static str,
        topic: &str,
        partition: i32,
        next: i64,
        metadata: String,
    ) {
        let key = (group, topic.to_owned(), partition);
        self.shared().committed.insert(key, (next, metadata));
    }

    pub(crate) fn committed(
        &self,
        group: &'static str,
        topic: &str,
        partition: i32,
    ) -> Option<i64> {
        let key = (group, topic.to_owned(), partition);
        self.shared().committed.get(&key).map(|(next, _)| *next)
    }

    /// The metadata of that commit; nothing where there is none.
    pub(crate) fn metadata(&self, group: &'static str, topic: &str, partition: i32) -> String {
        let key = (group, topic.to_owned(), partition);
        let shared = self.shared();
        let committed = shared.committed.get(&key);
        committed.map_or_else(String::new, |(_, metadata)| metadata.clone())
    }

    /// Record keys that the dead letters must have: the places of all events that nobody can read.
    pub(crate) fn unreadable_places(&self) -> BTreeSet<String> {
        let topic = self.topics.events();
        let places = self.partitions().flat_map(|partition| {
            let records = self.read(&topic, partition, 0, usize::MAX);
            let unreadable = records.into_iter().filter(|record| {
                let value = record.value.as_deref().unwrap_or_default();
                let words = UNREADABLE_TIME.as_bytes();
                value.windows(words.len()).any(|window| window == words)
                    && self.codec.decode::<Event>(value).is_ok_and(|event| {
                        // What nobody interprets is no loss.
                        !NOT_INTERPRETED.contains(&event.kind.as_str())
                    })
            });
            let places = unreadable.map(|record| format!("{topic}/{partition}/{}", record.offset));
            places.collect::<Vec<_>>()
        });
        places.collect()
    }

    /// Record keys of the dead letters.
    pub(crate) fn dead_letters(&self) -> BTreeSet<String> {
        let topic = self.topics.dead_letters();
        let letters = self
            .partitions()
            .flat_map(|partition| self.read(&topic, partition, 0, usize::MAX));
        letters.map(|record| record.key).collect()
    }

    /// See [`crate::Outcome::history`].
    pub(crate) fn history(&self, repository_id: i64, number: i64) -> Vec<String> {
        let partition = self
            .topics
            .partition_of_repository(&self.host_of(repository_id), repository_id);
        let records = self.read(&self.topics.events(), partition, 0, usize::MAX);
        let told = records.into_iter().filter_map(|record| {
            let event: Event = self.codec.decode(&record.value?).ok()?;
            let payload: Value = serde_json::from_slice(&event.payload).ok()?;
            let is_about = |item: &Value| item["number"] == number;
            let about = match event.source {
                Source::Listing => {
                    let items = payload["items"].as_array()?;
                    format!("as {}", items.iter().find(|item| is_about(item))?)
                }
                _ if event.number == Some(number) => match event.source {
                    Source::Gap => payload.to_string(),
                    _ => object_of(&payload),
                },
                _ => return None,
            };
            (event.repository_id == Some(repository_id)).then(|| {
                let (kind, action) = (event.kind, event.action.unwrap_or_default());
                let asked = event.requested_at.map(|at| format!(", asked {at}"));
                format!(
                    "{}: {kind} {action} received {}{} {about}",
                    record.offset,
                    event.received_at,
                    asked.unwrap_or_default()
                )
            })
        });
        told.collect()
    }

    /// The host whose events name the repository.
    fn host_of(&self, repository_id: i64) -> String {
        let hosts = ["github.com", "ghes.example.com"];
        let is_there = |host: &&&str| {
            let partition = self.topics.partition_of_repository(host, repository_id);
            let records = self.read(&self.topics.events(), partition, 0, usize::MAX);
            records.into_iter().any(|record| {
                let event = record.value.map(|value| self.codec.decode::<Event>(&value));
                event.is_some_and(|event| {
                    event.is_ok_and(|event| {
                        event.repository_id == Some(repository_id) && event.host == **host
                    })
                })
            })
        };
        hosts
            .iter()
            .find(is_there)
            .map_or(hosts[0], |host| *host)
            .to_owned()
    }
}

/// The state-deciding fields of the objects in a payload.
fn object_of(payload: &Value) -> String {
    const FIELDS: [&str; 9] = [
        "updated_at",
        "state",
        "draft",
        "title",
        "labels",
        "closed_at",
        "merged_at",
        "merged_by",
        "comments",
    ];
    let show = |name: &str| {
        let object = payload.get(name)?.as_object()?;
        let fields = FIELDS.iter().filter_map(|field| {
            let value = match (object.get(*field)?, *field) {
                (Value::Array(labels), "labels") => {
                    labels.iter().map(|it| it["name"].clone()).collect()
                }
                (Value::Object(user), "merged_by") => user["login"].clone(),
                (value, _) => value.clone(),
            };
            Some(format!("{field} {value}"))
        });
        let shown: Vec<String> = fields.collect();
        Some(format!("{name}: {}", shown.join(", ")))
    };
    let objects = ["issue", "pull_request"]
        .iter()
        .filter_map(|name| show(name));
    let mut objects: Vec<String> = objects.collect();
    if let Some(timeline) = payload.get("timeline").and_then(Value::as_array) {
        let entry = |entry: &Value| format!("{} {}", entry["event"], entry["created_at"]);
        let entries: Vec<String> = timeline.iter().map(entry).collect();
        objects.push(format!("timeline: {}", entries.join("; ")));
    }
    objects.join(" | ")
}
