//! Decides whether a child that died alone is started again.

use std::time::Duration;

/// Deaths within this window count, and one that dies for as long without getting ready is given up.
const WINDOW: Duration = Duration::from_secs(600);
/// One that was ready before is started again this often within the window: a disk that fills up, or
/// a machine short of memory, can kill a part several times before a person mends it.
const RESTARTS_MAX: usize = 20;
/// One that was never ready most likely never will be; one more try is for a port or a lock that
/// the last run's dying child still held.
const RESTARTS_BEFORE_READY_MAX: usize = 2;
/// The wait before the first restart; it doubles with each death soon after the last one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A death this long after the last one begins anew with the first wait.
const SOON: Duration = Duration::from_secs(60);

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
    /// The first death since it was last ready.
    first_at_start: Option<Duration>,
    was_ever_ready: bool,
}

impl Deaths {
    /// Notes a death, and whether the child was ready before it, and decides.
    pub(super) fn after_death(&mut self, now: Duration, was_ready: bool) -> Decision {
        self.was_ever_ready |= was_ready;
        if was_ready {
            self.first_at_start = None;
        }
        let first_at_start = *self.first_at_start.get_or_insert(now);
        self.at.retain(|death| now.saturating_sub(*death) < WINDOW);
        self.at.push(now);
        let restarts_max = if self.was_ever_ready {
            RESTARTS_MAX
        } else {
            RESTARTS_BEFORE_READY_MAX
        };
        // Of one that hangs at its start, too few deaths fall into the window to count.
        let never_gets_ready = now.saturating_sub(first_at_start) >= WINDOW;
        if self.at.len() > restarts_max || never_gets_ready {
            return Decision::GiveUp;
        }
        let is_soon = |pair: &&[Duration]| pair[1].saturating_sub(pair[0]) < SOON;
        let doublings = self.at.windows(2).rev().take_while(is_soon).count();
        let factor = 1 << doublings.min(RESTARTS_MAX);
        Decision::RestartAfter(FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decisions(deaths_at_seconds: &[u64], was_ready: impl Fn(u64) -> bool) -> Vec<Decision> {
        let mut deaths = Deaths::default();
        deaths_at_seconds
            .iter()
            .map(|&s| deaths.after_death(Duration::from_secs(s), was_ready(s)))
            .collect()
    }

    #[test]
    fn a_part_that_keeps_dying_is_started_again_after_longer_waits_and_given_up_in_the_end() {
        let decisions = decisions(&(1..=21).collect::<Vec<_>>(), |_| true);
        let waits = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
        let waits = waits.map(|millis| Decision::RestartAfter(Duration::from_millis(millis)));
        assert_eq!(decisions[..9], waits);
        assert_eq!(decisions[20], Decision::GiveUp);
    }

    #[test]
    fn deaths_of_long_ago_lengthen_no_wait() {
        let decisions = decisions(&[1, 61, 121, 181, 241, 301, 361], |_| true);
        assert!(
            decisions
                .iter()
                .all(|decision| *decision == Decision::RestartAfter(FIRST_WAIT))
        );
    }

    #[test]
    fn a_part_that_was_never_ready_is_given_up_early() {
        assert_eq!(decisions(&[1, 2, 3], |_| false)[2], Decision::GiveUp);
    }

    #[test]
    fn a_part_that_hangs_at_its_start_is_given_up_though_its_deaths_are_far_apart() {
        // Ready once, then each attempt takes as long as a start may take.
        let deaths: Vec<u64> = (0..8).map(|attempt| 1_000 + 90 * attempt).collect();
        let hangs = decisions(&deaths, |s| s == 1_000);
        assert!(!hangs[..7].contains(&Decision::GiveUp), "{hangs:?}");
        assert_eq!(hangs[7], Decision::GiveUp);
        let recovers = decisions(&deaths, |s| s == 1_000 || s == 1_360);
        assert!(!recovers.contains(&Decision::GiveUp), "{recovers:?}");
    }
}
