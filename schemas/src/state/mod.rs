//! Values of the state topics: what the law says of each entity now, in typed fields.
//!
//! They are derived from the joined state by pure functions and are outputs for others; a
//! processor restores from its own store or the log, never from these.

mod gap;
mod issue;
mod ledger;
mod pull_request;
mod repository;

pub use gap::{Detector, Gap, GapEvent, GapOutcome};
pub use issue::Issue;
pub use ledger::{LedgerBlock, LedgerDay};
pub use pull_request::{HeadChange, PullRequest, Review};
pub use repository::Repository;

use crate::Timestamp;
use crate::named::named;
use serde::{Deserialize, Serialize};

named! {
    /// Whether an entity is there, as this installation's credentials can tell.
    pub enum Presence {
        /// It is there, or was when last heard of.
        Alive = "alive",
        /// GitHub said that it was deleted (a `deleted` event or 410).
        Gone = "gone",
        /// 404: deleted, or not visible to this credential; nobody can tell which.
        Unreachable = "unreachable",
        /// 301: it lives elsewhere now.
        Moved = "moved",
    }
}

named! {
    /// Kinds of transitions in an issue's or pull request's life.
    pub enum TransitionKind {
        /// Created; exactly one, at `created_at`.
        Opened = "opened",
        /// Closed, for a pull request also when it was merged.
        Closed = "closed",
        /// Opened again.
        Reopened = "reopened",
        /// A draft became ready for review.
        ReadyForReview = "ready_for_review",
        /// It became a draft again.
        ConvertedToDraft = "converted_to_draft",
    }
}

/// One transition, after witnesses of the same one were matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// What happened.
    pub kind: TransitionKind,
    /// When, to the second: the timeline's time, else the object's own (`closed_at`), else the
    /// `updated_at` of the webhook that told it.
    pub at: Timestamp,
    /// Login of who did it, where known.
    pub actor: Option<String>,
    /// Id of who did it, where known.
    pub actor_id: Option<i64>,
}

named! {
    /// What bears a name that may change while its id stays.
    pub enum NameKind {
        /// A person, bot or organisation; the name is the login.
        Person = "person",
        /// A label.
        Label = "label",
        /// A milestone; the name is the title.
        Milestone = "milestone",
    }
}

/// A name that an id was told with. Ids are counted by host, names are not: what is told of an id
/// in one repository holds in all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Naming {
    /// What bears it.
    pub kind: NameKind,
    /// The bearer's id.
    pub id: i64,
    /// Login, name or title.
    pub name: String,
    /// True where the telling was that the bearer is deleted.
    pub deleted: bool,
    /// When it was told: an answer's request, else the entity's own time, else the first attempt.
    pub told_at: Timestamp,
}

/// A person, bot or organisation as GitHub named it then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Numeric id: the identity.
    pub id: i64,
    /// Login: a name, which may change hands.
    pub login: String,
    /// True where GitHub says `"type": "Bot"`, or the login ends in `[bot]`.
    pub bot: bool,
}
