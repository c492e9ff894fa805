//! Writes the rows of one table again, from its topics.

use super::keeper::Context;
use crate::catalogue::topics_of;
use crate::sink::clickhouse::ClickHouse;
use crate::sink::projector::{Bounds, Projector, Record, Refused};
use crate::sink::service::consumer::{Consumer, connect_for_rebuild};
use crate::sink::step::{Step, Store};
use crate::table::Table;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long Kafka may take to tell a partition's ends.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Blocks of half the size of the sink's: both are in memory at a time.
const BOUNDS: Bounds = Bounds {
    events_bytes: 16 << 20,
    entities: 5_000,
};
const ALL: Bounds = Bounds {
    events_bytes: 0,
    entities: 0,
};

/// How far a rebuild is.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// Next offset of each partition of each topic, topic by topic; all before is stored.
    pub(super) positions: Vec<i64>,
    /// Records read and stored.
    pub(super) read: u64,
    /// Records still to be read.
    pub(super) left: u64,
}

/// What is to be read of a partition of a topic.
#[derive(Clone, Debug)]
struct Span {
    topic: String,
    partition: i32,
    low: i64,
    next: i64,
    until: i64,
}

/// Writes all rows of `table` that its topics tell until now, from `positions` on; tells `progress`
/// what is stored.
///
/// # Errors
/// Why it did not come to its end. Reaction: go on from what `progress` was told.
pub(super) async fn write_rows(
    context: &Context,
    table: &'static Table,
    positions: Vec<i64>,
    progress: &watch::Sender<Progress>,
) -> Result<(), String> {
    let topics = topics_of(table, &context.options.topics);
    let consumer = connect_for_rebuild(&context.options).map_err(|error| error.to_string())?;
    let client = Arc::clone(&consumer);
    let partitions = context.options.topics.partitions;
    let spans =
        tokio::task::spawn_blocking(move || spans(&client, &topics, partitions, &positions)).await;
    let spans = spans.map_err(|panic| panic.to_string())?;
    let mut reading = Reading {
        table,
        store: ClickHouse::new(
            &context.options.clickhouse,
            context.options.topics.generation,
        ),
        projector: Projector::new(context.codec.clone(), &context.options.topics),
        spans: spans.map_err(|error| error.to_string())?,
        progress,
    };
    reading.tell();
    let ended = reading.read(&consumer).await;
    // Closing a client blocks for a moment.
    let _ = tokio::task::spawn_blocking(move || drop(consumer)).await;
    ended
}

/// What is to be read of each partition of `topics`, from `positions` on. Blocks.
fn spans(
    consumer: &Consumer,
    topics: &[String],
    partitions: i32,
    positions: &[i64],
) -> KafkaResult<Vec<Span>> {
    let mut spans = Vec::new();
    for topic in topics {
        for partition in 0..partitions {
            let (low, until) = consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT)?;
            let position = positions.get(spans.len()).copied().unwrap_or(0);
            spans.push(Span {
                topic: topic.clone(),
                partition,
                low,
                next: position.clamp(low, until.max(low)),
                until,
            });
        }
    }
    Ok(spans)
}

struct Reading<'a> {
    table: &'static Table,
    store: ClickHouse,
    projector: Projector,
    spans: Vec<Span>,
    progress: &'a watch::Sender<Progress>,
}

impl Reading<'_> {
    /// Topic by topic: the client tells the end of a partition, and not of which topic.
    async fn read(&mut self, consumer: &Consumer) -> Result<(), String> {
        while let Some(open) = self.spans.iter().find(|span| span.next < span.until) {
            let topic = open.topic.clone();
            self.assign(consumer, &topic)
                .map_err(|error| error.to_string())?;
            self.read_topic(consumer, &topic).await?;
        }
        self.store().await
    }

    /// Has `consumer` read what is left of `topic`.
    fn assign(&self, consumer: &Consumer, topic: &str) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for span in self.spans_of(topic) {
            list.add_partition_offset(topic, span.partition, Offset::Offset(span.next))?;
        }
        consumer.assign(&list)
    }

    fn spans_of(&self, topic: &str) -> impl Iterator<Item = &Span> {
        let spans = self.spans.iter();
        spans.filter(move |span| span.topic == topic && span.next < span.until)
    }

    async fn read_topic(&mut self, consumer: &Consumer, topic: &str) -> Result<(), String> {
        while self.spans_of(topic).next().is_some() {
            match consumer.recv().await {
                // Of the topic before, which was being fetched.
                Ok(message) if message.topic() != topic => {}
                Ok(message) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let pushed = self.projector.push(Record {
                        topic,
                        partition,
                        offset,
                        value: message.payload(),
                    });
                    if let Err(error @ Refused::NewerState(_)) = pushed {
                        return Err(format!("{topic} {partition}/{offset}: {error}"));
                    }
                    self.advance(topic, partition, offset + 1);
                }
                // Compaction may have taken what was last.
                Err(KafkaError::PartitionEOF(partition)) => {
                    self.advance(topic, partition, i64::MAX);
                }
                Err(error) => return Err(error.to_string()),
            }
            if self.projector.is_full(&BOUNDS) {
                self.store().await?;
            }
        }
        Ok(())
    }

    fn advance(&mut self, topic: &str, partition: i32, next: i64) {
        let mut spans = self.spans.iter_mut();
        let span = spans.find(|span| span.partition == partition && span.topic == topic);
        if let Some(span) = span {
            span.next = next.min(span.until).max(span.next);
        }
    }

    /// Stores the rows that were taken in, of this table alone: records tell those of others too.
    async fn store(&mut self) -> Result<(), String> {
        let steps = self.projector.take_full(&ALL);
        let own = |step: &&Step| match step {
            Step::Insert(rows) => rows.table.name == self.table.name,
            Step::Recompute(_) => false,
        };
        for step in steps.iter().filter(own) {
            let stored = self.store.execute(step).await;
            stored.map_err(|error| error.to_string())?;
        }
        // Figures are computed once, at the end.
        self.projector.clear();
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        let of = |count: fn(&Span) -> u64| self.spans.iter().map(count).sum();
        self.progress.send_replace(Progress {
            positions: self.spans.iter().map(|span| span.next).collect(),
            read: of(|span| (span.next - span.low).max(0).unsigned_abs()),
            left: of(|span| (span.until - span.next).max(0).unsigned_abs()),
        });
    }
}
