//! Rows of one table that wait to be stored.

use super::step::{Recompute, Step};
use crate::origin::Traced;
use crate::rollup::Rollup;
use crate::table::{Cell, Column, Mapped, RowsBuilder, Table, Value};
use std::collections::BTreeMap;

/// How many entities one recomputation names: its statement stays a few hundred kilobytes.
const ENTITIES_A_STEP: usize = 10_000;

/// Which rows a table's records make, and which figures follow from them.
pub(super) struct Target<R: 'static> {
    table: &'static Table,
    mapping: &'static [Mapped<R>],
    rollup: Option<&'static Rollup>,
    /// The rollup's entity: the table's key, or where there is no index the rollup's key.
    entity: Vec<&'static Mapped<R>>,
    /// The index's columns.
    pair: Vec<&'static Mapped<R>>,
}

impl<R> Target<R> {
    pub(super) fn new(
        table: &'static Table,
        mapping: &'static [Mapped<R>],
        rollup: Option<&'static Rollup>,
    ) -> Self {
        let find = |name: &str| {
            mapping
                .iter()
                .find(|mapped| mapped.column.name == name)
                .expect("a key names columns of its table")
        };
        let from = |column: &Column, rollup: &Rollup| {
            rollup
                .key
                .iter()
                .find(|(part, _)| part.name == column.name)
                .map_or(column.name, |(_, from)| *from)
        };
        let has_index = |rollup: &&Rollup| rollup.index.is_some();
        let entity = match rollup.filter(|rollup| rollup.index.is_none()) {
            Some(rollup) => rollup.key.iter().map(|(_, from)| find(from)).collect(),
            None => table.key.iter().map(|name| find(name)).collect(),
        };
        let pair = rollup.filter(has_index).map_or(Vec::new(), |rollup| {
            let columns = rollup.index_columns();
            columns
                .iter()
                .map(|column| find(from(column, rollup)))
                .collect()
        });
        Self {
            table,
            mapping,
            rollup,
            entity,
            pair,
        }
    }

    fn entity_of(&self, row: &R) -> Vec<Cell> {
        self.entity
            .iter()
            .filter_map(|mapped| mapped.value)
            .map(|value| Cell::from(value(row)))
            .collect()
    }

    /// Appends the pairs of `row`: one for each day that it counts on.
    fn push_pairs(&self, row: &R, pairs: &mut RowsBuilder) {
        let values: Vec<Value<'_>> = self
            .pair
            .iter()
            .filter_map(|mapped| mapped.value)
            .map(|value| value(row))
            .collect();
        let days = values.iter().find_map(|value| match value {
            Value::List(days) => Some(days.len()),
            _ => None,
        });
        for place in 0..days.unwrap_or(0) {
            pairs.push_values(values.iter().map(|value| match value {
                Value::List(days) => days[place].clone(),
                value => value.clone(),
            }));
        }
    }
}

/// What became of a record in a buffer: where its repository's figures get their version from.
pub(super) struct Place {
    pub(super) host: String,
    pub(super) repository_id: i64,
    pub(super) partition: i32,
    pub(super) version: i64,
}

/// Rows that wait. Of several rows of one key only the one that counts is kept.
pub(super) struct Buffer<R: 'static> {
    target: Target<R>,
    latest: BTreeMap<Vec<Cell>, R>,
    touched: Touched,
}

impl<R: Traced> Buffer<R> {
    pub(super) fn new(target: Target<R>) -> Self {
        Self {
            target,
            latest: BTreeMap::new(),
            touched: Touched::default(),
        }
    }

    pub(super) fn push(&mut self, row: R, place: &Place) {
        let entity = self.target.entity_of(&row);
        if self.target.rollup.is_some() {
            self.touched.add(entity.clone(), place);
        }
        match self.latest.get_mut(&entity) {
            Some(known) if known.version() > row.version() => {}
            Some(known) => *known = row,
            None => {
                self.latest.insert(entity, row);
            }
        }
    }

    /// How many rows wait.
    pub(super) fn len(&self) -> usize {
        self.latest.len()
    }

