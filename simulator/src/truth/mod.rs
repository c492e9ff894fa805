//! What really happened, told by the simulator itself.
//!
//! Times that count: a closing's is the item's `closed_at`, a merging's the pull request's
//! `merged_at`, a reopening's, readying's and drafting's the timeline's `created_at`. An earlier
//! closing, before a reopening, has the `closed_at` that the item showed then.
//!
//! Names are the ones that GitHub shows at the end; of an account that is gone, its last login. What
//! nobody could know of such an account is left out by [`Truth::know_only`].
//!
//! What counts where: a deleted issue counts nowhere, not even on the day it was opened; a
//! converted issue counts as a pull request alone, created when the issue was and with its turns; a
//! transferred issue counts once, in the repository where it is now, with its first creation time
//! and all its transitions. Both appear in [`Truth::explained`] under the number they left.

mod daily;
mod figures;
#[cfg(test)]
mod told;
mod unknown;
mod view;

pub use daily::{DayKey, IssuesDay, PullRequestsDay, WAITING_DAYS};
pub use unknown::Received;

use crate::oddity::Oddity;
use gapless_schemas::Timestamp;
use std::collections::BTreeMap;

/// All that is true at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// The instant.
    pub as_of: Timestamp,
    /// By creation.
    pub repositories: Vec<RepositoryTruth>,
    /// By repository and number.
    pub pull_requests: Vec<PullRequestTruth>,
    /// By repository and number; those that were deleted or moved away are not among them.
    pub issues: Vec<IssueTruth>,
    /// Numbers that are neither issue nor pull request (any more).
    pub explained: Vec<ExplainedNumber>,
    /// How often each of them has happened, counted when it did.
    pub oddities: BTreeMap<Oddity, usize>,
}

/// A repository.
#[derive(Clone, Debug, PartialEq)]
pub struct RepositoryTruth {
    /// GitHub's id.
    pub id: u64,
    /// Its name now.
    pub name: String,
    /// `owner/name`.
    pub full_name: String,
    /// The login of its owner.
    pub owner: String,
    /// The id of its owner.
    pub owner_id: u64,
    /// Names it had before, oldest first.
    pub former_names: Vec<String>,
    /// Its description now.
    pub description: String,
    /// `private` or `public`.
    pub visibility: &'static str,
    /// Whether it is archived.
    pub archived: bool,
    /// Its default branch.
    pub default_branch: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// The greatest number taken by an issue, pull request or discussion; 0: none yet.
    pub highest_number: u32,
    /// Open issues and pull requests together.
    pub open_items: i64,
}

/// What issue and pull request have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemTruth {
    /// The repository it is in now.
    pub repository_id: u64,
    /// Its number there.
    pub number: u32,
    /// Its title now.
    pub title: String,
    /// The login of its author.
    pub author: String,
    /// The id of its author.
    pub author_id: u64,
    /// True where the author is a bot.
    pub author_is_bot: bool,
    /// True where the author's account was deleted.
    pub author_gone: bool,
    /// Open or closed.
    pub state: ItemState,
    /// The names of its labels, sorted.
    pub labels: Vec<String>,
    /// The title of its milestone.
    pub milestone: Option<String>,
    /// The logins of its assignees, sorted.
    pub assignees: Vec<String>,
    /// How many comments it has (reviews are none).
    pub comments: u32,
    /// When it was first created, as GitHub tells it; see [`ItemTruth::known_created_at`].
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was closed, if it is.
    pub closed_at: Option<Timestamp>,
    /// Its changes of state, oldest first; the opening is not among them.
    pub transitions: Vec<TransitionTruth>,
}

/// Open or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// Waiting.
    Open,
    /// Closed; a merged pull request is closed too.
    Closed,
}

impl ItemState {
    /// As GitHub writes it: `open` or `closed`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// A change of state.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitionTruth {
    /// What changed.
    pub kind: TransitionKind,
    /// The time that counts.
    pub at: Timestamp,
    /// The login of who did it.
    pub actor: String,
    /// For closings of issues: `completed`, `not_planned` or `duplicate`.
    pub state_reason: Option<&'static str>,
}

/// A kind of change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransitionKind {
    /// Closed without being merged.
    Closed,
    /// Merged, which closes too: no `Closed` stands beside it.
    Merged,
    /// Open again.
    Reopened,
    /// A draft no more.
    ReadyForReview,
    /// A draft again.
    ConvertedToDraft,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq)]
pub struct PullRequestTruth {
    /// The pull request's id.
    pub id: u64,
    /// What it shares with issues.
    pub item: ItemTruth,
    /// Whether it is a draft.
    pub draft: bool,
    /// Whether it was a draft when it was opened.
    pub opened_as_draft: bool,
    /// When it was merged, if it was.
    pub merged_at: Option<Timestamp>,
    /// The login of who merged it.
    pub merged_by: Option<String>,
    /// The id of who merged it.
    pub merged_by_id: Option<u64>,
    /// The branch it comes from.
    pub head_ref: String,
    /// The commit that branch points to.
    pub head_sha: String,
    /// The branch it goes to.
    pub base_ref: String,
    /// When its first commit was authored, of those whose date can be true; `None`: none has one.
    pub first_commit_at: Option<Timestamp>,
    /// Lines added.
    pub additions: u32,
    /// Lines deleted.
    pub deletions: u32,
    /// Files changed.
    pub changed_files: u32,
    /// Commits.
    pub commits: u32,
    /// Logins of people asked for a review who have not given one, sorted.
    pub requested_reviewers: Vec<String>,
    /// Slugs of teams asked for a review, sorted.
    pub requested_teams: Vec<String>,
    /// By submission.
    pub reviews: Vec<ReviewTruth>,
}

impl PullRequestTruth {
    /// Whether it was merged.
    pub const fn merged(&self) -> bool {
        self.merged_at.is_some()
    }
}

/// A review.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewTruth {
    /// The review's id.
    pub id: u64,
    /// The id of who gave it.
    pub user_id: u64,
    /// The login of who gave it.
    pub user: String,
    /// True where that is a bot.
    pub user_is_bot: bool,
    /// True where that account was deleted.
    pub user_gone: bool,
    /// `approved`, `changes_requested`, `commented` or `dismissed`.
    pub state: &'static str,
    /// When it was submitted.
    pub submitted_at: Timestamp,
}

/// An issue.
#[derive(Clone, Debug, PartialEq)]
pub struct IssueTruth {
    /// The issue's id; it changed with each transfer.
    pub id: u64,
    /// What it shares with pull requests.
    pub item: ItemTruth,
    /// `completed`, `not_planned` or `duplicate` when closed; `reopened` when open again.
    pub state_reason: Option<&'static str>,
    /// (Repository id, number) of where it was before, oldest first.
    pub former_places: Vec<(u64, u32)>,
}

/// A number that is neither issue nor pull request (any more).
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedNumber {
    /// The repository.
    pub repository_id: u64,
    /// The number.
    pub number: u32,
    /// What took it.
    pub why: Explanation,
}

/// What took a number that is neither issue nor pull request (any more).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Explanation {
    /// A discussion: 404 as issue and as pull request.
    Discussion,
    /// An issue that was deleted: 410.
    Deleted {
        /// The id it had.
        issue_id: u64,
        /// When it was deleted.
        at: Timestamp,
    },
    /// An issue that was transferred: 301.
    Transferred {
        /// The repository it went to.
        to_repository_id: u64,
        /// The number it took there.
        to_number: u32,
        /// When it went.
        at: Timestamp,
    },
}
