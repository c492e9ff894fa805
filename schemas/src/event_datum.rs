//! An event's Avro datum, read into the buffers of an event that is no longer needed.
//!
//! Every event of a log is read twice, by the processors and by the projections. Read through Serde
//! each takes some thirty allocations, of which one is as large as the payload; read like this, few or
//! none.
//! What is read here the library reads the same, which a test holds; where this finds anything
//! unexpected it gives up, and the library reads the datum, or says what is wrong with it.

use crate::{Event, PayloadForm, Source, Timestamp};
use std::collections::BTreeMap;

/// The rest of a datum.
#[derive(Clone, Copy)]
struct Datum<'a>(&'a [u8]);

/// Fills `event` with what `datum` holds; none where it does not follow `event.avsc`, and then
/// `event` is of no use.
pub(crate) fn fill(event: &mut Event, datum: &[u8]) -> Option<()> {
    let datum = &mut Datum(datum);
    // All of them, so that none can keep what the last event had.
    let Event {
        event_id,
        source,
        kind,
        action,
        host,
        owner,
        owner_id,
        repository,
        repository_id,
        number,
        hook_target_id,
        occurred_at,
        first_delivered_at,
        requested_at,
        received_at,
        credential_kind,
        headers,
        payload_form,
        payload,
    } = event;
    // In the order of the schema.
    set(event_id, datum.text()?);
    *source = Source::from_name(datum.text()?)?;
    set(kind, datum.text()?);
    set_optional(action, datum.optional(Datum::text)?);
    set(host, datum.text()?);
    set_optional(owner, datum.optional(Datum::text)?);
    *owner_id = datum.optional(Datum::long)?;
    set_optional(repository, datum.optional(Datum::text)?);
    *repository_id = datum.optional(Datum::long)?;
    *number = datum.optional(Datum::long)?;
    *hook_target_id = datum.optional(Datum::long)?;
    *occurred_at = datum.optional(Datum::time)?;
    *first_delivered_at = datum.optional(Datum::time)?;
    *requested_at = datum.optional(Datum::time)?;
    *received_at = datum.time()?;
    set_optional(credential_kind, datum.optional(Datum::text)?);
    datum.map(headers)?;
    *payload_form = PayloadForm::from_name(datum.text()?)?;
    payload.clear();
    payload.extend_from_slice(datum.bytes()?);
    datum.0.is_empty().then_some(())
}

fn set(text: &mut String, to: &str) {
    text.clear();
    text.push_str(to);
}

fn set_optional(text: &mut Option<String>, to: Option<&str>) {
    match to {
        Some(to) => set(text.get_or_insert_default(), to),
        None => *text = None,
    }
}

impl<'a> Datum<'a> {
    /// A number: seven bits a byte, the least first, its sign in the lowest.
    fn long(&mut self) -> Option<i64> {
        let mut zigzag = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
            }
        }
        None
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.long().map(Timestamp::from_millis)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.long()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        str::from_utf8(self.bytes()?).ok()
    }

    /// A union of null and what `read` reads.
    fn optional<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.long()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    /// A map. Events of one source have headers of the same names, so that values can be set in their
    /// places; where names differ the map is made anew.
    fn map(&mut self, map: &mut BTreeMap<String, String>) -> Option<()> {
        let start = *self;
        let mut places = map.iter_mut();
        let mut is_alike = true;
        self.pairs(|name, value| match places.next() {
            Some((known, place)) if known == name => set(place, value),
            _ => is_alike = false,
        })?;
        if is_alike && places.next().is_none() {
            return Some(());
        }
        map.clear();
        *self = start;
        self.pairs(|name, value| {
            map.insert(name.to_owned(), value.to_owned());
        })
    }

    /// The pairs of a map, which come in blocks; the last of them is empty.
    fn pairs(&mut self, mut each: impl FnMut(&'a str, &'a str)) -> Option<()> {
        loop {
            let count = match self.long()? {
                0 => return Some(()),
                // Then its size in bytes follows.
                count @ ..0 => {
                    self.long()?;
                    count.unsigned_abs()
                }
                count => count.unsigned_abs(),
            };
            for _ in 0..count {
                each(self.text()?, self.text()?);
            }
        }
    }
}
