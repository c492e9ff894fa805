//! Which poll is next: a pure function of the positions and the time.
//!
//! Positions are by the earlier of our clock and GitHub's, so that a clock of ours that is ahead
//! and then set right delays nothing. While it is ahead, they are behind it; that a repository is
//! not polled without pause then, is held by when it was last polled by our own clock.

use super::{Listed, Position, Positions, RepositoryFound};
use gapless_schemas::Timestamp;
use std::collections::BTreeMap;

/// Intervals, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct PollTimes {
    /// Between two questions for what changed in a repository.
    pub changed_seconds: i64,
    /// Between two listings of everything in a repository.
    pub everything_seconds: i64,
    /// Between two listings of an owner's repositories.
    pub repositories_seconds: i64,
    /// How far each question reaches back before the last one.
    pub overlap_seconds: i64,
    /// How long a poll that failed waits; doubled with each failure, up to `changed_seconds`.
    pub retry_seconds: i64,
}

impl Default for PollTimes {
    fn default() -> Self {
        Self {
            changed_seconds: 600,
            everything_seconds: 86_400,
            repositories_seconds: 1_800,
            overlap_seconds: 120,
            retry_seconds: 15,
        }
    }
}

/// A poll to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The owner's repositories.
    Repositories,
    /// What changed in a repository.
    Changed {
        /// The repository.
        repository: RepositoryFound,
        /// Since when.
        since: Timestamp,
    },
    /// Everything in a repository.
    Everything {
        /// The repository.
        repository: RepositoryFound,
    },
}

impl std::fmt::Display for Poll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Repositories => f.write_str("the list of repositories"),
            Self::Changed { repository, .. } => {
                write!(f, "what changed in {}", repository.full_name)
            }
            Self::Everything { repository } => write!(f, "all of {}", repository.full_name),
        }
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This poll, now.
    Poll(Poll),
    /// Nothing before this instant.
    WaitUntil(Timestamp),
}

/// Failures in a row, and when to try again.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    failures: u32,
    not_before: Timestamp,
}

/// The polls of one owner.
#[derive(Debug)]
pub struct Schedule {
    times: PollTimes,
    positions: Positions,
    repositories_at: Option<Timestamp>,
    /// When each repository was last polled, by our clock.
    polled_at: BTreeMap<i64, Timestamp>,
    /// By repository; 0 stands for the owner's list, as no repository has that id.
    troubles: BTreeMap<i64, Trouble>,
}

const OWNER: i64 = 0;

impl Schedule {
    /// Goes on from `positions`. The owner's repositories are always listed first.
    pub fn new(times: PollTimes, positions: Positions) -> Self {
        Self {
            times,
            positions,
            repositories_at: None,
            polled_at: BTreeMap::new(),
            troubles: BTreeMap::new(),
        }
    }

    /// How far the polls have come.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Digests of the repositories, as last listed.
    pub fn digests(&self) -> BTreeMap<i64, String> {
        let all = self.positions.repositories.iter();
        all.map(|(id, position)| (*id, position.repository.digest.clone()))
            .collect()
    }

    /// The poll that has been due for the longest, or when the first will be.
    pub fn next(&self, now: Timestamp) -> Next {
        let (id, due_at) = self.first_due(now);
        if due_at > now {
            return Next::WaitUntil(due_at);
        }
        let Some(position) = self.positions.repositories.get(&id) else {
            return Next::Poll(Poll::Repositories);
        };
        let repository = position.repository.clone();
        Next::Poll(match position.asked_until {
            Some(until) if self.everything_due_at(position) > now => Poll::Changed {
                repository,
                since: until.plus_seconds(-self.times.overlap_seconds),
            },
            _ => Poll::Everything { repository },
        })
    }

    fn first_due(&self, now: Timestamp) -> (i64, Timestamp) {
        let owner = (OWNER, self.repositories_due_at());
        let repositories = self.positions.repositories.iter().map(|(id, position)| {
            let due_at = self
                .everything_due_at(position)
                .min(after(position.asked_until, self.times.changed_seconds));
            // A time to come is none of this clock's: it was set back since.
            let polled_at = self.polled_at.get(id).filter(|at| **at <= now);
            let rested_at = after(polled_at.copied(), self.times.changed_seconds);
            (*id, due_at.max(rested_at))
        });
        std::iter::once(owner)
            .chain(repositories)
            .map(|(id, due_at)| match self.troubles.get(&id) {
                Some(trouble) => (id, due_at.max(trouble.not_before)),
                None => (id, due_at),
            })
            .min_by_key(|(id, due_at)| (*due_at, *id))
            .unwrap_or(owner)
    }

