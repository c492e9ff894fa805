//! The statement that computes figures again.
//!
//! ```text
//! keys     every key that one of the entities ever counted under (from the index)
//! members  every row that ever counted under one of the keys, as it is now (FINAL)
//! figures  members' contributions to the keys, and a zero for each key: a key that nothing
//!          counts under any more gets a row of zeros, marked deleted
//! ```

use super::super::step::Recompute;
use crate::ddl::quoted;
use crate::rollup::{Aggregate, Figure, Rollup};
use crate::table::{Cell, Column, PERCENTILES, Table, Type};
use std::collections::BTreeMap;

/// The statement for the tables in the database `generation`.
pub(super) fn statement(recompute: &Recompute, generation: &str) -> String {
    let rollup = recompute.rollup;
    let parts = Parts::of(rollup);
    let (with, contributions) = match &rollup.index {
        Some(index) => by_index(recompute, index, generation, &parts),
        None => (String::new(), by_own_key(recompute, generation, &parts)),
    };
    format!(
        "INSERT INTO `{generation}`.`{table}` ({columns}, version, is_deleted)
{with}SELECT {selected}, {version} AS version, max(one) = 0 AS is_deleted
FROM ({contributions})
GROUP BY {key}",
        table = rollup.table.name,
        columns = parts.columns.join(", "),
        selected = parts.selected.join(", "),
        version = version_of(&recompute.versions),
        key = parts.key.join(", "),
    )
}

/// What counts under the keys that the index names, and a zero for each key.
fn by_index(
    recompute: &Recompute,
    index: &Table,
    generation: &str,
    parts: &Parts,
) -> (String, String) {
    let rows = recompute.rollup.rows;
    let entity = rows.key.join(", ");
    let key = parts.key.join(", ");
    let key_from = backticked(&parts.key_from);
    let named = named(recompute, &index.columns_named(rows.key));
    let index = format!("`{generation}`.`{}`", index.name);
    let keys = format!(
        "WITH keys AS (SELECT DISTINCT {key} FROM {index} WHERE ({entity}) IN ({named}))\n"
    );
    let contributions = format!(
        "
    SELECT 1 AS one, {key_as}, {contributed}
    FROM (
        SELECT {read} FROM `{generation}`.`{rows}` FINAL
        WHERE ({entity}) IN (SELECT {entity} FROM {index} WHERE ({key}) IN (SELECT {key} FROM keys))
    ) ARRAY JOIN {lists}
    WHERE ({key_from}) IN (SELECT {key} FROM keys)
    UNION ALL
    SELECT 0 AS one, {key}, {zeros} FROM keys
",
        key_as = parts.key_as(),
        contributed = parts.contributed.join(", "),
        read = backticked(&parts.read),
        rows = rows.name,
        lists = backticked(&parts.lists),
        zeros = parts.zeros.join(", "),
    );
    (keys, contributions)
}

/// What counts under the keys that are named: rows that never leave their key, so that none of
/// them is ever left empty.
fn by_own_key(recompute: &Recompute, generation: &str, parts: &Parts) -> String {
    let columns: Vec<Column> = recompute.rollup.key.iter().map(|(it, _)| *it).collect();
    format!(
        "
    SELECT 1 AS one, {key_as}, {contributed}
    FROM `{generation}`.`{rows}` FINAL
    WHERE ({key_from}) IN ({named})
",
        key_as = parts.key_as(),
        contributed = parts.contributed.join(", "),
        rows = recompute.rollup.rows.name,
        key_from = backticked(&parts.key_from),
        named = named(recompute, &columns),
    )
}

/// What the statement is put together from.
pub(super) struct Parts {
    /// The key's columns.
    pub(super) key: Vec<&'static str>,
    /// The rows' columns that they are read from.
    key_from: Vec<&'static str>,
    /// The figures' table's columns, without version and mark.
    pub(super) columns: Vec<String>,
    /// What is selected for each.
    pub(super) selected: Vec<String>,
    /// A row's contribution to each figure, named `f0`, `f1`, …
    pub(super) contributed: Vec<String>,
    /// No contribution.
    pub(super) zeros: Vec<String>,
    /// The rows' columns that are read.
    pub(super) read: Vec<&'static str>,
    /// Those of them that are lists: one contribution a day.
    pub(super) lists: Vec<&'static str>,
}

