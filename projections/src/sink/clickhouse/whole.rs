//! The statements that write an index or a rollup anew, all of it, from the rows.
//!
//! **Figures** are computed from every row, without the index, and a zero for every key that the
//! rollup has: one that nothing counts under any more, and that a damaged index may have forgotten, is
//! marked deleted. They get, for each repository, the greatest version that its figures have, and at
//! least that of its last row; it is read *before* the rows are. So they outrank whatever was computed
//! while rows were missing (of equal versions the row that was written last counts), and are outranked
//! by what a batch computes whose rows they have not seen: its offset is greater than any that was
//! stored when the versions were read, or its figures had been stored, and then its rows had been too.
//!
//! What a batch computes *while the rows are made whole* might be stored after these figures and be
//! wrong: whoever calls waits for that to end first.

use super::recompute::{Parts, backticked, version_of};
use crate::rollup::Rollup;
use crate::table::Type;
use std::collections::BTreeMap;

/// Rows that one statement adds up, about: it holds their contributions in memory.
const ROWS_A_SLICE: u64 = 500_000;

/// A share of the repositories.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    pub(super) slice: u64,
    pub(super) slices: u64,
}

impl Slice {
    fn condition(self) -> String {
        format!(
            "cityHash64(host, repository_id) % {} = {}",
            self.slices, self.slice
        )
    }
}

/// In how many slices so many rows are added up.
pub(super) fn slices(rows: u64) -> u64 {
    rows.div_ceil(ROWS_A_SLICE).max(1)
}

/// How many rows are to be added up.
pub(super) fn count_statement(rollup: &Rollup, generation: &str) -> String {
    format!("SELECT count() FROM `{generation}`.`{}`", rollup.rows.name)
}

/// The version that the figures of each repository get.
pub(super) fn versions_statement(
    rollup: &Rollup,
    generation: &str,
    epoch: u16,
    slice: Slice,
) -> String {
    let (rows, figures) = (rollup.rows.name, rollup.table.name);
    let least = gapless_schemas::version(epoch, 0);
    let condition = slice.condition();
    format!(
        "SELECT toString(host), toInt64(repository_id), max(v) FROM (
    SELECT host, repository_id, toUInt64({least} + max(`offset`)) AS v
    FROM `{generation}`.`{rows}` WHERE {condition} GROUP BY host, repository_id
    UNION ALL
    SELECT host, repository_id, max(version) AS v
    FROM `{generation}`.`{figures}` WHERE {condition} GROUP BY host, repository_id
) GROUP BY host, repository_id"
    )
}

/// The statement that computes all figures of a slice.
pub(super) fn statement(
    rollup: &Rollup,
    generation: &str,
    versions: &BTreeMap<(String, i64), u64>,
    slice: Slice,
) -> String {
    let parts = Parts::of(rollup);
    let (condition, key) = (slice.condition(), parts.key.join(", "));
    let lists = match parts.lists.as_slice() {
        [] => String::new(),
        lists => format!(" ARRAY JOIN {}", backticked(lists)),
    };
    format!(
        "INSERT INTO `{generation}`.`{table}` ({columns}, version, is_deleted)
SELECT {selected}, {version} AS version, max(one) = 0 AS is_deleted
FROM (
    SELECT 1 AS one, {key_as}, {contributed}
    FROM (SELECT {read} FROM `{generation}`.`{rows}` FINAL WHERE {condition}){lists}
    WHERE {told}
    UNION ALL
    SELECT 0 AS one, {key}, {zeros} FROM (
        SELECT DISTINCT {key} FROM `{generation}`.`{table}` WHERE {condition}
    )
)
GROUP BY {key}",
        table = rollup.table.name,
        rows = rollup.rows.name,
        columns = parts.columns.join(", "),
        selected = parts.selected.join(", "),
        version = version_of(versions),
        key_as = parts.key_as(),
        contributed = parts.contributed.join(", "),
        read = backticked(&parts.read),
        zeros = parts.zeros.join(", "),
        told = told(rollup),
    )
}

/// What counts at all: rows that tell no day are in no bucket.
fn told(rollup: &Rollup) -> String {
    let days = rollup.key.iter().filter(|(part, _)| part.ty == Type::Day);
    let told: Vec<String> = days
        .map(|(_, from)| format!("`{from}` > toDate(0)"))
        .collect();
    match told.as_slice() {
        [] => "1".to_owned(),
        told => told.join(" AND "),
    }
}

/// The statement that writes the pairs of every row; none where there is no index. Rows that a later
/// one replaces are not left out: what an entity once counted under belongs in it.
pub(super) fn index_statement(rollup: &Rollup, generation: &str) -> Option<String> {
    let index = rollup.index.as_ref()?;
    let columns: Vec<&'static str> = rollup.index_columns().iter().map(|it| it.name).collect();
    let from = |name: &'static str| {
        let part = rollup.key.iter().find(|(part, _)| part.name == name);
        part.map_or(name, |(_, from)| from)
    };
    let from: Vec<&str> = columns.iter().copied().map(from).collect();
    let mut lists = from.clone();
    lists.retain(|name| name.starts_with("daily."));
    let selected: Vec<String> = from
        .iter()
        .zip(&columns)
        .map(|(from, name)| format!("`{from}` AS `{name}`"))
        .collect();
    Some(format!(
        "INSERT INTO `{generation}`.`{index}` ({columns})
SELECT DISTINCT {selected} FROM (SELECT {from} FROM `{generation}`.`{rows}`) ARRAY JOIN {lists}",
        index = index.name,
        rows = rollup.rows.name,
        columns = backticked(&columns),
        selected = selected.join(", "),
        from = backticked(&from),
        lists = backticked(&lists),
    ))
}
