use gapless_core::{Key, Record, State};
use gapless_schemas::GapEvent;
use std::collections::BTreeMap;

/// What a batch did to each entity, in key order, so that outputs come in one order always.
#[derive(Default)]
pub(super) struct Touched(BTreeMap<Key, Option<Touch>>);

/// An entity that something was joined into.
struct Touch {
    /// The last offset that touched it.
    offset: i64,
    /// Nothing: all that touched it was appended in an earlier life.
    emission: Option<Emission>,
}

/// What is to be appended of an entity.
pub(super) struct Emission {
    /// What it said before the first event whose outputs were not acknowledged.
    before: Option<Record>,
    /// An earlier life joined it, and may have died before its output was acknowledged; or an event
    /// changed what it says, whatever the later ones of the batch made of that.
    even_if_unchanged: bool,
}

impl Emission {
    /// Whether `record`, what it says after the batch, is to be appended.
    pub(super) fn must_append(self, record: &Record) -> bool {
        let is_same = |before: Record| before.under(record.version()) == *record;
        self.even_if_unchanged || !self.before.is_some_and(is_same)
    }
}

impl Touched {
    /// Notes that the event at `offset` is about to tell something of `key`, whose state is `state`.
    /// `emission` is nothing below the group's offset, else whether the store knew the event already.
    pub(super) fn join(&mut self, key: &Key, offset: i64, emission: Option<bool>, state: &State) {
        // Looked up before inserting: the key is cloned once a batch, not once an event.
        let slot = match self.0.get_mut(key) {
            Some(slot) => slot,
            None => self.0.entry(key.clone()).or_default(),
        };
        let touch = slot.get_or_insert(Touch {
            offset,
            emission: None,
        });
        touch.offset = offset;
        match (emission, &mut touch.emission) {
            (None, _) => {}
            (Some(known), None) => {
                touch.emission = Some(Emission {
                    before: state.view(key, 0),
                    even_if_unchanged: known,
                });
            }
            // What differs once is not compared again, so nearly always the second event is the last
            // that costs a comparison.
            (Some(known), Some(emission)) => {
                let before = emission.before.as_ref();
                emission.even_if_unchanged = emission.even_if_unchanged
                    || known
                    || before.is_some_and(|before| state.may_return_to(key, before));
            }
        }
    }

    /// Notes that the detectors must look at `key`.
    pub(super) fn look_at(&mut self, key: &Key) {
        self.0.entry(key.clone()).or_default();
    }

    /// All entities to be looked at.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.0.keys().cloned().collect()
    }

    /// Entities of which something may be to be appended, each with the last offset that touched it.
    pub(super) fn take_emissions(&mut self) -> impl Iterator<Item = (&Key, i64, Emission)> {
        self.0.iter_mut().filter_map(|(key, touch)| {
            let touch = touch.as_mut()?;
            Some((key, touch.offset, touch.emission.take()?))
        })
    }

    /// Keys of entities that something was joined into.
    pub(super) fn joined(&self) -> impl Iterator<Item = &Key> {
        self.0
            .iter()
            .filter_map(|(key, touch)| touch.as_ref().map(|_| key))
    }
}

/// The JSON of a gap event: strings and numbers only, which always have a JSON form.
pub(super) fn gap_payload(gap: &GapEvent) -> Vec<u8> {
    serde_json::to_vec(gap).unwrap_or_default()
}
