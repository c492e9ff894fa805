//! Replay: a whole log to states to ClickHouse, against readers that only consume and parse: one
//! that parses with the library, as anybody's first program would, and one that parses no more than
//! Gapless needs, with its code, which is what consuming costs at the least.
//!
//! The log is written once, by the webhook's own code. Each round starts from nothing: an empty
//! store, a new group, empty tables, all of a new generation. It ends when the processors have
//! committed the end of the events topic and the projections the end of every topic.

use crate::Measure;
use crate::bodies::{Bodies, secret};
use crate::part::{Parser, Part};
use crate::places::{Places, Stack};
use crate::process::Process;
use crate::report::{Reader, Replay, median};
use crate::running::source;
use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use gapless_ingest::webhook::{Limits, Outcome, Webhook};
use gapless_ingest::{Clock, KafkaLog};
use gapless_schemas::{Codec, StateTopic, Timestamp, Topics};
use gapless_simulator::Delivery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio_stream::wrappers::ReceiverStream;

const NAME: &str = "bench-replay";
/// How often the end is looked for: more often would cost Kafka more.
const LOOK: Duration = Duration::from_millis(200);
const ANSWER: Duration = Duration::from_secs(10);
/// A replay that takes longer hangs.
const ROUND_MAX: Duration = Duration::from_secs(1_800);