    /// Pairs, then rows.
    pub(super) fn take_rows(&mut self, pairs: &mut Vec<Step>, rows: &mut Vec<Step>) {
        let mut stored = RowsBuilder::new(self.target.table);
        let index = self.target.rollup.and_then(|rollup| rollup.index.as_ref());
        let mut indexed = index.map(RowsBuilder::new);
        for row in std::mem::take(&mut self.latest).into_values() {
            stored.push(self.target.mapping, &row);
            if let Some(indexed) = &mut indexed {
                self.target.push_pairs(&row, indexed);
            }
        }
        pairs.extend(indexed.and_then(insert));
        rows.extend(insert(stored));
    }

    /// The figures that follow from all rows taken since the last call.
    pub(super) fn take_figures(&mut self, steps: &mut Vec<Step>) {
        if let Some(rollup) = self.target.rollup {
            std::mem::take(&mut self.touched).into_steps(rollup, steps);
        }
    }
}

/// The step that stores `rows`, if there are any.
pub(super) fn insert(rows: RowsBuilder) -> Option<Step> {
    (!rows.is_empty()).then(|| Step::Insert(rows.build()))
}

/// Rows of events: written as they come, since no event replaces another.
pub(super) struct Append<R: 'static> {
    target: Target<R>,
    rows: RowsBuilder,
    touched: Touched,
}

impl<R> Append<R> {
    pub(super) fn new(target: Target<R>) -> Self {
        let rows = RowsBuilder::new(target.table);
        Self {
            target,
            rows,
            touched: Touched::default(),
        }
    }

    /// Takes a row; `counts` where figures follow from it.
    pub(super) fn push(&mut self, row: &R, place: &Place, counts: bool) {
        self.rows.push(self.target.mapping, row);
        if counts {
            self.touched.add(self.target.entity_of(row), place);
        }
    }

    /// How many bytes the rows that wait have.
    pub(super) fn size_bytes(&self) -> usize {
        self.rows.size_bytes()
    }

    pub(super) fn take_rows(&mut self, rows: &mut Vec<Step>) {
        if !self.rows.is_empty() {
            let next = self.rows.empty_with_room();
            rows.extend(insert(std::mem::replace(&mut self.rows, next)));
        }
    }

    pub(super) fn take_figures(&mut self, steps: &mut Vec<Step>) {
        if let Some(rollup) = self.target.rollup {
            std::mem::take(&mut self.touched).into_steps(rollup, steps);
        }
    }
}

/// Entities whose figures are to be computed again.
#[derive(Default)]
struct Touched {
    /// Each entity, with its repository.
    entities: BTreeMap<Vec<Cell>, (String, i64)>,
    /// Each repository's partition.
    partitions: BTreeMap<(String, i64), i32>,
    /// The last version read from each partition.
    versions: BTreeMap<i32, i64>,
}

impl Touched {
    fn add(&mut self, entity: Vec<Cell>, place: &Place) {
        let version = self.versions.entry(place.partition).or_default();
        *version = place.version.max(*version);
        if let std::collections::btree_map::Entry::Vacant(vacant) = self.entities.entry(entity) {
            let repository = (place.host.clone(), place.repository_id);
            vacant.insert(repository.clone());
            self.partitions.insert(repository, place.partition);
        }
    }

    fn into_steps(self, rollup: &'static Rollup, steps: &mut Vec<Step>) {
        let version = |repository: &(String, i64)| {
            let partition = self.partitions.get(repository)?;
            self.versions.get(partition).copied()
        };
        let mut entities = self.entities.iter().peekable();
        while entities.peek().is_some() {
            let part: Vec<_> = entities.by_ref().take(ENTITIES_A_STEP).collect();
            let versions = part
                .iter()
                .map(|(_, repository)| {
                    let version = version(repository).unwrap_or(0);
                    ((*repository).clone(), version.max(0).unsigned_abs())
                })
                .collect();
            steps.push(Step::Recompute(Recompute {
                rollup,
                entities: part.into_iter().map(|(entity, _)| entity.clone()).collect(),
                versions,
            }));
        }
    }
}
