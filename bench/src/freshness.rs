//! Freshness: from the answer to a delivery to the row that a reader of ClickHouse sees.
//!
//! ClickHouse is asked again and again what it shows; a row counts as visible when the answer that
//! holds it has arrived, so figures are too high by up to [`LOOK`] and a query's time, never too
//! low. Two rows are waited for: that of the event itself, and where the delivery opens an issue or
//! pull request, the row of that, which has gone through the processors.

use crate::Measure;
use crate::bodies::Bodies;
use crate::load::{Done, Opened, Plan, now_ms, percentile};
use crate::part::{Part, Running};
use crate::places::{Places, Stack};
use crate::report::{Delay, Freshness};
use anyhow::{Result, ensure};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// After the last answer.
const VISIBLE_WITHIN: Duration = Duration::from_secs(60);
const WARM_UP_SECONDS: u64 = 5;

/// Measures it.
pub(crate) async fn measure(stack: &Stack, measure: &Measure) -> Result<Freshness> {
    let places = stack.places("bench-freshness", 1).await?;
    let mut gapless = Part::Gapless(places.clone()).start()?;
    let address: SocketAddr = gapless.hear().await?;
    let mut sight = Sight::default();
    let plan = |label, skip, seconds| Plan {
        address,
        bodies: Bodies::Lives,
        variety: usize::try_from(seconds * measure.freshness_rate).unwrap_or(usize::MAX),
        skip,
        connections: 16,
        rate: Some(measure.freshness_rate as f64),
        seconds,
        label,
        each: true,
    };
    let warm_up = plan(1, 0, WARM_UP_SECONDS);
    let skip = warm_up.variety;
    sight.watch(&places, &mut gapless, warm_up).await?;
    let before = gapless.process.cpu()?;
    let done = sight
        .watch(
            &places,
            &mut gapless,
            plan(2, skip, measure.freshness_seconds),
        )
        .await?;
    let cpu = gapless.process.cpu()? - before;
    let events = done
        .each
        .iter()
        .filter_map(|it| Some(sight.events.get(&it.guid)? - it.at_ms));
    let items = done
        .each
        .iter()
        .filter_map(|it| Some(sight.items.get(it.opened.as_ref()?)? - it.at_ms));
    let freshness = Freshness {
        per_second: done.accepted as f64 / done.seconds,
        accepted: done.accepted,
        events: delay(events),
        items: delay(items),
        cpu_us: cpu.as_secs_f64() * 1e6 / done.accepted as f64,
        peak_memory_mb: gapless.process.peak_memory_bytes()? as f64 / 1e6,
    };
    gapless.stop().await?;
    Ok(freshness)
}

fn delay(delays_ms: impl Iterator<Item = i64>) -> Delay {
    let mut delays: Vec<f64> = delays_ms.map(|ms| ms as f64 / 1e3).collect();
    delays.sort_by(f64::total_cmp);
    Delay {
        rows: delays.len() as u64,
        p50_seconds: percentile(&delays, 0.50),
        p99_seconds: percentile(&delays, 0.99),
        max_seconds: percentile(&delays, 1.0),
    }
}

/// When each row was first seen.
#[derive(Default)]
struct Sight {
    events: HashMap<String, i64>,
    items: HashMap<Opened, i64>,
}

impl Sight {
    /// Carries out `plan` and looks until all of its deliveries are seen.
    async fn watch(&mut self, places: &Places, gapless: &mut Running, plan: Plan) -> Result<Done> {
        let label = format!("{:08x}-", plan.label);
        let mut load = Part::Load(plan).start()?;
        let mut done: Option<Done> = None;
        let mut answered = Instant::now();
        loop {
            let next = tokio::time::sleep(LOOK);
            self.look(places, &label).await?;
            gapless.must_run()?;
            match &done {
                None => tokio::select! {
                    heard = load.hear::<Done>() => {
                        done = Some(heard?);
                        answered = Instant::now();
                    }
                    () = next => {}
                },
                Some(done) if self.has(done) => break,
                Some(_) => {
                    ensure!(answered.elapsed() < VISIBLE_WITHIN, "rows are missing");
                    next.await;
                }
            }
        }
        load.stop().await?;
        let done = done.filter(|done| done.refused == 0);
        done.ok_or_else(|| anyhow::anyhow!("deliveries were refused"))
    }

    fn has(&self, done: &Done) -> bool {
        done.each.iter().all(|it| {
            self.events.contains_key(&it.guid)
                && it
                    .opened
                    .as_ref()
                    .is_none_or(|opened| self.items.contains_key(opened))
        })
    }

    /// Looks at what is new since a few seconds, and at all items.
    async fn look(&mut self, places: &Places, label: &str) -> Result<()> {
        let options = places.clickhouse();
        let (client, tables) = (
            options.client(),
            options.generation(places.topics().generation),
        );
        let events = format!(
            "SELECT assumeNotNull(delivery_id) FROM `{tables}`.events
             WHERE stored_at > now64(3) - 10 AND startsWith(ifNull(delivery_id, ''), '{label}')"
        );
        let items = format!(
            "SELECT repository_id, number FROM `{tables}`.issues
             UNION ALL SELECT repository_id, number FROM `{tables}`.pull_requests"
        );
        let (events, items) = tokio::try_join!(
            client.query(&events).fetch_all::<String>(),
            client.query(&items).fetch_all::<(i64, i64)>(),
        )?;
        let now = now_ms();
        for guid in events {
            self.events.entry(guid).or_insert(now);
        }
        for (repository_id, number) in items {
            let item = Opened {
                repository_id,
                number,
            };
            self.items.entry(item).or_insert(now);
        }
        Ok(())
    }
}
