//! The envelope: one immutable fact that reached Gapless, with the bytes as they came.

use crate::Timestamp;
use crate::named::named;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

named! {
    /// Where an event came from.
    pub enum Source {
        /// A verified webhook delivery: kind is `X-GitHub-Event`, payload its JSON.
        Webhook = "webhook",
        /// What the API said of one thing: see [`SnapshotKind`].
        Snapshot = "snapshot",
        /// What the API said when asked for a list: see [`ListingKind`].
        Listing = "listing",
        /// A line of a public archive, in the Events API's form.
        Archive = "archive",
        /// A question that a detector opened or closed: see [`crate::GapEvent`].
        Gap = "gap",
    }
}

named! {
    /// How the payload relates to what was received.
    pub enum PayloadForm {
        /// Byte for byte as received.
        Raw = "raw",
        /// Parts were taken out; the rest is as received.
        Redacted = "redacted",
    }
}

/// The envelope that every record of the events topic holds (`schemas/avro/event.avsc`).
///
/// It is written once and never changed; two appends of the same fact have the same `event_id`.
/// Everything but `payload` is taken from the request or from a shallow look into the payload, so
/// that routing needs no second parse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// 32 hex digits; see [`crate::ids`].
    pub event_id: String,
    /// Where it came from.
    pub source: Source,
    /// `X-GitHub-Event` of a webhook, else the name of a [`SnapshotKind`], [`ListingKind`] or
    /// `gap`.
    pub kind: String,
    /// The payload's `action`, where it has one.
    pub action: Option<String>,
    /// The GitHub host, lower case, e.g. `github.com`: ids are numbered per host.
    pub host: String,
    /// Login of the organisation or user that owns the repository, as it was then.
    pub owner: Option<String>,
    /// Numeric id of that owner.
    pub owner_id: Option<i64>,
    /// Full name of the repository (`owner/name`), as it was then.
    pub repository: Option<String>,
    /// Numeric id of the repository: its identity.
    pub repository_id: Option<i64>,
    /// Number of the issue or pull request that it speaks of.
    pub number: Option<i64>,
    /// Numeric id of what a hook is installed on; routes events of neither repository nor owner.
    pub hook_target_id: Option<i64>,
    /// The entity's own time (`updated_at` or the fact's time), where the payload tells one.
    pub occurred_at: Option<Timestamp>,
    /// First delivery attempt of this GUID, where the delivery list told it.
    pub first_delivered_at: Option<Timestamp>,
    /// Start of the API request that this answers; none for webhooks.
    pub requested_at: Option<Timestamp>,
    /// When Gapless received it.
    pub received_at: Timestamp,
    /// Kind of credential that an API answer was visible to (`app`, `token`, `anonymous`).
    pub credential_kind: Option<String>,
    /// HTTP headers worth keeping, names in lower case; for answers to refetch commands also
    /// `gapless-gaps`, the ids of the gaps that asked, separated by commas.
    pub headers: BTreeMap<String, String>,
    /// How `payload` relates to what was received.
    pub payload_form: PayloadForm,
    /// The bytes.
    #[serde(with = "apache_avro::serde::bytes")]
    pub payload: Vec<u8>,
}

/// Header of an [`Event`] that names the gaps whose question an API answer answers.
pub const GAPS_HEADER: &str = "gapless-gaps";

/// More than the age of anything, and so little that no time less this is out of range.
const LONG_BEFORE_MILLIS: i64 = 1 << 47;

impl Event {
    /// A webhook's event that tells nothing, of nobody. Tests make their events from it by struct update;
    /// whoever appends to the log names every field.
    pub fn bare() -> Self {
        Self {
            event_id: String::new(),
            source: Source::Webhook,
            kind: String::new(),
            action: None,
            host: String::new(),
            owner: None,
            owner_id: None,
            repository: None,
            repository_id: None,
            number: None,
            hook_target_id: None,
            occurred_at: None,
            first_delivered_at: None,
            requested_at: None,
            received_at: Timestamp::from_millis(0),
            credential_kind: None,
            headers: BTreeMap::new(),
            payload_form: PayloadForm::Raw,
            payload: Vec::new(),
        }
    }

