//! The virtual clock, as ingest reads it.

use gapless_ingest::Clock;
use gapless_schemas::Timestamp;
use gapless_simulator::SimulatedClock;

/// Shows the simulated time; clones show the same.
#[derive(Clone, Debug)]
pub(crate) struct VirtualClock(pub(crate) SimulatedClock);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}