    fn repositories_due_at(&self) -> Timestamp {
        after(self.repositories_at, self.times.repositories_seconds)
    }

    fn everything_due_at(&self, position: &Position) -> Timestamp {
        after(position.everything_at, self.times.everything_seconds)
    }

    /// The owner's repositories were listed, by a poll that began at `requested_at`. Returns those
    /// that were listed before and no longer are: a question for a probe.
    pub fn repositories_listed(
        &mut self,
        found: Vec<RepositoryFound>,
        requested_at: Timestamp,
    ) -> Vec<RepositoryFound> {
        self.troubles.remove(&OWNER);
        self.repositories_at = Some(requested_at);
        let mut before = std::mem::take(&mut self.positions.repositories);
        for repository in found {
            let id = repository.repository_id;
            let position = match before.remove(&id) {
                Some(position) => Position {
                    repository,
                    ..position
                },
                None => Position {
                    repository,
                    asked_until: None,
                    everything_at: None,
                },
            };
            self.positions.repositories.insert(id, position);
        }
        // They stay until a probe has told what became of them.
        let missing = before.values().map(|position| position.repository.clone());
        let missing = missing.collect();
        self.positions.repositories.extend(before);
        missing
    }

    /// A probe told that a repository is gone from this owner: it is polled no more.
    pub fn repository_left(&mut self, repository_id: i64) {
        self.positions.repositories.remove(&repository_id);
        self.polled_at.remove(&repository_id);
        self.troubles.remove(&repository_id);
    }

    /// A repository was listed.
    pub fn listed(&mut self, poll: &Poll, listed: Listed) {
        let (Poll::Changed { repository, .. } | Poll::Everything { repository }) = poll else {
            return;
        };
        let id = repository.repository_id;
        self.troubles.remove(&id);
        if let Some(position) = self.positions.repositories.get_mut(&id) {
            self.polled_at.insert(id, listed.began_at);
            position.asked_until = Some(listed.asked_until);
            if matches!(poll, Poll::Everything { .. }) {
                position.everything_at = Some(listed.asked_until);
            }
        }
    }

    /// A poll failed: it waits, longer each time, and the others go on.
    pub fn failed(&mut self, poll: &Poll, now: Timestamp) {
        let id = match poll {
            Poll::Repositories => OWNER,
            Poll::Changed { repository, .. } | Poll::Everything { repository } => {
                repository.repository_id
            }
        };
        let failures = self.troubles.get(&id).map_or(0, |trouble| trouble.failures);
        let wait = self
            .times
            .retry_seconds
            .saturating_mul(1 << failures.min(20))
            .min(self.times.changed_seconds);
        let trouble = Trouble {
            failures: failures + 1,
            not_before: now.plus_seconds(wait),
        };
        self.troubles.insert(id, trouble);
    }
}

