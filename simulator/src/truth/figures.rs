//! What follows from the truth of one item, derived anew from the definitions in `docs/tables.md`.
//!
//! A review counts as it is now: one that was dismissed was given, but approves and decides
//! nothing. Nobody's review of their own work counts, and people are told apart by id; an unknown one
//! has id 0, and is somebody else each time, yet may be an author whose account is gone. Times until and
//! between reviews look at those up to its end alone: the merge, or the closing that holds.

use super::{
    IssueTruth, ItemState, ItemTruth, PullRequestTruth, ReviewTruth, TransitionKind,
    TransitionTruth,
};
use gapless_schemas::Timestamp;
use std::collections::BTreeMap;

/// No repository that GitHub tells of is older than this: 1990-01-01.
const FIRST_DATE_SECONDS: i64 = 631_152_000;
/// How far a time may lie ahead of what is told with it.
const AHEAD_SECONDS: i64 = 86_400;

impl ItemTruth {
    /// When it was created; `None` where GitHub tells a time that cannot be true. Then it counts on
    /// no day.
    pub fn known_created_at(&self) -> Option<Timestamp> {
        let first = Timestamp::from_seconds(FIRST_DATE_SECONDS);
        let last = self.updated_at.plus_seconds(AHEAD_SECONDS);
        Some(self.created_at).filter(|at| (first..=last).contains(at))
    }

    /// How long it was open until the closing that holds.
    pub fn open_seconds(&self) -> Option<i64> {
        seconds(self.known_created_at(), self.closed_at)
    }

    /// How often it was closed, a merging included.
    pub fn closed_count(&self) -> usize {
        self.transitions
            .iter()
            .filter(|transition| transition.ends())
            .count()
    }

    /// How often it was reopened.
    pub fn reopened_count(&self) -> usize {
        self.transitions
            .iter()
            .filter(|transition| transition.kind == TransitionKind::Reopened)
            .count()
    }

    /// The closing that still holds; `None`: it is open.
    pub(super) fn last_closing(&self) -> Option<&TransitionTruth> {
        self.transitions
            .iter()
            .rfind(|transition| transition.ends())
            .filter(|_| self.state == ItemState::Closed)
    }
}

impl TransitionTruth {
    fn ends(&self) -> bool {
        matches!(self.kind, TransitionKind::Closed | TransitionKind::Merged)
    }
}

impl IssueTruth {
    /// From its creation to the closing that still holds.
    pub fn close_seconds(&self) -> Option<i64> {
        self.item.open_seconds()
    }
}

