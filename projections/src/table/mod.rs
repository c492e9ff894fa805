//! What a table is: its columns with type, unit and meaning, written once. The DDL, the comments
//! in the database, `docs/tables.md`, the rows sent and the store in memory all come from here.

mod rows;
mod types;

pub(crate) use rows::RowsBuilder;
pub use rows::{Cell, Rows};
pub use types::{PERCENTILES, Type, Value};
pub(crate) use types::{held, is_day, is_time};

/// A column: what it is called, holds and means.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, units last.
    pub name: &'static str,
    /// Its type in the table.
    pub ty: Type,
    /// Unit of its values; empty where they have none.
    pub unit: &'static str,
    /// What it means, in a sentence; ends with the name it had in other systems, where it differs.
    pub meaning: &'static str,
    /// How the table gets it.
    pub filled: Filled,
    /// How the view shows it.
    pub shown: Shown,
    /// Whether it is large text, worth a stronger compression.
    pub large: bool,
}

/// How a table gets a column's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// Every row brings it.
    ByRow,
    /// The table fills it with this expression when a row is inserted.
    ByDefault(&'static str),
    /// The table does not have it: the view computes it.
    Never,
}

/// How the view shows a column. In expressions, `t` is the table, `r` the row of `repositories` that
/// belongs to it, and `renamed` what was renamed or deleted (see `names`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As it is stored.
    AsStored,
    /// As this expression, of this type.
    As(Type, &'static str),
    /// Not at all.
    Never,
}

impl Column {
    /// A column that every row brings and the view shows as it is.
    pub const fn stored(
        name: &'static str,
        ty: Type,
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            ty,
            unit,
            meaning,
            filled: Filled::ByRow,
            shown: Shown::AsStored,
            large: false,
        }
    }

    /// A column that only the view has.
    pub const fn computed(
        name: &'static str,
        ty: Type,
        unit: &'static str,
        meaning: &'static str,
        expression: &'static str,
    ) -> Self {
        let mut column = Self::stored(name, ty, unit, meaning);
        column.filled = Filled::Never;
        column.shown = Shown::As(ty, expression);
        column
    }

    /// The same column, which the view shows as `expression`, of type `ty`.
    pub const fn shown_as(mut self, ty: Type, expression: &'static str) -> Self {
        self.shown = Shown::As(ty, expression);
        self
    }

    /// The same column, left out of the view.
    pub const fn hidden(mut self) -> Self {
        self.shown = Shown::Never;
        self
    }

    /// The same column, which the table fills by itself.
    pub const fn filled_by(mut self, expression: &'static str) -> Self {
        self.filled = Filled::ByDefault(expression);
        self
    }

    /// The same column, which holds large text.
    pub const fn large(mut self) -> Self {
        self.large = true;
        self
    }

    /// Whether the table has it (else only the view).
    pub fn is_stored(&self) -> bool {
        self.filled != Filled::Never
    }

    /// Its type as the view shows it; none where the view leaves it out.
    pub fn shown_type(&self) -> Option<Type> {
        match self.shown {
            Shown::AsStored => Some(self.ty),
            Shown::As(ty, _) => Some(ty),
            Shown::Never => None,
        }
    }

    /// Its comment in the database: meaning and unit.
    pub fn comment(&self) -> String {
        match self.unit {
            "" => self.meaning.to_owned(),
            unit => format!("{} Unit: {unit}.", self.meaning),
        }
    }
}

/// A column and how a row's value of it is found.
pub struct Mapped<R: 'static> {
    /// The column.
    pub column: Column,
    /// Its value; none for columns that rows do not bring.
    pub value: Option<for<'a> fn(&'a R) -> Value<'a>>,
}

impl<R> Mapped<R> {
    /// A column that rows bring.
    pub const fn of(column: Column, value: for<'a> fn(&'a R) -> Value<'a>) -> Self {
        Self {
            column,
            value: Some(value),
        }
    }

    /// A column of this name, type, unit and meaning that rows bring.
    pub const fn column(
        (name, ty, unit, meaning): (&'static str, Type, &'static str, &'static str),
        value: for<'a> fn(&'a R) -> Value<'a>,
    ) -> Self {
        Self::of(Column::stored(name, ty, unit, meaning), value)
    }

    /// The same, which views show as an expression of another type.
    pub const fn shown(
        (name, ty, unit, meaning): (&'static str, Type, &'static str, &'static str),
        (shown, expression): (Type, &'static str),
        value: for<'a> fn(&'a R) -> Value<'a>,
    ) -> Self {
        let column = Column::stored(name, ty, unit, meaning);
        Self::of(column.shown_as(shown, expression), value)
    }

    /// Ids beside names, for views to resolve.
    pub const fn hidden(
        name: &'static str,
        meaning: &'static str,
        value: for<'a> fn(&'a R) -> Value<'a>,
    ) -> Self {
        let ids = Column::stored(name, Type::Array(&Type::Int), "", meaning);
        Self::of(ids.hidden(), value)
    }

    /// A column that rows do not bring.
    pub const fn without(column: Column) -> Self {
        Self {
            column,
            value: None,
        }
    }
}

/// A table of versioned rows: of all rows with one key, the greatest version counts.
#[derive(Debug)]
pub struct Table {
    /// Its name, within the generation's database.
    pub name: &'static str,
    /// What a row is, and when it changes.
    pub meaning: &'static str,
    /// Its columns, in order.
    pub columns: fn() -> Vec<Column>,
    /// Names of the key's columns: they never change for a row.
    pub key: &'static [&'static str],
    /// Whether only the greatest version of a key counts. An index has no versions: its rows say
    /// all in their key.
    pub versioned: bool,
}

impl Table {
    /// The columns that the table stores.
    pub fn stored(&self) -> impl Iterator<Item = Column> {
        (self.columns)().into_iter().filter(Column::is_stored)
    }

    /// Its columns of these names, in the order of the names.
    pub fn columns_named(&self, names: &[&str]) -> Vec<Column> {
        let columns: Vec<Column> = self.stored().collect();
        let find = |name: &&str| columns.iter().find(|column| column.name == *name);
        names.iter().filter_map(find).copied().collect()
    }

    /// The columns that rows bring, in order.
    pub fn sent(&self) -> impl Iterator<Item = Column> {
        self.stored()
            .filter(|column| column.filled == Filled::ByRow)
    }
}

/// The columns of a mapping.
pub fn columns_of<R>(mapping: &[Mapped<R>]) -> Vec<Column> {
    mapping.iter().map(|mapped| mapped.column).collect()
}
