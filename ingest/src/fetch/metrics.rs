//! What the refetch worker counts, for Prometheus.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of the refetch worker since the process started.
#[derive(Debug, Default)]
pub struct FetchMetrics {
    pub(super) commands: Counter,
    pub(super) answers: Counter,
    pub(super) failures: Counter,
    pub(super) denied: Counter,
    pub(super) dropped: Counter,
    pub(super) waiting: Gauge,
}

impl FetchMetrics {
    /// Commands that were answered.
    pub fn commands(&self) -> u64 {
        self.commands.get()
    }

    /// Snapshots that answered them, fewer where commands were collapsed.
    pub fn answers(&self) -> u64 {
        self.answers.get()
    }

    /// Attempts to answer that failed, and are made again.
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// Those of them that GitHub denied: they go on until a person mends the token or its rights.
    pub fn denied(&self) -> u64 {
        self.denied.get()
    }

    /// Audits that found no room; their detectors ask again.
    pub fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Adds all of them to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            (
                "gapless_refetch_commands",
                "Refetch commands that were answered",
                &self.commands,
            ),
            (
                "gapless_refetch_answers",
                "Snapshots that answered refetch commands",
                &self.answers,
            ),
            (
                "gapless_refetch_failures",
                "Attempts to answer that failed",
                &self.failures,
            ),
            (
                "gapless_refetch_denied",
                "Attempts that GitHub denied (401, 403, 451)",
                &self.denied,
            ),
            (
                "gapless_refetch_dropped",
                "Audits that found no room and are asked for again",
                &self.dropped,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "gapless_refetch_waiting",
            "Refetch commands that wait or are being answered",
            self.waiting.clone(),
        );
    }
}
