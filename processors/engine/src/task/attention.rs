use super::FastHash;
use crate::store::{Column, Store, StoreError, Write};
use gapless_core::Key;
use gapless_core::detect::{Asked, Decision, Patience, Watch, decide};
use gapless_schemas::{GapEvent, Timestamp};
use std::collections::{BTreeSet, HashMap};

/// The watches of all entities that ask something, and when each is due.
pub(super) struct Attention {
    watches: HashMap<Key, Watch, FastHash>,
    due: BTreeSet<(Timestamp, Key)>,
    dirty: BTreeSet<Key>,
    patience: Patience,
}

impl Attention {
    /// Reads all watches: those of entities with a question or a past gap, a few percent of all.
    pub(super) fn load(store: &impl Store, patience: &Patience) -> Result<Self, StoreError> {
        let mut attention = Self {
            watches: HashMap::default(),
            due: BTreeSet::new(),
            dirty: BTreeSet::new(),
            patience: *patience,
        };
        for (text, bytes) in store.scan(Column::Watch)? {
            let damaged = || StoreError(format!("the watch of {text} is damaged"));
            let key = Key::parse(&text).ok_or_else(damaged)?;
            let watch: Watch = postcard::from_bytes(&bytes).map_err(|_| damaged())?;
            attention.put(key, watch);
        }
        attention.dirty.clear();
        Ok(attention)
    }

    /// Takes note of a gap event about `subject`.
    pub(super) fn read(&mut self, subject: &Key, event: &GapEvent) {
        let mut watch = self.take(subject);
        watch.read(event, &self.patience);
        self.put(subject.clone(), watch);
    }

    /// Entities with a question that stands.
    pub(super) fn asking(&self) -> usize {
        self.due.len()
    }

    /// Up to `most` entities whose time has come.
    pub(super) fn due(&self, now: Timestamp, most: usize) -> Vec<Key> {
        self.due
            .iter()
            .take_while(|(at, _)| *at <= now)
            .take(most)
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// See [`decide`]; where the task is not live, only takes note of the questions: what was
    /// decided about them is in the log, or will be.
    pub(super) fn decide(
        &mut self,
        key: &Key,
        questions: &[Asked],
        now: Timestamp,
        is_live: bool,
    ) -> Vec<Decision> {
        let known = self.watches.get(key);
        if known.map_or(questions.is_empty(), |watch| {
            watch.has_nothing_to_do(questions, now)
        }) {
            return Vec::new();
        }
        let mut watch = self.take(key);
        let decisions = if is_live {
            decide(&mut watch, &key.to_string(), questions, now, &self.patience)
        } else {
            watch.follow(questions, now, &self.patience);
            Vec::new()
        };
        self.put(key.clone(), watch);
        decisions
    }

    /// The watches that changed since the last call.
    pub(super) fn take_writes(&mut self) -> Result<Vec<Write>, StoreError> {
        std::mem::take(&mut self.dirty)
            .into_iter()
            .map(|key| {
                let watch = self.watches.get(&key).map(postcard::to_stdvec).transpose();
                let value =
                    watch.map_err(|error| StoreError(format!("the watch of {key}: {error}")))?;
                Ok(Write {
                    column: Column::Watch,
                    key: key.to_string(),
                    value,
                })
            })
            .collect()
    }

    fn take(&mut self, key: &Key) -> Watch {
        let Some(watch) = self.watches.remove(key) else {
            return Watch::default();
        };
        if let Some(at) = watch.due_at() {
            self.due.remove(&(at, key.clone()));
        }
        watch
    }

    fn put(&mut self, key: Key, watch: Watch) {
        self.dirty.insert(key.clone());
        if watch.is_blank() {
            return;
        }
        if let Some(at) = watch.due_at() {
            self.due.insert((at, key.clone()));
        }
        self.watches.insert(key, watch);
    }
}
