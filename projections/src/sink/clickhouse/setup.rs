//! Making a generation's tables, and pointing the views at it.
//!
//! A generation's tables are made by numbered migrations; the table `migrations` beside them says
//! which were applied. Each statement is harmless when done twice, so that a crash in the middle
//! is mended by the next start. A generation whose tables are newer than this program is refused:
//! an older program must not write into them.
//!
//! Views are no migrations: they follow from this program's definitions alone, and are replaced at
//! each start, if the generation is the live one. The pointer is itself a view,
//! `live_generation`. It is replaced before the others, so that a crash between them is mended by
//! the next start of the new live generation.

use super::ClickHouseOptions;
use crate::catalogue::{VIEWS, tables};
use crate::migrations::MIGRATIONS;
use crate::sink::upkeep::OLD_PARTS_LIFETIME_SECONDS;
use clickhouse::Client;
use std::time::Duration;

/// How long one statement may take: each makes or reads a definition, none touches many rows.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// ClickHouse did not do a statement. Reaction: retry; nothing is broken by that.
    #[error("ClickHouse did not do \"{statement}\" ({error}): {}", advice(error))]
    ClickHouse {
        /// The statement's beginning.
        statement: String,
        /// What it said.
        error: clickhouse::error::Error,
    },
    /// A newer program made these tables. Reaction: stop.
    #[error(
        "the tables in {database} have migration {found}, this program knows {known}: run the newer gapless"
    )]
    Newer {
        /// Their database.
        database: String,
        /// Their migration.
        found: u32,
        /// The newest one known here.
        known: u32,
    },
}

/// Makes the tables of `generation`; makes it the live one if none is, and brings the views up to
/// date if it is.
///
/// # Errors
/// See [`SetupError`] for the reactions.
pub async fn prepare(options: &ClickHouseOptions, generation: u32) -> Result<(), SetupError> {
    let client = options.client();
    let database = options.generation(generation);
    for statement in [
        format!("CREATE DATABASE IF NOT EXISTS `{}`", options.database),
        format!("CREATE DATABASE IF NOT EXISTS `{database}`"),
        super::inventory::create(&database),
        format!(
            "CREATE TABLE IF NOT EXISTS `{database}`.migrations (number UInt32 COMMENT 'Its number', applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When it was applied') ENGINE = ReplacingMergeTree ORDER BY number COMMENT 'Migrations applied to this generation'"
        ),
    ] {
        execute(&client, &statement).await?;
    }
    migrate(&client, &database).await?;
    match live_generation(options).await? {
        Some(live) if live != generation => Ok(()),
        _ => make_live(options, generation).await,
    }
}

async fn migrate(client: &Client, database: &str) -> Result<(), SetupError> {
    let applied = format!("SELECT max(number) FROM `{database}`.migrations");
    let found: u32 = one(client, &applied).await?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if found > known {
        return Err(SetupError::Newer {
            database: database.to_owned(),
            found,
            known,
        });
    }
    // A table that was dropped is made by what made it first, and by what changed it since.
    let lacking = lacking_tables(client, database).await?;
    let done = if lacking.is_empty() { found } else { 0 };
    for name in &lacking {
        // One that was detached and not attached again, by us (`reload`) or by a person, is still there.
        let attach = format!("ATTACH TABLE IF NOT EXISTS `{database}`.`{name}`");
        let _ = client.query_raw(&attach).execute().await;
    }
    for migration in MIGRATIONS.iter().filter(|it| it.number > done) {
        for statement in migration.statements(database) {
            execute(client, &statement).await?;
        }
        let number = migration.number;
        let note = format!("INSERT INTO `{database}`.migrations (number) VALUES ({number})");
        execute(client, &note).await?;
    }
    keep_former_parts(client, database).await
}

/// Names of tables that `is_there` does not have, those that say what was done to the others included.
pub(super) fn missing_tables(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let own = ["inventory", "migrations"].into_iter();
    let all = own.chain(tables().into_iter().map(|table| table.name));
    all.filter(|name| !is_there(name)).collect()
}

async fn lacking_tables(client: &Client, database: &str) -> Result<Vec<&'static str>, SetupError> {
    let named = format!(
        "SELECT name FROM system.tables WHERE database = {}",
        crate::ddl::quoted(database)
    );
    let found = within(&named, client.query_raw(&named).fetch_all::<String>()).await?;
    Ok(missing_tables(|name| {
        found.iter().any(|known| known == name)
    }))
}

