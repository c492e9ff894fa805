//! A record of the events topic, read as soon as it comes: what it tells is kept, its payload, a
//! hundred times as large, is not. So a batch that waits is small, and a payload is looked at while
//! it is still in the CPU's cache.

use gapless_core::payload::{Payload, UnreadablePayload};
use gapless_core::{Key, State, lift, lift_unreadable};
use gapless_schemas::{Codec, Event, GapEvent, Timestamp};
use std::panic::catch_unwind;

/// One record of the events topic, read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its offset.
    pub offset: i64,
    /// What it tells; nothing where it is no event.
    pub(super) told: Option<Told>,
    /// Why it, or its payload, could not be read.
    pub(super) unreadable: Option<Unreadable>,
}

/// What an event tells.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) received_at: Timestamp,
    /// Host and id of its repository, and the repository's name at that time.
    pub(super) repository: Option<((String, i64), String)>,
    /// Where it is a gap event.
    pub(super) gap: Option<GapEvent>,
    pub(super) parts: Vec<(Key, State)>,
}

/// Why a record goes to the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is no event: nothing says what it is about.
    Envelope,
    /// The event's payload is not what GitHub documents.
    Payload,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Envelope, Self::Payload];

    /// Its name, as on the topic and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Payload => "payload",
        }
    }
}

/// What goes to the dead letters.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    pub(super) reason: Reason,
    pub(super) error: String,
    pub(super) value: Vec<u8>,
}

impl Input {
    /// Why it, or its payload, could not be read; none where all was read.
    pub fn unreadable(&self) -> Option<Reason> {
        self.unreadable.as_ref().map(|unreadable| unreadable.reason)
    }

    /// Reads the record at `offset`, whose value is `value`. What cannot be read is kept for the
    /// dead letters, and an event whose payload is unreadable leaves the question behind what it
    /// told. The event itself is left in `spare`, whose buffers the next one is read into.
    pub fn read(codec: &Codec, offset: i64, value: &[u8], spare: &mut Option<Event>) -> Self {
        let unreadable = |reason, error| Unreadable {
            reason,
            error,
            value: value.to_vec(),
        };
        let event = match codec.decode_event(value, spare.take()) {
            Ok(event) => &*spare.insert(event),
            Err(error) => {
                return Self {
                    offset,
                    told: None,
                    unreadable: Some(unreadable(Reason::Envelope, error.to_string())),
                };
            }
        };
        // A lift reads one event and nothing else, so a panic of its leaves nothing half-done.
        let lifted = catch_unwind(|| lift(event))
            .unwrap_or_else(|_| Err(UnreadablePayload::panicked(event)));
        let (gap, parts, unreadable) = match lifted {
            Ok((Payload::Gap(gap), parts)) => (Some(gap), parts, None),
            Ok((_, parts)) => (None, parts, None),
            Err(error) => {
                let error = unreadable(Reason::Payload, error.to_string());
                (None, lift_unreadable(event), Some(error))
            }
        };
        let repository = event.repository_id.zip(event.repository.clone());
        Self {
            offset,
            told: Some(Told {
                received_at: event.received_at,
                repository: repository.map(|(id, name)| ((event.host.clone(), id), name)),
                gap,
                parts: parts.into_vec(),
            }),
            unreadable,
        }
    }
}
