//! Issues and pull requests: what they share ([`Thread`]) and what each has of its own.

use crate::repository::ItemKey;
use crate::truth::TransitionKind;
use gapless_schemas::Timestamp;

/// What issue and pull request have in common. Accounts and labels are indices into the world's
/// lists.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    /// The issue's id. A pull request has another one of its own besides.
    pub(crate) issue_id: u64,
    pub(crate) number: u32,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) author: usize,
    pub(crate) labels: Vec<usize>,
    pub(crate) assignees: Vec<usize>,
    pub(crate) milestone: Option<usize>,
    pub(crate) open: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) closed_by: Option<usize>,
    pub(crate) comments: u32,
    pub(crate) transitions: Vec<Transition>,
    pub(crate) timeline: Vec<TimelineEntry>,
    /// Reopened again and again.
    pub(crate) restless: bool,
}

/// A change of state, at the time that counts in figures.
#[derive(Clone, Debug)]
pub(crate) struct Transition {
    pub(crate) kind: TransitionKind,
    pub(crate) at: Timestamp,
    pub(crate) actor: usize,
    pub(crate) reason: Option<StateReason>,
}

/// An issue.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) thread: Thread,
    pub(crate) state_reason: Option<StateReason>,
    /// Where it was before it was transferred, oldest first.
    pub(crate) former_places: Vec<ItemKey>,
}

/// Why an issue is in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateReason {
    Completed,
    NotPlanned,
    Duplicate,
    Reopened,
}

impl StateReason {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NotPlanned => "not_planned",
            Self::Duplicate => "duplicate",
            Self::Reopened => "reopened",
        }
    }
}

/// A pull request.
#[derive(Debug)]
pub(crate) struct PullRequest {
    pub(crate) thread: Thread,
    pub(crate) id: u64,
    pub(crate) draft: bool,
    pub(crate) opened_as_draft: bool,
    pub(crate) merged_at: Option<Timestamp>,
    pub(crate) merged_by: Option<usize>,
    pub(crate) merge_commit_sha: String,
    pub(crate) head_ref: String,
    pub(crate) head_sha: String,
    /// The fork that the head lies in; `None`: the repository itself.
    pub(crate) fork: Option<Fork>,
    pub(crate) base_ref: String,
    pub(crate) base_sha: String,
    pub(crate) commits: u32,
    pub(crate) additions: u32,
    pub(crate) deletions: u32,
    pub(crate) changed_files: u32,
    pub(crate) requested_reviewers: Vec<usize>,
    pub(crate) requested_teams: Vec<usize>,
    pub(crate) reviews: Vec<Review>,
}

/// A fork that a head lies in.
#[derive(Clone, Debug)]
pub(crate) struct Fork {
    pub(crate) id: u64,
    pub(crate) owner: usize,
    /// The payload's `head.repo` is then null.
    pub(crate) deleted: bool,
}

/// A review.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) id: u64,
    pub(crate) author: usize,
    pub(crate) state: ReviewState,
    pub(crate) body: String,
    pub(crate) submitted_at: Timestamp,
    pub(crate) commit_id: String,
}

/// What a review says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReviewState {
    Approved,
    ChangesRequested,
    Commented,
    Dismissed,
}

impl ReviewState {
    /// As webhooks and the timeline write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::ChangesRequested => "changes_requested",
            Self::Commented => "commented",
            Self::Dismissed => "dismissed",
        }
    }

    /// As the list of reviews writes it.
    pub(crate) const fn api_name(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::ChangesRequested => "CHANGES_REQUESTED",
            Self::Commented => "COMMENTED",
            Self::Dismissed => "DISMISSED",
        }
    }
}

/// An entry of an item's timeline.
#[derive(Clone, Debug)]
pub(crate) struct TimelineEntry {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) actor: usize,
    pub(crate) kind: TimelineKind,
}

/// What a timeline tells.
#[derive(Clone, Debug)]
pub(crate) enum TimelineKind {
    /// With the label's name at that time: the label may be renamed, or its item moved to where it
    /// is not.
    Labeled {
        name: String,
        colour: &'static str,
    },
    Unlabeled {
        name: String,
        colour: &'static str,
    },
    /// With the milestone's title at that time.
    Milestoned {
        title: String,
    },
    Assigned {
        assignee: usize,
    },
    Unassigned {
        assignee: usize,
    },
    Renamed {
        from: String,
        to: String,
    },
    /// `omitted`: the timeline does not show it as long as the item's own `closed_at` does.
    Closed {
        reason: Option<StateReason>,
        omitted: bool,
    },
    Merged {
        sha: String,
    },
    Reopened,
    ReadyForReview,
    ConvertedToDraft,
    ReviewRequested {
        from: Requested,
    },
    ReviewRequestRemoved {
        from: Requested,
    },
    Reviewed {
        review: u64,
    },
    ReviewDismissed {
        review: u64,
        state: ReviewState,
    },
    BaseRefChanged,
    HeadRefForcePushed {
        sha: String,
    },
    Committed(Commit),
    Commented {
        body: String,
    },
    Transferred,
}

/// A commit of a pull request.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) parent: String,
    pub(crate) message: String,
    /// What its author's clock said, which may have been wrong.
    pub(crate) authored_at: Timestamp,
}

/// Who is asked for a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requested {
    Person(usize),
    Team(usize),
}

impl Thread {
    /// When its state last changed: no two transitions lie closer than ten seconds.
    pub(crate) fn last_transition_at(&self) -> Timestamp {
        self.transitions
            .last()
            .map_or(self.created_at, |transition| transition.at)
    }
}
