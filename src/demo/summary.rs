//! When the demo is over, and what it prints then.

use super::compare::{Compared, DetectorGaps};
use crate::query::Reader;
use crate::system::{Health, Places};
use anyhow::{Result, bail};
use gapless_projections::sink::Phase;
use gapless_simulator::{DriveReport, Driver};
use serde_json::json;
use std::time::{Duration, Instant};

/// Longest time without any progress before the demo gives up.
const STALLED: Duration = Duration::from_secs(120);

/// Differences printed at most; the count tells of the rest.
const SHOWN: usize = 20;

/// Returns once every delivery has arrived, every question is answered and everything is stored.
pub(super) async fn wait_until_healed(
    places: &Places,
    health: &Health,
    driver: &Driver,
) -> Result<()> {
    let reader = Reader::new(places)?;
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
        let delivered = driver.report().all_delivered;
        tracing::info!(
            processed,
            asking,
            delivered,
            accepted = driver.report().accepted,
            "running"
        );
        if delivered && asking == 0 && is_stored(health, &reader).await? {
            return Ok(());
        }
        let progress = processed + driver.report().accepted;
        if progress != last.0 && !(delivered && asking > 0 && last.1.elapsed() > STALLED) {
            last = (progress, if delivered { last.1 } else { Instant::now() });
        }
        if last.1.elapsed() > STALLED {
            bail!(
                "{asking} entities still ask something, and have for {} s",
                STALLED.as_secs()
            );
        }
    }
}

/// Nothing is left in the log that the projections have not stored.
async fn is_stored(health: &Health, reader: &Reader) -> Result<bool> {
    let sink = health.projections.borrow().clone();
    if sink.phase != Phase::Running {
        return Ok(false);
    }
    let open = reader
        .rows("SELECT toUInt32(countIf(is_open)) AS open FROM gapless.gaps")
        .await?;
    Ok(open.first().is_some_and(|row| row["open"] == 0))
}

/// What the run came to.
pub(super) struct Summary {
    seed: u64,
    report: DriveReport,
    seconds: f64,
    compared: Compared,
    gaps: Vec<DetectorGaps>,
    unhealed: Option<anyhow::Error>,
}

impl Summary {
    pub(super) fn new(
        seed: u64,
        report: &DriveReport,
        seconds: f64,
        compared: Compared,
        gaps: Vec<DetectorGaps>,
        unhealed: Option<anyhow::Error>,
    ) -> Self {
        Self {
            seed,
            report: report.clone(),
            seconds,
            compared,
            gaps,
            unhealed,
        }
    }

    /// Every figure equals the truth, nothing lacks, and every gap is closed.
    pub(super) fn is_right(&self) -> bool {
        self.compared.wrong.is_empty()
            && self.unhealed.is_none()
            && self.compared.completeness >= 1.0
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
            let summary = json!({
                "seed": self.seed,
                "events": faults.sent,
                "lost": faults.lost,
                "doubled": faults.doubled,
                "delayed": faults.delayed,
                "reordered": faults.reordered,
                "refused": self.report.refused,
                "gaps_opened": self.opened(),
                "gaps_healed": self.healed(),
                "gaps_by_detector": by_detector,
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
