//! Truths told as stories, for tests: "draft, 3 ready, 5 approved by bo, 9 merged", by Ann, opened
//! on day 0; each step has its day.

use super::{
    IssueTruth, ItemState, ItemTruth, PullRequestTruth, ReviewTruth, TransitionKind,
    TransitionTruth,
};
use gapless_schemas::Timestamp;

/// The id of who has that login: Ann's is 1.
fn id_of(login: &str) -> u64 {
    match login {
        "ann" => 1,
        _ => login.bytes().fold(1, |id, byte| id * 256 + u64::from(byte)),
    }
}

/// The day on which stories begin, 2025-01-01, since 1970-01-01.
pub(super) const DAY_0: i32 = 20_089;

/// An hour into the day.
fn at(day: i64) -> Timestamp {
    Timestamp::from_seconds((i64::from(DAY_0) + day) * 86_400 + 3_600)
}

fn steps(story: &'static str) -> impl Iterator<Item = (Timestamp, &'static str)> {
    story.split(", ").filter_map(|step| {
        let (day, what) = step.split_once(' ')?;
        Some((at(day.parse().unwrap()), what))
    })
}

fn item(story: &'static str) -> ItemTruth {
    let mut item = ItemTruth {
        repository_id: 1,
        number: 1,
        title: String::new(),
        author: "ann".to_owned(),
        author_id: 1,
        author_is_bot: false,
        author_gone: false,
        state: ItemState::Open,
        labels: Vec::new(),
        milestone: None,
        assignees: Vec::new(),
        comments: 0,
        created_at: at(0),
        updated_at: at(0),
        closed_at: None,
        transitions: Vec::new(),
    };
    for (at, what) in steps(story) {
        let (kind, state_reason) = match what {
            "closed" => (TransitionKind::Closed, None),
            "completed" => (TransitionKind::Closed, Some("completed")),
            "not_planned" => (TransitionKind::Closed, Some("not_planned")),
            "duplicate" => (TransitionKind::Closed, Some("duplicate")),
            "merged" => (TransitionKind::Merged, None),
            "reopened" => (TransitionKind::Reopened, None),
            "ready" => (TransitionKind::ReadyForReview, None),
            "drafted" => (TransitionKind::ConvertedToDraft, None),
            _ => continue,
        };
        match kind {
            TransitionKind::Closed | TransitionKind::Merged => {
                (item.state, item.closed_at) = (ItemState::Closed, Some(at));
            }
            TransitionKind::Reopened => (item.state, item.closed_at) = (ItemState::Open, None),
            TransitionKind::ReadyForReview | TransitionKind::ConvertedToDraft => {}
        }
        item.transitions.push(TransitionTruth {
            kind,
            at,
            actor: "ann".to_owned(),
            state_reason,
        });
    }
    item
}

/// The issue of a story.
pub(super) fn issue(story: &'static str) -> IssueTruth {
    let item = item(story);
    let reason = item.transitions.last().and_then(|last| last.state_reason);
    IssueTruth {
        id: 1,
        state_reason: reason,
        former_places: Vec::new(),
        item,
    }
}

/// The pull request of a story, with a hundred lines and its first commit at its opening.
pub(super) fn pull_request(story: &'static str) -> PullRequestTruth {
    let reviews = steps(story).filter_map(|(submitted_at, what)| {
        let (state, user) = what.split_once(" by ")?;
        Some(ReviewTruth {
            id: 1,
            user_id: id_of(user),
            user: user.to_owned(),
            user_is_bot: user == "bot",
            user_gone: false,
            state,
            submitted_at,
        })
    });
    let opened_as_draft = story.starts_with("draft");
    let item = item(story);
    let last_draft = item.transitions.iter().rev().find_map(|it| match it.kind {
        TransitionKind::ConvertedToDraft => Some(true),
        TransitionKind::ReadyForReview => Some(false),
        _ => None,
    });
    let merged = item
        .transitions
        .iter()
        .find(|it| it.kind == TransitionKind::Merged);
    PullRequestTruth {
        id: 1,
        draft: last_draft.unwrap_or(opened_as_draft),
        opened_as_draft,
        merged_at: merged.map(|it| it.at),
        merged_by: None,
        merged_by_id: None,
        head_ref: String::new(),
        head_sha: String::new(),
        base_ref: String::new(),
        first_commit_at: Some(item.created_at),
        additions: 60,
        deletions: 40,
        changed_files: 1,
        commits: 1,
        requested_reviewers: Vec::new(),
        requested_teams: Vec::new(),
        reviews: reviews.collect(),
        item,
    }
}
