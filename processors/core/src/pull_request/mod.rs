//! Pull requests, with their reviews, requests and heads: sets that are small by nature.

mod lift;
mod view;

use crate::detect::Asked;
use crate::entity::{self, Entity, Key, Kind, Parts, Record};
use crate::item::Item;
use crate::law::{Earliest, Latest, Register, join_fields};
use crate::lifecycle::Turn;
use crate::payload::Payload;
use gapless_schemas::{Contested, Event, Presence, Question, Timestamp, TransitionKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// State of a pull request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    item: Item,
    id: Latest<i64>,
    draft: Register<bool>,
    merged_at: Register<Option<Timestamp>>,
    branches: Register<Branches>,
    requested: Register<Requested>,
    /// Only in full objects: a review's payload lacks them and must not erase them.
    figures: Register<Figures>,
    /// Id of who merged it: as little forgotten as the author's.
    merged_by: Latest<i64>,
    reviews: BTreeMap<i64, Review>,
    /// Head commits that an object showed, each with the first time that it did.
    shown_heads: BTreeMap<String, Earliest<Timestamp>>,
    /// What `synchronize` told: the head went from `.1` to `.2` at `.0`.
    heads: BTreeSet<(Timestamp, String, String)>,
    first_head: Earliest<(Timestamp, String)>,
    /// Heads that a reopening showed: GitHub tells no push onto a closed pull request, and the
    /// reopening shows what they led to.
    reopened_heads: BTreeSet<String>,
    first_commit_at: Earliest<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Branches {
    base_ref: String,
    head_ref: String,
    head_sha: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Requested {
    /// Ids.
    reviewers: Vec<i64>,
    /// Slugs.
    teams: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Figures {
    additions: i64,
    deletions: i64,
    changed_files: i64,
    commits: i64,
    review_comments: Option<i64>,
}

/// A review. Its state needs no stamp: it never changes but to `dismissed`, and never back, so
/// "dismissed" is a fact that only comes true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Review {
    submitted_at: Earliest<Timestamp>,
    given: Latest<String>,
    dismissed: bool,
    commit_sha: Latest<String>,
    /// Id of who gave it, which never changes; not forgotten when the account goes.
    reviewer: Latest<i64>,
}

join_fields!(Review {
    submitted_at,
    given,
    dismissed,
    commit_sha,
    reviewer,
});

join_fields!(State {
    item,
    id,
    draft,
    merged_at,
    branches,
    requested,
    figures,
    merged_by,
    reviews,
    shown_heads,
    heads,
    first_head,
    reopened_heads,
    first_commit_at,
});

impl State {
    /// Whether anything showed it as a pull request; a mere 404 of its number did not.
    pub(crate) fn is_known(&self) -> bool {
        self.item.is_known()
    }

    /// Whether it shows a draft, where looks of one second do not differ about it.
    fn uncontested_draft(&self) -> Option<bool> {
        let draft = self.draft.get().copied();
        draft.filter(|_| self.draft.contested().is_none())
    }

    /// Whether it is a draft. Where looks of one second tell both, how often it was converted and
    /// made ready in that second says how it ended.
    fn draft(&self, turns: &[Turn]) -> Option<bool> {
        let shown = self.draft.get().copied()?;
        let contested = self.draft.contested();
        let mut drafts = turns.iter().rev().filter(|turn| {
            contested.is_some_and(|stamp| turn.at >= stamp.entity_time)
                && matches!(
                    turn.kind,
                    TransitionKind::ConvertedToDraft | TransitionKind::ReadyForReview
                )
        });
        let last = drafts.next();
        Some(last.map_or(shown, |turn| turn.kind == TransitionKind::ConvertedToDraft))
    }

    /// The first break in the chain of heads later than the last timeline: a `synchronize` whose
    /// `before` nobody showed, or a shown head that no `synchronize` led to.
    ///
    /// Answers do not tell the pushes that were lost; after a complete timeline all that is left
    /// to know of them is their commits, so breaks up to then are not asked about again.
    ///
    /// Of a pull request that was there long before the first word about it, the first push comes
    /// onto a head that nobody can have told of. That is no break, unless an object showed a head
    /// before: then pushes between the two were lost.
    fn broken_chain(&self) -> Option<(Timestamp, Question)> {
        let asks = |at: &Timestamp| !self.item.lifecycle.proves(*at);
        let first = self.first_head.0.iter().map(|(_, first)| first);
        let reached: BTreeSet<&String> = first
            .chain(&self.reopened_heads)
            .chain(self.heads.iter().map(|(_, _, after)| after))
            .collect();
        let is_silent_history = self.item.is_history()
            && self.first_head.0.is_none()
            && self.item.lifecycle.read_at().is_none();
        let first_push = self.heads.first().map(|(at, _, _)| *at);
        let shown_before = self.shown_heads.values().any(|at| at.0 < first_push);
        // Within a second, the order of pushes is not known: any of the first ones may be the first.
        let mut is_unheard = is_silent_history && !shown_before;
        let unknown_before = self
            .heads
            .iter()
            .filter(|(at, before, _)| {
                asks(at) && !reached.contains(before) && !self.shown_heads.contains_key(before)
            })
            .filter(|(at, _, _)| !(Some(*at) == first_push && std::mem::take(&mut is_unheard)))
            .map(|(at, before, _)| {
                let (at, before) = (*at, before.clone());
                (at, Question::UntoldHead { at, before })
            });
        let unexplained = self
            .shown_heads
            .iter()
            .filter_map(|(sha, at)| Some((at.0?, sha)))
            .filter(|(at, sha)| asks(at) && self.first_head.0.is_some() && !reached.contains(sha))
            .map(|(at, sha)| {
                let head = sha.clone();
                (at, Question::UntoldPush { at, head })
            });
        unknown_before.chain(unexplained).min()
    }
}

impl Entity for State {
    const KIND: Kind = Kind::PullRequest;

    fn lift(event: &Event, payload: &Payload, parts: &mut Parts) {
        lift::lift(event, payload, parts);
    }

    fn view(&self, key: &Key, version: i64) -> Option<Record> {
        view::view(self, key, version)
    }

    fn questions(&self, key: &Key) -> Vec<Asked> {
        let Ok(number) = key.name.parse() else {
            return Vec::new();
        };
        let mut questions = self.item.questions(number, self.uncontested_draft());
        if self.item.presence() != Presence::Alive {
            return questions.into_vec();
        }
        if let Some((since, question)) = self.broken_chain() {
            questions.ask(since, question);
        }
        questions.ask_contested(&[
            (Contested::Draft, self.draft.contested()),
            (Contested::Merging, self.merged_at.contested()),
            (Contested::Branches, self.branches.contested()),
            (Contested::Reviewers, self.requested.contested()),
            (Contested::Sizes, self.figures.contested()),
        ]);
        if let (Some(since), None, true, false) = (
            self.item.created_at.0,
            self.figures.get(),
            self.item.is_heard_of(),
            self.item.is_history(),
        ) {
            questions.ask(since, Question::UntoldOpening);
        }
        self.item.audit(&mut questions);
        questions.into_vec()
    }

    fn into_state(self) -> entity::State {
        entity::State::PullRequest(Box::new(self))
    }
}
