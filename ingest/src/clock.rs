//! The clock, as something that is handed in: under a simulation time is a value.

use gapless_schemas::Timestamp;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells what time it is.
pub trait Clock: Send + Sync {
    /// The instant now.
    fn now(&self) -> Timestamp;

    /// How long to sleep, on the machine's clock, before looking whether `until` has come. A clock
    /// that runs at another pace says so here.
    fn sleep_before(&self, until: Timestamp) -> Duration {
        Duration::from_millis(until.millis_since(self.now()).max(1).unsigned_abs())
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A clock set to before 1970 reads as 1970.
    fn now(&self) -> Timestamp {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn sleep_before(&self, until: Timestamp) -> Duration {
        (**self).sleep_before(until)
    }
}
