//! Reads what ClickHouse has of each table, and keeps what was last seen of it in the table
//! `inventory`, beside the tables themselves.
//!
//! Two statements a look, both answered from ClickHouse's memory; a third only where something
//! changed.

use super::setup::{SetupError, execute, missing_tables, within};
use super::{ClickHouse, ClickHouseOptions};
use crate::catalogue::tables;
use crate::ddl::quoted;
use crate::sink::upkeep::{Entry, Found, Inventory, Part, Rebuild, SHOWN_FOR_SECONDS, Seen};
use clickhouse::Client;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

/// The statement that makes the table in the database `generation`.
pub(super) fn create(generation: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS `{generation}`.inventory (
    table String COMMENT 'Name of a table of this generation',
    uuid String COMMENT 'Its identity: another one under the same name was made later',
    parts Array(String) COMMENT 'Its parts when it was last looked at: name, hash of all files, rows',
    reason String COMMENT 'Why it is written again; empty while it is whole',
    since_millis Int64 COMMENT 'When it was found damaged. Unit: milliseconds since 1970',
    positions Array(Int64) COMMENT 'Next offset of each partition of its topic: all before is written again',
    records_read UInt64 COMMENT 'Records of its topic that were read since',
    records_left UInt64 COMMENT 'Records that are still to be read',
    last_began_millis Int64 COMMENT 'When the last rebuild began; 0 where there was none. Unit: milliseconds since 1970',
    last_ended_millis Int64 COMMENT 'When it ended. Unit: milliseconds since 1970',
    version UInt64 COMMENT 'Of all rows with one key, the greatest counts'
) ENGINE = ReplacingMergeTree(version) ORDER BY table
COMMENT 'What was last seen of each table, and which are written again from the log'"
    )
}

/// What is found at one time.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Each table that is there.
    pub(crate) tables: BTreeMap<String, Found>,
    /// Definitions of the views, by name.
    pub(crate) views: BTreeMap<String, String>,
    /// Whether tables must be made, or the note of migrations is lost.
    pub(crate) is_incomplete: bool,
    /// Whether nothing is noted.
    pub(crate) is_inventory_empty: bool,
}

type PartRow = (String, String, u8, u64, String, u8);

/// Looks at the tables of `generation` and at the views.
///
/// # Errors
/// See [`SetupError`] for the reactions.
pub(crate) async fn look(options: &ClickHouseOptions, generation: u32) -> Result<Look, SetupError> {
    let client = options.client();
    let database = options.generation(generation);
    let (own, shown) = (quoted(&database), quoted(&options.database));
    let sql = format!(
        "SELECT database = {own} AS is_own, name, toString(uuid) AS uuid, \
         if(is_own, '', create_table_query) AS definition \
         FROM system.tables WHERE database IN ({own}, {shown})"
    );
    let rows: Vec<(u8, String, String, String)> = all(&client, &sql).await?;
    let mut look = Look::default();
    for (is_own, name, uuid, definition) in rows {
        if is_own == 0 {
            look.views.insert(name, definition);
        } else {
            let seen = Seen {
                uuid,
                parts: Vec::new(),
            };
            let found = Found {
                seen,
                ..Found::default()
            };
            look.tables.insert(name, found);
        }
    }
    look.is_incomplete = !missing_tables(|name| look.tables.contains_key(name)).is_empty();
    look.tables
        .retain(|name, _| tables().iter().any(|table| table.name == name));
    let sql = format!(
        "SELECT table, name, active, rows, hash_of_all_files, \
         toUInt8(modification_time > now() - least({SHOWN_FOR_SECONDS}, uptime() - 5)) AS is_young \
         FROM system.parts WHERE database = {own} ORDER BY table, name"
    );
    let parts: Vec<PartRow> = all(&client, &sql).await?;
    let rows_of = |table: &str| -> u64 {
        let own = parts.iter().filter(|part| part.0 == table && part.2 == 1);
        own.map(|part| part.3).sum()
    };
    look.is_incomplete |= rows_of("migrations") == 0;
    look.is_inventory_empty = rows_of("inventory") == 0;
    for (table, name, is_active, rows, hash, is_young) in parts {
        let Some(found) = look.tables.get_mut(&table) else {
            continue;
        };
        if is_young == 1 {
            found.young.insert(name.clone());
        }
        let part = Part { name, hash, rows };
        match is_active {
            0 => found.former.push(part),
            _ => found.seen.parts.push(part),
        }
    }
    Ok(look)
}

