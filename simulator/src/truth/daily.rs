//! Figures per repository, UTC day and author, counted anew from the definitions in
//! `docs/tables.md` and from nothing that Gapless itself is made of: the other side of every
//! comparison.
//!
//! A pull request opened counts on the day of `created_at`; merged on that of `merged_at`; closed
//! unmerged on that of each closing without a merge, however often; reopened on that of each
//! reopening. `open_delta` is opened + reopened − merged − closed unmerged, and what is open at a
//! day's end is the sum of the deltas up to it. A duration counts on the day on which it ended.
//! Issues alike, without merging. What was closed before it was created, as imports have it, counts
//! as closed on the day of its creation; what was created at a time that cannot be true counts
//! nowhere.

use super::{IssueTruth, ItemTruth, PullRequestTruth, TransitionKind, Truth};
use gapless_schemas::Timestamp;
use std::collections::BTreeMap;

/// Days of waiting that are counted, one figure each.
pub const WAITING_DAYS: [i32; 5] = [10, 30, 60, 90, 365];

/// What a row of daily figures is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayKey {
    /// The repository.
    pub repository_id: u64,
    /// Days since 1970-01-01.
    pub day: i32,
    /// The id of who opened the items.
    pub author_id: u64,
    /// Their login.
    pub author: String,
    /// True where that is a bot.
    pub author_is_bot: bool,
}

/// Pull requests of one key. A row is there where one of them counts for something, even if the
/// sums come to 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullRequestsDay {
    /// Created on the day.
    pub opened: i64,
    /// Merged on the day.
    pub merged: i64,
    /// Of these, merged without an approval before.
    pub merged_unapproved: i64,
    /// Closings without a merge on the day.
    pub closed_unmerged: i64,
    /// Reopenings on the day.
    pub reopened: i64,
    /// By how much the open ones grew.
    pub open_delta: i64,
    /// By how much those grew that have been open and ready for each of [`WAITING_DAYS`]; on days
    /// to come, as far as they would if nothing happened.
    pub awaiting_delta: [i64; WAITING_DAYS.len()],
    /// Coding times that ended on the day.
    pub coding_seconds: Vec<i64>,
    /// Pickup times that ended on the day.
    pub pickup_seconds: Vec<i64>,
    /// Rework times that ended on the day.
    pub rework_seconds: Vec<i64>,
    /// Merge times that ended on the day.
    pub merge_seconds: Vec<i64>,
    /// Cycle times that ended on the day.
    pub cycle_seconds: Vec<i64>,
}

/// Issues of one key. A row is there where one of them counts for something, even if the sums come
/// to 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuesDay {
    /// Created on the day.
    pub opened: i64,
    /// Closings on the day.
    pub closed: i64,
    /// Of these, those that still hold, as not planned.
    pub closed_not_planned: i64,
    /// Of these, those that still hold, as duplicate.
    pub closed_duplicate: i64,
    /// Reopenings on the day.
    pub reopened: i64,
    /// By how much the open ones grew.
    pub open_delta: i64,
    /// By how much those grew that have been open for each of [`WAITING_DAYS`]; on days to come, as
    /// far as they would if nothing happened.
    pub awaiting_delta: [i64; WAITING_DAYS.len()],
    /// Times to close that ended on the day and still hold.
    pub close_seconds: Vec<i64>,
}

impl PullRequestsDay {
    /// Its counts, under their names in `pull_requests_daily`.
    pub fn counts(&self) -> Vec<(&'static str, i64)> {
        let mut counts = vec![
            ("opened", self.opened),
            ("merged", self.merged),
            ("merged_unapproved", self.merged_unapproved),
            ("closed_unmerged", self.closed_unmerged),
            ("reopened", self.reopened),
            ("open_delta", self.open_delta),
        ];
        counts.extend(AWAITING.into_iter().zip(self.awaiting_delta));
        counts
    }

    /// Its durations: how their count and they themselves are named in `pull_requests_daily`.
    pub fn durations(&self) -> [(&'static str, &'static str, &[i64]); 5] {
        [
            ("coding_count", "coding_seconds", &self.coding_seconds),
            ("pickup_count", "pickup_seconds", &self.pickup_seconds),
            ("rework_count", "rework_seconds", &self.rework_seconds),
            ("merge_count", "merge_seconds", &self.merge_seconds),
            ("cycle_count", "cycle_seconds", &self.cycle_seconds),
        ]
    }
}

