//! A record of the events topic, read and joined as soon as it comes: what it tells is kept in states,
//! its payload, a hundred times as large, is not. So a batch is small, and what an event tells is
//! looked at while it is still in the CPU's cache.

use gapless_core::payload::{Payload, UnreadablePayload};
use gapless_core::{Key, State, lift, lift_unreadable, note_of_row};
use gapless_schemas::{Codec, Event, GapEvent, Timestamp};
use std::panic::catch_unwind;

/// One record of the events topic, read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its offset.
    pub offset: i64,
    /// What it tells; nothing where it is no event.
    pub(super) told: Option<Told>,
    /// What of it could not be read: itself, its payload, something in there, or rows of a listing.
    pub(super) unreadable: Vec<Unreadable>,
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

/// Why something goes to the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is no event: nothing says what it is about.
    Envelope,
    /// The event's payload, or something in there, is not what GitHub documents.
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
    /// Where it is but a row of what was read.
    pub(super) row: Option<Row>,
}

/// A row of a listing that goes to the dead letters by itself.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its place in the listing.
    pub(super) place: usize,
    /// What it tells. Where the state knows this already, it was listed before and has its letter.
    pub(super) note: Option<(Key, State)>,
}

impl Input {
    /// Reads the record at `offset`, whose value is `value`. What cannot be read is kept for the
    /// dead letters, and an event whose payload is unreadable leaves the question behind what it
    /// told. The event itself is left in `spare`, whose buffers the next one is read into.
    pub fn read(codec: &Codec, offset: i64, value: &[u8], spare: &mut Option<Event>) -> Self {
        let unreadable = |reason, error| Unreadable {
            reason,
            error,
            value: value.to_vec(),
            row: None,
        };
        let event = match codec.decode_event(value, spare.take()) {
            Ok(event) => &*spare.insert(event),
            Err(error) => {
                return Self {
                    offset,
                    told: None,
                    unreadable: vec![unreadable(Reason::Envelope, error.to_string())],
                };
            }
        };
        // A lift reads one event and nothing else, so a panic of its leaves nothing half-done.
        let lifted = catch_unwind(|| lift(event))
            .unwrap_or_else(|_| Err(UnreadablePayload::panicked(event)));
        let (gap, parts, unreadable) = match lifted {
            Ok((Payload::Gap(gap), parts)) => (Some(gap), parts, Vec::new()),
            Ok((_, mut parts)) => {
                let odd = parts.take_odd().into_iter();
                let odd = odd.map(|odd| match odd.row {
                    None => unreadable(Reason::Payload, odd.error),
                    Some(row) => Unreadable {
                        reason: Reason::Payload,
                        error: odd.error,
                        // An envelope that was read can be written.
                        value: codec.encode(&row.event).unwrap_or_default(),
                        row: Some(Row {
                            place: row.place,
                            note: note_of_row(&row),
                        }),
                    },
                });
                (None, parts, odd.collect())
            }
            Err(error) => {
                let error = unreadable(Reason::Payload, error.to_string());
                (None, lift_unreadable(event), vec![error])
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
