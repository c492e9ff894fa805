//! What each stage costs on one thread, in memory: where the time of an event goes.
//!
//! Kafka, ClickHouse and the network are left out. Counted is CPU time of this thread, so that
//! others on the machine disturb little; the kernel counts it in steps of some milliseconds, so a
//! stage of less than a microsecond is known only roughly.

use crate::bodies::{Bodies, secret};
use crate::replay::headers;
use crate::report::Stage;
use crate::running::source;
use anyhow::{Context, Result};
use gapless_core::detect::Patience;
use gapless_engine::store::DiskStore;
use gapless_engine::{Input, Output, Settings, Task};
use gapless_ingest::webhook::{Limits, Webhook};
use gapless_ingest::{AppendError, Appended, EventLog, SystemClock, webhook};
use gapless_projections::sink::{Bounds, Projector, Record, Step};
use gapless_schemas::{Codec, Event, Topics};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method};
use sha2::Sha256;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Events of one batch of the processors and of one piece of the projections.
const BATCH: usize = 1_000;
/// Enough for states to grow; repeated runs differ by a few percent.
const EVENTS: usize = 10_000;

/// Keeps what is appended.
#[derive(Default)]
struct Kept(Mutex<Vec<Event>>);

impl EventLog for Kept {
    async fn append(&self, event: Event) -> Result<Appended, AppendError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = i64::try_from(kept.len()).unwrap_or(i64::MAX);
        kept.push(event);
        Ok(Appended {
            partition: 0,
            offset,
        })
    }
}

/// Adds up the CPU time of stages.
#[derive(Default)]
struct Times(Vec<(&'static str, Duration)>);

impl Times {
    fn of<T>(&mut self, stage: &'static str, work: impl FnOnce() -> T) -> Result<T> {
        let before = thread_cpu()?;
        let done = work();
        let took = thread_cpu()? - before;
        match self.0.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, sum)) => *sum += took,
            None => self.0.push((stage, took)),
        }
        Ok(done)
    }
}

/// CPU time of this thread since its start.
fn thread_cpu() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split(' ').next().context("an empty schedstat")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// Measures all stages.
pub(crate) fn measure() -> Result<Vec<Stage>> {
    let mut times = Times::default();
    let events = intake(&mut times)?;
    let codec = Codec::embedded();
    let mut values = Vec::new();
    for batch in events.chunks(BATCH) {
        times.of("intake: encode the envelope", || {
            for event in batch {
                let _ = std::hint::black_box(codec.encode(event));
            }
        })?;
        for event in batch {
            values.push(codec.encode(event)?);
        }
    }
    drop(events);
    let states = processors(&mut times, &codec, &values)?;
    projections(&mut times, &codec, &values, &states)?;
    let an_event = |sum: Duration| sum.as_secs_f64() * 1e6 / EVENTS as f64;
    let stages = times.0.into_iter();
    Ok(stages
        .map(|(name, sum)| Stage {
            name: name.to_owned(),
            cpu_us: an_event(sum),
        })
        .collect())
}

fn intake(times: &mut Times) -> Result<Vec<Event>> {
    let kept = Arc::new(Kept::default());
    let webhook = Webhook::new(
        &[source()],
        Limits::default(),
        Arc::clone(&kept),
        SystemClock,
    );
    let key = Hmac::<Sha256>::new_from_slice(secret().as_bytes())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let secret = secret();
    let mut deliveries = Bodies::Lives.deliveries(EVENTS);
    loop {
        let batch: Vec<_> = deliveries.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        times.of("intake: HMAC alone (part of the next)", || {
            for delivery in &batch {
                let mut mac = key.clone();
                mac.update(&delivery.body);
                std::hint::black_box(mac.finalize());
            }
        })?;
        let ready = batch
            .iter()
            .map(|delivery| Ok((headers(delivery, &secret)?, delivery.body.to_vec())))
            .collect::<Result<Vec<(HeaderMap, Vec<u8>)>>>()?;
        times.of("intake: verify, check, look, event", || {
            runtime.block_on(async {
                for (headers, body) in ready {
                    let outcome: webhook::Outcome =
                        webhook.deliver(&Method::POST, &headers, body).await;
                    std::hint::black_box(outcome);
                }
            });
        })?;
    }
    let mut kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *kept))
}