impl IssuesDay {
    /// Its counts, under their names in `issues_daily`.
    pub fn counts(&self) -> Vec<(&'static str, i64)> {
        let mut counts = vec![
            ("opened", self.opened),
            ("closed", self.closed),
            ("closed_not_planned", self.closed_not_planned),
            ("closed_duplicate", self.closed_duplicate),
            ("reopened", self.reopened),
            ("open_delta", self.open_delta),
        ];
        counts.extend(AWAITING.into_iter().zip(self.awaiting_delta));
        counts
    }

    /// Its durations: how their count and they themselves are named in `issues_daily`.
    pub fn durations(&self) -> [(&'static str, &'static str, &[i64]); 1] {
        [("close_count", "close_seconds", &self.close_seconds)]
    }
}

/// The names of [`WAITING_DAYS`]' figures.
const AWAITING: [&str; WAITING_DAYS.len()] = [
    "awaiting_10_delta",
    "awaiting_30_delta",
    "awaiting_60_delta",
    "awaiting_90_delta",
    "awaiting_365_delta",
];

impl Truth {
    /// Figures of pull requests by repository, day and author.
    pub fn pull_requests_daily(&self) -> BTreeMap<DayKey, PullRequestsDay> {
        let mut rows = Rows::default();
        for pull in &self.pull_requests {
            let item = &pull.item;
            for (at, change) in changes(item) {
                let row: &mut PullRequestsDay = rows.of(item, at);
                match change {
                    Change::Opened => row.opened += 1,
                    Change::Ended(TransitionKind::Merged) => {
                        row.merged += 1;
                        row.merged_unapproved += i64::from(pull.last_approved_at().is_none());
                    }
                    Change::Ended(_) => row.closed_unmerged += 1,
                    Change::Reopened => row.reopened += 1,
                }
                row.open_delta += change.open_delta();
            }
            for (day, deltas) in awaiting_deltas(item, pull.opened_as_draft) {
                add(&mut rows.on(item, day).awaiting_delta, deltas);
            }
            if let Some((at, seconds)) = item.known_created_at().zip(pull.coding_seconds()) {
                rows.of(item, at).coding_seconds.push(seconds);
            }
            if let Some((at, seconds)) = pull.first_review_at().zip(pull.pickup_seconds()) {
                rows.of(item, at).pickup_seconds.push(seconds);
            }
            if let Some((at, seconds)) = pull.first_approved_at().zip(pull.rework_seconds()) {
                rows.of(item, at).rework_seconds.push(seconds);
            }
            if let Some((at, seconds)) = pull.merged_at.zip(pull.merge_seconds()) {
                rows.of(item, at).merge_seconds.push(seconds);
            }
            if let Some((at, seconds)) = pull.merged_at.zip(pull.cycle_seconds()) {
                rows.of(item, at).cycle_seconds.push(seconds);
            }
        }
        rows.0
    }

    /// Figures of issues by repository, day and author.
    pub fn issues_daily(&self) -> BTreeMap<DayKey, IssuesDay> {
        let mut rows = Rows::default();
        for issue in &self.issues {
            let item = &issue.item;
            for (at, change) in changes(item) {
                let row: &mut IssuesDay = rows.of(item, at);
                match change {
                    Change::Opened => row.opened += 1,
                    Change::Ended(_) => row.closed += 1,
                    Change::Reopened => row.reopened += 1,
                }
                row.open_delta += change.open_delta();
            }
            for (day, deltas) in awaiting_deltas(item, false) {
                add(&mut rows.on(item, day).awaiting_delta, deltas);
            }
            let closing = item
                .last_closing()
                .filter(|_| item.known_created_at().is_some());
            if let Some(closing) = closing {
                let row = rows.of(item, closing.at.max(item.created_at));
                let reason = closing.state_reason;
                row.closed_not_planned += i64::from(reason == Some("not_planned"));
                row.closed_duplicate += i64::from(reason == Some("duplicate"));
                row.close_seconds.extend(issue.close_seconds());
            }
        }
        rows.0
    }
}

#[derive(Default)]
struct Rows<R>(BTreeMap<DayKey, R>);

impl<R: Default> Rows<R> {
    fn on(&mut self, item: &ItemTruth, day: i32) -> &mut R {
        let key = DayKey {
            repository_id: item.repository_id,
            day,
            author_id: item.author_id,
            author: item.author.clone(),
            author_is_bot: item.author_is_bot,
        };
        self.0.entry(key).or_default()
    }

