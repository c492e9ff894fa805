use super::{Column, Position, Store, StoreError, Write};
use std::collections::BTreeMap;

/// A store that lives as long as its owner: for the simulation, where a "disk" outlives a crash.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    values: BTreeMap<(Column, String), Vec<u8>>,
    position: Option<Position>,
}

impl Store for MemoryStore {
    fn position(&self) -> Result<Option<Position>, StoreError> {
        Ok(self.position)
    }

    fn get(&self, column: Column, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.values.get(&(column, key.to_owned())).cloned())
    }

    fn scan(&self, column: Column) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let of_column = self
            .values
            .iter()
            .filter(|((found, _), _)| *found == column);
        Ok(of_column
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn commit(&mut self, writes: &[Write], position: Position) -> Result<(), StoreError> {
        for Write { column, key, value } in writes {
            match value {
                Some(value) => self.values.insert((*column, key.clone()), value.clone()),
                None => self.values.remove(&(*column, key.clone())),
            };
        }
        self.position = Some(position);
        Ok(())
    }
}
