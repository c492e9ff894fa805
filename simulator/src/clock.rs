//! The simulated time, shared by everything that takes part in a simulation.

use gapless_schemas::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that goes only where it is moved to. Clones show the same time.
#[derive(Clone, Debug)]
pub struct SimulatedClock(Arc<AtomicI64>);

impl SimulatedClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_millis())))
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// Moves the clock to `time`; it never goes back.
    pub fn advance_to(&self, time: Timestamp) {
        self.0.fetch_max(time.as_millis(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back_and_its_clones_agree() {
        let clock = SimulatedClock::new(Timestamp::from_seconds(10));
        let clone = clock.clone();
        clone.advance_to(Timestamp::from_seconds(20));
        clone.advance_to(Timestamp::from_seconds(15));
        assert_eq!(clock.now(), Timestamp::from_seconds(20));
    }
}