/// What drops a part leaves one without rows in its place, by which the loss is noticed
/// (`sink/upkeep`); ClickHouse would remove that at once. And a merge is told from a loss by the parts
/// that were merged, as long as they are shown.
async fn keep_former_parts(client: &Client, database: &str) -> Result<(), SetupError> {
    let others = format!(
        "SELECT name FROM system.tables WHERE database = {} AND NOT (create_table_query LIKE '%remove_empty_parts = 0%' AND create_table_query LIKE '%old_parts_lifetime = {OLD_PARTS_LIFETIME_SECONDS}%')",
        crate::ddl::quoted(database)
    );
    let found = within(&others, client.query_raw(&others).fetch_all::<String>()).await?;
    for table in tables() {
        if found.iter().any(|name| name == table.name) {
            let set = format!(
                "ALTER TABLE `{database}`.`{}` MODIFY SETTING remove_empty_parts = 0, old_parts_lifetime = {OLD_PARTS_LIFETIME_SECONDS}",
                table.name
            );
            execute(client, &set).await?;
        }
    }
    Ok(())
}

/// Points the views at `generation`, whose tables [`prepare`] has made.
///
/// # Errors
/// See [`SetupError`] for the reactions.
pub async fn make_live(options: &ClickHouseOptions, generation: u32) -> Result<(), SetupError> {
    let client = options.client();
    let pointer = format!(
        "CREATE OR REPLACE VIEW `{}`.live_generation (generation UInt32 COMMENT 'The generation whose tables the views show.') AS SELECT toUInt32({generation}) AS generation COMMENT 'The generation whose tables the views show.'",
        options.database
    );
    execute(&client, &pointer).await?;
    for view in VIEWS {
        let statement = view.ddl(&options.database, &options.generation(generation));
        execute(&client, &statement).await?;
    }
    Ok(())
}

/// The generation that the views show; none where there are no views yet.
async fn live_generation(options: &ClickHouseOptions) -> Result<Option<u32>, SetupError> {
    let client = options.client();
    let exists = format!(
        "SELECT toUInt32(count()) FROM system.tables WHERE database = {} AND name = 'live_generation'",
        crate::ddl::quoted(&options.database)
    );
    if one(&client, &exists).await? == 0 {
        return Ok(None);
    }
    let live = format!(
        "SELECT generation FROM `{}`.live_generation",
        options.database
    );
    one(&client, &live).await.map(Some)
}

/// What a person can do about it, by ClickHouse's own codes of errors.
fn advice(error: &clickhouse::error::Error) -> &'static str {
    use clickhouse::error::Error;
    let answer = match error {
        Error::BadResponse(answer) => answer.as_str(),
        Error::Network(_) => return "start it, or correct its url in the configuration",
        Error::TimedOut => return "look at its load and at its log",
        _ => "",
    };
    let told = |codes: &[&str]| codes.iter().any(|code| answer.contains(code));
    if told(&["Code: 516.", "Code: 192.", "Code: 193.", "Code: 194."]) {
        "correct the writer's user and password in the configuration"
    } else if told(&["Code: 497.", "Code: 164."]) {
        "give its user all rights on the databases gapless and gapless_1"
    } else if told(&["Code: 243.", "No space left on device"]) {
        "its disk is full, make room; everything that was accepted is kept in the log"
    } else {
        "look into its log"
    }
}

/// Bounds a statement: a ClickHouse that takes connections and never answers is known as such.
pub(super) async fn within<T>(
    statement: &str,
    asked: impl Future<Output = clickhouse::error::Result<T>>,
) -> Result<T, SetupError> {
    let answered = tokio::time::timeout(STATEMENT_TIMEOUT, asked).await;
    let answered = answered.unwrap_or(Err(clickhouse::error::Error::TimedOut));
    answered.map_err(|error| refused(statement, error))
}

pub(super) async fn execute(client: &Client, statement: &str) -> Result<(), SetupError> {
    within(statement, client.query_raw(statement).execute()).await
}

async fn one(client: &Client, statement: &str) -> Result<u32, SetupError> {
    within(statement, client.query_raw(statement).fetch_one::<u32>()).await
}

pub(super) fn refused(statement: &str, error: clickhouse::error::Error) -> SetupError {
    SetupError::ClickHouse {
        statement: statement.chars().take(80).collect(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clickhouse::error::Error;

    #[test]
    fn what_clickhouse_refuses_is_told_with_what_to_do() {
        let answer = |code: u32| Error::BadResponse(format!("Code: {code}. DB::Exception: …"));
        for (error, expected) in [
            (Error::Network("refused".into()), "start it"),
            (Error::TimedOut, "load"),
            (answer(516), "password"),
            (answer(497), "rights"),
            (answer(243), "make room"),
            (answer(999), "look into its log"),
        ] {
            let said = refused("CREATE …", error).to_string();
            assert!(said.contains(expected), "{said}");
        }
    }
}
