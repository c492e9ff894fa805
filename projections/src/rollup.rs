//! Rollups: figures per key, recomputed from the rows that count under it.
//!
//! A row says itself what it adds, by day, in its `daily.*` columns, computed by pure Rust. A
//! rollup only adds up. What keeps it right, whatever is repeated, late or interrupted:
//!
//! - **The index** holds every pair (entity, rollup key) that an entity ever counted under, and is
//!   only ever added to. So a figure that an entity has left is found again, and recomputed.
//! - **The order**: pairs, rows, recomputation, commit. A crash between any two steps repeats the
//!   batch: pairs and rows are the same again, and recomputation reads what is there. Pairs go
//!   first, since a row without its pairs would count under a key that nobody recomputes later.
//! - **Rows are absolute**: a recomputed row replaces the one before it, and where nothing is left
//!   it is a row of zeros, marked deleted. Its version is the task's last offset in the topic that
//!   feeds these rows. A zombie that recomputes late read at least what its own offset covers, and
//!   a later owner's greater offset outranks it.
//!
//! Rows that can never move to another key (events) need no index: their key is their own.

use crate::origin::{IS_DELETED, VERSION};
use crate::table::{Column, Shown, Table, Type};

/// A rollup: whose rows it adds up, under which keys, to which figures.
#[derive(Debug)]
pub struct Rollup {
    /// The table of figures.
    pub table: Table,
    /// The rows that are added up.
    pub rows: &'static Table,
    /// The pairs (entity, rollup key); none where a row's key never changes.
    pub index: Option<Table>,
    /// The key, with the row's column that each part is read from.
    pub key: &'static [(Column, &'static str)],
    /// The figures.
    pub figures: &'static [Figure],
    /// Columns that only the view has.
    pub computed: &'static [Column],
}

/// A figure of a rollup.
#[derive(Debug)]
pub struct Figure {
    /// Its column.
    pub column: Column,
    /// How contributions are put together.
    pub aggregate: Aggregate,
    /// The row's column that they are read from.
    pub from: &'static str,
}

/// How contributions are put together: none depends on their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// How many there are.
    Contributions,
    /// Their sum.
    Sum,
    /// How many are not NULL.
    Count,
    /// How many different ones are not NULL.
    Distinct,
    /// The greatest text.
    Greatest,
    /// A mergeable state of their percentiles.
    Percentiles,
}

impl Figure {
    const fn number(
        name: &'static str,
        unit: &'static str,
        meaning: &'static str,
        aggregate: Aggregate,
        from: &'static str,
    ) -> Self {
        Self {
            column: Column::stored(name, Type::Int, unit, meaning),
            aggregate,
            from,
        }
    }

    /// A sum of `from`.
    pub const fn sum(
        name: &'static str,
        unit: &'static str,
        meaning: &'static str,
        from: &'static str,
    ) -> Self {
        Self::number(name, unit, meaning, Aggregate::Sum, from)
    }

    /// How many contributions there are.
    pub const fn contributions(
        name: &'static str,
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self::number(name, unit, meaning, Aggregate::Contributions, "")
    }

    /// How many of `from` are known.
    pub const fn count(name: &'static str, meaning: &'static str, from: &'static str) -> Self {
        Self::number(name, "durations", meaning, Aggregate::Count, from)
    }

    /// How many different `from` there are.
    pub const fn distinct(
        name: &'static str,
        unit: &'static str,
        meaning: &'static str,
        from: &'static str,
    ) -> Self {
        Self::number(name, unit, meaning, Aggregate::Distinct, from)
    }

    /// Percentiles of `from`.
    pub const fn percentiles(
        name: &'static str,
        meaning: &'static str,
        from: &'static str,
    ) -> Self {
        Self {
            column: Column::stored(name, Type::Percentiles, "seconds", meaning),
            aggregate: Aggregate::Percentiles,
            from,
        }
    }
}

impl Rollup {
    /// The columns of its table and view.
    pub fn columns(&self) -> Vec<Column> {
        let key = self.key.iter().map(|(column, _)| *column);
        let figures = self.figures.iter().map(|figure| figure.column);
        let mut columns: Vec<Column> = key.chain(figures).collect();
        columns.extend(self.computed);
        columns.extend([VERSION, IS_DELETED]);
        columns
    }

    /// The columns of its index: the entity, then the parts of the key that the entity lacks.
    pub fn index_columns(&self) -> Vec<Column> {
        let entity = self.rows.columns_named(self.rows.key);
        let entity = entity.into_iter().map(|column| Column {
            shown: Shown::AsStored,
            ..column
        });
        let rest = self
            .key
            .iter()
            .map(|(column, _)| *column)
            .filter(|column| !self.rows.key.contains(&column.name));
        entity.chain(rest).collect()
    }

    /// Names of the key's columns.
    pub fn key_names(&self) -> impl Iterator<Item = &'static str> {
        self.key.iter().map(|(column, _)| column.name)
    }
}
