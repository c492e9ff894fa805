//! Benchmarks: Gapless against controls that do the least that the same job needs, as ratios in
//! one run on one machine.
//!
//! ```text
//! this process ── starts Kafka and ClickHouse, plans, measures, prints
//!   ├─ part: Gapless (webhook, or processors and projections, or all)
//!   ├─ part: a control (bare webhook, or bare reader)
//!   └─ part: load generator
//! ```
//!
//! What is measured runs in processes of its own, so that its CPU and memory can be told from those
//! of the load, of Kafka and of ClickHouse. All parts are this very program.

mod bodies;
mod control;
mod freshness;
mod intake;
mod load;
mod part;
mod places;
mod process;
mod replay;
mod report;
mod running;
mod stages;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// As in the `gapless` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Gapless against controls on this machine.
#[derive(Parser, Debug)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    measure: Measure,
}

/// What to measure; all of it by default.
#[derive(Subcommand, Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Webhook to log, against a bare server.
    Intake,
    /// Log to states to ClickHouse, against a bare reader.
    Replay,
    /// Accepted by the webhook to visible in ClickHouse.
    Freshness,
    /// What each stage costs on one thread, without Kafka and ClickHouse.
    Stages,
}

/// How much to measure.
#[derive(clap::Args, Clone, Debug)]
struct Measure {
    /// Events of the replayed log.
    #[arg(long, global = true, default_value_t = 300_000)]
    events: usize,
    /// Seconds of each round of intake.
    #[arg(long, global = true, default_value_t = 5)]
    seconds: u64,
    /// Rounds, each of control and Gapless in turn; figures are their medians.
    #[arg(long, global = true, default_value_t = 3)]
    rounds: usize,
    /// Seconds of deliveries for freshness.
    #[arg(long, global = true, default_value_t = 30)]
    freshness_seconds: u64,
    /// Deliveries a second for freshness.
    #[arg(long, global = true, default_value_t = 200)]
    freshness_rate: u64,
    /// Prints figures as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Where the temporary data folder is made; the system's own place without it.
    #[arg(long, global = true)]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    gapless_embedded::become_part_if_asked();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("GAPLESS_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error")),
        )
        .with_writer(std::io::stderr)
        .init();
    let done = match part::asked() {
        Some(part) => part.and_then(part::Part::become_it),
        None => measure(&Cli::parse()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gapless-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn measure(cli: &Cli) -> Result<()> {
    let wanted = |what| cli.what.is_none_or(|only| only == what);
    let measure = &cli.measure;
    if cli.what == Some(What::Stages) {
        return stages().await?.print(measure.json);
    }
    let stack = places::Stack::start(measure.folder.as_deref()).await?;
    let measured = async {
        let mut report = match cli.what {
            None => stages().await?,
            Some(_) => report::Report::default(),
        };
        if wanted(What::Intake) {
            report.intake = Some(intake::measure(&stack, measure).await?);
        }
        if wanted(What::Replay) {
            report.replay = Some(replay::measure(&stack, measure).await?);
        }
        if wanted(What::Freshness) {
            report.freshness = Some(freshness::measure(&stack, measure).await?);
        }
        Ok(report)
    };
    let report = tokio::select! {
        report = measured => report,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    stack.stop().await;
    report?.print(measure.json)
}

/// The stages' costs, measured on a thread that does nothing else.
async fn stages() -> Result<report::Report> {
    Ok(report::Report {
        stages: tokio::task::spawn_blocking(stages::measure).await??,
        ..report::Report::default()
    })
}