/// `seconds` after `last`; at once where there was none.
fn after(last: Option<Timestamp>, seconds: i64) -> Timestamp {
    last.map_or(Timestamp::from_millis(i64::MIN), |last| {
        last.plus_seconds(seconds)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_600_000_000 + seconds)
    }

    fn repository(id: i64) -> RepositoryFound {
        RepositoryFound {
            repository_id: id,
            full_name: format!("o/{id}"),
            owner: Some("o".into()),
            owner_id: Some(1),
            digest: String::new(),
        }
    }

    fn listed(seconds: i64) -> Listed {
        Listed {
            began_at: at(seconds),
            asked_until: at(seconds),
            items: 0,
            events: 1,
        }
    }

    /// The poll that is due at `seconds`; it succeeds.
    fn poll_at(schedule: &mut Schedule, seconds: i64) -> Option<Poll> {
        let Next::Poll(poll) = schedule.next(at(seconds)) else {
            return None;
        };
        schedule.listed(&poll, listed(seconds));
        Some(poll)
    }

    fn with(ids: &[i64]) -> Schedule {
        let mut schedule = Schedule::new(PollTimes::default(), Positions::default());
        assert_eq!(schedule.next(at(0)), Next::Poll(Poll::Repositories));
        let found = ids.iter().map(|id| repository(*id)).collect();
        assert_eq!(schedule.repositories_listed(found, at(0)), []);
        schedule
    }

    #[test]
    fn a_repository_is_listed_whole_first_then_what_changed_then_whole_each_day() {
        let mut schedule = with(&[1]);
        let everything = Poll::Everything {
            repository: repository(1),
        };
        assert_eq!(poll_at(&mut schedule, 1), Some(everything.clone()));
        assert_eq!(schedule.next(at(2)), Next::WaitUntil(at(601)));
        let since = at(1 - 120);
        let repository = repository(1);
        assert_eq!(
            poll_at(&mut schedule, 601),
            Some(Poll::Changed { repository, since })
        );
        for seconds in (1_201..86_401).step_by(600) {
            while schedule.next(at(seconds)) == Next::Poll(Poll::Repositories) {
                schedule.repositories_listed(vec![super::tests::repository(1)], at(seconds));
            }
            assert!(matches!(
                poll_at(&mut schedule, seconds),
                Some(Poll::Changed { .. })
            ));
        }
        schedule.repositories_listed(vec![super::tests::repository(1)], at(86_401));
        assert_eq!(poll_at(&mut schedule, 86_401), Some(everything));
    }

    #[test]
    fn a_poll_that_fails_waits_longer_each_time_and_holds_up_no_other() {
        let mut schedule = with(&[1, 2]);
        let Next::Poll(first) = schedule.next(at(1)) else {
            panic!("due")
        };
        schedule.failed(&first, at(1));
        let Some(Poll::Everything { repository }) = poll_at(&mut schedule, 1) else {
            panic!("the other")
        };
        assert_eq!(repository.repository_id, 2);
        let mut waits = Vec::new();
        let mut now = 1;
        for _ in 0..7 {
            let Next::WaitUntil(until) = schedule.next(at(now)) else {
                break;
            };
            waits.push(until.as_seconds() - at(now).as_seconds());
            now = until.as_seconds() - at(0).as_seconds();
            schedule.failed(&first, at(now));
            // The others are not looked at here.
            schedule.repository_left(2);
            schedule.repositories_at = Some(at(now));
        }
        assert_eq!(waits, [15, 30, 60, 120, 240, 480, 600]);
    }

    #[test]
    fn a_repository_that_is_listed_no_longer_is_polled_until_a_probe_has_told_why() {
        let mut schedule = with(&[1, 2]);
        assert_eq!(
            schedule.repositories_listed(vec![repository(2)], at(5)),
            [repository(1)]
        );
        assert_eq!(schedule.positions().repositories.len(), 2);
        schedule.repository_left(1);
        assert_eq!(schedule.positions().repositories.len(), 1);
    }

    #[test]
    fn a_restart_lists_the_repositories_and_goes_on_where_the_positions_are() {
        let mut schedule = with(&[1]);
        poll_at(&mut schedule, 1);
        let positions = schedule.positions().clone();
        let mut schedule = Schedule::new(PollTimes::default(), positions);
        assert_eq!(schedule.next(at(100)), Next::Poll(Poll::Repositories));
        schedule.repositories_listed(vec![repository(1)], at(100));
        assert_eq!(schedule.next(at(100)), Next::WaitUntil(at(601)));
    }

    #[test]
    fn a_clock_that_is_ahead_neither_polls_without_pause_nor_delays_once_it_is_set_right() {
        const AHEAD: i64 = 30 * 86_400;
        let mut schedule = with(&[1]);
        let ahead = Listed {
            asked_until: at(1),
            ..listed(AHEAD)
        };
        let Next::Poll(poll @ Poll::Everything { .. }) = schedule.next(at(AHEAD)) else {
            panic!("due")
        };
        // The owner's list is not what this is about.
        schedule.repositories_at = Some(at(10 * AHEAD));
        schedule.listed(&poll, ahead);
        assert_eq!(schedule.next(at(AHEAD)), Next::WaitUntil(at(AHEAD + 600)));
        assert!(matches!(
            schedule.next(at(601)),
            Next::Poll(Poll::Changed { .. })
        ));
        assert!(matches!(
            schedule.next(at(86_401)),
            Next::Poll(Poll::Everything { .. })
        ));
    }
}
