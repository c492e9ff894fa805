//! Decides whether a child that died alone is started again.

use std::time::Duration;

/// Deaths within this window count.
const WINDOW: Duration = Duration::from_secs(600);
/// One that was ready before is started again this often within the window.
const RESTARTS_MAX: usize = 5;
/// One that was never ready most likely never will be; one more try is for a port or a lock that
/// the last run's dying child still held.
const RESTARTS_BEFORE_READY_MAX: usize = 2;
/// The wait before the first restart; it doubles with each death in the window.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// What to do about a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Start it again after this wait.
    RestartAfter(Duration),
    /// Leave it: it died too often.
    GiveUp,
}

/// The deaths so far. Times are those since the supervisor began.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    at: Vec<Duration>,
}

impl Deaths {
    /// Notes a death and decides.
    pub(super) fn after_death(&mut self, now: Duration, was_ever_ready: bool) -> Decision {
        self.at.retain(|death| now.saturating_sub(*death) < WINDOW);
        self.at.push(now);
        let restarts_max = if was_ever_ready {
            RESTARTS_MAX
        } else {
            RESTARTS_BEFORE_READY_MAX
        };
        if self.at.len() > restarts_max {
            return Decision::GiveUp;
        }
        let doublings = u32::try_from(self.at.len() - 1).unwrap_or(u32::MAX);
        Decision::RestartAfter(FIRST_WAIT.saturating_mul(2u32.saturating_pow(doublings)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decisions(deaths_at_seconds: &[u64], was_ever_ready: bool) -> Vec<Decision> {
        let mut deaths = Deaths::default();
        deaths_at_seconds
            .iter()
            .map(|s| deaths.after_death(Duration::from_secs(*s), was_ever_ready))
            .collect()
    }

    #[test]
    fn a_part_is_started_again_five_times_in_ten_minutes_each_after_a_longer_wait() {
        let waits = [250, 500, 1_000, 2_000, 4_000].map(Duration::from_millis);
        let mut expected: Vec<_> = waits.map(Decision::RestartAfter).to_vec();
        expected.push(Decision::GiveUp);
        assert_eq!(decisions(&[1, 2, 3, 4, 5, 6], true), expected);
    }

    #[test]
    fn deaths_of_long_ago_are_forgotten() {
        let decisions = decisions(&[1, 700, 1_400, 2_100, 2_800, 3_500, 4_200], true);
        assert!(
            decisions
                .iter()
                .all(|d| *d == Decision::RestartAfter(FIRST_WAIT))
        );
    }

    #[test]
    fn a_part_that_was_never_ready_is_given_up_early() {
        assert_eq!(decisions(&[1, 2, 3], false)[2], Decision::GiveUp);
    }
}