/// What was noted of the tables of `generation`.
///
/// # Errors
/// See [`SetupError`] for the reactions.
pub(crate) async fn read_inventory(
    options: &ClickHouseOptions,
    generation: u32,
) -> Result<Inventory, SetupError> {
    let sql = format!(
        "SELECT table, uuid, arrayStringConcat(parts, '\n'), reason, \
         arrayStringConcat(positions, ' '), since_millis, last_began_millis, last_ended_millis \
         FROM `{}`.inventory FINAL",
        options.generation(generation)
    );
    type Row = (String, String, String, String, String, i64, i64, i64);
    let rows: Vec<Row> = all(&options.client(), &sql).await?;
    let mut inventory = Inventory::default();
    for (table, uuid, parts, reason, positions, since_millis, began, ended) in rows {
        let positions = positions.split_whitespace().map(str::parse);
        let positions = positions.collect::<Result<_, _>>().unwrap_or_default();
        let entry = Entry {
            seen: Seen {
                uuid,
                parts: parts.lines().filter_map(part).collect(),
            },
            rebuild: (!reason.is_empty()).then_some(Rebuild {
                reason,
                since_millis,
                positions,
            }),
            last_rebuild_millis: (began > 0).then_some((began, ended)),
        };
        inventory.entries.insert(table, entry);
    }
    Ok(inventory)
}

/// Notes the entries of `changed`, each with how far its rebuild is (records read and left), under
/// `version`.
///
/// # Errors
/// See [`SetupError`] for the reactions.
pub(crate) async fn note<'a>(
    options: &ClickHouseOptions,
    generation: u32,
    changed: impl Iterator<Item = (&'a String, &'a Entry, (u64, u64))>,
    version: u64,
) -> Result<(), SetupError> {
    let mut values = String::new();
    for (table, entry, (read, left)) in changed {
        let parts: Vec<String> = entry
            .seen
            .parts
            .iter()
            .map(|it| quoted(&text(it)))
            .collect();
        let rebuild = entry.rebuild.clone().unwrap_or_default();
        let (began, ended) = entry.last_rebuild_millis.unwrap_or_default();
        let _ = write!(
            values,
            "({}, {}, [{}], {}, {}, {:?}, {read}, {left}, {began}, {ended}, {version})",
            quoted(table),
            quoted(&entry.seen.uuid),
            parts.join(","),
            quoted(&rebuild.reason),
            rebuild.since_millis,
            rebuild.positions,
        );
    }
    if values.is_empty() {
        return Ok(());
    }
    let database = options.generation(generation);
    let sql = format!("INSERT INTO `{database}`.inventory VALUES {values}");
    execute(&options.client(), &sql).await
}

/// Whether every part of `table` can be read: its first row is. Files that were removed from under
/// ClickHouse show in no other way.
///
/// # Errors
/// What ClickHouse said.
pub(crate) async fn probe(
    options: &ClickHouseOptions,
    generation: u32,
    table: &str,
) -> Result<Probe, SetupError> {
    let database = options.generation(generation);
    let sql = format!(
        "SELECT toUInt32(max(host) != '') FROM `{database}`.`{table}` WHERE _part_offset = 0"
    );
    let client = options.client();
    match within(&sql, client.query_raw(&sql).fetch_one::<u32>()).await {
        Ok(_) => Ok(Probe::Readable),
        Err(SetupError::ClickHouse { error, .. }) if is_file_missing(&error) => {
            Ok(Probe::FilesMissing)
        }
        Err(error) => Err(error),
    }
}

