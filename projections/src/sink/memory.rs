//! A store in memory, for simulations: the same steps, the same figures as ClickHouse, which a
//! test holds. It holds the decoded rows, so it also proves that they can be decoded.

use super::step::{Recompute, Step, Store, StoreError};
use crate::catalogue::ROLLUPS;
use crate::rollup::{Aggregate, Figure, Rollup};
use crate::table::{Cell, Column, Rows, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Key = Vec<Cell>;
type Row = Vec<Cell>;

/// Tables in memory.
#[derive(Debug, Default)]
pub struct Memory {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// By table and key, the row of the greatest version.
    rows: BTreeMap<&'static str, BTreeMap<Key, Row>>,
    /// By figures' table, the index both ways.
    indexes: BTreeMap<&'static str, Index>,
}

#[derive(Debug, Default)]
struct Index {
    keys: BTreeMap<Key, BTreeSet<Key>>,
    entities: BTreeMap<Key, BTreeSet<Key>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows of `table` that are there, in the order of its key, each with its cells by name.
    /// Percentiles are a list of the values themselves, ascending.
    pub fn rows(&self, table: &Table) -> Vec<BTreeMap<&'static str, Cell>> {
        let names: Vec<&str> = table.sent().map(|column| column.name).collect();
        let tables = self.lock();
        let rows = tables.rows.get(table.name).into_iter().flatten();
        rows.map(|(_, row)| names.iter().copied().zip(row.iter().cloned()).collect())
            .filter(|row: &BTreeMap<&str, Cell>| row.get("is_deleted") != Some(&Cell::Int(1)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    async fn execute(&self, step: &Step) -> Result<(), StoreError> {
        let mut tables = self.lock();
        match step {
            Step::Insert(rows) => tables.insert(rows),
            Step::Recompute(recompute) => tables.recompute(recompute),
        }
        Ok(())
    }
}

impl Tables {
    fn insert(&mut self, rows: &Rows) {
        let table = rows.table;
        let columns: Vec<Column> = table.sent().collect();
        for row in rows.cells() {
            if table.versioned {
                self.index_by_own_key(table, &columns, &row);
                self.put(table, &columns, row);
            } else {
                self.index(table, &columns, &row);
            }
        }
    }

    /// Keeps the row of the greatest version; of equal ones the later.
    fn put(&mut self, table: &'static Table, columns: &[Column], row: Row) {
        let key = pick(columns, &row, table.key);
        let version = |row: &Row| pick(columns, row, &["version"]);
        let rows = self.rows.entry(table.name).or_default();
        match rows.get(&key) {
            Some(known) if version(known) > version(&row) => {}
            _ => {
                rows.insert(key, row);
            }
        }
    }

    /// A pair of an index.
    fn index(&mut self, table: &'static Table, columns: &[Column], row: &Row) {
        let of_table = |rollup: &&&Rollup| {
            rollup
                .index
                .as_ref()
                .is_some_and(|it| it.name == table.name)
        };
        if let Some(rollup) = ROLLUPS.iter().find(of_table) {
            let entity = pick(columns, row, rollup.rows.key);
            let key = pick(columns, row, &rollup.key_names().collect::<Vec<_>>());
            self.pair(rollup, entity, key);
        }
    }

    /// Where a rollup has no index, its rows are their own.
    fn index_by_own_key(&mut self, table: &'static Table, columns: &[Column], row: &Row) {
        let without = |rollup: &&&Rollup| rollup.rows.name == table.name && rollup.index.is_none();
        if let Some(rollup) = ROLLUPS.iter().find(without) {
            let entity = pick(columns, row, table.key);
            let from: Vec<&str> = rollup.key.iter().map(|(_, from)| *from).collect();
            let key = pick(columns, row, &from);
            self.pair(rollup, entity, key);
        }
    }

    fn pair(&mut self, rollup: &Rollup, entity: Key, key: Key) {
        let index = self.indexes.entry(rollup.table.name).or_default();
        let keys = index.keys.entry(entity.clone()).or_default();
        keys.insert(key.clone());
        index.entities.entry(key).or_default().insert(entity);
    }

    fn recompute(&mut self, recompute: &Recompute) {
        let rollup = recompute.rollup;
        let index = self.indexes.entry(rollup.table.name).or_default();
        let mut keys = BTreeSet::new();
        for entity in &recompute.entities {
            if rollup.index.is_none() {
                keys.insert(entity.clone());
            } else if let Some(indexed) = index.keys.get(entity) {
                keys.extend(indexed.iter().cloned());
            }
        }
        let columns: Vec<Column> = rollup.table.sent().collect();
        for key in keys {
            let row = self.figures(rollup, &key, version(recompute, &key));
            self.put(&rollup.table, &columns, row);
        }
    }

    /// The row of `key`: what its members add up to now.
    fn figures(&self, rollup: &Rollup, key: &Key, version: u64) -> Row {
        let columns: Vec<Column> = rollup.rows.sent().collect();
        let from: Vec<&str> = rollup.key.iter().map(|(_, from)| *from).collect();
        let rows = self.rows.get(rollup.rows.name);
        let members = self
            .indexes
            .get(rollup.table.name)
            .and_then(|index| index.entities.get(key))
            .into_iter()
            .flatten()
            .filter_map(|entity| rows?.get(entity))
            .filter(|row| pick(&columns, row, &["is_deleted"]) != [Cell::Int(1)]);
        let mut is_empty = true;
        let mut contributed: Vec<Vec<Cell>> = vec![Vec::new(); rollup.figures.len()];
        for row in members {
            let days = pick(&columns, row, &from);
            for place in 0..length(&days) {
                if days.iter().map(|cell| at(cell, place)).ne(key.iter()) {
                    continue;
                }
                is_empty = false;
                for (figure, values) in rollup.figures.iter().zip(&mut contributed) {
                    let value = match figure.aggregate {
                        Aggregate::Contributions => Cell::Int(1),
                        _ => at(&pick(&columns, row, &[figure.from])[0], place).clone(),
                    };
                    values.push(value);
                }
            }
        }
        let figures = rollup.figures.iter().zip(contributed);
        let mut row = key.clone();
        row.extend(figures.map(|(figure, values)| put_together(figure, values)));
        row.extend([Cell::Unsigned(version), Cell::Int(i64::from(is_empty))]);
        row
    }
}

/// The cells of the named columns.
fn pick(columns: &[Column], row: &Row, names: &[&str]) -> Key {
    let place = |name: &&str| columns.iter().position(|column| column.name == *name);
    let cells = names.iter().filter_map(place);
    cells.map(|place| row[place].clone()).collect()
}

/// How many contributions a row makes: the length of its lists, else one.
fn length(cells: &[Cell]) -> usize {
    let list = cells.iter().find_map(|cell| match cell {
        Cell::List(cells) => Some(cells.len()),
        _ => None,
    });
    list.unwrap_or(1)
}

fn at(cell: &Cell, place: usize) -> &Cell {
    match cell {
        Cell::List(cells) => &cells[place],
        cell => cell,
    }
}

fn put_together(figure: &Figure, mut values: Vec<Cell>) -> Cell {
    let number = |cell: &Cell| match cell {
        Cell::Int(number) => *number,
        _ => 0,
    };
    match figure.aggregate {
        Aggregate::Contributions | Aggregate::Sum => Cell::Int(values.iter().map(number).sum()),
        Aggregate::Greatest => values
            .into_iter()
            .max()
            .unwrap_or_else(|| Cell::Bytes(Vec::new())),
        Aggregate::Count | Aggregate::Distinct | Aggregate::Percentiles => {
            values.retain(|value| *value != Cell::Null);
            values.sort_unstable();
            match figure.aggregate {
                Aggregate::Count => Cell::Int(values.len() as i64),
                Aggregate::Distinct => {
                    values.dedup();
                    Cell::Int(values.len() as i64)
                }
                _ => Cell::List(values),
            }
        }
    }
}

/// The version that the figures of `key` get: its first parts are host and repository.
fn version(recompute: &Recompute, key: &Key) -> u64 {
    let [Cell::Bytes(host), Cell::Int(repository_id), ..] = &key[..] else {
        return 0;
    };
    let repository = (String::from_utf8_lossy(host).into_owned(), *repository_id);
    recompute.versions.get(&repository).copied().unwrap_or(0)
}
