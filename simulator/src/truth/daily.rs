//! Figures per repository and UTC day, counted anew from the definitions and from nothing that
//! Gapless itself is made of: the other side of every comparison.
//!
//! A pull request opened counts on the day of `created_at`; merged on that of `merged_at`; closed
//! unmerged on that of each closing without a merge, however often; reopened on that of each
//! reopening. `open_delta` is opened + reopened − merged − closed unmerged, and what is open at a
//! day's end is the sum of the deltas up to it. Issues alike, without merging.

use super::{ItemTruth, TransitionKind, Truth};
use std::collections::BTreeMap;

/// Pull requests of a repository on a UTC day on which at least one of the figures is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PullRequestsDay {
    /// The repository.
    pub repository_id: u64,
    /// Days since 1970-01-01.
    pub day: i32,
    /// Created on the day.
    pub opened: u64,
    /// Merged on the day.
    pub merged: u64,
    /// Closings without a merge on the day.
    pub closed_unmerged: u64,
    /// Reopenings on the day.
    pub reopened: u64,
    /// By how much the open ones grew.
    pub open_delta: i64,
    /// Open at the day's end.
    pub open: i64,
}

/// Issues of a repository on a UTC day on which at least one of the figures is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuesDay {
    /// The repository.
    pub repository_id: u64,
    /// Days since 1970-01-01.
    pub day: i32,
    /// Created on the day.
    pub opened: u64,
    /// Closings on the day.
    pub closed: u64,
    /// Reopenings on the day.
    pub reopened: u64,
    /// By how much the open ones grew.
    pub open_delta: i64,
    /// Open at the day's end.
    pub open: i64,
}

impl Truth {
    /// Pull requests by repository and day, in that order.
    pub fn pull_requests_daily(&self) -> Vec<PullRequestsDay> {
        let mut days: BTreeMap<(u64, i32), PullRequestsDay> = BTreeMap::new();
        for pull in &self.pull_requests {
            for (day, change) in changes(&pull.item) {
                let row = days.entry((pull.item.repository_id, day)).or_default();
                match change {
                    Change::Opened => row.opened += 1,
                    Change::Ended(TransitionKind::Merged) => row.merged += 1,
                    Change::Ended(_) => row.closed_unmerged += 1,
                    Change::Reopened => row.reopened += 1,
                }
                row.open_delta += change.open_delta();
            }
        }
        let mut open = RunningCount::default();
        days.into_iter()
            .map(|((repository_id, day), row)| PullRequestsDay {
                repository_id,
                day,
                open: open.after(repository_id, row.open_delta),
                ..row
            })
            .collect()
    }

    /// Issues by repository and day, in that order.
    pub fn issues_daily(&self) -> Vec<IssuesDay> {
        let mut days: BTreeMap<(u64, i32), IssuesDay> = BTreeMap::new();
        for issue in &self.issues {
            for (day, change) in changes(&issue.item) {
                let row = days.entry((issue.item.repository_id, day)).or_default();
                match change {
                    Change::Opened => row.opened += 1,
                    Change::Ended(_) => row.closed += 1,
                    Change::Reopened => row.reopened += 1,
                }
                row.open_delta += change.open_delta();
            }
        }
        let mut open = RunningCount::default();
        days.into_iter()
            .map(|((repository_id, day), row)| IssuesDay {
                repository_id,
                day,
                open: open.after(repository_id, row.open_delta),
                ..row
            })
            .collect()
    }
}

enum Change {
    Opened,
    Ended(TransitionKind),
    Reopened,
}

impl Change {
    fn open_delta(&self) -> i64 {
        match self {
            Self::Opened | Self::Reopened => 1,
            Self::Ended(_) => -1,
        }
    }
}

fn changes(item: &ItemTruth) -> impl Iterator<Item = (i32, Change)> {
    let opening = std::iter::once((item.created_at.day(), Change::Opened));
    let later = item.transitions.iter().filter_map(|transition| {
        let change = match transition.kind {
            TransitionKind::Closed | TransitionKind::Merged => Change::Ended(transition.kind),
            TransitionKind::Reopened => Change::Reopened,
            TransitionKind::ReadyForReview | TransitionKind::ConvertedToDraft => return None,
        };
        Some((transition.at.day(), change))
    });
    opening.chain(later)
}

/// Sums deltas within one repository, given in the order of days.
#[derive(Default)]
struct RunningCount {
    repository_id: u64,
    open: i64,
}

impl RunningCount {
    fn after(&mut self, repository_id: u64, delta: i64) -> i64 {
        if self.repository_id != repository_id {
            *self = Self {
                repository_id,
                open: 0,
            };
        }
        self.open += delta;
        self.open
    }
}