impl Parts {
    pub(super) fn of(rollup: &Rollup) -> Self {
        let key: Vec<&str> = rollup.key_names().collect();
        let key_from: Vec<&str> = rollup.key.iter().map(|(_, from)| *from).collect();
        let mut read = key_from.clone();
        read.extend(rollup.figures.iter().map(|figure| figure.from));
        read.extend(rollup.rows.key);
        read.retain(|name| !name.is_empty());
        read.sort_unstable();
        read.dedup();
        let lists = read.iter().copied();
        let lists = lists.filter(|name| name.starts_with("daily.")).collect();
        let numbered = || rollup.figures.iter().enumerate();
        let mut columns: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
        columns.extend(numbered().map(|(_, figure)| format!("`{}`", figure.column.name)));
        let mut selected: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
        selected.extend(numbered().map(|(place, figure)| aggregate(figure, place)));
        Self {
            columns,
            selected,
            contributed: numbered()
                .map(|(place, figure)| format!("{} AS f{place}", contribution(figure)))
                .collect(),
            zeros: numbered()
                .map(|(place, figure)| format!("{} AS f{place}", zero(figure)))
                .collect(),
            lists,
            read,
            key,
            key_from,
        }
    }

    /// The key's parts, by the names of the key.
    pub(super) fn key_as(&self) -> String {
        let parts = self.key_from.iter().zip(&self.key);
        let named: Vec<String> = parts
            .map(|(from, key)| format!("`{from}` AS {key}"))
            .collect();
        named.join(", ")
    }
}

pub(super) fn backticked(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn contribution(figure: &Figure) -> String {
    match figure.aggregate {
        Aggregate::Contributions => "toInt64(1)".to_owned(),
        Aggregate::Sum => format!("toInt64(`{}`)", figure.from),
        Aggregate::Count | Aggregate::Percentiles => {
            format!("CAST(`{}`, 'Nullable(Int64)')", figure.from)
        }
        Aggregate::Distinct => format!("`{}`", figure.from),
        Aggregate::Greatest => format!("toString(`{}`)", figure.from),
    }
}

fn zero(figure: &Figure) -> &'static str {
    match figure.aggregate {
        Aggregate::Contributions | Aggregate::Sum => "toInt64(0)",
        Aggregate::Count | Aggregate::Percentiles => "CAST(NULL, 'Nullable(Int64)')",
        Aggregate::Distinct => "NULL",
        Aggregate::Greatest => "''",
    }
}

fn aggregate(figure: &Figure, place: usize) -> String {
    match figure.aggregate {
        Aggregate::Contributions | Aggregate::Sum => format!("sum(f{place})"),
        Aggregate::Count => format!("toInt64(count(f{place}))"),
        Aggregate::Distinct => format!("toInt64(uniqExact(f{place}))"),
        Aggregate::Greatest => format!("max(f{place})"),
        Aggregate::Percentiles => {
            format!("{}(f{place})", PERCENTILES.replacen('(', "State(", 1))
        }
    }
}

/// The entities, as a subquery of `columns`. Not as tuples: ClickHouse evaluates each literal as an
/// expression of its own, which takes most of a statement's time, and reads text six times as fast.
fn named(recompute: &Recompute, columns: &[Column]) -> String {
    let (mut selected, mut structure) = (Vec::new(), Vec::new());
    for (place, column) in columns.iter().enumerate() {
        let (ty, read) = match column.ty {
            Type::Day => ("UInt16", format!("toDate(c{place})")),
            Type::Int => ("Int64", format!("c{place}")),
            _ => ("String", format!("c{place}")),
        };
        structure.push(format!("c{place} {ty}"));
        selected.push(read);
    }
    let mut lines = String::new();
    for entity in &recompute.entities {
        let cells: Vec<String> = entity.iter().map(text).collect();
        lines.push_str(&cells.join("\t"));
        lines.push('\n');
    }
    format!(
        "SELECT {} FROM format(TabSeparated, '{}', {})",
        selected.join(", "),
        structure.join(", "),
        quoted(&lines)
    )
}

/// A cell of a key, which is never NULL and no list, as `TabSeparated` has it.
fn text(cell: &Cell) -> String {
    match cell {
        Cell::Int(number) => number.to_string(),
        Cell::Unsigned(number) => number.to_string(),
        Cell::Bytes(bytes) => String::from_utf8_lossy(bytes)
            .replace('\\', r"\\")
            .replace('\t', r"\t")
            .replace('\n', r"\n")
            .replace('\r', r"\r"),
        Cell::Null | Cell::List(_) => String::new(),
    }
}

/// The version of a row: that of its repository's partition.
pub(super) fn version_of(of_repositories: &BTreeMap<(String, i64), u64>) -> String {
    let (mut names, mut versions) = (Vec::new(), Vec::new());
    for ((host, repository_id), version) in of_repositories {
        names.push(quoted(&format!("{host}/{repository_id}")));
        versions.push(version.to_string());
    }
    format!(
        "toUInt64(transform(concat(toString(host), '/', toString(repository_id)), [{}], [{}], 0))",
        names.join(","),
        versions.join(",")
    )
}
