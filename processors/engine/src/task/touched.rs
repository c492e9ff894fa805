use gapless_core::{Key, Record};
use gapless_schemas::GapEvent;
use std::collections::BTreeMap;

/// What a batch did to each entity, in key order, so that outputs come in one order always.
#[derive(Default)]
pub(super) struct Touched(BTreeMap<Key, Option<Touch>>);

/// An entity that something was joined into.
pub(super) struct Touch {
    /// What it said before the batch.
    pub(super) before: Option<Record>,
    /// The last offset that touched it.
    pub(super) offset: i64,
    /// Nothing: all that touched it was appended in an earlier life.
    pub(super) emission: Option<Emission>,
}

pub(super) struct Emission {
    /// An earlier life joined it, and may have died before its output was acknowledged.
    pub(super) even_if_unchanged: bool,
}

impl Touched {
    /// Notes that the event at `offset` tells something of `key`. `emission` is nothing below the
    /// group's offset, else whether the store knew the event already.
    pub(super) fn join(
        &mut self,
        key: &Key,
        offset: i64,
        emission: Option<bool>,
        before: impl FnOnce() -> Option<Record>,
    ) {
        // Looked up before inserting: the key is cloned once a batch, not once an event.
        let slot = match self.0.get_mut(key) {
            Some(slot) => slot,
            None => self.0.entry(key.clone()).or_default(),
        };
        let touch = slot.get_or_insert_with(|| Touch {
            before: before(),
            offset,
            emission: None,
        });
        touch.offset = offset;
        if let Some(known) = emission {
            let emission = touch.emission.get_or_insert(Emission {
                even_if_unchanged: false,
            });
            emission.even_if_unchanged |= known;
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

    /// Entities that something was joined into, each with what it said before, given away.
    pub(super) fn take_befores(&mut self) -> impl Iterator<Item = (&Key, &Touch, Option<Record>)> {
        self.0.iter_mut().filter_map(|(key, touch)| {
            let touch = touch.as_mut()?;
            let before = touch.before.take();
            Some((key, &*touch, before))
        })
    }

    /// Entities that something was joined into.
    pub(super) fn joined(&self) -> impl Iterator<Item = (&Key, &Touch)> {
        self.0
            .iter()
            .filter_map(|(key, touch)| Some((key, touch.as_ref()?)))
    }
}

/// The JSON of a gap event: strings and numbers only, which always have a JSON form.
pub(super) fn gap_payload(gap: &GapEvent) -> Vec<u8> {
    serde_json::to_vec(gap).unwrap_or_default()
}