impl PullRequestTruth {
    /// `open`, `merged` or `closed_unmerged`.
    pub fn outcome(&self) -> &'static str {
        match (self.merged(), self.item.state) {
            (true, _) => "merged",
            (false, ItemState::Open) => "open",
            (false, ItemState::Closed) => "closed_unmerged",
        }
    }

    /// Lines added and deleted.
    pub fn lines(&self) -> u32 {
        self.additions + self.deletions
    }

    /// `XS` to `XL`, by its lines.
    pub fn size(&self) -> &'static str {
        let reached = [(1_000, "XL"), (250, "L"), (50, "M"), (10, "S"), (0, "XS")];
        let size = reached.iter().find(|(least, _)| self.lines() >= *least);
        size.map_or("XS", |(_, name)| name)
    }

    /// When it first was ready for review; `None`: it always was a draft.
    pub fn ready_at(&self) -> Option<Timestamp> {
        if !self.opened_as_draft {
            return self.item.known_created_at();
        }
        let mut transitions = self.item.transitions.iter();
        let readied = transitions.find(|it| it.kind == TransitionKind::ReadyForReview);
        readied.map(|transition| transition.at)
    }

    /// The first review by a person other than the author, up to its end.
    pub fn first_review_at(&self) -> Option<Timestamp> {
        self.reviews_in_time()
            .find(|review| !review.user_is_bot)
            .map(|review| review.submitted_at)
    }

    /// The first approval, up to its end.
    pub fn first_approved_at(&self) -> Option<Timestamp> {
        self.approvals().next()
    }

    /// The last approval, up to its end.
    pub fn last_approved_at(&self) -> Option<Timestamp> {
        self.approvals().last()
    }

    /// From its first commit to its creation.
    pub fn coding_seconds(&self) -> Option<i64> {
        seconds(self.first_commit_at, self.item.known_created_at())
    }

    /// From being ready to the first review.
    pub fn pickup_seconds(&self) -> Option<i64> {
        seconds(self.ready_at(), self.first_review_at())
    }

    /// From the first review to the first approval.
    pub fn rework_seconds(&self) -> Option<i64> {
        seconds(self.first_review_at(), self.first_approved_at())
    }

    /// From the last approval to the merging.
    pub fn merge_seconds(&self) -> Option<i64> {
        seconds(self.last_approved_at(), self.merged_at)
    }

    /// From its first commit to the merging.
    pub fn cycle_seconds(&self) -> Option<i64> {
        seconds(self.first_commit_at, self.merged_at)
    }

    /// How many reviews others gave.
    pub fn review_count(&self) -> usize {
        self.reviews_of_others().count()
    }

    /// Logins of those who gave them, each person once, sorted.
    pub fn reviewers(&self) -> Vec<&str> {
        let people: BTreeMap<u64, &str> = self
            .reviews_of_others()
            .filter(|review| review.user_id != 0)
            .map(|review| (review.user_id, review.user.as_str()))
            .collect();
        let mut logins: Vec<&str> = people.into_values().collect();
        logins.sort_unstable();
        logins
    }

    /// `changes_requested`, `approved` or `review_required`: what the last word of each reviewer
    /// comes to, comments aside.
    pub fn review_decision(&self) -> &'static str {
        let words = self
            .reviews_of_others()
            .filter(|it| it.state != "commented");
        let last: BTreeMap<(u64, u64), &str> = words
            .map(|review| (review.person(), review.state))
            .collect();
        ["changes_requested", "approved"]
            .into_iter()
            .find(|decision| last.values().any(|state| state == decision))
            .unwrap_or("review_required")
    }

    /// What an open one waits for: `ready`, `review`, `author` or `merge`.
    pub fn waiting_for(&self) -> Option<&'static str> {
        let waits_for = match (self.draft, self.review_decision()) {
            (true, _) => "ready",
            (false, "approved") => "merge",
            (false, "changes_requested") => "author",
            (false, _) => "review",
        };
        (self.outcome() == "open").then_some(waits_for)
    }

    /// By submission, as all reviews.
    fn reviews_of_others(&self) -> impl Iterator<Item = &ReviewTruth> {
        self.reviews.iter().filter(|review| match review.user_id {
            0 => !self.item.author_gone,
            known => known != self.item.author_id,
        })
    }

    /// Those that came before there was nothing left to review.
    fn reviews_in_time(&self) -> impl Iterator<Item = &ReviewTruth> {
        let ended_at = self.merged_at.or(self.item.closed_at);
        self.reviews_of_others()
            .filter(move |review| ended_at.is_none_or(|ended_at| review.submitted_at <= ended_at))
    }

    fn approvals(&self) -> impl Iterator<Item = Timestamp> {
        self.reviews_in_time()
            .filter(|review| review.state == "approved")
            .map(|review| review.submitted_at)
    }
}

impl ReviewTruth {
    /// What tells who gave it from others.
    fn person(&self) -> (u64, u64) {
        match self.user_id {
            0 => (0, self.id),
            known => (known, 0),
        }
    }
}

/// Whole seconds between two moments; `None` where one is missing or the second came first.
fn seconds(from: Option<Timestamp>, until: Option<Timestamp>) -> Option<i64> {
    let millis = until?.millis_since(from?);
    (millis >= 0).then_some(millis / 1_000)
}

#[cfg(test)]
mod tests {
    use crate::truth::told::{DAY_0, pull_request};

