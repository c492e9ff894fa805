use gapless_ingest::Clock;
use gapless_schemas::Timestamp;
use gapless_simulator::SimulatedClock;
use std::time::Duration;

/// The simulated time, as the system's clock.
#[derive(Clone)]
pub(super) struct DemoClock(pub(super) SimulatedClock);

impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// The simulated time may have come in a moment: it is looked at often.
    fn sleep_before(&self, _: Timestamp) -> Duration {
        Duration::from_millis(10)
    }
}
