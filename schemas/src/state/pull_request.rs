use super::{Account, Naming, Presence, Transition};
use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// State of a pull request (`schemas/avro/pull_request.avsc`). A field that nothing has told yet
/// is `None`, never a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PullRequest {
    /// GitHub host.
    pub host: String,
    /// Repository id.
    pub repository_id: i64,
    /// Repository's full name when last told.
    pub repository: Option<String>,
    /// Number within the repository.
    pub number: i64,
    /// Pull request id (not the id of its issue).
    pub pull_request_id: Option<i64>,
    /// `epoch · 2^48 + input offset`.
    pub version: i64,
    /// Whether it is there.
    pub presence: Presence,
    /// Title.
    pub title: Option<String>,
    /// `open` or `closed`.
    pub state: Option<String>,
    /// Draft or not.
    pub draft: Option<bool>,
    /// Merged or not: decided by `merged_at`.
    pub merged: Option<bool>,
    /// Who opened it.
    pub author: Option<Account>,
    /// Who merged it.
    pub merged_by: Option<Account>,
    /// Branch that it is to be merged into.
    pub base_ref: Option<String>,
    /// Branch that it comes from.
    pub head_ref: Option<String>,
    /// Head commit.
    pub head_sha: Option<String>,
    /// Its page.
    pub html_url: Option<String>,
    /// Names of its labels, sorted.
    pub labels: Vec<String>,
    /// Logins of its assignees, sorted.
    pub assignees: Vec<String>,
    /// Logins of those whose review is requested now, sorted.
    pub requested_reviewers: Vec<String>,
    /// Slugs of teams whose review is requested now, sorted.
    pub requested_teams: Vec<String>,
    /// Title of its milestone.
    pub milestone: Option<String>,
    /// Conversation locked.
    pub locked: Option<bool>,
    /// Created.
    pub created_at: Option<Timestamp>,
    /// Last changed, by GitHub's own clock.
    pub updated_at: Option<Timestamp>,
    /// Closed, where it is closed now.
    pub closed_at: Option<Timestamp>,
    /// Merged.
    pub merged_at: Option<Timestamp>,
    /// Lines added.
    pub additions: Option<i64>,
    /// Lines deleted.
    pub deletions: Option<i64>,
    /// Files changed.
    pub changed_files: Option<i64>,
    /// Commits.
    pub commits: Option<i64>,
    /// Comments on the conversation.
    pub comments: Option<i64>,
    /// Comments on the diff.
    pub review_comments: Option<i64>,
    /// Author date of its first commit, where a timeline told it.
    pub first_commit_at: Option<Timestamp>,
    /// Every review ever submitted that is still there, oldest first.
    pub reviews: Vec<Review>,
    /// Every transition, oldest first.
    pub transitions: Vec<Transition>,
    /// Changes of the head, oldest first.
    pub heads: Vec<HeadChange>,
    /// Ids of its labels, in the order of `labels`; 0 for one that has none.
    pub label_ids: Vec<i64>,
    /// Ids of its assignees, in the order of `assignees`.
    pub assignee_ids: Vec<i64>,
    /// Ids of those whose review is requested now, in the order of `requested_reviewers`.
    pub requested_reviewer_ids: Vec<i64>,
    /// Id of its milestone.
    pub milestone_id: Option<i64>,
    /// Whether it was opened as a draft, where that was told.
    pub opened_draft: Option<bool>,
    /// Whether the account of who opened it was last shown as deleted; `author` says who it was.
    pub author_gone: bool,
    /// The name last told of each person, label and milestone that it speaks of.
    pub namings: Vec<Naming>,
}

/// A review of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Review id.
    pub review_id: i64,
    /// Who reviewed; none where the account was deleted.
    pub reviewer: Option<Account>,
    /// `approved`, `changes_requested`, `commented` or `dismissed`.
    pub state: String,
    /// Commit that it was given on.
    pub commit_sha: Option<String>,
    /// Submitted.
    pub submitted_at: Timestamp,
}

/// One `synchronize`: the head went from one commit to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadChange {
    /// Head before.
    pub before: String,
    /// Head after.
    pub after: String,
    /// When.
    pub at: Timestamp,
}
