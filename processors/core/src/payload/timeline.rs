use super::{UserObject, time};
use gapless_schemas::Timestamp;
use serde::Deserialize;

/// One entry of an issue's or pull request's timeline: the union of the forms we read.
///
/// Source: `GET /repos/{o}/{r}/issues/{n}/timeline`. Most kinds have `created_at`; `reviewed` has
/// `submitted_at`, `committed` has the commit's own dates.
#[derive(Debug, Deserialize)]
pub struct TimelineEvent {
    /// Kind, e.g. `closed`; absent in kinds that GitHub adds without telling.
    #[serde(default)]
    pub event: String,
    /// When.
    #[serde(default, deserialize_with = "time::optional")]
    pub created_at: Option<Timestamp>,
    /// Who.
    pub actor: Option<UserObject>,
    /// Of `committed`.
    pub author: Option<CommitPerson>,
}

impl TimelineEvent {
    /// Whether some state reads entries of `kind`, a word of GitHub's: without such an entry a
    /// timeline is not complete.
    pub(super) fn is_read(kind: &str) -> bool {
        matches!(
            kind,
            "closed" | "reopened" | "ready_for_review" | "convert_to_draft" | "committed"
        )
    }
}

/// Author of a commit; in other kinds `author` is a user, whose fields are passed over.
#[derive(Debug, Deserialize)]
pub struct CommitPerson {
    /// Author date, as the author's machine told it.
    #[serde(default, deserialize_with = "time::lenient")]
    pub date: Option<Timestamp>,
}
