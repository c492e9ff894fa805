//! Dead letters by reason, for Prometheus.
//!
//! What names no item leads to no gap, so of most dead letters nothing else tells.

use crate::task::{Output, Reason};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

type Labels = [(&'static str, &'static str); 1];

/// Dead letters written since the process started. Each reason is there from the start, at 0, so
/// that the first letter is seen as a rise.
#[derive(Debug)]
pub struct DeadLetterCounts(Family<Labels, Counter>);

impl Default for DeadLetterCounts {
    fn default() -> Self {
        let counts = Family::default();
        for reason in Reason::ALL {
            drop(counts.get_or_create(&labels(reason)));
        }
        Self(counts)
    }
}

fn labels(reason: Reason) -> Labels {
    [("reason", reason.name())]
}

impl DeadLetterCounts {
    /// Counts those among outputs that were acknowledged.
    pub fn add(&self, outputs: &[Output]) {
        for output in outputs {
            let Output::DeadLetter(_, letter) = output else {
                continue;
            };
            let mut reason = Reason::ALL.into_iter();
            if let Some(reason) = reason.find(|known| known.name() == letter.reason) {
                self.0.get_or_create(&labels(reason)).inc();
            }
        }
    }

    /// How many there were for `reason`.
    pub fn count(&self, reason: Reason) -> u64 {
        self.0.get_or_create(&labels(reason)).get()
    }

    /// Adds them to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "gapless_dead_letters",
            "Dead letters written, by reason",
            self.0.clone(),
        );
    }
}