/// Measures all three.
pub(crate) async fn measure(stack: &Stack, measure: &Measure) -> Result<Replay> {
    let places = stack.places(NAME, 1).await?;
    let (mean_bytes, seconds) = fill(&places, measure.events).await?;
    eprintln!(
        "replay: {} events of {mean_bytes:.0} bytes written in {seconds:.0} s",
        measure.events
    );
    let (mut control, mut least, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..measure.rounds {
        control.push(read_barely(&places, measure.events, Parser::Library).await?);
        least.push(read_barely(&places, measure.events, Parser::Ours).await?);
        let generation = u32::try_from(round)? + 1;
        ours.push(
            read(
                stack,
                &stack.places(NAME, generation).await?,
                measure.events,
            )
            .await?,
        );
        eprintln!(
            "replay, round {}: control {:.0}/s, with our parser {:.0}/s, gapless {:.0}/s",
            round + 1,
            control[round].per_second,
            least[round].per_second,
            ours[round].per_second,
        );
    }
    let ratio = |control: &[Reader]| {
        let pairs = std::iter::zip(&ours, control);
        let ratios = pairs.map(|(ours, control)| ours.per_second / control.per_second);
        median(&ratios.collect::<Vec<_>>())
    };
    Ok(Replay {
        events: measure.events as u64,
        mean_bytes,
        ratio: ratio(&control),
        ratio_to_our_parser: ratio(&least),
        control: Reader::median(&control),
        control_with_our_parser: Reader::median(&least),
        gapless: Reader::median(&ours),
    })
}

/// Writes the log, with the times of the simulated deliveries; gives the payloads' mean size and
/// the seconds it took.
async fn fill(places: &Places, events: usize) -> Result<(f64, f64)> {
    const UNDER_WAY: usize = 2_000;
    let began = Instant::now();
    let log = KafkaLog::new(places.kafka(), places.topics(), Codec::embedded())?;
    let clock = Arc::new(SetClock::default());
    let webhook = Webhook::new(&[source()], Limits::default(), log, Arc::clone(&clock));
    let (give, deliveries) = tokio::sync::mpsc::channel(UNDER_WAY);
    let making = tokio::task::spawn_blocking(move || {
        for delivery in Bodies::Lives.deliveries(events) {
            if give.blocking_send(delivery).is_err() {
                return;
            }
        }
    });
    let secret = secret();
    let mut appended = ReceiverStream::new(deliveries)
        .map(|delivery: Delivery| {
            let headers = headers(&delivery, &secret);
            let (webhook, clock) = (Arc::clone(&webhook), Arc::clone(&clock));
            async move {
                // Polled first in the order of deliveries, and appended before it first waits.
                clock
                    .0
                    .store(delivery.attempted_at.as_millis(), Ordering::Relaxed);
                let (headers, body) = (headers?, delivery.body.to_vec());
                let outcome = webhook.deliver(&Method::POST, &headers, body).await;
                anyhow::Ok((outcome, delivery.body.len()))
            }
        })
        .buffer_unordered(UNDER_WAY);
    let (mut count, mut bytes) = (0, 0);
    while let Some(done) = appended.next().await {
        let (outcome, size) = done?;
        ensure!(
            matches!(outcome, Outcome::Accepted | Outcome::Pong),
            "a delivery could not be appended: {outcome:?}"
        );
        (count, bytes) = (count + 1, bytes + size);
    }
    making.await?;
    ensure!(count == events, "{count} deliveries instead of {events}");
    Ok((bytes as f64 / count as f64, began.elapsed().as_secs_f64()))
}

/// The clock of the simulated deliveries.
#[derive(Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// The request's headers.
pub(crate) fn headers(delivery: &Delivery, secret: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in delivery.headers(secret) {
        headers.insert(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_str(&value)?,
        );
    }
    Ok(headers)
}

async fn read_barely(places: &Places, events: usize, parser: Parser) -> Result<Reader> {
    let mut part = Part::BareReader {
        places: places.clone(),
        topic: places.topics().events(),
        events: events as u64,
        parser,
    }
    .start()?;
    let seconds: f64 = part.hear().await?;
    let reader = Reader {
        per_second: events as f64 / seconds,
        seconds,
        cpu_us: part.process.cpu()?.as_secs_f64() * 1e6 / events as f64,
        peak_memory_mb: part.process.peak_memory_bytes()? as f64 / 1e6,
        memory_mb: part.process.memory_bytes()? as f64 / 1e6,
        ..Reader::default()
    };
    part.stop().await?;
    Ok(reader)
}

async fn read(stack: &Stack, places: &Places, events: usize) -> Result<Reader> {
    let ends = Arc::new(Ends::new(places)?);
    let engines = |engine: Process| engine.cpu();
    let before = (engines(stack.kafka)?, engines(stack.clickhouse)?);
    let began = Instant::now();
    let mut part = Part::Readers(places.clone()).start()?;
    let mut processed = None;
    let seconds = loop {
        tokio::time::sleep(LOOK).await;
        part.must_run()?;
        ensure!(began.elapsed() < ROUND_MAX, "a replay did not end in time");
        let look = Arc::clone(&ends);
        let is_processed = processed.is_some();
        let done = tokio::task::spawn_blocking(move || {
            if is_processed {
                look.all_projected()
            } else {
                look.all_processed()
            }
        });
        match (done.await??, processed) {
            (true, None) => processed = Some(began.elapsed().as_secs_f64()),
            (true, Some(_)) => break began.elapsed().as_secs_f64(),
            (false, _) => {}
        }
    };
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / events as f64;
    let reader = Reader {
        per_second: events as f64 / seconds,
        seconds,
        processed_after_seconds: processed.unwrap_or_default(),
        cpu_us: each(part.process.cpu()?),
        kafka_cpu_us: each(stack.kafka.cpu()? - before.0),
        clickhouse_cpu_us: each(stack.clickhouse.cpu()? - before.1),
        peak_memory_mb: part.process.peak_memory_bytes()? as f64 / 1e6,
        memory_mb: part.process.memory_bytes()? as f64 / 1e6,
        entities: entities(places).await?,
    };
    part.stop().await?;
    Ok(reader)
}

/// How many pull requests, issues and repositories the tables have.
async fn entities(places: &Places) -> Result<u64> {
    let options = places.clickhouse();
    let tables = options.generation(places.topics().generation);
    let counts = ["pull_requests", "issues", "repositories"]
        .map(|table| format!("(SELECT count() FROM `{tables}`.{table} FINAL)"));
    let sql = format!("SELECT assumeNotNull({})", counts.join(" + "));
    Ok(options.client().query(&sql).fetch_one().await?)
}

/// Compares what the groups have committed with the topics' ends.
struct Ends {
    topics: Topics,
    processors: BaseConsumer,
    projections: BaseConsumer,
}

impl Ends {
    fn new(places: &Places) -> Result<Self> {
        let topics = places.topics();
        // Never subscribed: it only asks for another member's offsets.
        let of = |group: String| -> Result<BaseConsumer> {
            let mut config: ClientConfig = places.settings.iter().cloned().collect();
            Ok(config
                .set("bootstrap.servers", &places.bootstrap)
                .set("group.id", group)
                .create()?)
        };
        Ok(Self {
            processors: of(topics.processors_group())?,
            projections: of(topics.projections_group())?,
            topics,
        })
    }

    fn all_processed(&self) -> Result<bool> {
        at_end(&self.processors, &[self.topics.events()], &self.topics)
    }

    fn all_projected(&self) -> Result<bool> {
        let mut names = StateTopic::ALL
            .map(|topic| self.topics.state(topic))
            .to_vec();
        names.push(self.topics.events());
        at_end(&self.projections, &names, &self.topics)
    }
}

fn at_end(group: &BaseConsumer, names: &[String], topics: &Topics) -> Result<bool> {
    let mut partitions = TopicPartitionList::new();
    for name in names {
        partitions.add_partition_range(name, 0, topics.partitions - 1);
    }
    let committed = group.committed_offsets(partitions, ANSWER)?;
    for element in committed.elements() {
        let (name, partition) = (element.topic(), element.partition());
        let (start, end) = group
            .fetch_watermarks(name, partition, ANSWER)
            .with_context(|| format!("the end of {name}"))?;
        let is_there = match element.offset() {
            Offset::Offset(offset) => offset >= end,
            _ => start == end,
        };
        if !is_there {
            return Ok(false);
        }
    }
    Ok(true)
}