/// What reading a row of each part came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// All can be read.
    Readable,
    /// Files of a part are not there.
    FilesMissing,
}

/// Whether ClickHouse lacks a file: 107 when it opens it, or an error of the file system itself.
fn is_file_missing(error: &clickhouse::error::Error) -> bool {
    matches!(error, clickhouse::error::Error::BadResponse(answer)
        if answer.contains("No such file or directory")
            && (answer.contains("Code: 107.") || answer.contains("Code: 1001.")))
}

/// Has ClickHouse read from the disk which parts `table` has, and forget those that are gone.
///
/// # Errors
/// See [`SetupError`] for the reactions. A table that was detached and not attached is attached by
/// [`prepare`](super::prepare).
pub(crate) async fn reload(
    options: &ClickHouseOptions,
    generation: u32,
    table: &str,
) -> Result<(), SetupError> {
    let (client, database) = (options.client(), options.generation(generation));
    execute(
        &client,
        &format!("DETACH TABLE `{database}`.`{table}` SYNC"),
    )
    .await?;
    execute(&client, &format!("ATTACH TABLE `{database}`.`{table}`")).await
}

impl ClickHouse {
    /// Writes `rollup`'s index from its rows.
    pub(crate) async fn write_index(
        &self,
        rollup: &crate::rollup::Rollup,
    ) -> Result<(), SetupError> {
        match super::whole::index_statement(rollup, &self.generation) {
            Some(sql) => self.long(&sql).await,
            None => Ok(()),
        }
    }

    /// Computes every figure of `rollup` from its rows, some repositories at a time.
    pub(crate) async fn compute_all(
        &self,
        rollup: &crate::rollup::Rollup,
        epoch: u16,
    ) -> Result<(), SetupError> {
        let count = super::whole::count_statement(rollup, &self.generation);
        let rows: Vec<u64> = all(&self.client, &count).await?;
        let slices = super::whole::slices(rows.first().copied().unwrap_or_default());
        for slice in 0..slices {
            let place = super::whole::Slice { slice, slices };
            let sql = super::whole::versions_statement(rollup, &self.generation, epoch, place);
            // Before the rows are: see the argument in `whole`.
            let versions: Vec<(String, i64, u64)> = all(&self.client, &sql).await?;
            let versions = versions.into_iter().map(|(host, id, it)| ((host, id), it));
            let versions: BTreeMap<_, _> = versions.collect();
            if !versions.is_empty() {
                let sql = super::whole::statement(rollup, &self.generation, &versions, place);
                self.long(&sql).await?;
            }
        }
        Ok(())
    }

    async fn long(&self, sql: &str) -> Result<(), SetupError> {
        let asked = self.client.query_raw(sql).execute();
        let done = tokio::time::timeout(super::END_TIMEOUT, asked).await;
        let done = done.unwrap_or(Err(clickhouse::error::Error::TimedOut));
        done.map_err(|error| super::setup::refused(sql, error))
    }
}

async fn all<T>(client: &Client, sql: &str) -> Result<Vec<T>, SetupError>
where
    T: clickhouse::RowOwned + clickhouse::RowRead,
{
    within(sql, client.query_raw(sql).fetch_all::<T>()).await
}

fn text(part: &Part) -> String {
    format!("{} {} {}", part.name, part.hash, part.rows)
}

fn part(text: &str) -> Option<Part> {
    let mut words = text.split(' ');
    Some(Part {
        name: words.next()?.to_owned(),
        hash: words.next()?.to_owned(),
        rows: words.next()?.parse().ok()?,
    })
}

/// Views that are missing, or are not what was made.
pub(crate) fn altered_views(
    made: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> HashSet<String> {
    let is_altered = |(name, definition): &(&String, &String)| found.get(*name) != Some(definition);
    let altered = made.iter().filter(is_altered);
    altered.map(|(name, _)| name.clone()).collect()
}
