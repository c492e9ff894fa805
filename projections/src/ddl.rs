//! The statements that make the tables.

use crate::table::{Column, Filled, Table};
use std::fmt::Write as _;

/// Parts below this size (256 MiB) have all columns in one file. With two files a column, an insert
/// of a few megabytes would create some eighty, which costs more than to write what is in them, and
/// each merge of such parts as many again.
const WIDE_PART_BYTES: u64 = 256 << 20;

/// How many times the size of its largest part a merge has at the least, in a table with large columns
/// that has few parts; ClickHouse's own is 5. To merge such a row costs more than twice as much as to
/// insert it, so it is done seldom, at the price of twice as many parts (`docs/decisions/0009-replays.md`).
const LARGE_ROWS_MERGE_BASE: u64 = 16;

/// Bytes of rows, of a table with large columns, that are read at once. A merge holds two of these or
/// more of each part, and whoever asks for one row reads as much.
const LARGE_ROWS_GRANULE_BYTES: u64 = 1 << 20;

/// `text` as a string literal.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The statement that makes `table` in the database `{database}`, a place to be filled in.
pub(crate) fn create_table(table: &Table) -> String {
    let mut sql = format!(
        "CREATE TABLE IF NOT EXISTS `{{database}}`.`{}` (\n",
        table.name
    );
    let columns: Vec<Column> = table.stored().collect();
    for (place, column) in columns.iter().enumerate() {
        let _ = write!(sql, "    `{}` {}", column.name, column.ty);
        if let Filled::ByDefault(expression) = column.filled {
            let _ = write!(sql, " DEFAULT {expression}");
        }
        let _ = write!(sql, " COMMENT {}", quoted(&column.comment()));
        if column.large {
            sql.push_str(" CODEC(ZSTD(1))");
        }
        sql.push_str(if place + 1 == columns.len() {
            "\n"
        } else {
            ",\n"
        });
    }
    let engine = if table.versioned {
        "ReplacingMergeTree(version, is_deleted)"
    } else {
        "ReplacingMergeTree"
    };
    let key = table.key.join(", ");
    let _ = write!(
        sql,
        ") ENGINE = {engine} ORDER BY ({key})\nSETTINGS min_bytes_for_wide_part = {WIDE_PART_BYTES}"
    );
    if columns.iter().any(|column| column.large) {
        let _ = write!(
            sql,
            ", merge_selector_base = {LARGE_ROWS_MERGE_BASE}, \
             index_granularity_bytes = {LARGE_ROWS_GRANULE_BYTES}"
        );
    }
    let _ = write!(sql, "\nCOMMENT {}", quoted(table.meaning));
    sql
}
