//! Rows for one table, as a block of ClickHouse's `Native` format: column after column, as
//! ClickHouse holds them itself, so that it need not take rows apart.
//!
//! ```text
//! block     number of columns, number of rows, then for each column its name, its type, its values
//! values    numbers: little-endian; text: its length and its bytes
//! Nullable  for each row 1 where it is NULL, else 0; then a value for each row
//! Array     for each row where its list ends, counted from the first row's start; then all elements
//! Map       the same, then all names, then all values
//! ```
//!
//! Types are those of the block, not of the table: text of few distinct values is sent as plain
//! text, and ClickHouse makes the dictionary, as it must anyway where parts are merged.
//!
//! A block says how many rows it has before it has them, so one that is cut off on its way is
//! refused as a whole, wherever it is cut off.

mod builder;
mod decode;

pub(crate) use builder::RowsBuilder;
pub use decode::Cell;

use super::{Table, Type};
use bytes::Bytes;

/// Rows for one table, encoded: a retry sends the same bytes.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Where they belong.
    pub table: &'static Table,
    /// How many there are.
    pub count: usize,
    /// One after another they are the block. A large column is a piece of its own, which was
    /// never copied since its values were encoded.
    pub pieces: Vec<Bytes>,
}

impl Rows {
    /// The rows again, each with its cells in the order of [`Table::sent`].
    pub fn cells(&self) -> Vec<Vec<Cell>> {
        decode::block(self.table, &self.pieces.concat())
    }
}

/// The type that a column has in a block.
fn sent_type(ty: Type) -> String {
    match ty {
        Type::Name => sent_type(Type::Text),
        Type::Map => "Map(String, String)".to_owned(),
        Type::Nullable(of) => format!("Nullable({})", sent_type(*of)),
        Type::Array(of) => format!("Array({})", sent_type(*of)),
        ty => ty.to_string(),
    }
}

/// A day as ClickHouse's `Date` holds it: from 1970 to 2149, held at its ends.
fn day_number(day: i32) -> u16 {
    u16::try_from(day.max(0)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
