//! Derived figures of a pull request. What nothing told stays `None`: a stage that is missing is
//! not a stage of no length, and a negative length is a contradiction between clocks, not a figure.

use crate::life::{Life, Turn, began_as_draft, began_at};
use gapless_schemas::{Account, PullRequest, Review, Timestamp};
use std::collections::BTreeMap;

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
    pub(crate) reviewers: Vec<(String, i64)>,
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
            .filter(|review| is_another(review.reviewer.as_ref(), state))
            .collect();
        let began_at = began_at(state.created_at, &state.transitions, state.merged_at);
        let walked = began_at.map(|began_at| {
            let draft = state.draft == Some(true);
            let draft = began_as_draft(state.opened_draft, &state.transitions, draft);
            Life::walk(began_at, &state.transitions, state.merged_at, draft)
        });
        let count = |turn| walked.as_ref().map_or(0, |life| life.count(turn));
        let closed_count = count(Turn::Closed) + count(Turn::Merged);
        let reopened_count = count(Turn::Reopened);
        let life = walked.filter(|_| state.created_at.is_some());
        let ended_at = ended_at(state, life.as_ref());
        let in_time: Vec<&Review> = others
            .iter()
            .copied()
            .filter(|review| ended_at.is_none_or(|ended_at| review.submitted_at <= ended_at))
            .collect();
        let approvals = || {
            in_time
                .iter()
                .filter(|review| review.state == "approved")
                .map(|review| review.submitted_at)
        };
        let ready_at = life.as_ref().and_then(|life| life.ready_at);
        let first_review_at = in_time
            .iter()
            .filter(|review| !review.reviewer.as_ref().is_some_and(|who| who.bot))
            .map(|review| review.submitted_at)
            .min();
        let first_approved_at = approvals().min();
        let last_approved_at = approvals().max();
        let outcome = outcome(state);
        let review_decision = decision(&others);
        let lines = state
            .additions
            .zip(state.deletions)
            .map(|(added, deleted)| added.saturating_add(deleted));
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
            reviewers: reviewers(&others),
            review_decision,
            review_cycles: review_cycles(state, &in_time, first_approved_at),
            closed_count,
            reopened_count,
            waiting_for: waiting_for(outcome, state.draft, review_decision),
            life,
        }
    }
}

/// Logins and ids of those who reviewed, each person once, in the order of the logins. Of accounts
/// that are gone nobody can tell how many people they were.
fn reviewers(others: &[&Review]) -> Vec<(String, i64)> {
    let people = others.iter().filter_map(|review| review.reviewer.as_ref());
    let people: BTreeMap<i64, &str> = people.map(|who| (who.id, who.login.as_str())).collect();
    let mut people: Vec<(String, i64)> = people
        .into_iter()
        .map(|(id, login)| (login.to_owned(), id))
        .collect();
    people.sort_unstable();
    people
}

/// When there was nothing left to review: its merge, or the closing that holds.
fn ended_at(state: &PullRequest, life: Option<&Life>) -> Option<Timestamp> {
    let closed_at = || {
        let told = life?.closed_at()?;
        Some(state.closed_at.unwrap_or(told))
    };
    state.merged_at.or_else(closed_at)
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
fn is_another(reviewer: Option<&Account>, state: &PullRequest) -> bool {
    match (reviewer, state.author.as_ref()) {
        (Some(reviewer), Some(author)) => reviewer.id != author.id,
        (None, None) => false,
        (None, Some(_)) => !state.author_gone,
        (Some(_), None) => true,
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
    let mut latest = BTreeMap::<(Option<i64>, i64), &Review>::new();
    for review in others.iter().filter(|review| review.state != "commented") {
        // Two accounts that are gone need not be one person.
        let who = match &review.reviewer {
            Some(who) => (Some(who.id), 0),
            None => (None, review.review_id),
        };
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
