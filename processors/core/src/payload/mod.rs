//! What lifts read of a payload: parsed once for every event, only the fields that a state needs.
//!
//! A field that a payload lacks must change nothing, a field that is present and null sets null;
//! hence [`Field`], which tells the two apart. Unknown fields are passed over: GitHub adds some
//! every month.

mod objects;
mod salvage;
mod timeline;

pub use objects::{
    BranchObject, DiscussionObject, IssueObject, LabelObject, MilestoneObject, OwnerObject,
    PullRequestLink, PullRequestObject, RepositoryObject, RequestedReviewer, ReviewObject,
    TeamObject, UserObject,
};
pub use salvage::{Odd, OddRow};
pub use timeline::TimelineEvent;

use gapless_schemas::{Event, GapEvent, ListingKind, SnapshotKind, Source, Timestamp};
use serde::{Deserialize, Deserializer};

/// A nullable field: `None` where the payload lacks it, `Some(None)` where it is null.
pub type Field<T> = Option<Option<T>>;

/// Reads a present field, null or not; with `#[serde(default)]` a missing one stays `None`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Field<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads GitHub's times: texts, or seconds (`push` payloads give a repository's times so).
mod time {
    use super::{Deserializer, Timestamp};
    use serde::de::{Error, Visitor};
    use std::fmt;

    /// Reads a time; `LENIENT` passes over what is no time.
    struct Time<const LENIENT: bool>;

    impl<'de, const LENIENT: bool> Visitor<'de> for Time<LENIENT> {
        type Value = Option<Timestamp>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time in RFC 3339, or in seconds, or null")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_i64<E: Error>(self, seconds: i64) -> Result<Self::Value, E> {
            Ok(Some(Timestamp::from_seconds(seconds)))
        }

        fn visit_u64<E: Error>(self, seconds: u64) -> Result<Self::Value, E> {
            self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            match text.parse() {
                Ok(at) => Ok(Some(at)),
                Err(_) if LENIENT => Ok(None),
                Err(error) => Err(E::custom(error)),
            }
        }
    }

    /// A time that is no time is a payload error: the event goes to the dead letters rather than
    /// into a state under a wrong time.
    pub(super) fn optional<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        deserializer.deserialize_any(Time::<false>)
    }

    /// The same, of a field that may be null.
    pub(super) fn nullable<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<Timestamp>>, D::Error> {
        optional(deserializer).map(Some)
    }

    /// A time that anybody can make up, such as a commit's: what is no time says nothing.
    pub(super) fn lenient<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        deserializer.deserialize_any(Time::<true>)
    }
}

/// A webhook's payload.
#[derive(Debug, Default, Deserialize)]
pub struct Webhook {
    /// `pull_request`, full or simplified, by the event's kind.
    pub pull_request: Option<PullRequestObject>,
    /// `issue`; of a comment on a pull request too.
    pub issue: Option<IssueObject>,
    /// `discussion`: it takes a number of the same space.
    pub discussion: Option<DiscussionObject>,
    /// `review`.
    pub review: Option<ReviewObject>,
    /// `repository`.
    pub repository: Option<RepositoryObject>,
    /// `label`, of `label` events and of labellings.
    pub label: Option<LabelObject>,
    /// `milestone`, of `milestone` events and of milestonings.
    pub milestone: Option<MilestoneObject>,
    /// `sender`.
    pub sender: Option<UserObject>,
    /// Head before, of a `synchronize`; ref before, of a `push`.
    pub before: Option<String>,
    /// Head after.
    pub after: Option<String>,
}

/// The payload of a snapshot of an item; see [`gapless_schemas::ItemSnapshot`].
#[derive(Debug, Deserialize)]
pub struct Item {
    /// Status of the first request.
    pub status: u16,
    /// The issue object.
    pub issue: Option<IssueObject>,
    /// The full pull request object.
    pub pull_request: Option<PullRequestObject>,
    /// Every review.
    pub reviews: Option<Vec<ReviewObject>>,
    /// Every timeline event.
    pub timeline: Option<Vec<TimelineEvent>>,
    /// What could be read of a timeline with an odd entry: not all that happened.
    #[serde(skip)]
    pub partial_timeline: Vec<TimelineEvent>,
}

