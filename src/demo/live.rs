//! The demo's live strip on the page.

use crate::system::{Health, Live};
use gapless_simulator::{SharedFeed, SimulatedClock};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What the simulated GitHub did to its deliveries, and how far the system has come.
pub(super) fn strip(feed: SharedFeed, clock: SimulatedClock) -> Live {
    let last = Mutex::new((Instant::now(), 0));
    Arc::new(move |health: &Health| {
        let faults = feed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .channel
            .report()
            .clone();
        let processed = health.processors.events();
        let rate = rate(&last, processed);
        let day: String = clock.now().to_string().chars().take(10).collect();
        json!({
            "title": "Demo",
            "items": [
                {"label": "Simulated day", "value": day},
                {"label": "Events/s", "value": rate},
                {"label": "Deliveries", "value": faults.sent},
                {"label": "Lost on purpose", "value": faults.lost, "state": "warn"},
                {"label": "Doubled", "value": faults.doubled},
                {"label": "Overtaken", "value": faults.reordered},
                {"label": "Answers fetched", "value": health.fetches.answers()},
            ],
        })
    })
}

/// Events a second since the last look that was at least a second ago.
fn rate(last: &Mutex<(Instant, u64)>, processed: u64) -> u64 {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = last.0.elapsed().as_secs_f64();
    let rate = (processed.saturating_sub(last.1)) as f64 / seconds.max(0.001);
    if seconds >= 1.0 {
        *last = (Instant::now(), processed);
    }
    rate.round() as u64
}
