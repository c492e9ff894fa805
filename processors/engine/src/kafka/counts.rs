//! Dead letters by reason, in Prometheus' text form.
//!
//! What names no item leads to no gap, so of most dead letters nothing else tells.

use crate::task::{Output, Reason};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Dead letters written since the process started. Each reason is there from the start, at 0, so
/// that the first letter is seen as a rise.
#[derive(Debug, Default)]
pub struct DeadLetterCounts([AtomicU64; Reason::ALL.len()]);

impl DeadLetterCounts {
    /// Counts those among outputs that were acknowledged.
    pub fn add(&self, outputs: &[Output]) {
        for output in outputs {
            let Output::DeadLetter(_, letter) = output else {
                continue;
            };
            let mut reason = Reason::ALL.into_iter();
            if let Some(reason) = reason.find(|known| known.name() == letter.reason) {
                self.0[reason as usize].fetch_add(1, Relaxed);
            }
        }
    }

    /// All counters.
    pub fn render(&self) -> String {
        let mut text = "# HELP gapless_dead_letters_total Dead letters written, by reason.\n\
                        # TYPE gapless_dead_letters_total counter\n"
            .to_owned();
        for reason in Reason::ALL {
            let (name, count) = (reason.name(), self.0[reason as usize].load(Relaxed));
            text.push_str(&format!(
                "gapless_dead_letters_total{{reason=\"{name}\"}} {count}\n"
            ));
        }
        text
    }
}
