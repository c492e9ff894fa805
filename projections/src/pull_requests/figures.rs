//! Derived figures of a pull request. What nothing told stays `None`: a stage that is missing is
//! not a stage of no length, and a negative length is a contradiction between clocks, not a figure.

use crate::life::{Life, Turn, began_as_draft};
use gapless_schemas::{Account, PullRequest, Review, Timestamp, TransitionKind};
use std::collections::{BTreeMap, BTreeSet};

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Open,
    Merged,
    ClosedUnmerged,
}

/// How large its change is, by lines added and deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Xs,
    S,
    M,
    L,
    Xl,
}

/// What its reviewers' latest decisions say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    ReviewRequired,
    ChangesRequested,
    Approved,
}

/// What an open one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    Ready,
    Review,
    Author,
    Merge,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Merged => "merged",
            Self::ClosedUnmerged => "closed_unmerged",
        }
    }
}

impl Size {
    fn of(lines: i64) -> Self {
        match lines {
            ..=9 => Self::Xs,
            10..=49 => Self::S,
            50..=249 => Self::M,
            250..=999 => Self::L,
            _ => Self::Xl,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Xs => "XS",
            Self::S => "S",
            Self::M => "M",
            Self::L => "L",
            Self::Xl => "XL",
        }
    }
}

impl Decision {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReviewRequired => "review_required",
            Self::ChangesRequested => "changes_requested",
            Self::Approved => "approved",
        }
    }
}

impl WaitsFor {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Review => "review",
            Self::Author => "author",
            Self::Merge => "merge",
        }
    }
}

/// The derived columns of `pull_requests`; their meanings stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) outcome: Option<Outcome>,
    pub(crate) size: Option<Size>,
    pub(crate) lines: Option<i64>,
    pub(crate) ready_at: Option<Timestamp>,
    pub(crate) first_review_at: Option<Timestamp>,
    pub(crate) first_approved_at: Option<Timestamp>,
    pub(crate) last_approved_at: Option<Timestamp>,
    pub(crate) coding_seconds: Option<i64>,
    pub(crate) pickup_seconds: Option<i64>,
    pub(crate) rework_seconds: Option<i64>,
    pub(crate) merge_seconds: Option<i64>,
    pub(crate) cycle_seconds: Option<i64>,
    pub(crate) review_count: i64,
    pub(crate) reviewers: BTreeSet<String>,
    pub(crate) review_decision: Decision,
    pub(crate) review_cycles: i64,
    pub(crate) closed_count: i64,
    pub(crate) reopened_count: i64,
    pub(crate) waiting_for: Option<WaitsFor>,
    pub(crate) life: Option<Life>,
}

impl Figures {
    pub(crate) fn of(state: &PullRequest) -> Self {
        let others: Vec<&Review> = state
            .reviews
            .iter()
            .filter(|review| is_another(review.reviewer.as_ref(), state.author.as_ref()))
            .collect();
        let approvals = || {
            others
                .iter()
                .filter(|review| review.state == "approved")
                .map(|review| review.submitted_at)
        };
        let ready_at = ready_at(state);
        let first_review_at = others
            .iter()
            .filter(|review| !review.reviewer.as_ref().is_some_and(|who| who.bot))
            .map(|review| review.submitted_at)
            .min();
        let first_approved_at = approvals().min();
        let last_approved_at = approvals()
            .filter(|&at| state.merged_at.is_none_or(|merged_at| at <= merged_at))
            .max();
        let outcome = outcome(state);
        let review_decision = decision(&others);
        let lines = state
            .additions
            .zip(state.deletions)
            .map(|(added, deleted)| added.saturating_add(deleted));
        let life = state.created_at.map(|created_at| {
            Life::walk(
                created_at,
                &state.transitions,
                state.merged_at,
                state.draft == Some(true),
            )
        });
        let count = |turn| life.as_ref().map_or(0, |life| life.count(turn));
        Self {
            outcome,
            size: lines.map(Size::of),
            lines,
            ready_at,
            first_review_at,
            first_approved_at,
            last_approved_at,
            coding_seconds: seconds(state.first_commit_at, state.created_at),
            pickup_seconds: seconds(ready_at, first_review_at),
            rework_seconds: seconds(first_review_at, first_approved_at),
            merge_seconds: seconds(last_approved_at, state.merged_at),
            cycle_seconds: seconds(state.first_commit_at, state.merged_at),
            review_count: others.len() as i64,
            reviewers: others
                .iter()
                .filter_map(|review| review.reviewer.as_ref())
                .map(|who| who.login.clone())
                .collect(),
            review_decision,
            review_cycles: review_cycles(state, &others, first_approved_at),
            closed_count: count(Turn::Closed) + count(Turn::Merged),
            reopened_count: count(Turn::Reopened),
            waiting_for: waiting_for(outcome, state.draft, review_decision),
            life,
        }
    }
}

