//! Reads what others wrote to our output partitions, and undoes what is outdated.
//!
//! See [`Tail`](crate::Tail) for what is looked at and why. Here is how: a second consumer without a group's
//! membership, so that it disturbs nobody's rebalance. Every [`LOOK`] one request asks where the
//! output partitions end. Where everything up to there is our own, that was all; else the records
//! in question are fetched, and judged by the partition's task, between two batches and for
//! [`TURN`] at most. Behind a long replay this may lag, which is harmless: the position in the
//! commit lags with it.

use super::consumer::Tasks;
use super::producer::KafkaLog;
use super::{Options, client};
use crate::drive::Halt;
use gapless_core::Key;
use gapless_schemas::{StateTopic, Topics};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// How often the ends are asked for.
const LOOK: Duration = Duration::from_secs(2);
/// How long the answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How long records are judged at a time.
const TURN: Duration = Duration::from_millis(50);

pub(super) struct TailReader {
    consumer: BaseConsumer,
    topics: Topics,
    names: HashMap<String, StateTopic>,
    /// Where the consumer reads on.
    reading: BTreeMap<(StateTopic, i32), i64>,
    looked_at: Option<Instant>,
    is_in_trouble: bool,
}

impl TailReader {
    pub(super) fn connect(options: &Options) -> Result<Self, KafkaError> {
        // Small fetches: mostly a few records are wanted, with many of our own behind them.
        let defaults = [
            ("fetch.message.max.bytes", "262144"),
            ("queued.max.messages.kbytes", "1024"),
        ];
        let group = options.topics.processors_group();
        let own = [
            // Only for its rights: who assigns partitions to itself does not join.
            ("group.id", group.as_str()),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
        ];
        let configured = &options.client_settings;
        let config = client::config(&options.bootstrap, configured, &defaults, &own);
        let names = StateTopic::ALL.map(|topic| (options.topics.state(topic), topic));
        Ok(Self {
            consumer: config.create()?,
            topics: options.topics.clone(),
            names: names.into(),
            reading: BTreeMap::new(),
            looked_at: None,
            is_in_trouble: false,
        })
    }

    /// Looks, reads, judges and undoes, a little of each.
    ///
    /// # Errors
    /// Where the undoing is not acknowledged, or a store cannot be read.
    pub(super) fn turn(&mut self, tasks: &mut Tasks, log: &mut KafkaLog) -> Result<(), Halt> {
        let looked = self.look(tasks);
        // Also where the look failed: partitions may have been given and taken since the last turn,
        // and records are judged only where reading began at their tail's position.
        let read = self.read_on(tasks);
        if read.is_ok() {
            self.judge(tasks)?;
        }
        match looked.and(read) {
            Ok(()) => self.is_in_trouble = false,
            // The consumer of events says when Kafka is gone, time and again.
            Err(error) if !self.is_in_trouble => {
                tracing::warn!(%error, "the state topics are not looked at; trying again");
                self.is_in_trouble = true;
            }
            Err(_) => {}
        }
        undo(tasks, log)
    }

    /// Asks where the output partitions of all tasks that can judge end.
    fn look(&mut self, tasks: &mut Tasks) -> Result<(), KafkaError> {
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK) {
            return Ok(());
        }
        let mut asked = TopicPartitionList::new();
        for (partition, held) in tasks.iter() {
            if held.task.has_caught_up() {
                for topic in StateTopic::ALL {
                    let name = self.topics.state(topic);
                    asked.add_partition_offset(&name, *partition, Offset::End)?;
                }
            }
        }
        if asked.count() == 0 {
            return Ok(());
        }
        self.looked_at = Some(Instant::now());
        // "The offset at the time: end" is the end itself, in one request for all partitions.
        let ends = self.consumer.offsets_for_times(asked, ANSWER)?;
        let mut looked = Ok(());
        for element in ends.elements() {
            if let Err(error) = element.error() {
                looked = Err(error);
            } else if let Offset::Offset(end) = element.offset()
                && let Some(topic) = self.names.get(element.topic())
                && let Some(held) = tasks.get_mut(&element.partition())
            {
                held.tail.ends_at(*topic, end);
            }
        }
        looked
    }

    /// Has the consumer fetch what is to be read next, where it does not do so already.
    fn read_on(&mut self, tasks: &Tasks) -> Result<(), KafkaError> {
        let mut wanted = BTreeMap::new();
        for (partition, held) in tasks {
            if held.task.has_caught_up() {
                let unread = held.tail.unread();
                wanted.extend(unread.map(|(topic, range)| ((topic, *partition), range.start)));
            }
        }
        if wanted == self.reading {
            return Ok(());
        }
        let mut assignment = TopicPartitionList::new();
        for ((topic, partition), offset) in &wanted {
            let name = self.topics.state(*topic);
            assignment.add_partition_offset(&name, *partition, Offset::Offset(*offset))?;
        }
        if wanted.is_empty() {
            self.consumer.unassign()?;
        } else {
            self.consumer.assign(&assignment)?;
        }
        self.reading = wanted;
        Ok(())
    }

    /// Judges what was fetched.
    fn judge(&mut self, tasks: &mut Tasks) -> Result<(), Halt> {
        if self.reading.is_empty() {
            return Ok(());
        }
        let until = Instant::now() + TURN;
        while Instant::now() < until {
            // An error of the consumer's is one of Kafka's, and the next look tells it.
            let Some(Ok(message)) = self.consumer.poll(Duration::ZERO) else {
                break;
            };
            let Some(topic) = self.names.get(message.topic()) else {
                continue;
            };
            let place = (*topic, message.partition());
            self.reading.insert(place, message.offset() + 1);
            let Some(held) = tasks.get_mut(&message.partition()) else {
                continue;
            };
            if held.tail.arrive(*topic, message.offset()) {
                let key = key(*topic, &message);
                let is_outdated = match &key {
                    Some(key) => held.task.is_outdated(key, message.payload())?,
                    None => false,
                };
                held.tail.judged(key, is_outdated);
            }
        }
        Ok(())
    }
}

/// The entity that a record is about.
fn key(topic: StateTopic, message: &BorrowedMessage<'_>) -> Option<Key> {
    let text = std::str::from_utf8(message.key()?).ok()?;
    Key::of_record(topic, text)
}

/// Writes again what is outdated.
fn undo(tasks: &mut Tasks, log: &mut KafkaLog) -> Result<(), Halt> {
    for (partition, held) in tasks {
        let keys = held.tail.due();
        let mut outputs = Vec::with_capacity(keys.len());
        for key in &keys {
            outputs.extend(held.task.undo(key)?);
        }
        if !outputs.is_empty() {
            tracing::info!(
                partition,
                keys = outputs.len(),
                "states that others wrote late are written again"
            );
            log.append(*partition, &outputs, &mut held.tail)?;
        }
        if !keys.is_empty() {
            held.tail.undone(&keys);
        }
    }
    Ok(())
}
