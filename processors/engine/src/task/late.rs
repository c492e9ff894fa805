//! What a task says about records that others wrote to its state topics. See [`crate::Tail`] for
//! why.

use super::{Output, Task};
use crate::store::{Column, Store, StoreError};
use gapless_core::{Key, Record};
use gapless_schemas::version;

impl<S: Store> Task<S> {
    /// Whether the task knows every event whose outputs were acknowledged before it started, so that
    /// it emits all that changes from here on. Before that it can judge no record.
    pub fn has_caught_up(&self) -> bool {
        self.position.next_offset >= self.acknowledged
    }

    /// Whether the record of `key` that was found on its topic is older than what this task knows
    /// and says something else. `value`: its bytes; nothing for a tombstone, which no task writes.
    /// One that cannot be read may be of a newer release, and is left alone.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn is_outdated(&self, key: &Key, value: Option<&[u8]>) -> Result<bool, StoreError> {
        let found = match value.map(|value| Record::decode(&self.settings.codec, key.kind, value)) {
            None => None,
            Some(Ok(found)) if found.version() < self.known_version() => Some(found),
            Some(Ok(_)) => return Ok(false),
            Some(Err(error)) => {
                tracing::warn!(%key, %error, "a state of somebody else's cannot be read");
                return Ok(false);
            }
        };
        // Without a state there is nothing that could be said better.
        Ok(self.known(key)?.is_some_and(|known| {
            let version = known.version();
            found.is_none_or(|found| found.under(version) != known)
        }))
    }

    /// The state of `key` as it is now, to be appended behind an outdated record.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn undo(&self, key: &Key) -> Result<Option<Output>, StoreError> {
        let known = self.known(key)?;
        Ok(known.map(|record| Output::State(key.clone(), Box::new(record))))
    }

    /// The version of all that this task knows: no record of its own has a greater one.
    fn known_version(&self) -> i64 {
        version(self.settings.epoch, self.position.next_offset - 1)
    }

    /// What the topic should say of `key`. Not kept in memory: these are keys that no event speaks
    /// of now.
    fn known(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        if let Some(state) = self.states.get(key) {
            return Ok(state.view(key, self.known_version()));
        }
        let stored = self.stored(key)?;
        Ok(stored.and_then(|state| state.view(key, self.known_version())))
    }

    /// The state of `key` in the store.
    pub(super) fn stored(&self, key: &Key) -> Result<Option<gapless_core::State>, StoreError> {
        let bytes = self.store.get(Column::State, &key.to_string())?;
        let state = bytes.map(|bytes| postcard::from_bytes(&bytes)).transpose();
        state.map_err(|error| StoreError(format!("{key}: {error}")))
    }
}
