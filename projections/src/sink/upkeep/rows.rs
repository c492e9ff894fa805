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
    /// Next offset of each partition of each topic, in order; all before is stored.
    pub(super) positions: Vec<i64>,
    /// Records read and stored.
    pub(super) read: u64,
    /// Records still to be read.
    pub(super) left: u64,
}

/// What is to be read of a partition.
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
    let (client, partitions) = (connect(context)?, context.options.topics.partitions);
    let names = topics.clone();
    let asked = move || spans(&client, &names, partitions, &positions);
    let spans = tokio::task::spawn_blocking(asked).await;
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
    for topic in &topics {
        // A client for each: where a partition ends, it does not say of which topic.
        let consumer = connect(context)?;
        let ended = reading.read(&consumer, topic).await;
        // Closing a client blocks for a moment.
        let _ = tokio::task::spawn_blocking(move || drop(consumer)).await;
        ended?;
    }
    Ok(())
}

fn connect(context: &Context) -> Result<Arc<Consumer>, String> {
    connect_for_rebuild(&context.options).map_err(|error| error.to_string())
}

/// What is to be read of each partition of `topics`. Blocks.
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
            let next = position.clamp(low, until.max(low));
            spans.push(Span {
                topic: topic.clone(),
                partition,
                low,
                next,
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
    /// What is not yet read of `topic`.
    fn open<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Span> {
        let spans = self.spans.iter();
        spans.filter(move |span| span.topic == topic && span.next < span.until)
    }

    async fn read(&mut self, consumer: &Consumer, topic: &str) -> Result<(), String> {
        let mut list = TopicPartitionList::new();
        for span in self.open(topic) {
            let added = list.add_partition_offset(topic, span.partition, Offset::Offset(span.next));
            added.map_err(|error| error.to_string())?;
        }
        let assigned = consumer.assign(&list);
        assigned.map_err(|error| error.to_string())?;
        while self.open(topic).next().is_some() {
            match consumer.recv().await {
                Ok(message) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let pushed = self.projector.push(Record {
                        topic: message.topic(),
                        partition,
                        offset,
                        value: message.payload(),
                    });
                    if let Err(error @ Refused::NewerState(_)) = pushed {
                        return Err(format!("{topic} {partition}/{offset}: {error}"));
                    }
                    self.advance(message.topic(), partition, offset + 1);
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
        self.store().await
    }

    fn advance(&mut self, topic: &str, partition: i32, next: i64) {
        let mut spans = self.spans.iter_mut();
        if let Some(span) = spans.find(|span| span.partition == partition && span.topic == topic) {
            span.next = next.min(span.until).max(span.next);
        }
    }

    /// Stores all rows of the table that were taken in. Others are not written, and figures are
    /// computed once, at the end.
    async fn store(&mut self) -> Result<(), String> {
        for step in self.projector.take_full(&ALL) {
            if matches!(&step, Step::Insert(rows) if rows.table.name == self.table.name) {
                let stored = self.store.execute(&step).await;
                stored.map_err(|error| error.to_string())?;
            }
        }
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