/// The payload of a snapshot of a repository; see [`gapless_schemas::RepositorySnapshot`].
#[derive(Debug, Deserialize)]
pub struct RepositoryAnswer {
    /// Status of the request.
    pub status: u16,
    /// The repository object of a 200.
    pub repository: Option<RepositoryObject>,
}

/// The payload of a listing; see [`gapless_schemas::IssuesListing`].
#[derive(Debug, Deserialize)]
pub struct Listing {
    /// Present where only what changed since then was asked for.
    pub since: Option<serde::de::IgnoredAny>,
    /// True where every page answered.
    pub complete: bool,
    /// Of a complete listing of everything: all numbers that it showed.
    pub numbers: Option<Vec<i64>>,
    /// Issue objects, pull requests among them.
    pub items: Vec<IssueObject>,
}

/// A payload, parsed by the event's source and kind.
#[derive(Debug)]
pub enum Payload {
    /// Of a webhook.
    Webhook(Box<Webhook>),
    /// Of an item's snapshot.
    Item(Box<Item>),
    /// Of a repository's snapshot.
    Repository(Box<RepositoryAnswer>),
    /// Of a listing of issues and pull requests.
    Listing(Listing),
    /// Of a gap event.
    Gap(GapEvent),
    /// Kept in the log, but no entity reads it yet.
    Unread,
}

/// A payload that cannot be read. Reaction: dead-letter.
#[derive(Debug, thiserror::Error)]
#[error("the payload of {kind} cannot be read: {error}")]
pub struct UnreadablePayload {
    kind: String,
    error: String,
}

impl UnreadablePayload {
    /// That reading the payload of `event` panicked: a defect of ours, which must not stop what
    /// comes after the event.
    pub fn panicked(event: &Event) -> Self {
        Self {
            kind: event.kind.clone(),
            error: "reading it panicked; this is a defect of Gapless".to_owned(),
        }
    }
}

impl Payload {
    /// Reads the payload of `event`, once for all entities, and says what in it could not be read.
    ///
    /// # Errors
    /// Where nothing of it can be read.
    pub fn read(event: &Event) -> Result<(Self, Vec<Odd>), UnreadablePayload> {
        let error = match Self::parse(event) {
            Ok(payload) if salvage::is_whole(event, &payload) => return Ok((payload, Vec::new())),
            Ok(_) => UnreadablePayload {
                kind: event.kind.clone(),
                error: "a field lacks that every object has".to_owned(),
            },
            Err(error) => error,
        };
        salvage::salvage(event, error)
    }

    /// Parses the whole payload of `event`.
    fn parse(event: &Event) -> Result<Self, UnreadablePayload> {
        let bytes = event.payload.as_slice();
        let parsed = match (event.source, event.kind.as_str()) {
            (Source::Webhook, _) => read(bytes).map(Self::Webhook),
            (Source::Snapshot, kind) if kind == SnapshotKind::Item.name() => {
                read(bytes).map(Self::Item)
            }
            (Source::Snapshot, kind) if kind == SnapshotKind::Repository.name() => {
                read(bytes).map(Self::Repository)
            }
            (Source::Listing, kind) if kind == ListingKind::Issues.name() => {
                read(bytes).map(Self::Listing)
            }
            (Source::Gap, _) => read(bytes).map(Self::Gap),
            (Source::Snapshot | Source::Listing | Source::Archive, _) => Ok(Self::Unread),
        };
        parsed.map_err(|error| UnreadablePayload {
            kind: event.kind.clone(),
            error: error.to_string(),
        })
    }
}

/// Reads bytes that are nearly always UTF-8: to check that once costs less than to check it of every
/// string. Where they are not, serde_json decides.
fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    }
}
