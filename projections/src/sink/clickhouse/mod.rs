//! The store in ClickHouse.

mod inventory;
mod recompute;
mod setup;
mod whole;

pub(super) use inventory::{Look, Probe, altered_views, look, note, probe, read_inventory, reload};
pub use setup::{SetupError, make_live, prepare};

use super::step::{Step, Store, StoreError};
use crate::table::Rows;
use clickhouse::{Client, Compression};
use std::time::Duration;

/// How to reach ClickHouse, and where our tables are.
#[derive(Clone)]
pub struct ClickHouseOptions {
    /// URL of its HTTP interface.
    pub url: String,
    /// A user who may create and write.
    pub user: String,
    /// That user's password.
    pub password: String,
    /// The database of the views; tables are in `<database>_<generation>`.
    pub database: String,
}

/// The password stays out of logs.
impl std::fmt::Debug for ClickHouseOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} as {} in {}", self.url, self.user, self.database)
    }
}

impl ClickHouseOptions {
    /// A client with the settings that all our statements need.
    pub fn client(&self) -> Client {
        Client::default()
            .with_url(&self.url)
            .with_user(&self.user)
            .with_password(&self.password)
            // Rows mostly go to the same machine or rack, where compressing costs more than it saves.
            .with_compression(Compression::None)
            // A step that returned is stored.
            .with_setting("async_insert", "0")
            // Rows of one key in one insert are merged later, like those of two inserts: every
            // reader of rows asks for the last version (`FINAL`), every reader of an index for
            // distinct pairs.
            .with_setting("optimize_on_insert", "0")
            // Statements take some milliseconds: to compile their expressions costs more than it saves.
            .with_setting("compile_expressions", "0")
            .with_setting("compile_aggregate_expressions", "0")
            // Recomputations name their entities in the statement.
            .with_setting("max_query_size", "67108864")
    }

    /// The database of a generation's tables.
    pub fn generation(&self, generation: u32) -> String {
        format!("{}_{generation}", self.database)
    }
}

/// How long a piece of rows may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long ClickHouse may take over a statement.
const END_TIMEOUT: Duration = Duration::from_secs(300);
/// Rows are sent in pieces of at most this size, so that [`SEND_TIMEOUT`] bounds how slow they may be.
const PIECE_BYTES: usize = 1 << 20;

/// The tables of one generation.
#[derive(Clone)]
pub struct ClickHouse {
    client: Client,
    generation: String,
}

impl ClickHouse {
    /// The tables of `generation`, which [`prepare`] has made.
    pub fn new(options: &ClickHouseOptions, generation: u32) -> Self {
        Self {
            client: options.client(),
            generation: options.generation(generation),
        }
    }

    async fn insert(&self, rows: &Rows) -> Result<(), clickhouse::error::Error> {
        let columns: Vec<String> = rows
            .table
            .sent()
            .map(|column| format!("`{}`", column.name))
            .collect();
        let sql = format!(
            "INSERT INTO `{}`.`{}` ({}) FORMAT Native",
            self.generation,
            rows.table.name,
            columns.join(", ")
        );
        let mut insert = self
            .client
            .insert_formatted_with(sql)
            .with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT));
        for piece in &rows.pieces {
            for start in (0..piece.len()).step_by(PIECE_BYTES) {
                let end = piece.len().min(start + PIECE_BYTES);
                insert.send(piece.slice(start..end)).await?;
            }
        }
        insert.end().await
    }
}

impl Store for ClickHouse {
    async fn execute(&self, step: &Step) -> Result<(), StoreError> {
        let done = match step {
            Step::Insert(rows) => self.insert(rows).await,
            Step::Recompute(recompute) => {
                let sql = recompute::statement(recompute, &self.generation);
                match tokio::time::timeout(END_TIMEOUT, self.client.query_raw(&sql).execute()).await
                {
                    Ok(done) => done,
                    Err(_) => Err(clickhouse::error::Error::TimedOut),
                }
            }
        };
        done.map_err(|error| StoreError::new(step.describe(), error))
    }
}