    /// The best known time for a payload that carries none: an answer's request's start; of all else
    /// the first delivery attempt, else the receipt (`law.md`: then the fact is weakly dated).
    ///
    /// An answer of which nobody knows when it was asked for counts least: it is as of long before
    /// anything else, and only among its like the later received is the later.
    pub fn as_of(&self) -> Timestamp {
        match (self.source, self.requested_at) {
            (_, Some(requested_at)) => requested_at,
            (Source::Snapshot | Source::Listing, None) => {
                self.received_at.plus_millis(-LONG_BEFORE_MILLIS)
            }
            _ => self.first_delivered_at.unwrap_or(self.received_at),
        }
    }

    /// `at`, a time that the payload tells, unless it is out of range; see [`Timestamp::in_range`].
    pub fn in_range(&self, at: Option<Timestamp>) -> Option<Timestamp> {
        at?.in_range(self.received_at)
    }

    /// `at`, the payload's own time, by which it is ordered against others. One that is still to
    /// come would outlive all that is told until then: the event's best known time stands for it.
    pub fn ordered_at(&self, at: Timestamp) -> Timestamp {
        if at.is_ahead_of(self.received_at) {
            self.as_of()
        } else {
            at
        }
    }

    /// Ids of the gaps that asked for this answer; empty for everything nobody asked for.
    pub fn gap_ids(&self) -> impl Iterator<Item = &str> {
        self.headers
            .get(GAPS_HEADER)
            .map_or("", String::as_str)
            .split(',')
            .filter(|id| !id.is_empty())
    }
}

/// What a snapshot event's payload holds; its name is the event's `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SnapshotKind {
    /// An [`ItemSnapshot`].
    Item,
    /// A [`RepositorySnapshot`].
    Repository,
}

/// What a listing event's payload holds; its name is the event's `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListingKind {
    /// An [`IssuesListing`].
    Issues,
}

impl SnapshotKind {
    /// The event's `kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Repository => "repository",
        }
    }
}

impl ListingKind {
    /// The event's `kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issues => "issues",
        }
    }
}

/// Payload of a snapshot of one issue or pull request, written as JSON by the fetcher. The parts
/// are GitHub's own answers, untouched; a part that was not asked for is absent.
///
/// Source: `GET /repos/{o}/{r}/issues/{n}`, `/pulls/{n}`, `/pulls/{n}/reviews`,
/// `/issues/{n}/timeline`.
#[derive(Serialize, Deserialize)]
pub struct ItemSnapshot {
    /// Status of the first request: 200, or 301, 404, 410, each an answer of its own.
    pub status: u16,
    /// `Location` of a 301.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The issue object (for pull requests too: GitHub shows them as issues).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<Box<serde_json::value::RawValue>>,
    /// The full pull request object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<Box<serde_json::value::RawValue>>,
    /// All reviews, every page; absent unless all pages answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviews: Option<Vec<Box<serde_json::value::RawValue>>>,
    /// The whole timeline, every page; absent unless all pages answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Vec<Box<serde_json::value::RawValue>>>,
}

/// Payload of a snapshot of a repository, written as JSON by the poller.
///
/// Source: `GET /orgs/{org}/repos`, `GET /repositories/{id}`.
#[derive(Serialize, Deserialize)]
pub struct RepositorySnapshot {
    /// 200, or 301, 404, 410.
    pub status: u16,
    /// The repository object of a 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Box<serde_json::value::RawValue>>,
}

/// Payload of a listing of a repository's issues and pull requests, written as JSON by the poller.
///
/// Source: `GET /repositories/{id}/issues?state=all`. A listing too large for one event is split
/// into several with one `requested_at`, appended in order; only the last says `complete`.
#[derive(Serialize, Deserialize)]
pub struct IssuesListing {
    /// The `since` that was asked for; none: all numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// True where every page answered. Only then may absence mean anything, and even then it is
    /// a question, not an answer (`law.md`, Absence).
    pub complete: bool,
    /// Place among the events of a listing that was split, from 0.
    #[serde(default, skip_serializing_if = "is_first_part")]
    pub part: u32,
    /// Of the last part of a complete listing of everything: all numbers that it showed, ascending.
    /// A known number that is absent here is a question (`law.md`, Absence).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Vec<i64>>,
    /// Issue objects as GitHub sent them; pull requests among them carry `pull_request`.
    pub items: Vec<Box<serde_json::value::RawValue>>,
}

/// Whether a listing's part is the first, as almost all are.
const fn is_first_part(part: &u32) -> bool {
    *part == 0
}
