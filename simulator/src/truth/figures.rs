//! What follows from the truth of one item, derived anew from the definitions in `docs/tables.md`.
//!
//! A review counts as it is now: one that was dismissed was given, but approves and decides
//! nothing. Nobody's review of their own work counts.

use super::{
    IssueTruth, ItemState, ItemTruth, PullRequestTruth, ReviewTruth, TransitionKind,
    TransitionTruth,
};
use gapless_schemas::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

impl ItemTruth {
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
        seconds(Some(self.item.created_at), self.item.closed_at)
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
        let readied = self
            .item
            .transitions
            .iter()
            .find(|transition| transition.kind == TransitionKind::ReadyForReview);
        let opened_ready = (!self.opened_as_draft).then_some(self.item.created_at);
        readied.map(|transition| transition.at).or(opened_ready)
    }

    /// The first review by a person other than the author.
    pub fn first_review_at(&self) -> Option<Timestamp> {
        self.reviews_of_others()
            .find(|review| !review.user_is_bot)
            .map(|review| review.submitted_at)
    }

    /// The first approval.
    pub fn first_approved_at(&self) -> Option<Timestamp> {
        self.approvals().next()
    }

    /// The last approval before the merging.
    pub fn last_approved_at(&self) -> Option<Timestamp> {
        self.approvals()
            .take_while(|at| self.merged_at.is_none_or(|merged_at| *at <= merged_at))
            .last()
    }

    /// From its first commit to its creation.
    pub fn coding_seconds(&self) -> Option<i64> {
        seconds(Some(self.first_commit_at), Some(self.item.created_at))
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
        seconds(Some(self.first_commit_at), self.merged_at)
    }

    /// How many reviews others gave.
    pub fn review_count(&self) -> usize {
        self.reviews_of_others().count()
    }

    /// Logins of those who gave them, sorted.
    pub fn reviewers(&self) -> BTreeSet<&str> {
        self.reviews_of_others()
            .map(|review| review.user.as_str())
            .collect()
    }

    /// `changes_requested`, `approved` or `review_required`: what the last word of each reviewer
    /// comes to, comments aside.
    pub fn review_decision(&self) -> &'static str {
        let words = self
            .reviews_of_others()
            .filter(|it| it.state != "commented");
        let last: BTreeMap<u64, &str> =
            words.map(|review| (review.user_id, review.state)).collect();
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
        self.reviews
            .iter()
            .filter(|review| review.user_id != self.item.author_id)
    }

    fn approvals(&self) -> impl Iterator<Item = Timestamp> {
        self.reviews_of_others()
            .filter(|review| review.state == "approved")
            .map(|review| review.submitted_at)
    }
}

/// Whole seconds between two moments; `None` where one is missing or the second came first.
fn seconds(from: Option<Timestamp>, until: Option<Timestamp>) -> Option<i64> {
    let millis = until?.millis_since(from?);
    (millis >= 0).then_some(millis / 1_000)
}

#[cfg(test)]
mod tests {
    use crate::truth::told::pull_request;

    #[test]
    fn figures_of_a_pull_request_follow_from_its_story() {
        for (story, expected) in [
            ("", "ready 0; decision review_required; open for review"),
            ("draft", "decision review_required; open for ready"),
            (
                "draft, 3 ready",
                "ready 3; decision review_required; open for review",
            ),
            (
                "2 drafted, 5 ready, 6 approved by bo",
                "ready 5; reviewed 6; approved 6-6; pickup 1; rework 0; reviews 1 by bo; decision approved; open for merge",
            ),
            // Reviewed before it was ready again: no pickup time, rather than a negative one.
            (
                "1 commented by bo, 2 drafted, 5 ready",
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
            // An approval after the merging came too late for it.
            (
                "2 merged, 3 approved by bo",
                "ready 0; reviewed 3; approved 3-; pickup 3; rework 0; cycle 2; reviews 1 by bo; decision approved; merged",
            ),
            (
                "1 closed, 2 reopened, 3 closed",
                "ready 0; decision review_required; closed_unmerged",
            ),
        ] {
            let pull = pull_request(story);
            let day = |at: Option<super::Timestamp>| at.map(|at| at.day().to_string());
            let days = |seconds: Option<i64>| seconds.map(|it| (it / 86_400).to_string());
            let approved = pull.first_approved_at().map(|first| {
                format!(
                    "{}-{}",
                    first.day(),
                    day(pull.last_approved_at()).unwrap_or_default()
                )
            });
            let reviewers = pull.reviewers().into_iter().collect::<Vec<_>>().join(" ");
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
