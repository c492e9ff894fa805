//! Rows as they are read again: by the store in memory, which so proves that a block says what
//! it was made of.

use super::day_number;
use crate::table::{Table, Type, Value};

/// A decoded value: what the store in memory holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// NULL.
    Null,
    /// Any number, day or instant (milliseconds).
    Int(i64),
    /// An unsigned number.
    Unsigned(u64),
    /// Text or bytes.
    Bytes(Vec<u8>),
    /// A list; a map is a list of names and values in turn.
    List(Vec<Cell>),
}

impl From<Value<'_>> for Cell {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(is) => Self::Int(i64::from(is)),
            Value::Int(number) => Self::Int(number),
            Value::Unsigned(number) => Self::Unsigned(number),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Value::Day(day) => Self::Int(i64::from(day_number(day))),
            Value::Time(time) => Self::Int(time.as_millis()),
            Value::Map(map) => Self::List(
                map.iter()
                    .flat_map(|(name, value)| [name, value])
                    .map(|text| Self::Bytes(text.clone().into_bytes()))
                    .collect(),
            ),
            Value::List(values) => Self::List(values.into_iter().map(Self::from).collect()),
        }
    }
}

/// The rows of a block for `table`, which only [`super::RowsBuilder`] has written.
pub(super) fn block(table: &Table, block: &[u8]) -> Vec<Vec<Cell>> {
    let rest = &mut &block[..];
    let columns = take_length(rest);
    let count = take_length(rest);
    let mut rows = vec![Vec::with_capacity(columns); count];
    for column in table.sent() {
        let [name, _type] = [take_bytes(rest), take_bytes(rest)];
        debug_assert_eq!(name, column.name.as_bytes());
        for (row, cell) in rows.iter_mut().zip(values(column.ty, count, rest)) {
            row.push(cell);
        }
    }
    debug_assert!(rest.is_empty(), "{} bytes after the block", rest.len());
    rows
}

/// Takes `count` values of `ty` from the front of `rest`.
fn values(ty: Type, count: usize, rest: &mut &[u8]) -> Vec<Cell> {
    match ty {
        Type::Nullable(of) => {
            let nulls = take_slice(count, rest);
            let or_null = |(cell, is_null)| if is_null == &0 { cell } else { Cell::Null };
            let values = values(*of, count, rest).into_iter();
            values.zip(nulls).map(or_null).collect()
        }
        Type::Array(of) => {
            let lengths = take_lengths(count, rest);
            lists(&lengths, values(*of, lengths.iter().sum(), rest))
        }
        Type::Map => {
            let mut lengths = take_lengths(count, rest);
            let elements = lengths.iter().sum();
            let names = values(Type::Text, elements, rest).into_iter();
            let values = values(Type::Text, elements, rest);
            let in_turn = names.zip(values).flat_map(|(name, value)| [name, value]);
            lengths.iter_mut().for_each(|length| *length *= 2);
            lists(&lengths, in_turn)
        }
        ty => (0..count).map(|_| value(ty, rest)).collect(),
    }
}

/// Takes one value of a type that has neither NULL nor elements.
fn value(ty: Type, rest: &mut &[u8]) -> Cell {
    match ty {
        Type::Text | Type::Name => Cell::Bytes(take_bytes(rest).to_vec()),
        Type::Bool | Type::Mark => Cell::Int(i64::from(take::<1>(rest)[0])),
        Type::Int | Type::Time => Cell::Int(i64::from_le_bytes(take(rest))),
        Type::SmallInt => Cell::Int(i64::from(i32::from_le_bytes(take(rest)))),
        Type::Unsigned => Cell::Unsigned(u64::from_le_bytes(take(rest))),
        Type::Day => Cell::Int(i64::from(u16::from_le_bytes(take(rest)))),
        Type::Float | Type::Percentiles | Type::Nullable(_) | Type::Array(_) | Type::Map => {
            unreachable!("no row brings a {ty} as one value")
        }
    }
}

/// Cuts `elements` into lists.
fn lists(lengths: &[usize], elements: impl IntoIterator<Item = Cell>) -> Vec<Cell> {
    let mut elements = elements.into_iter();
    let list = |&length: &usize| Cell::List(elements.by_ref().take(length).collect());
    lengths.iter().map(list).collect()
}

/// How long lists are, of which the block tells where they end.
fn take_lengths(count: usize, rest: &mut &[u8]) -> Vec<usize> {
    let mut start = 0;
    let length = |_| {
        let end = u64::from_le_bytes(take(rest)) as usize;
        end - std::mem::replace(&mut start, end)
    };
    (0..count).map(length).collect()
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (front, back) = rest
        .split_first_chunk::<N>()
        .expect("a block ends where its last column ends");
    *rest = back;
    *front
}

fn take_slice<'a>(length: usize, rest: &mut &'a [u8]) -> &'a [u8] {
    let (front, back) = rest.split_at(length);
    *rest = back;
    front
}

fn take_length(rest: &mut &[u8]) -> usize {
    let mut length = 0;
    for shift in (0..).step_by(7) {
        let [byte] = take(rest);
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    length
}

pub(super) fn take_bytes<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = take_length(rest);
    take_slice(length, rest)
}