fn waiting_for(
    outcome: Option<Outcome>,
    draft: Option<bool>,
    decision: Decision,
) -> Option<WaitsFor> {
    match (outcome?, draft, decision) {
        (Outcome::Merged | Outcome::ClosedUnmerged, _, _) => None,
        (Outcome::Open, Some(true), _) => Some(WaitsFor::Ready),
        (Outcome::Open, _, Decision::ReviewRequired) => Some(WaitsFor::Review),
        (Outcome::Open, _, Decision::ChangesRequested) => Some(WaitsFor::Author),
        (Outcome::Open, _, Decision::Approved) => Some(WaitsFor::Merge),
    }
}

/// Whole seconds from one to the other; none where either is missing or they contradict.
pub(crate) fn seconds(from: Option<Timestamp>, until: Option<Timestamp>) -> Option<i64> {
    let seconds = until?.as_seconds() - from?.as_seconds();
    (seconds >= 0).then_some(seconds)
}

/// Whether a review is by someone other than the author. Of two deleted accounts nobody can tell.
fn is_another(reviewer: Option<&Account>, author: Option<&Account>) -> bool {
    match (reviewer, author) {
        (Some(reviewer), Some(author)) => reviewer.id != author.id,
        (None, None) => false,
        _ => true,
    }
}

fn ready_at(state: &PullRequest) -> Option<Timestamp> {
    let first_ready = state
        .transitions
        .iter()
        .find(|transition| transition.kind == TransitionKind::ReadyForReview);
    match first_ready {
        Some(transition) => Some(transition.at),
        None if began_as_draft(&state.transitions, state.draft == Some(true)) => None,
        None => state.created_at,
    }
}

fn outcome(state: &PullRequest) -> Option<Outcome> {
    if state.merged_at.is_some() || state.merged == Some(true) {
        return Some(Outcome::Merged);
    }
    match (state.state.as_deref()?, state.merged) {
        ("open", _) => Some(Outcome::Open),
        ("closed", Some(false)) => Some(Outcome::ClosedUnmerged),
        _ => None,
    }
}

/// The latest decision of each reviewer counts; one that was dismissed decides nothing.
fn decision(others: &[&Review]) -> Decision {
    let mut latest = BTreeMap::<Option<i64>, &Review>::new();
    for review in others.iter().filter(|review| review.state != "commented") {
        let who = review.reviewer.as_ref().map(|who| who.id);
        let known = latest.entry(who).or_insert(review);
        if (review.submitted_at, review.review_id) > (known.submitted_at, known.review_id) {
            *known = review;
        }
    }
    let anyone = |state| latest.values().any(|review| review.state == state);
    if anyone("changes_requested") {
        Decision::ChangesRequested
    } else if anyone("approved") {
        Decision::Approved
    } else {
        Decision::ReviewRequired
    }
}

/// How often a request for changes was answered by a new head, before the first approval.
fn review_cycles(
    state: &PullRequest,
    others: &[&Review],
    first_approved_at: Option<Timestamp>,
) -> i64 {
    let asked = others
        .iter()
        .filter(|review| review.state == "changes_requested")
        .map(|review| (review.submitted_at, true));
    let pushed = state.heads.iter().map(|head| (head.at, false));
    let mut steps: Vec<(Timestamp, bool)> = asked
        .chain(pushed)
        .filter(|&(at, _)| first_approved_at.is_none_or(|approved| at < approved))
        .collect();
    steps.sort_unstable();
    let mut cycles = 0;
    let mut is_asked = false;
    for (_, asks) in steps {
        if !asks && is_asked {
            cycles += 1;
        }
        is_asked = asks;
    }
    cycles
}
