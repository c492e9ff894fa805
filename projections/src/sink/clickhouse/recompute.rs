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
use crate::table::{Cell, Column, PERCENTILES, Type};

/// The statement for the tables in the database `generation`.
pub(super) fn statement(recompute: &Recompute, generation: &str) -> String {
    let rollup = recompute.rollup;
    let parts = Parts::of(rollup);
    let keys = keys(recompute, generation, &parts);
    let members = members(rollup, generation, &parts);
    let Parts {
        key,
        key_from,
        columns,
        selected,
        contributed,
        zeros,
        ..
    } = &parts;
    let key_as: Vec<String> = key_from
        .iter()
        .zip(key)
        .map(|(from, key)| format!("`{from}` AS {key}"))
        .collect();
    format!(
        "INSERT INTO `{generation}`.`{table}` ({columns}, version, is_deleted)
WITH keys AS ({keys})
SELECT {selected}, {version} AS version, max(one) = 0 AS is_deleted
FROM (
    SELECT 1 AS one, {key_as}, {contributed}
    FROM ({members}){array_join}
    WHERE ({key_from}) IN (SELECT {key} FROM keys)
    UNION ALL
    SELECT 0 AS one, {key}, {zeros} FROM keys
)
GROUP BY {key}",
        table = rollup.table.name,
        columns = columns.join(", "),
        selected = selected.join(", "),
        version = version(recompute),
        key_as = key_as.join(", "),
        contributed = contributed.join(", "),
        array_join = parts.array_join,
        key_from = backticked(key_from),
        key = key.join(", "),
        zeros = zeros.join(", "),
    )
}

/// What the statement is put together from.
struct Parts {
    /// The key's columns.
    key: Vec<&'static str>,
    /// The rows' columns that they are read from.
    key_from: Vec<&'static str>,
    /// The figures' table's columns, without version and mark.
    columns: Vec<String>,
    /// What is selected for each.
    selected: Vec<String>,
    /// A row's contribution to each figure, named `f0`, `f1`, …
    contributed: Vec<String>,
    /// No contribution.
    zeros: Vec<String>,
    /// The rows' columns that are read.
    read: Vec<&'static str>,
    /// How a row becomes one contribution a day.
    array_join: String,
}

impl Parts {
    fn of(rollup: &Rollup) -> Self {
        let key: Vec<&str> = rollup.key_names().collect();
        let key_from: Vec<&str> = rollup.key.iter().map(|(_, from)| *from).collect();
        let mut read = key_from.clone();
        read.extend(rollup.figures.iter().map(|figure| figure.from));
        read.extend(rollup.rows.key);
        read.retain(|name| !name.is_empty());
        read.sort_unstable();
        read.dedup();
        let lists: Vec<String> = read
            .iter()
            .filter(|name| name.starts_with("daily."))
            .map(|name| format!("`{name}`"))
            .collect();
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
            array_join: if lists.is_empty() {
                String::new()
            } else {
                format!(" ARRAY JOIN {}", lists.join(", "))
            },
            read,
            key,
            key_from,
        }
    }
}

fn keys(recompute: &Recompute, generation: &str, parts: &Parts) -> String {
    let rollup = recompute.rollup;
    match &rollup.index {
        Some(index) => format!(
            "SELECT DISTINCT {} FROM `{generation}`.`{}` WHERE ({}) IN ({})",
            parts.key.join(", "),
            index.name,
            rollup.rows.key.join(", "),
            literals(recompute, &index.columns_named(rollup.rows.key)),
        ),
        None => {
            let columns: Vec<Column> = rollup.key.iter().map(|(column, _)| *column).collect();
            let selected: Vec<String> = parts
                .key_from
                .iter()
                .zip(&parts.key)
                .map(|(from, key)| format!("`{from}` AS {key}"))
                .collect();
            format!(
                "SELECT DISTINCT {} FROM `{generation}`.`{}` WHERE ({}) IN ({})",
                selected.join(", "),
                rollup.rows.name,
                backticked(&parts.key_from),
                literals(recompute, &columns),
            )
        }
    }
}

fn members(rollup: &Rollup, generation: &str, parts: &Parts) -> String {
    let within = match &rollup.index {
        Some(index) => format!(
            "({entity}) IN (SELECT {entity} FROM `{generation}`.`{index}` WHERE ({key}) IN (SELECT {key} FROM keys))",
            entity = rollup.rows.key.join(", "),
            index = index.name,
            key = parts.key.join(", "),
        ),
        None => format!(
            "({}) IN (SELECT {} FROM keys)",
            backticked(&parts.key_from),
            parts.key.join(", "),
        ),
    };
    format!(
        "SELECT {} FROM `{generation}`.`{}` FINAL WHERE {within}",
        backticked(&parts.read),
        rollup.rows.name
    )
}

fn backticked(names: &[&str]) -> String {
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
        Aggregate::Greatest => format!("toString(`{}`)", figure.from),
    }
}

fn zero(figure: &Figure) -> &'static str {
    match figure.aggregate {
        Aggregate::Contributions | Aggregate::Sum => "toInt64(0)",
        Aggregate::Count | Aggregate::Percentiles => "CAST(NULL, 'Nullable(Int64)')",
        Aggregate::Greatest => "''",
    }
}

fn aggregate(figure: &Figure, place: usize) -> String {
    match figure.aggregate {
        Aggregate::Contributions | Aggregate::Sum => format!("sum(f{place})"),
        Aggregate::Count => format!("toInt64(count(f{place}))"),
        Aggregate::Greatest => format!("max(f{place})"),
        Aggregate::Percentiles => {
            format!("{}(f{place})", PERCENTILES.replacen('(', "State(", 1))
        }
    }
}

/// The entities, as literals of their columns' types.
fn literals(recompute: &Recompute, columns: &[Column]) -> String {
    let tuples: Vec<String> = recompute
        .entities
        .iter()
        .map(|entity| {
            let cells: Vec<String> = columns
                .iter()
                .zip(entity)
                .map(|(column, cell)| literal(column.ty, cell))
                .collect();
            format!("({})", cells.join(","))
        })
        .collect();
    tuples.join(",")
}

fn literal(ty: Type, cell: &Cell) -> String {
    match (ty, cell) {
        (Type::Day, Cell::Int(day)) => format!("toDate({day})"),
        (_, Cell::Int(number)) => number.to_string(),
        (_, Cell::Unsigned(number)) => number.to_string(),
        (_, Cell::Bytes(bytes)) => quoted(&String::from_utf8_lossy(bytes)),
        (_, Cell::Null | Cell::List(_)) => "NULL".to_owned(),
    }
}

/// The version of a row: that of its repository's partition.
fn version(recompute: &Recompute) -> String {
    let (mut names, mut versions) = (Vec::new(), Vec::new());
    for ((host, repository_id), version) in &recompute.versions {
        names.push(quoted(&format!("{host}/{repository_id}")));
        versions.push(format!("toUInt64({version})"));
    }
    format!(
        "transform(concat(toString(host), '/', toString(repository_id)), [{}], [{}], toUInt64(0))",
        names.join(","),
        versions.join(",")
    )
}
