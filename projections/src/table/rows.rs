//! Rows in ClickHouse's `RowBinary`: each value in turn, little-endian, by its column's type.

use super::{Mapped, Table, Type, Value};

/// Rows for one table, encoded as they were pushed: a retry sends the same bytes.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Where they belong.
    pub table: &'static Table,
    /// `RowBinary` of the columns that rows bring.
    pub bytes: Vec<u8>,
    /// How many there are.
    pub count: usize,
}

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

impl Rows {
    /// No rows yet.
    pub fn new(table: &'static Table) -> Self {
        Self {
            table,
            bytes: Vec::new(),
            count: 0,
        }
    }

    /// Appends the row that `mapping` makes of `row`.
    pub fn push<R>(&mut self, mapping: &[Mapped<R>], row: &R) {
        for mapped in mapping {
            if let Some(value) = mapped.value {
                encode(mapped.column.ty, &value(row), &mut self.bytes);
            }
        }
        self.count += 1;
    }

    /// Appends a row given as values, one for each column that rows bring.
    pub fn push_values<'a>(&mut self, values: impl IntoIterator<Item = Value<'a>>) {
        for (column, value) in self.table.sent().zip(values) {
            encode(column.ty, &value, &mut self.bytes);
        }
        self.count += 1;
    }

    /// The rows again, each with its cells in the order of [`Table::sent`].
    pub fn cells(&self) -> Vec<Vec<Cell>> {
        let types: Vec<Type> = self.table.sent().map(|column| column.ty).collect();
        let mut rest = &self.bytes[..];
        (0..self.count)
            .map(|_| types.iter().map(|&ty| decode(ty, &mut rest)).collect())
            .collect()
    }
}

/// Appends `value` as a value of `ty`. A value that does not fit its type is a defect of a
/// mapping, which every test of that mapping finds; it becomes the type's default.
fn encode(ty: Type, value: &Value<'_>, out: &mut Vec<u8>) {
    match (ty, value) {
        (Type::Nullable(_), Value::Null) => out.push(1),
        (Type::Nullable(of), value) => {
            out.push(0);
            encode(*of, value, out);
        }
        (Type::Text | Type::Name, Value::Bytes(bytes)) => put_bytes(bytes, out),
        (Type::Bool | Type::Mark, Value::Bool(is)) => out.push(u8::from(*is)),
        (Type::Int, Value::Int(number)) => out.extend(number.to_le_bytes()),
        (Type::SmallInt, Value::Int(number)) => out.extend((*number as i32).to_le_bytes()),
        (Type::Unsigned, Value::Unsigned(number)) => out.extend(number.to_le_bytes()),
        (Type::Day, Value::Day(day)) => out.extend(day_number(*day).to_le_bytes()),
        (Type::Time, Value::Time(time)) => out.extend(time.as_millis().to_le_bytes()),
        (Type::Map, Value::Map(map)) => {
            put_length(map.len(), out);
            for (name, value) in *map {
                put_bytes(name.as_bytes(), out);
                put_bytes(value.as_bytes(), out);
            }
        }
        (Type::Array(of), Value::List(values)) => {
            put_length(values.len(), out);
            for value in values {
                encode(*of, value, out);
            }
        }
        (ty, value) => {
            debug_assert!(*value == Value::Null, "{value:?} is no {ty}");
            out.extend(std::iter::repeat_n(0, default_bytes(ty)));
        }
    }
}

/// How many zero bytes make the default of a type that is not nullable.
fn default_bytes(ty: Type) -> usize {
    match ty {
        Type::Bool | Type::Mark | Type::Text | Type::Name | Type::Map | Type::Array(_) => 1,
        Type::Nullable(_) | Type::Percentiles => 1,
        Type::Day => 2,
        Type::SmallInt => 4,
        Type::Int | Type::Unsigned | Type::Float | Type::Time => 8,
    }
}

fn put_length(length: usize, out: &mut Vec<u8>) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Takes a value of `ty` from the front of `rest`, which only [`encode`] has written.
fn decode(ty: Type, rest: &mut &[u8]) -> Cell {
    match ty {
        Type::Nullable(of) => match take::<1>(rest) {
            [0] => decode(*of, rest),
            _ => Cell::Null,
        },
        Type::Text | Type::Name => Cell::Bytes(take_bytes(rest)),
        Type::Bool | Type::Mark => Cell::Int(i64::from(take::<1>(rest)[0])),
        Type::Int | Type::Time => Cell::Int(i64::from_le_bytes(take(rest))),
        Type::SmallInt => Cell::Int(i64::from(i32::from_le_bytes(take(rest)))),
        Type::Unsigned => Cell::Unsigned(u64::from_le_bytes(take(rest))),
        Type::Day => Cell::Int(i64::from(u16::from_le_bytes(take(rest)))),
        Type::Map => {
            let cells = 2 * take_length(rest);
            Cell::List((0..cells).map(|_| Cell::Bytes(take_bytes(rest))).collect())
        }
        Type::Array(of) => {
            let cells = take_length(rest);
            Cell::List((0..cells).map(|_| decode(*of, rest)).collect())
        }
        Type::Float | Type::Percentiles => Cell::Null,
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (front, back) = rest
        .split_first_chunk::<N>()
        .expect("rows end where a row ends");
    *rest = back;
    *front
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

fn take_bytes(rest: &mut &[u8]) -> Vec<u8> {
    let length = take_length(rest);
    let (front, back) = rest.split_at(length);
    *rest = back;
    front.to_vec()
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

/// A day as ClickHouse's `Date` holds it: from 1970 to 2149, held at its ends.
fn day_number(day: i32) -> u16 {
    u16::try_from(day.max(0)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tables;
    use crate::events;
    use crate::table::Column;

    #[test]
    fn lengths_of_every_size_are_read_as_they_were_written() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 2_000_000] {
            let mut bytes = Vec::new();
            put_bytes(&vec![7; length], &mut bytes);
            let mut rest = &bytes[..];
            assert_eq!(take_bytes(&mut rest).len(), length);
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn days_are_held_at_the_ends_of_what_a_date_can_be() {
        assert_eq!(
            [-1, 0, 20_000, 70_000].map(day_number),
            [0, 0, 20_000, u16::MAX]
        );
    }

    #[test]
    fn every_table_has_its_key_among_its_columns_and_no_column_twice() {
        for table in tables() {
            let columns: Vec<Column> = table.stored().collect();
            assert_eq!(
                table.columns_named(table.key).len(),
                table.key.len(),
                "{}",
                table.name
            );
            let mut names: Vec<&str> = columns.iter().map(|column| column.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), columns.len(), "{}", table.name);
            let is_versioned = names.contains(&"version") && names.contains(&"is_deleted");
            assert_eq!(is_versioned, table.versioned, "{}", table.name);
        }
    }

    #[test]
    fn a_payload_that_is_no_text_is_kept_byte_for_byte() {
        let mut rows = Rows::new(&events::TABLE);
        let payload = Value::Bytes(&[0xff, 0, b'\'', 0x80]);
        rows.push_values(events::TABLE.sent().map(|column| match column.name {
            "payload" => payload.clone(),
            _ => Value::Null,
        }));
        let cells = rows.cells();
        let place = events::TABLE
            .sent()
            .position(|column| column.name == "payload");
        assert_eq!(cells[0][place.unwrap()], Cell::from(payload));
    }
}
