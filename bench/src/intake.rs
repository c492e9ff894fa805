//! Intake: our webhook against a bare one, in turn, so that both meet the same machine.
//!
//! Throughput is that of connections that post as soon as they are answered; latency is measured at
//! half of what the control takes, on both.

use crate::Measure;
use crate::bodies::Bodies;
use crate::load::{Done, Plan};
use crate::part::{Part, Running};
use crate::places::Stack;
use crate::report::{Intake, Server, median};
use anyhow::{Result, ensure};
use std::net::SocketAddr;

/// Different bodies; their ids differ from post to post.
const VARIETY: usize = 200;
/// For throughput: enough that both cores are busy, few enough that no queue grows long.
const CONNECTIONS: usize = 64;

struct Side {
    part: Running,
    address: SocketAddr,
    throughput: Vec<f64>,
    cpu_us: Vec<f64>,
    latency: Vec<Done>,
}

/// Measures both.
pub(crate) async fn measure(stack: &Stack, measure: &Measure) -> Result<Intake> {
    let (ours, bare) = (
        stack.places("bench-intake", 1).await?,
        stack.places("bench-control", 1).await?,
    );
    let mut control = Side::start(Part::BareWebhook {
        places: bare.clone(),
        topic: bare.topics().events(),
    })
    .await?;
    let mut gapless = Side::start(Part::Webhook(ours)).await?;
    let mut label = 0;
    // Kafka compiles its code, and connections are made.
    for side in [&mut control, &mut gapless] {
        side.load(None, 2, &mut label).await?;
    }
    for round in 0..measure.rounds {
        for side in [&mut control, &mut gapless] {
            let before = side.part.process.cpu()?;
            let done = side.load(None, measure.seconds, &mut label).await?;
            let cpu = side.part.process.cpu()? - before;
            side.throughput.push(done.accepted as f64 / done.seconds);
            side.cpu_us
                .push(cpu.as_secs_f64() * 1e6 / done.accepted as f64);
        }
        eprintln!(
            "intake, round {}: control {:.0}/s, gapless {:.0}/s",
            round + 1,
            control.throughput[round],
            gapless.throughput[round],
        );
    }
    let half = median(&control.throughput) / 2.0;
    for _ in 0..measure.rounds {
        for side in [&mut control, &mut gapless] {
            let done = side.load(Some(half), measure.seconds, &mut label).await?;
            side.latency.push(done);
        }
    }
    let ratios: Vec<f64> = std::iter::zip(&gapless.throughput, &control.throughput)
        .map(|(ours, control)| ours / control)
        .collect();
    Ok(Intake {
        ratio: median(&ratios),
        half_load_per_second: half,
        control: control.stop().await?,
        gapless: gapless.stop().await?,
    })
}

impl Side {
    async fn start(part: Part) -> Result<Self> {
        let mut part = part.start()?;
        Ok(Self {
            address: part.hear().await?,
            part,
            throughput: Vec::new(),
            cpu_us: Vec::new(),
            latency: Vec::new(),
        })
    }

    async fn load(&mut self, rate: Option<f64>, seconds: u64, label: &mut u32) -> Result<Done> {
        *label += 1;
        let mut load = Part::Load(Plan {
            address: self.address,
            bodies: Bodies::Of14Kb,
            variety: VARIETY,
            skip: 0,
            connections: CONNECTIONS,
            rate,
            seconds,
            label: *label,
            each: false,
        })
        .start()?;
        let done: Done = load.hear().await?;
        load.stop().await?;
        self.part.must_run()?;
        ensure!(
            done.refused == 0,
            "{} deliveries were refused; less load is needed",
            done.refused
        );
        Ok(done)
    }

    async fn stop(self) -> Result<Server> {
        let of =
            |value: fn(&Done) -> f64| median(&self.latency.iter().map(value).collect::<Vec<_>>());
        let server = Server {
            per_second: median(&self.throughput),
            cpu_us: median(&self.cpu_us),
            p50_ms: of(|done| done.p50_ms),
            p99_ms: of(|done| done.p99_ms),
            request_bytes: of(|done| done.mean_bytes),
            peak_memory_mb: self.part.process.peak_memory_bytes()? as f64 / 1e6,
        };
        self.part.stop().await?;
        Ok(server)
    }
}