/// The states that a batch produced: topic and value.
type States = Vec<(String, Vec<u8>)>;

/// Gives the states of each batch.
fn processors(times: &mut Times, codec: &Codec, values: &[Vec<u8>]) -> Result<Vec<States>> {
    let topics = Topics::new("bench", 1);
    let folder = tempfile::tempdir()?;
    let settings = Settings {
        events_topic: topics.events(),
        epoch: topics.epoch,
        acts: true,
        patience: Patience::default(),
        codec: codec.clone(),
    };
    let store = DiskStore::open(&folder.path().join("0.redb"))?;
    let mut task = Task::open(0, settings, store, None)?;
    let mut states = Vec::new();
    for (place, batch) in values.chunks(BATCH).enumerate() {
        times.of("processors: decode (part of read)", || {
            let mut spare = None;
            for value in batch {
                spare = std::hint::black_box(codec.decode_event(value, spare.take())).ok();
            }
        })?;
        let decode = |value: &Vec<u8>| codec.decode(value);
        let events: Vec<Event> = batch.iter().map(decode).collect::<Result<_, _>>()?;
        times.of("processors: parse and lift (part of read)", || {
            for event in &events {
                let _ = std::hint::black_box(gapless_core::lift(event));
            }
        })?;
        let inputs: Vec<Input> = times.of("processors: read", || {
            let offsets = (place * BATCH) as i64..;
            let mut spare = None;
            let read =
                |(offset, value): (i64, &Vec<u8>)| Input::read(codec, offset, value, &mut spare);
            offsets.zip(batch).map(read).collect()
        })?;
        times.of("processors: join", || {
            inputs.into_iter().try_for_each(|input| task.join(input))
        })??;
        times.of("processors: prepare", || task.prepare())??;
        let outputs = task.outputs().unwrap_or_default();
        let encoded = times.of("processors: encode states", || {
            outputs
                .iter()
                .filter_map(|output| encode(codec, &topics, output))
                .collect()
        })?;
        states.push(encoded);
        times.of("processors: local store", || task.store())??;
    }
    Ok(states)
}

fn encode(codec: &Codec, topics: &Topics, output: &Output) -> Option<(String, Vec<u8>)> {
    let Output::State(key, record) = output else {
        return None;
    };
    let value = record.encode(codec);
    Some((topics.state(key.kind.topic()), value.ok()?))
}

fn projections(
    times: &mut Times,
    codec: &Codec,
    values: &[Vec<u8>],
    states: &[States],
) -> Result<()> {
    let topics = Topics::new("bench", 1);
    let mut projector = Projector::new(codec.clone(), &topics);
    let events_topic = topics.events();
    for (place, (events, states)) in values.chunks(BATCH).zip(states).enumerate() {
        let record = |topic, at: usize, value| Record {
            topic,
            partition: 0,
            offset: (place * BATCH + at) as i64,
            value: Some(value),
        };
        times.of("projections: rows of events", || {
            for (at, value) in events.iter().enumerate() {
                let _ = projector.push(record(&events_topic, at, value));
            }
        })?;
        times.of("projections: rows of states", || {
            for (at, (topic, value)) in states.iter().enumerate() {
                let _ = projector.push(record(topic, at, value));
            }
        })?;
        let all = Bounds {
            events_bytes: 0,
            entities: 0,
        };
        let steps: Vec<Step> = times.of("projections: steps", || projector.take_full(&all))?;
        drop(steps);
    }
    times.of("projections: figures' steps", || projector.take_figures())?;
    Ok(())
}