    #[test]
    fn figures_of_a_pull_request_follow_from_its_story() {
        for (story, expected) in [
            ("", "ready 0; decision review_required; open for review"),
            ("draft", "decision review_required; open for ready"),
            (
                "draft, 3 ready",
                "ready 3; decision review_required; open for review",
            ),
            // It was first ready when it was opened, whatever came then.
            (
                "2 drafted, 5 ready, 6 approved by bo",
                "ready 0; reviewed 6; approved 6-6; pickup 6; rework 0; reviews 1 by bo; decision approved; open for merge",
            ),
            // Reviewed before it was ready: no pickup time, rather than a negative one.
            (
                "draft, 1 commented by bo, 5 ready",
                "ready 5; reviewed 1; reviews 1 by bo; decision review_required; open for review",
            ),
            // A review of one's own work is none; a bot's is one, but ends no pickup.
            (
                "1 approved by ann, 2 approved by bot, 4 changes_requested by bo",
                "ready 0; reviewed 4; approved 2-2; pickup 4; reviews 2 by bo bot; decision changes_requested; open for author",
            ),
            // Each reviewer's last word counts, comments aside.
            (
                "1 changes_requested by bo, 2 approved by bo, 3 commented by bo, 4 approved by cy, 9 merged",
                "ready 0; reviewed 1; approved 2-4; pickup 1; rework 1; merge 5; cycle 9; reviews 4 by bo cy; decision approved; merged",
            ),
            // A dismissed review was given, but approves and decides nothing.
            (
                "1 dismissed by bo, 3 merged",
                "ready 0; reviewed 1; pickup 1; cycle 3; reviews 1 by bo; decision review_required; merged",
            ),
            // A review after its end is one, and came too late for all of its times.
            (
                "2 merged, 3 approved by bo",
                "ready 0; cycle 2; reviews 1 by bo; decision approved; merged",
            ),
            (
                "1 closed, 3 commented by bo",
                "ready 0; reviews 1 by bo; decision review_required; closed_unmerged",
            ),
            (
                "1 closed, 2 reopened, 3 closed",
                "ready 0; decision review_required; closed_unmerged",
            ),
        ] {
            let pull = pull_request(story);
            let day = |at: Option<super::Timestamp>| at.map(|at| (at.day() - DAY_0).to_string());
            let days = |seconds: Option<i64>| seconds.map(|it| (it / 86_400).to_string());
            let approved = pull.first_approved_at().map(|first| {
                format!(
                    "{}-{}",
                    first.day() - DAY_0,
                    day(pull.last_approved_at()).unwrap_or_default()
                )
            });
            let reviewers = pull.reviewers().join(" ");
            let reviews = (pull.review_count() > 0)
                .then(|| format!("{} by {reviewers}", pull.review_count()));
            let told = [
                ("ready ", day(pull.ready_at())),
                ("reviewed ", day(pull.first_review_at())),
                ("approved ", approved),
                ("pickup ", days(pull.pickup_seconds())),
                ("rework ", days(pull.rework_seconds())),
                ("merge ", days(pull.merge_seconds())),
                ("cycle ", days(pull.cycle_seconds())),
                ("reviews ", reviews),
                ("decision ", Some(pull.review_decision().to_owned())),
                (
                    pull.outcome(),
                    Some(
                        pull.waiting_for()
                            .map_or(String::new(), |it| format!(" for {it}")),
                    ),
                ),
            ];
            let told = told
                .into_iter()
                .filter_map(|(name, value)| Some(format!("{name}{}", value?)));
            assert_eq!(told.collect::<Vec<_>>().join("; "), expected, "{story}");
        }
    }

    #[test]
    fn people_are_told_apart_by_id_whatever_they_are_called() {
        let mut pull = pull_request("1 approved by bo, 2 approved by cy, 3 approved by dee");
        // Bo was called Cy before, and another one is now; the third is the author.
        pull.reviews[1].user_id = pull.reviews[0].user_id;
        pull.reviews[1].user = "bo".to_owned();
        pull.reviews[2].user_id = pull.item.author_id;
        assert_eq!(pull.reviewers(), ["bo"]);
        assert_eq!(pull.review_count(), 2);
        pull.reviews[2].user_id = 77;
        pull.reviews[2].user = "bo".to_owned();
        assert_eq!(pull.reviewers(), ["bo", "bo"]);
    }

    #[test]
    fn what_cannot_be_true_of_time_gives_no_figure() {
        let mut pull = pull_request("2 approved by bo, 3 merged");
        for (text, is_known) in [
            ("1969-12-31T12:00:00Z", false),
            ("1990-01-01T00:00:00Z", true),
            ("2150-01-01T00:00:00Z", false),
        ] {
            pull.item.created_at = text.parse().unwrap();
            assert_eq!(pull.item.known_created_at().is_some(), is_known, "{text}");
            assert_eq!(pull.item.open_seconds().is_some(), is_known, "{text}");
            assert_eq!(pull.pickup_seconds().is_some(), is_known, "{text}");
        }
        // Closed before it was created, as imports have it.
        pull.item.created_at = pull.item.updated_at;
        pull.item.closed_at = Some(pull.item.created_at.plus_seconds(-1));
        assert_eq!(pull.item.open_seconds(), None);
    }

    #[test]
    fn sizes_begin_at_their_least_number_of_lines() {
        for (lines, size) in [
            (0, "XS"),
            (9, "XS"),
            (10, "S"),
            (49, "S"),
            (50, "M"),
            (249, "M"),
            (250, "L"),
            (999, "L"),
            (1_000, "XL"),
        ] {
            let mut pull = pull_request("");
            (pull.additions, pull.deletions) = (lines, 0);
            assert_eq!(pull.size(), size, "{lines}");
        }
    }
}
