//! What the webhook counts, in Prometheus' text form.

use super::Outcome;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the latency histogram, in milliseconds.
const BOUNDS_MILLIS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/// Counters of one webhook since the process started.
pub struct WebhookMetrics {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    append_buckets: [AtomicU64; BOUNDS_MILLIS.len()],
    append_count: AtomicU64,
    append_micros: AtomicU64,
    payload_bytes: AtomicU64,
}

impl WebhookMetrics {
    pub(super) fn new() -> Self {
        Self {
            outcomes: [const { AtomicU64::new(0) }; Outcome::ALL.len()],
            append_buckets: [const { AtomicU64::new(0) }; BOUNDS_MILLIS.len()],
            append_count: AtomicU64::new(0),
            append_micros: AtomicU64::new(0),
            payload_bytes: AtomicU64::new(0),
        }
    }

    /// Requests that ended with `outcome`.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Relaxed)
    }

    pub(super) fn ended(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn appended(&self, took: Duration, payload_bytes: usize) {
        if let Some(bucket) = BOUNDS_MILLIS
            .iter()
            .position(|&bound| took <= Duration::from_millis(bound))
        {
            self.append_buckets[bucket].fetch_add(1, Relaxed);
        }
        self.append_count.fetch_add(1, Relaxed);
        self.append_micros
            .fetch_add(took.as_micros().try_into().unwrap_or(u64::MAX), Relaxed);
        self.payload_bytes.fetch_add(payload_bytes as u64, Relaxed);
    }

    /// All counters; `in_flight_bytes` is the webhook's gauge.
    pub(super) fn render(&self, in_flight_bytes: usize) -> String {
        let mut text = String::with_capacity(4_096);
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            let _ = text.write_fmt(arguments);
            text.push('\n');
        };
        line(format_args!(
            "# HELP gapless_webhook_requests_total Requests to the webhook by how they ended.\n\
             # TYPE gapless_webhook_requests_total counter"
        ));
        for outcome in Outcome::ALL {
            line(format_args!(
                "gapless_webhook_requests_total{{outcome=\"{}\",status=\"{}\"}} {}",
                outcome.name(),
                outcome.status(),
                self.count(outcome)
            ));
        }
        line(format_args!(
            "# HELP gapless_webhook_append_seconds Time until the log had a delivery durably.\n\
             # TYPE gapless_webhook_append_seconds histogram"
        ));
        let mut below = 0;
        for (bound, bucket) in BOUNDS_MILLIS.iter().zip(&self.append_buckets) {
            below += bucket.load(Relaxed);
            let seconds = *bound as f64 / 1e3;
            line(format_args!(
                "gapless_webhook_append_seconds_bucket{{le=\"{seconds}\"}} {below}"
            ));
        }
        let count = self.append_count.load(Relaxed);
        line(format_args!(
            "gapless_webhook_append_seconds_bucket{{le=\"+Inf\"}} {count}"
        ));
        line(format_args!(
            "gapless_webhook_append_seconds_sum {}",
            self.append_micros.load(Relaxed) as f64 / 1e6
        ));
        line(format_args!("gapless_webhook_append_seconds_count {count}"));
        line(format_args!(
            "# HELP gapless_webhook_payload_bytes_total Bytes of payloads that the log has.\n\
             # TYPE gapless_webhook_payload_bytes_total counter\n\
             gapless_webhook_payload_bytes_total {}",
            self.payload_bytes.load(Relaxed)
        ));
        line(format_args!(
            "# HELP gapless_webhook_in_flight_bytes Bytes of bodies being read or appended.\n\
             # TYPE gapless_webhook_in_flight_bytes gauge\n\
             gapless_webhook_in_flight_bytes {in_flight_bytes}"
        ));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up_and_the_slowest_stand_in_the_last() {
        let metrics = WebhookMetrics::new();
        metrics.ended(Outcome::Accepted);
        for millis in [1, 3, 60_000] {
            metrics.appended(Duration::from_millis(millis), 10);
        }
        let text = metrics.render(5);
        for line in [
            "gapless_webhook_requests_total{outcome=\"accepted\",status=\"202\"} 1",
            "gapless_webhook_append_seconds_bucket{le=\"0.001\"} 1",
            "gapless_webhook_append_seconds_bucket{le=\"0.005\"} 2",
            "gapless_webhook_append_seconds_bucket{le=\"5\"} 2",
            "gapless_webhook_append_seconds_bucket{le=\"+Inf\"} 3",
            "gapless_webhook_payload_bytes_total 30",
            "gapless_webhook_in_flight_bytes 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
