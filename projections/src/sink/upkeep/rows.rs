//! Writes the rows of one table again, from its topic.

use super::keeper::Context;
use crate::catalogue::topic_of;
use crate::sink::clickhouse::ClickHouse;
use crate::sink::projector::{Bounds, Projector, Record, Refused};
use crate::sink::service::consumer::{Consumer, connect_for_rebuild};
use crate::sink::step::{Step, StepKind, Store};
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
    /// Next offset of each partition; all before is stored.
    pub(super) positions: Vec<i64>,
    /// Records read and stored.
    pub(super) read: u64,
    /// Records still to be read.
    pub(super) left: u64,
}

/// What is to be read of a partition.
#[derive(Clone, Copy, Debug)]
struct Span {
    low: i64,
    next: i64,
    until: i64,
}

/// Writes all rows of `table` that its topic tells until now, from `positions` on; tells `progress`
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
    let topic = topic_of(table, &context.options.topics);
    let consumer = connect_for_rebuild(&context.options).map_err(|error| error.to_string())?;
    let (client, name) = (Arc::clone(&consumer), topic.clone());
    let partitions = context.options.topics.partitions;
    let spans =
        tokio::task::spawn_blocking(move || assign(&client, &name, partitions, &positions)).await;
    let spans = spans.map_err(|panic| panic.to_string())?;
    let mut reading = Reading {
        store: ClickHouse::new(
            &context.options.clickhouse,
            context.options.topics.generation,
        ),
        projector: Projector::new(context.codec.clone(), &context.options.topics),
        spans: spans.map_err(|error| error.to_string())?,
        progress,
    };
    reading.tell();
    let ended = reading.read(&consumer, &topic).await;
    // Closing a client blocks for a moment.
    let _ = tokio::task::spawn_blocking(move || drop(consumer)).await;
    ended
}

/// Has `consumer` read each partition of `topic` from its position on. Blocks.
fn assign(
    consumer: &Consumer,
    topic: &str,
    partitions: i32,
    positions: &[i64],
) -> KafkaResult<Vec<Span>> {
    let (mut list, mut spans) = (TopicPartitionList::new(), Vec::new());
    for (partition, place) in (0..partitions).zip(0_usize..) {
        let (low, until) = consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT)?;
        let position = positions.get(place).copied().unwrap_or(0);
        let next = position.clamp(low, until.max(low));
        if next < until {
            list.add_partition_offset(topic, partition, Offset::Offset(next))?;
        }
        spans.push(Span { low, next, until });
    }
    consumer.assign(&list)?;
    Ok(spans)
}

struct Reading<'a> {
    store: ClickHouse,
    projector: Projector,
    spans: Vec<Span>,
    progress: &'a watch::Sender<Progress>,
}

impl Reading<'_> {
    async fn read(&mut self, consumer: &Consumer, topic: &str) -> Result<(), String> {
        while self.spans.iter().any(|span| span.next < span.until) {
            match consumer.recv().await {
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
                    self.advance(partition, offset + 1);
                }
                // Compaction may have taken what was last.
                Err(KafkaError::PartitionEOF(partition)) => self.advance(partition, i64::MAX),
                Err(error) => return Err(error.to_string()),
            }
            if self.projector.is_full(&BOUNDS) {
                self.store(&BOUNDS).await?;
            }
        }
        self.store(&ALL).await
    }

    fn advance(&mut self, partition: i32, next: i64) {
        let place = usize::try_from(partition).ok();
        if let Some(span) = place.and_then(|place| self.spans.get_mut(place)) {
            span.next = next.min(span.until).max(span.next);
        }
    }

    /// Stores the rows that were taken in, all of them: they are of one table.
    async fn store(&mut self, bounds: &Bounds) -> Result<(), String> {
        let steps = self.projector.take_full(bounds);
        let rows = |step: &&Step| step.kind() == StepKind::Rows;
        for step in steps.iter().filter(rows) {
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
