use super::builder::{RowsBuilder, put_bytes};
use super::day_number;
use super::decode::{Cell, take_bytes};
use crate::catalogue::tables;
use crate::events;
use crate::table::{Column, Table, Type, Value};
use gapless_schemas::Timestamp;
use std::collections::BTreeMap;

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
    let mut rows = RowsBuilder::new(&events::TABLE);
    let payload = Value::Bytes(&[0xff, 0, b'\'', 0x80]);
    rows.push_values(events::TABLE.sent().map(|column| match column.name {
        "payload" => payload.clone(),
        _ => Value::Null,
    }));
    let cells = rows.build().cells();
    let place = events::TABLE
        .sent()
        .position(|column| column.name == "payload");
    assert_eq!(cells[0][place.unwrap()], Cell::from(payload));
}

const INTS: Type = Type::Array(&Type::Nullable(&Type::Int));
const NAME: Type = Type::Nullable(&Type::Name);

static TABLE: Table = Table {
    name: "t",
    meaning: "",
    columns: || {
        vec![
            Column::stored("day", Type::Day, "", ""),
            Column::stored("ints", INTS, "", ""),
            Column::stored("map", Type::Map, "", ""),
            Column::stored("name", NAME, "", ""),
            Column::stored("time", Type::Time, "", ""),
        ]
    },
    key: &[],
    versioned: false,
};

/// A row of each: something, something else, nothing.
fn some_rows(map: &BTreeMap<String, String>) -> [[Value<'_>; 5]; 3] {
    [
        [
            Value::Day(3),
            Value::List(vec![Value::Int(-1), Value::Null]),
            Value::Map(map),
            "a".into(),
            Value::Time(Timestamp::from_seconds(1)),
        ],
        [
            Value::Day(258),
            Value::List(vec![Value::Int(2)]),
            Value::Map(map),
            Value::Null,
            Value::Time(Timestamp::from_seconds(0)),
        ],
        [const { Value::Null }; 5],
    ]
}

#[test]
fn a_block_has_the_bytes_that_clickhouse_documents() {
    let map = BTreeMap::from([("k".to_owned(), "vw".to_owned())]);
    let mut rows = RowsBuilder::new(&TABLE);
    for row in some_rows(&map) {
        rows.push_values(row);
    }
    let number = |number: i64| number.to_le_bytes();
    let list = |numbers: &[i64]| {
        numbers
            .iter()
            .copied()
            .flat_map(number)
            .collect::<Vec<u8>>()
    };
    let expected = [
        b"\x05\x03".to_vec(),
        b"\x03day\x04Date\x03\0\x02\x01\0\0".to_vec(),
        b"\x04ints\x16Array(Nullable(Int64))".to_vec(),
        list(&[2, 3, 3]),
        b"\0\x01\0".to_vec(),
        list(&[-1, 0, 2]),
        b"\x03map\x13Map(String, String)".to_vec(),
        list(&[1, 2, 2]),
        b"\x01k\x01k\x02vw\x02vw".to_vec(),
        b"\x04name\x10Nullable(String)\0\x01\x01\x01a\0\0".to_vec(),
        b"\x04time\x14DateTime64(3, 'UTC')".to_vec(),
        list(&[1_000, 0, 0]),
    ];
    assert_eq!(rows.build().pieces.concat(), expected.concat());
}

#[test]
fn rows_are_read_as_they_were_written_and_what_is_missing_as_the_default() {
    let map = BTreeMap::from([("k".to_owned(), "vw".to_owned())]);
    let mut rows = RowsBuilder::new(&TABLE);
    for row in some_rows(&map) {
        rows.push_values(row);
    }
    let [first, second, _] = some_rows(&map).map(|row| row.map(Cell::from).to_vec());
    let empty = || Cell::List(Vec::new());
    let third = vec![Cell::Int(0), empty(), empty(), Cell::Null, Cell::Int(0)];
    assert_eq!(rows.build().cells(), [first, second, third]);
}

#[test]
fn large_columns_are_pieces_of_their_own_and_the_block_is_the_same() {
    let mut rows = RowsBuilder::new(&events::TABLE);
    let payload = vec![b'x'; 40_000];
    for _ in 0..2 {
        rows.push_values(events::TABLE.sent().map(|column| match column.name {
            "payload" => Value::Bytes(&payload),
            _ => Value::Null,
        }));
    }
    let next = rows.empty_with_room();
    assert_eq!((next.size_bytes(), next.is_empty()), (0, true));
    let rows = rows.build();
    let sizes: Vec<usize> = rows.pieces.iter().map(|piece| piece.len()).collect();
    assert_eq!(sizes.len(), 3, "{sizes:?}");
    assert_eq!(sizes[1], 2 * (3 + payload.len()));
    assert_eq!(rows.cells().len(), 2);
}
