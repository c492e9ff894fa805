//! What was measured, and how it is shown.

use anyhow::Result;
use serde::Serialize;

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) intake: Option<Intake>,
    pub(crate) replay: Option<Replay>,
    pub(crate) freshness: Option<Freshness>,
    pub(crate) stages: Vec<Stage>,
}

/// One stage's CPU time for each event, in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) cpu_us: f64,
}

/// Intake; each figure is the median of the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Intake {
    /// Gapless's throughput as a share of the control's, pair by pair.
    pub(crate) ratio: f64,
    /// The load at which latencies were measured.
    pub(crate) half_load_per_second: f64,
    pub(crate) control: Server,
    pub(crate) gapless: Server,
}

/// One webhook server.
#[derive(Debug, Serialize)]
pub(crate) struct Server {
    pub(crate) per_second: f64,
    /// CPU of its process for each delivery, in microseconds.
    pub(crate) cpu_us: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) request_bytes: f64,
    pub(crate) peak_memory_mb: f64,
}

/// Replay; each figure is the median of the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Replay {
    pub(crate) events: u64,
    pub(crate) mean_bytes: f64,
    /// Gapless's rate as a share of the control's, pair by pair.
    pub(crate) ratio: f64,
    /// The same, where the control parses with Gapless's code.
    pub(crate) ratio_to_our_parser: f64,
    pub(crate) control: Reader,
    pub(crate) control_with_our_parser: Reader,
    pub(crate) gapless: Reader,
}

/// One reader of the log. CPU is in microseconds an event.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Reader {
    pub(crate) per_second: f64,
    pub(crate) seconds: f64,
    /// When the processors had read all; the rest was the projections' alone.
    pub(crate) processed_after_seconds: f64,
    pub(crate) cpu_us: f64,
    pub(crate) kafka_cpu_us: f64,
    pub(crate) clickhouse_cpu_us: f64,
    pub(crate) peak_memory_mb: f64,
    /// At the end.
    pub(crate) memory_mb: f64,
    /// Pull requests, issues and repositories in the tables.
    pub(crate) entities: u64,
}

impl Reader {
    /// The median of each figure; the number of entities is the same in each round.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| median(&rounds.iter().map(value).collect::<Vec<_>>());
        Self {
            per_second: of(|it| it.per_second),
            seconds: of(|it| it.seconds),
            processed_after_seconds: of(|it| it.processed_after_seconds),
            cpu_us: of(|it| it.cpu_us),
            kafka_cpu_us: of(|it| it.kafka_cpu_us),
            clickhouse_cpu_us: of(|it| it.clickhouse_cpu_us),
            peak_memory_mb: of(|it| it.peak_memory_mb),
            memory_mb: of(|it| it.memory_mb),
            entities: rounds.last().map_or(0, |it| it.entities),
        }
    }
}

/// Freshness.
#[derive(Debug, Serialize)]
pub(crate) struct Freshness {
    pub(crate) per_second: f64,
    pub(crate) accepted: u64,
    /// To the row of the event.
    pub(crate) events: Delay,
    /// To the row of the issue or pull request that the event opened.
    pub(crate) items: Delay,
    pub(crate) cpu_us: f64,
    pub(crate) peak_memory_mb: f64,
}

/// Times from acceptance to visibility.
#[derive(Debug, Serialize)]
pub(crate) struct Delay {
    pub(crate) rows: u64,
    pub(crate) p50_seconds: f64,
    pub(crate) p99_seconds: f64,
    pub(crate) max_seconds: f64,
}

/// The middle value; of an even number of values between the two; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count => f64::midpoint(sorted[(count - 1) / 2], sorted[count / 2]),
    }
}

impl Report {
    /// Prints it for people, or as JSON.
    pub(crate) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        for Stage { name, cpu_us } in &self.stages {
            println!("{cpu_us:8.1} µs  {name}");
        }
        if let Some(intake) = &self.intake {
            intake.print();
        }
        if let Some(replay) = &self.replay {
            replay.print();
        }
        if let Some(freshness) = &self.freshness {
            freshness.print();
        }
        Ok(())
    }
}

impl Intake {
    fn print(&self) {
        println!(
            "Intake, {:.1} KB a request: {:.2} of the control's throughput",
            self.control.request_bytes / 1e3,
            self.ratio
        );
        println!("  latencies at {:.0}/s", self.half_load_per_second);
        println!("              events/s   CPU µs/event   p50 ms   p99 ms   peak MB");
        for (name, it) in [("control", &self.control), ("gapless", &self.gapless)] {
            println!(
                "  {name:<10}{:>10.0}{:>15.1}{:>9.1}{:>9.1}{:>10.0}",
                it.per_second, it.cpu_us, it.p50_ms, it.p99_ms, it.peak_memory_mb
            );
        }
    }
}

impl Replay {
    fn print(&self) {
        println!(
            "Replay, {} events of {:.1} KB: {:.2} of the control's rate, {:.2} of the one with our parser",
            self.events,
            self.mean_bytes / 1e3,
            self.ratio,
            self.ratio_to_our_parser
        );
        println!(
            "                    events/s   CPU µs/event   Kafka   ClickHouse   peak MB   MB at end"
        );
        for (name, it) in [
            ("control", &self.control),
            ("with our parser", &self.control_with_our_parser),
            ("gapless", &self.gapless),
        ] {
            println!(
                "  {name:<16}{:>10.0}{:>15.1}{:>8.1}{:>13.1}{:>10.0}{:>12.0}",
                it.per_second,
                it.cpu_us,
                it.kafka_cpu_us,
                it.clickhouse_cpu_us,
                it.peak_memory_mb,
                it.memory_mb
            );
        }
        println!(
            "  {:.1} s in all, processors done after {:.1} s; {} entities",
            self.gapless.seconds, self.gapless.processed_after_seconds, self.gapless.entities
        );
    }
}

impl Freshness {
    fn print(&self) {
        println!(
            "Freshness at {:.0} events/s, {} events, {:.0} CPU µs/event, peak {:.0} MB",
            self.per_second, self.accepted, self.cpu_us, self.peak_memory_mb
        );
        println!("  accepted to         rows    p50 s    p99 s    max s");
        for (name, it) in [("event's row", &self.events), ("item's row", &self.items)] {
            println!(
                "  {name:<14}{:>10}{:>9.2}{:>9.2}{:>9.2}",
                it.rows, it.p50_seconds, it.p99_seconds, it.max_seconds
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_whatever_the_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }
}
