//! What the refetch worker counts, in Prometheus' text form.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of the refetch worker since the process started.
#[derive(Debug, Default)]
pub struct FetchMetrics {
    pub(super) commands: AtomicU64,
    pub(super) answers: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) denied: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) waiting: AtomicU64,
}

impl FetchMetrics {
    /// Commands that were answered.
    pub fn commands(&self) -> u64 {
        self.commands.load(Relaxed)
    }

    /// Snapshots that answered them, fewer where commands were collapsed.
    pub fn answers(&self) -> u64 {
        self.answers.load(Relaxed)
    }

    /// Attempts to answer that failed, and are made again.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// Those of them that GitHub denied: they go on until a person mends the token or its rights.
    pub fn denied(&self) -> u64 {
        self.denied.load(Relaxed)
    }

    /// Audits that found no room; their detectors ask again.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// All counters.
    pub fn render(&self) -> String {
        let (commands, answers) = (self.commands(), self.answers());
        let (failures, waiting) = (self.failures(), self.waiting.load(Relaxed));
        let (denied, dropped) = (self.denied(), self.dropped());
        format!(
            "# HELP gapless_refetch_commands_total Refetch commands that were answered.\n\
             # TYPE gapless_refetch_commands_total counter\n\
             gapless_refetch_commands_total {commands}\n\
             # HELP gapless_refetch_answers_total Snapshots that answered refetch commands.\n\
             # TYPE gapless_refetch_answers_total counter\n\
             gapless_refetch_answers_total {answers}\n\
             # HELP gapless_refetch_failures_total Attempts to answer that failed.\n\
             # TYPE gapless_refetch_failures_total counter\n\
             gapless_refetch_failures_total {failures}\n\
             # HELP gapless_refetch_denied_total Attempts that GitHub denied (401, 403, 451).\n\
             # TYPE gapless_refetch_denied_total counter\n\
             gapless_refetch_denied_total {denied}\n\
             # HELP gapless_refetch_dropped_total Audits that found no room and are asked for again.\n\
             # TYPE gapless_refetch_dropped_total counter\n\
             gapless_refetch_dropped_total {dropped}\n\
             # HELP gapless_refetch_waiting Refetch commands that wait or are being answered.\n\
             # TYPE gapless_refetch_waiting gauge\n\
             gapless_refetch_waiting {waiting}\n"
        )
    }
}
