use super::{Naming, Presence};
use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// State of a repository (`schemas/avro/repository.avsc`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// GitHub host.
    pub host: String,
    /// Repository id.
    pub repository_id: i64,
    /// `epoch · 2^48 + input offset`.
    pub version: i64,
    /// Whether it is there.
    pub presence: Presence,
    /// Full name now.
    pub full_name: Option<String>,
    /// Login of its owner now.
    pub owner: Option<String>,
    /// Id of its owner.
    pub owner_id: Option<i64>,
    /// Visible to members only.
    pub private: Option<bool>,
    /// Read-only.
    pub archived: Option<bool>,
    /// A fork of another repository.
    pub fork: Option<bool>,
    /// Default branch.
    pub default_branch: Option<String>,
    /// Created.
    pub created_at: Option<Timestamp>,
    /// Every full name that it was seen under, sorted.
    pub names: Vec<String>,
    /// First event about it that was received: before this, nothing is claimed.
    pub first_seen_at: Option<Timestamp>,
    /// Request start of the last complete listing of its issues: up to here, absence was asked for.
    pub listed_until: Option<Timestamp>,
    /// What labels and milestones were edited to, and which were deleted.
    pub namings: Vec<Naming>,
}
