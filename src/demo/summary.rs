//! When the demo is over, and what it prints then.

use super::compare::{Answers, Compared, DetectorGaps};
use crate::system::Health;
use anyhow::{Result, bail};
use gapless_engine::kafka::Access;
use gapless_projections::sink::Phase;
use gapless_simulator::{DriveReport, Driver, SimulatedClock};
use serde_json::json;
use std::time::{Duration, Instant};

/// Longest time without any progress before the demo gives up.
const STALLED: Duration = Duration::from_secs(120);

/// Differences printed at most; the count tells of the rest.
const SHOWN: usize = 20;

/// What the projections must have had nothing to read for: longer than they gather a batch and than
/// their lag is old.
const SETTLED: Duration = Duration::from_secs(4);

/// Returns once every delivery has arrived and been processed, polls had the time to look at everything
/// once more, and no question is left. `quiet_seconds` of simulated time pass for that.
pub(super) async fn wait_until_healed(
    health: &Health,
    access: &Access,
    driver: &Driver,
    clock: &SimulatedClock,
    quiet_seconds: i64,
) -> Result<()> {
    let mut processed_at = None;
    let mut last = (0, Instant::now());
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let processed = health.processors.events();
        let asking: usize = health
            .processors
            .partitions()
            .values()
            .map(|partition| partition.asking)
            .sum();
        let report = driver.report();
        tracing::info!(processed, asking, accepted = report.accepted, now = %clock.now(), "running");
        // After a kill the processors wait until Kafka believes that the old ones are gone, and what is
        // not read yet, or is read again without a word, asks nothing yet.
        let is_read = health.processors.lag() == Some(0);
        if processed_at.is_none() && report.all_delivered && is_read && lag(access).await? == 0 {
            processed_at = Some(clock.now());
        }
        if let Some(since) = processed_at
            && asking == 0
            && clock.now() >= since.plus_seconds(quiet_seconds)
        {
            return Ok(());
        }
        // Polls go on for ever, so after the last delivery only fewer questions are progress.
        let progress = if processed_at.is_some() {
            asking as u64
        } else {
            processed + report.accepted
        };
        if progress != last.0 {
            last = (progress, Instant::now());
        }
        if last.1.elapsed() > STALLED {
            bail!(
                "{asking} entities still ask something, and have for {} s",
                STALLED.as_secs()
            );
        }
    }
}

/// Events whose outputs the processors have yet to append.
async fn lag(access: &Access) -> Result<u64> {
    let access = access.clone();
    let asked = tokio::task::spawn_blocking(move || access.processors_lag());
    Ok(asked.await??)
}

/// Returns once nothing is left in the log that the projections have not stored. The simulated time
/// must stand: polls go on for ever.
pub(super) async fn wait_until_stored(health: &Health) -> Result<()> {
    let (mut records, mut since, began) = (0, Instant::now(), Instant::now());
    while since.elapsed() < SETTLED {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let sink = health.projections.borrow().clone();
        if sink.records != records || sink.phase != Phase::Running || sink.lag != Some(0) {
            (records, since) = (sink.records, Instant::now());
        }
        if began.elapsed() > STALLED {
            bail!(
                "the projections have not come to the log's end in {} s",
                STALLED.as_secs()
            );
        }
    }
    Ok(())
}

/// What the run came to.
pub(super) struct Summary {
    seed: u64,
    report: DriveReport,
    seconds: f64,
    compared: Compared,
    gaps: Vec<DetectorGaps>,
    answers: Answers,
    unhealed: Option<anyhow::Error>,
}

impl Summary {
    pub(super) fn new(
        seed: u64,
        report: &DriveReport,
        seconds: f64,
        compared: Compared,
        gaps: Vec<DetectorGaps>,
        answers: Answers,
        unhealed: Option<anyhow::Error>,
    ) -> Self {
        Self {
            seed,
            report: report.clone(),
            seconds,
            compared,
            gaps,
            answers,
            unhealed,
        }
    }

    /// Every figure equals the truth, nothing lacks, and every gap is closed.
    pub(super) fn is_right(&self) -> bool {
        self.compared.wrong.is_empty()
            && self.unhealed.is_none()
            && self.compared.completeness >= 1.0
            && self.opened() == self.healed()
    }

    fn opened(&self) -> u64 {
        self.gaps.iter().map(|gaps| gaps.gaps).sum()
    }

    fn healed(&self) -> u64 {
        self.gaps
            .iter()
            .filter(|gaps| gaps.outcome.is_some())
            .map(|gaps| gaps.gaps)
            .sum()
    }

    pub(super) fn print(&self, as_json: bool) -> Result<()> {
        let faults = &self.report.faults;
        let events_per_second = self.report.accepted as f64 / self.seconds;
        if as_json {
            let by_detector: Vec<_> = self
                .gaps
                .iter()
                .map(|gaps| json!({"detector": gaps.detector, "outcome": gaps.outcome, "gaps": gaps.gaps}))
                .collect();
            let oddities: serde_json::Map<_, _> = (self.compared.oddities.iter())
                .map(|(oddity, times)| (format!("{oddity:?}"), json!(times)))
                .collect();
            let summary = json!({
                "seed": self.seed,
                "events": faults.sent,
                "lost": faults.lost,
                "doubled": faults.doubled,
                "delayed": faults.delayed,
                "reordered": faults.reordered,
                "oddities": oddities,
                "accounts_unknown": self.compared.unknown,
                "accepted": self.report.accepted,
                "refused": self.report.refused,
                "gaps_opened": self.opened(),
                "gaps_healed": self.healed(),
                "gaps_by_detector": by_detector,
                "answers_to_gaps": self.answers.to_gaps,
                "answers_to_audits": self.answers.to_audits,
                "seconds": self.seconds,
                "events_per_second": events_per_second,
                "completeness": self.compared.completeness,
                "figures_compared": self.compared.figures,
                "figures_wrong": self.compared.wrong.len(),
                "differences": self.compared.wrong.iter().take(SHOWN).collect::<Vec<_>>(),
                "unhealed": self.unhealed.as_ref().map(ToString::to_string),
            });
            println!("{}", serde_json::to_string_pretty(&summary)?);
            return Ok(());
        }
        println!("seed                {}", self.seed);
        println!(
            "events              {} sent by the simulated GitHub",
            faults.sent
        );
        println!(
            "faults              {} lost, {} doubled, {} late, {} overtaken",
            faults.lost, faults.doubled, faults.delayed, faults.reordered
        );
        println!(
            "time                {:.1} s, {events_per_second:.0} events/s",
            self.seconds
        );
        println!(
            "gaps                {} opened, {} healed",
            self.opened(),
            self.healed()
        );
        for gaps in &self.gaps {
            let outcome = gaps.outcome.as_deref().unwrap_or("still open");
            println!(
                "                    {:>6} {} {outcome}",
                gaps.gaps, gaps.detector
            );
        }
        println!(
            "asked GitHub        {} times for gaps, {} times to audit items that had been quiet",
            self.answers.to_gaps, self.answers.to_audits
        );
        println!(
            "completeness        {:.4} %",
            self.compared.completeness * 100.0
        );
        println!(
            "figures             {} compared, {} wrong",
            self.compared.figures,
            self.compared.wrong.len()
        );
        for difference in self.compared.wrong.iter().take(SHOWN) {
            println!("  {difference}");
        }
        if let Some(unhealed) = &self.unhealed {
            println!("not healed          {unhealed}");
        }
        Ok(())
    }
}