    fn of(&mut self, item: &ItemTruth, at: Timestamp) -> &mut R {
        self.on(item, at.day())
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

fn changes(item: &ItemTruth) -> impl Iterator<Item = (Timestamp, Change)> {
    let opening = std::iter::once((item.created_at, Change::Opened));
    let later = item.transitions.iter().filter_map(|transition| {
        let change = match transition.kind {
            TransitionKind::Closed | TransitionKind::Merged => Change::Ended(transition.kind),
            TransitionKind::Reopened => Change::Reopened,
            TransitionKind::ReadyForReview | TransitionKind::ConvertedToDraft => return None,
        };
        Some((transition.at.max(item.created_at), change))
    });
    let is_known = item.known_created_at().is_some();
    opening.chain(later).filter(move |_| is_known)
}

/// The day from which an item waited, open and no draft, and the one on which that ended.
type Wait = (i32, Option<i32>);

fn waits(item: &ItemTruth, opened_as_draft: bool) -> Vec<Wait> {
    let Some(created_at) = item.known_created_at() else {
        return Vec::new();
    };
    let (mut open, mut draft) = (true, opened_as_draft);
    let mut since = (!draft).then(|| created_at.day());
    let mut waits = Vec::new();
    for transition in &item.transitions {
        match transition.kind {
            TransitionKind::Closed | TransitionKind::Merged => open = false,
            TransitionKind::Reopened => open = true,
            TransitionKind::ReadyForReview => draft = false,
            TransitionKind::ConvertedToDraft => draft = true,
        }
        let day = transition.at.max(created_at).day();
        match (since, open && !draft) {
            (None, true) => since = Some(day),
            (Some(from), false) => {
                waits.push((from, Some(day)));
                since = None;
            }
            (Some(_), true) | (None, false) => {}
        }
    }
    waits.extend(since.map(|from| (from, None)));
    waits
}

impl PullRequestTruth {
    /// The day since which it has waited, open and no draft, without a break.
    pub fn waiting_since(&self) -> Option<i32> {
        waiting_since(&self.item, self.opened_as_draft)
    }
}

impl IssueTruth {
    /// The day since which it has been open without a break.
    pub fn waiting_since(&self) -> Option<i32> {
        waiting_since(&self.item, false)
    }
}

fn waiting_since(item: &ItemTruth, opened_as_draft: bool) -> Option<i32> {
    let (since, until) = waits(item, opened_as_draft).pop()?;
    until.is_none().then_some(since)
}

/// By day, by how much it changes whether it has waited for each of [`WAITING_DAYS`].
fn awaiting_deltas(
    item: &ItemTruth,
    opened_as_draft: bool,
) -> BTreeMap<i32, [i64; WAITING_DAYS.len()]> {
    let waits = waits(item, opened_as_draft);
    let has_waited = |days: i32, on: i32| {
        let has = waits
            .iter()
            .any(|&(from, until)| from + days <= on && until.is_none_or(|until| on < until));
        i64::from(has)
    };
    let reached = waits
        .iter()
        .flat_map(|&(from, _)| WAITING_DAYS.map(|days| from + days));
    let ended = waits.iter().filter_map(|&(_, until)| until);
    reached
        .chain(ended)
        .map(|day| {
            (
                day,
                WAITING_DAYS.map(|days| has_waited(days, day) - has_waited(days, day - 1)),
            )
        })
        .filter(|(_, deltas)| deltas.iter().any(|delta| *delta != 0))
        .collect()
}

fn add(sums: &mut [i64], more: [i64; WAITING_DAYS.len()]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::told::{DAY_0, issue, pull_request};

    fn truth() -> Truth {
        Truth {
            as_of: Timestamp::from_seconds(0),
            repositories: Vec::new(),
            pull_requests: Vec::new(),
            issues: Vec::new(),
            explained: Vec::new(),
            oddities: BTreeMap::new(),
        }
    }

    fn told<'a>(
        key: &DayKey,
        counts: Vec<(&str, i64)>,
        durations: impl IntoIterator<Item = (&'a str, &'a str, &'a [i64])>,
    ) -> String {
        let counts = counts.into_iter().filter(|(_, count)| *count != 0);
        let counts = counts.map(|(name, count)| format!(" {name} {count}"));
        let durations = durations.into_iter().flat_map(|(_, name, all)| {
            all.iter().map(move |it| format!(" {name} {}", it / 86_400))
        });
        format!(
            "{}:{}",
            key.day - DAY_0,
            counts.chain(durations).collect::<String>()
        )
    }

    #[test]
    fn daily_figures_of_pull_requests_follow_from_their_story() {
        for (story, expected) in [
            (
                "3 approved by bo, 5 merged",
                &[
                    "0: opened 1 open_delta 1 coding_seconds 0",
                    "3: pickup_seconds 3 rework_seconds 0",
                    "5: merged 1 open_delta -1 merge_seconds 2 cycle_seconds 5",
                ][..],
            ),
            (
                "1 approved by ann, 2 dismissed by bo, 2 merged",
                &[
                    "0: opened 1 open_delta 1 coding_seconds 0",
                    "2: merged 1 merged_unapproved 1 open_delta -1 pickup_seconds 2 cycle_seconds 2",
                ],
            ),
            // Converted on the eleventh day: nobody waits for a draft, however open.
            (
                "11 drafted, 12 closed, 12 reopened, 20 ready, 20 merged",
                &[
                    "0: opened 1 open_delta 1 coding_seconds 0",
                    "10: awaiting_10_delta 1",
                    "11: awaiting_10_delta -1",
                    "12: closed_unmerged 1 reopened 1",
                    "20: merged 1 merged_unapproved 1 open_delta -1 cycle_seconds 20",
                ],
            ),
            // The wait begins anew with the reopening, and its tenth day ends it without counting.
            (
                "9 closed, 9 reopened, 19 closed",
                &[
                    "0: opened 1 open_delta 1 coding_seconds 0",
                    "9: closed_unmerged 1 reopened 1",
                    "19: closed_unmerged 1 open_delta -1",
                ],
            ),
            (
                "draft, 2 ready",
                &[
                    "0: opened 1 open_delta 1 coding_seconds 0",
                    "12: awaiting_10_delta 1",
                    "32: awaiting_30_delta 1",
                    "62: awaiting_60_delta 1",
                    "92: awaiting_90_delta 1",
                    "367: awaiting_365_delta 1",
                ],
            ),
        ] {
            let mut truth = truth();
            truth.pull_requests.push(pull_request(story));
            let rows = truth.pull_requests_daily();
            let rows: Vec<String> = rows
                .iter()
                .map(|(key, row)| told(key, row.counts(), row.durations()))
                .collect();
            assert_eq!(rows, expected, "{story}");
        }
    }

    #[test]
    fn daily_figures_of_issues_follow_from_their_story() {
        for (story, expected) in [
            (
                "4 not_planned",
                &[
                    "0: opened 1 open_delta 1",
                    "4: closed 1 closed_not_planned 1 open_delta -1 close_seconds 4",
                ][..],
            ),
            // Imported, and closed before its creation: that is a contradiction, and no length.
            (
                "-3 not_planned",
                &["0: opened 1 closed 1 closed_not_planned 1"],
            ),
            // Of the closings only the one that holds has a reason and a length.
            (
                "2 not_planned, 3 reopened, 8 duplicate",
                &[
                    "0: opened 1 open_delta 1",
                    "2: closed 1 open_delta -1",
                    "3: reopened 1 open_delta 1",
                    "8: closed 1 closed_duplicate 1 open_delta -1 close_seconds 8",
                ],
            ),
            (
                "31 completed, 31 reopened, 40 completed",
                &[
                    "0: opened 1 open_delta 1",
                    "10: awaiting_10_delta 1",
                    "30: awaiting_30_delta 1",
                    "31: closed 1 reopened 1 awaiting_10_delta -1 awaiting_30_delta -1",
                    "40: closed 1 open_delta -1 close_seconds 40",
                ],
            ),
        ] {
            let mut truth = truth();
            truth.issues.push(issue(story));
            let rows = truth.issues_daily();
            let rows: Vec<String> = rows
                .iter()
                .map(|(key, row)| told(key, row.counts(), row.durations()))
                .collect();
            assert_eq!(rows, expected, "{story}");
        }
    }

    #[test]
    fn authors_of_one_day_have_rows_of_their_own() {
        let mut truth = truth();
        truth.issues = vec![issue(""), issue(""), issue("")];
        truth.issues[2].item.author_id = 2;
        truth.issues[2].item.author = "bot".to_owned();
        truth.issues[2].item.author_is_bot = true;
        let rows = truth.issues_daily();
        let first: Vec<_> = rows.iter().filter(|(key, _)| key.day == DAY_0).collect();
        let first: Vec<_> = first
            .iter()
            .map(|(key, row)| (key.author.as_str(), key.author_is_bot, row.opened))
            .collect();
        assert_eq!(first, [("ann", false, 2), ("bot", true, 1)]);
    }
}
