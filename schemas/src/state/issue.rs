use super::{Account, Naming, Presence, Transition};
use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// State of an issue (`schemas/avro/issue.avsc`). A field that nothing has told yet is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    /// GitHub host.
    pub host: String,
    /// Repository id.
    pub repository_id: i64,
    /// Repository's full name when last told.
    pub repository: Option<String>,
    /// Number within the repository.
    pub number: i64,
    /// Issue id.
    pub issue_id: Option<i64>,
    /// `epoch · 2^48 + input offset`.
    pub version: i64,
    /// Whether it is there.
    pub presence: Presence,
    /// Title.
    pub title: Option<String>,
    /// `open` or `closed`.
    pub state: Option<String>,
    /// `completed`, `not_planned`, `duplicate`, `reopened`, where GitHub tells.
    pub state_reason: Option<String>,
    /// Who opened it.
    pub author: Option<Account>,
    /// Its page.
    pub html_url: Option<String>,
    /// Names of its labels, sorted.
    pub labels: Vec<String>,
    /// Logins of its assignees, sorted.
    pub assignees: Vec<String>,
    /// Title of its milestone.
    pub milestone: Option<String>,
    /// Conversation locked.
    pub locked: Option<bool>,
    /// Comments.
    pub comments: Option<i64>,
    /// Created.
    pub created_at: Option<Timestamp>,
    /// Last changed, by GitHub's own clock.
    pub updated_at: Option<Timestamp>,
    /// Closed, where it is closed now.
    pub closed_at: Option<Timestamp>,
    /// Every transition, oldest first.
    pub transitions: Vec<Transition>,
    /// Ids of its labels, in the order of `labels`; 0 for one that has none.
    pub label_ids: Vec<i64>,
    /// Ids of its assignees, in the order of `assignees`.
    pub assignee_ids: Vec<i64>,
    /// Id of its milestone.
    pub milestone_id: Option<i64>,
    /// The name last told of each person, label and milestone that it speaks of.
    pub namings: Vec<Naming>,
}
