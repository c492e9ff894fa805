use super::{Column, Position, Store, StoreError, Write};
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
    TableError,
};
use std::path::Path;

/// A store in one file, with atomic, durable commits.
pub struct DiskStore {
    database: Database,
}

/// Raised whenever the form of a stored value changes: states and watches are written without names of
/// fields and variants, so another form cannot be read, and is replayed instead. Order counts too.
pub const FORM: u32 = 9;

const STATES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("states");
const WATCHES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("watches");
const POSITION: TableDefinition<'_, &str, (u32, i64, i64)> = TableDefinition::new("position");
const POSITION_KEY: &str = "position";

/// Memory for pages of one partition's file. The task keeps decoded states on top of it.
const CACHE_BYTES: usize = 8 * 1_048_576;

const fn table(column: Column) -> TableDefinition<'static, &'static str, &'static [u8]> {
    match column {
        Column::State => STATES,
        Column::Watch => WATCHES,
    }
}

/// Whether the file is none of ours, or no longer whole.
fn is_damage(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::UpgradeRequired(_) | DatabaseError::Storage(StorageError::Corrupted(_)) => {
            true
        }
        DatabaseError::Storage(StorageError::Io(error)) => {
            error.kind() == std::io::ErrorKind::InvalidData
        }
        _ => false,
    }
}

fn failed(error: impl Into<redb::Error>) -> StoreError {
    StoreError(error.into().to_string())
}

impl DiskStore {
    /// Opens the store at `path`, or makes a new one. One that another release wrote in another
    /// form, or that is damaged, is removed: the partition is replayed.
    ///
    /// # Errors
    /// Where the file cannot be opened, or another process holds it. Reaction: stop.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let why = match Self::open_as_it_is(path) {
            Ok(store) => match store.form() {
                Ok(None | Some(FORM)) => return Ok(store),
                Ok(Some(_)) => "the store has another release's form".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(error) if is_damage(&error) => error.to_string(),
            Err(error) => return Err(failed(error)),
        };
        tracing::warn!(path = %path.display(), why, "removing a store; its partition is replayed");
        std::fs::remove_file(path).map_err(|error| StoreError(error.to_string()))?;
        Self::open_as_it_is(path).map_err(failed)
    }

    fn open_as_it_is(path: &Path) -> Result<Self, DatabaseError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder.create(path)?;
        Ok(Self { database })
    }

    fn form(&self) -> Result<Option<u32>, StoreError> {
        Ok(self.stored_position()?.map(|(form, _, _)| form))
    }

    fn stored_position(&self) -> Result<Option<(u32, i64, i64)>, StoreError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        match transaction.open_table(POSITION) {
            Ok(table) => Ok(table
                .get(POSITION_KEY)
                .map_err(failed)?
                .map(|found| found.value())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Store for DiskStore {
    fn position(&self) -> Result<Option<Position>, StoreError> {
        let stored = self.stored_position()?;
        Ok(stored.map(|(_, next_offset, now)| Position {
            next_offset,
            now: gapless_schemas::Timestamp::from_millis(now),
        }))
    }

    fn get(&self, column: Column, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        match transaction.open_table(table(column)) {
            Ok(table) => Ok(table
                .get(key)
                .map_err(failed)?
                .map(|found| found.value().to_vec())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn scan(&self, column: Column) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let table = match transaction.open_table(table(column)) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let entries = table.iter().map_err(failed)?;
        entries
            .map(|entry| {
                let (key, value) = entry.map_err(failed)?;
                Ok((key.value().to_owned(), value.value().to_vec()))
            })
            .collect()
    }

    fn commit(&mut self, writes: &[Write], position: Position) -> Result<(), StoreError> {
        let transaction = self.database.begin_write().map_err(failed)?;
        for column in [Column::State, Column::Watch] {
            let mut table = transaction.open_table(table(column)).map_err(failed)?;
            for write in writes.iter().filter(|write| write.column == column) {
                match &write.value {
                    Some(value) => table
                        .insert(write.key.as_str(), value.as_slice())
                        .map_err(failed)?,
                    None => table.remove(write.key.as_str()).map_err(failed)?,
                };
            }
        }
        let stored = (FORM, position.next_offset, position.now.as_millis());
        transaction
            .open_table(POSITION)
            .map_err(failed)?
            .insert(POSITION_KEY, stored)
            .map_err(failed)?;
        transaction.commit().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gapless_schemas::Timestamp;

    fn write(key: &str, value: Option<&[u8]>) -> Write {
        Write {
            column: Column::State,
            key: key.to_owned(),
            value: value.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn what_was_committed_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.redb");
        let position = Position {
            next_offset: 7,
            now: Timestamp::from_seconds(1),
        };
        let mut store = DiskStore::open(&path).unwrap();
        assert_eq!(store.position().unwrap(), None);
        store
            .commit(&[write("a", Some(b"1")), write("b", Some(b"2"))], position)
            .unwrap();
        store.commit(&[write("b", None)], position).unwrap();
        drop(store);
        let store = DiskStore::open(&path).unwrap();
        assert_eq!(store.position().unwrap(), Some(position));
        assert_eq!(
            store.get(Column::State, "a").unwrap().as_deref(),
            Some(&b"1"[..])
        );
        assert_eq!(store.scan(Column::State).unwrap().len(), 1);
        assert_eq!(store.scan(Column::Watch).unwrap(), []);
    }

    #[test]
    fn a_store_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.redb");
        let _owner = DiskStore::open(&path).unwrap();
        assert!(DiskStore::open(&path).is_err());
    }

    #[test]
    fn a_store_of_another_form_is_replayed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.redb");
        let store = DiskStore::open(&path).unwrap();
        let transaction = store.database.begin_write().unwrap();
        transaction
            .open_table(POSITION)
            .unwrap()
            .insert(POSITION_KEY, (FORM + 1, 7, 0))
            .unwrap();
        transaction.commit().unwrap();
        drop(store);
        assert_eq!(DiskStore::open(&path).unwrap().position().unwrap(), None);
    }

    #[test]
    fn a_damaged_store_is_replayed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.redb");
        std::fs::write(&path, "this is no store at all".repeat(1_000)).unwrap();
        assert_eq!(DiskStore::open(&path).unwrap().position().unwrap(), None);
    }
}
