//! What the webhook counts, for Prometheus.

use super::Outcome;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Upper bounds of the latency histogram.
const BOUNDS_SECONDS: [f64; 12] = [
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// Labels of a request: its outcome and status.
type Labels = [(&'static str, String); 2];

/// Counters of one webhook since the process started.
pub struct WebhookMetrics {
    requests: Family<Labels, Counter>,
    /// Those of `requests`, by outcome: each is there from the start, at 0, so that the first is seen
    /// as a rise.
    outcomes: [Counter; Outcome::ALL.len()],
    append_seconds: Histogram,
    payload_bytes: Counter,
}

impl WebhookMetrics {
    pub(super) fn new() -> Self {
        let requests = Family::<Labels, Counter>::default();
        let outcomes = Outcome::ALL.map(|outcome| {
            let labels = [
                ("outcome", outcome.name().to_owned()),
                ("status", outcome.status().to_string()),
            ];
            requests.get_or_create(&labels).clone()
        });
        Self {
            requests,
            outcomes,
            append_seconds: Histogram::new(BOUNDS_SECONDS),
            payload_bytes: Counter::default(),
        }
    }

    /// Requests that ended with `outcome`.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].get()
    }

    pub(super) fn ended(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].inc();
    }

    pub(super) fn appended(&self, took: Duration, payload_bytes: usize) {
        self.append_seconds.observe(took.as_secs_f64());
        self.payload_bytes.inc_by(payload_bytes as u64);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "gapless_webhook_requests",
            "Requests to the webhook by how they ended",
            self.requests.clone(),
        );
        registry.register(
            "gapless_webhook_append_seconds",
            "Time until the log had a delivery durably",
            self.append_seconds.clone(),
        );
        registry.register(
            "gapless_webhook_payload_bytes",
            "Bytes of payloads that the log has",
            self.payload_bytes.clone(),
        );
    }
}

/// What is taken of the webhook's budget.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) budget: Arc<Semaphore>,
    pub(super) max_bytes: usize,
}

impl Collector for InFlight {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let free = self.budget.available_permits();
        let taken = ConstGauge::new(self.max_bytes.saturating_sub(free) as i64);
        let encoder = encoder.encode_descriptor(
            "gapless_webhook_in_flight_bytes",
            "Bytes of bodies being read or appended",
            None,
            taken.metric_type(),
        )?;
        taken.encode(encoder)
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
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "gapless_webhook_requests_total{outcome=\"accepted\",status=\"202\"} 1",
            "gapless_webhook_requests_total{outcome=\"duplicate\",status=\"202\"} 0",
            "gapless_webhook_append_seconds_bucket{le=\"0.001\"} 1",
            "gapless_webhook_append_seconds_bucket{le=\"0.005\"} 2",
            "gapless_webhook_append_seconds_bucket{le=\"5.0\"} 2",
            "gapless_webhook_append_seconds_bucket{le=\"+Inf\"} 3",
            "gapless_webhook_payload_bytes_total 30",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
