//! Rows as they are put together.

use super::{Rows, day_number, sent_type};
use crate::table::{Mapped, Table, Type, Value, held, is_time};
use bytes::Bytes;

/// A buffer of this size is a piece of its own: to copy it into another would cost more than to
/// send one piece more.
const LARGE_BYTES: usize = 64 << 10;

/// Rows for one table that are being put together, column by column.
#[derive(Debug)]
pub(crate) struct RowsBuilder {
    table: &'static Table,
    count: usize,
    columns: Vec<Values>,
}

/// The values of a column.
#[derive(Debug)]
struct Values {
    ty: Type,
    /// The parts of the column's type, in the block's order: of a list, its ends and the buffers
    /// of its elements.
    buffers: Vec<Vec<u8>>,
}

impl RowsBuilder {
    /// No rows yet.
    pub(crate) fn new(table: &'static Table) -> Self {
        let empty = |ty| Values {
            ty,
            buffers: vec![Vec::new(); buffers_of(ty)],
        };
        Self {
            table,
            count: 0,
            columns: table.sent().map(|column| empty(column.ty)).collect(),
        }
    }

    /// No rows yet, and room for as many as these and an eighth more. Where one large block
    /// follows another its buffers need not grow, copying all that they hold each time; and room
    /// that nothing is written to takes no memory.
    #[must_use]
    pub(crate) fn empty_with_room(&self) -> Self {
        let room = |buffer: &Vec<u8>| Vec::with_capacity(buffer.len() + buffer.len() / 8);
        let empty = |values: &Values| Values {
            ty: values.ty,
            buffers: values.buffers.iter().map(room).collect(),
        };
        Self {
            table: self.table,
            count: 0,
            columns: self.columns.iter().map(empty).collect(),
        }
    }

    /// How many bytes the rows have.
    pub(crate) fn size_bytes(&self) -> usize {
        let buffers = self.columns.iter().flat_map(|values| &values.buffers);
        buffers.map(Vec::len).sum()
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends the row that `mapping` makes of `row`.
    pub(crate) fn push<R>(&mut self, mapping: &[Mapped<R>], row: &R) {
        self.push_values(mapping.iter().filter_map(|it| Some(it.value?(row))));
    }

    /// Appends a row given as values, one for each column that rows bring.
    pub(crate) fn push_values<'a>(&mut self, values: impl IntoIterator<Item = Value<'a>>) {
        let mut columns = self.columns.iter_mut();
        for value in values {
            let column = columns.next().expect("a row has a value for each column");
            encode(column.ty, &value, &mut column.buffers);
        }
        assert!(
            columns.next().is_none(),
            "a row has a value for each column"
        );
        self.count += 1;
    }

    /// The rows as a block.
    pub(crate) fn build(self) -> Rows {
        let mut pieces = Vec::new();
        let mut small = Vec::new();
        put_length(self.columns.len(), &mut small);
        put_length(self.count, &mut small);
        for (column, values) in self.table.sent().zip(self.columns) {
            put_bytes(column.name.as_bytes(), &mut small);
            put_bytes(sent_type(column.ty).as_bytes(), &mut small);
            for buffer in values.buffers {
                if buffer.len() < LARGE_BYTES {
                    small.extend_from_slice(&buffer);
                } else {
                    pieces.push(Bytes::from(std::mem::take(&mut small)));
                    pieces.push(Bytes::from(buffer));
                }
            }
        }
        pieces.push(Bytes::from(small));
        pieces.retain(|piece| !piece.is_empty());
        Rows {
            table: self.table,
            count: self.count,
            pieces,
        }
    }
}

/// How many buffers the values of a column of type `ty` need.
fn buffers_of(ty: Type) -> usize {
    match ty {
        Type::Nullable(of) | Type::Array(of) => 1 + buffers_of(*of),
        Type::Map => 3,
        _ => 1,
    }
}

/// Appends `value` as a value of `ty`. A value that does not fit its type is a defect of a
/// mapping, which every test of that mapping finds; it becomes the type's default.
fn encode(ty: Type, value: &Value<'_>, buffers: &mut [Vec<u8>]) {
    let [first, of @ ..] = buffers else {
        return;
    };
    match (ty, value) {
        (Type::Nullable(ty), Value::Time(time)) if !is_time(*time) => {
            first.push(1);
            encode(*ty, &Value::Null, of);
        }
        (Type::Nullable(ty), value) => {
            first.push(u8::from(matches!(value, Value::Null)));
            encode(*ty, value, of);
        }
        (Type::Array(ty), Value::List(values)) => {
            put_end(values.len(), first);
            for value in values {
                encode(*ty, value, of);
            }
        }
        (Type::Map, Value::Map(map)) => {
            put_end(map.len(), first);
            for (name, value) in *map {
                for (text, buffer) in [name, value].into_iter().zip(&mut *of) {
                    put_bytes(text.as_bytes(), buffer);
                }
            }
        }
        (Type::Text | Type::Name, Value::Bytes(bytes)) => put_bytes(bytes, first),
        (Type::Bool | Type::Mark, Value::Bool(is)) => first.push(u8::from(*is)),
        (Type::Int, Value::Int(number)) => first.extend(number.to_le_bytes()),
        (Type::SmallInt, Value::Int(number)) => first.extend((*number as i32).to_le_bytes()),
        (Type::Unsigned, Value::Unsigned(number)) => first.extend(number.to_le_bytes()),
        (Type::Day, Value::Day(day)) => first.extend(day_number(*day).to_le_bytes()),
        (Type::Time, Value::Time(time)) => first.extend(held(*time).as_millis().to_le_bytes()),
        (ty, value) => {
            debug_assert!(*value == Value::Null, "{value:?} is no {ty}");
            match ty {
                Type::Array(_) | Type::Map => put_end(0, first),
                ty => first.extend(std::iter::repeat_n(0, default_bytes(ty))),
            }
        }
    }
}

/// How many zero bytes make the default of a type that has one buffer.
fn default_bytes(ty: Type) -> usize {
    match ty {
        Type::Bool | Type::Mark | Type::Text | Type::Name | Type::Percentiles => 1,
        Type::Day => 2,
        Type::SmallInt => 4,
        Type::Int | Type::Unsigned | Type::Float | Type::Time => 8,
        Type::Nullable(_) | Type::Array(_) | Type::Map => 0,
    }
}

/// Appends where a list of `length` elements ends.
fn put_end(length: usize, ends: &mut Vec<u8>) {
    let start = ends.last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
    ends.extend((start + length as u64).to_le_bytes());
}

fn put_length(length: usize, out: &mut Vec<u8>) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}
