use gapless_schemas::{Event, Source, Timestamp};
use serde::{Deserialize, Serialize};

/// When and how a value was told; values with a greater stamp win.
///
/// Compared field by field, in this order. Arrival order appears nowhere but in `as_of` of a
/// webhook whose first attempt is unknown, where nothing better is to be had, and there a detector
/// asks GitHub (see [`super::Register::contested`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// The entity's own time, to the second: several changes can share it.
    pub entity_time: Timestamp,
    /// True for an API answer requested so long after `entity_time` that it shows how that second
    /// ended.
    pub settled: bool,
    /// Request start, first delivery attempt or receipt.
    pub as_of: Timestamp,
    /// First 64 bits of the event's id: makes the order total.
    pub event: u64,
}

/// An answer asked for less than this after `updated_at` proves nothing about how that second
/// ended: clocks differ, and replicas lag.
const SETTLED_AFTER_MILLIS: i64 = 10_000;

/// Whether an answer requested at `requested` shows how the second of `entity_time` ended.
pub(crate) fn settles(requested: Timestamp, entity_time: Timestamp) -> bool {
    requested.millis_since(entity_time) > SETTLED_AFTER_MILLIS
}

impl Stamp {
    /// The stamp of something that `event` tells as of `entity_time`.
    pub fn new(event: &Event, entity_time: Timestamp) -> Self {
        let entity_time = event.ordered_at(entity_time);
        let settled = matches!(event.source, Source::Snapshot | Source::Listing)
            && event
                .requested_at
                .is_some_and(|requested| settles(requested, entity_time));
        Self {
            entity_time,
            settled,
            as_of: event.as_of(),
            event: short_id(&event.event_id),
        }
    }

    /// The stamp of something that `event` tells without a time of its own: the first delivery
    /// attempt or the request's start stands for it.
    pub fn undated(event: &Event) -> Self {
        Self::new(event, event.as_of())
    }

    /// The stamp of what `event` calls people, labels and milestones, which no `updated_at` dates:
    /// an answer names them as of its request, a webhook as of what it tells of. Names are also told
    /// by events without a time of their own, hence no later than ours has it: clocks differ.
    pub fn of_names(event: &Event, updated_at: Option<Timestamp>) -> Self {
        match (event.source, updated_at) {
            (Source::Webhook, Some(at)) => Self::new(event, at.min(event.as_of())),
            _ => Self::undated(event),
        }
    }
}

/// The leading 16 hex digits of an event id. Ids that are not hex (none of ours) all give 0, and
/// then equal stamps are told apart by `as_of` alone.
pub(crate) fn short_id(event_id: &str) -> u64 {
    event_id
        .get(..16)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .unwrap_or(0)
}
