//! The engine's configuration: its bounds, and what its own access control grants.
//!
//! The engine knows one user, as which every session begins, and two roles. The user may do what
//! tables need and nothing that reaches outside: no source (file, URL, S3, another server, program),
//! no dictionary, no function, no user is granted to anybody, the writer included. A reader's session
//! is narrowed to the role `reader` before its statement is seen: it selects from the database
//! [`DATABASE`] and its generations, and from what the system tells of their columns.

use std::path::{Path, PathBuf};

use crate::options::DATABASE;

/// Merges give way to inserts and queries where the process may say so (`CAP_SYS_NICE`; without it the
/// engine leaves their priority as it is). Parts that wait for them slow inserts down from a thousand on.
const MERGES_NICE: i32 = 19;
/// Caches of marks and indexes take this share of the memory, each.
const CACHE_SHARE: u64 = 16;
/// The role to which a reader's session is narrowed.
pub(crate) const READER_ROLE: &str = "reader";

/// What the engine grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grants {
    /// What is listed here.
    Listed,
    /// Everything, for a test of what holds without.
    Everything,
}

/// Writes the engine's configuration into its folder; returns its main file.
pub(crate) fn write(
    data_dir: &Path,
    memory_bytes: u64,
    grants: Grants,
) -> std::io::Result<PathBuf> {
    let users = data_dir.join("users.xml");
    std::fs::write(&users, users_xml(grants))?;
    let configuration = data_dir.join("config.xml");
    std::fs::write(
        &configuration,
        configuration_xml(data_dir, &users, memory_bytes),
    )?;
    Ok(configuration)
}

/// A damaged part of a table is no matter of course: without the bound of zero the engine would put up
/// to a hundred aside without a word, and figures would be wrong.
fn configuration_xml(data_dir: &Path, users: &Path, memory_bytes: u64) -> String {
    let escaped = |path: PathBuf| {
        path.display()
            .to_string()
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let backups = escaped(data_dir.join("backups"));
    let files = escaped(data_dir.join("user_files"));
    let users = escaped(users.to_owned());
    let cache_bytes = memory_bytes / CACHE_SHARE;
    format!(
        "<clickhouse>\n\
         <users_config>{users}</users_config>\n\
         <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>\n\
         <mark_cache_size>{cache_bytes}</mark_cache_size>\n\
         <index_mark_cache_size>{cache_bytes}</index_mark_cache_size>\n\
         <primary_index_cache_size>{cache_bytes}</primary_index_cache_size>\n\
         <merge_tree>\n\
         <max_suspicious_broken_parts>0</max_suspicious_broken_parts>\n\
         </merge_tree>\n\
         <os_threads_nice_value_merge_mutate>{MERGES_NICE}</os_threads_nice_value_merge_mutate>\n\
         <user_files_path>{files}/</user_files_path>\n\
         <backups><allowed_path>{backups}/</allowed_path></backups>\n\
         </clickhouse>\n"
    )
}

/// What is not listed is not granted: `SOURCES`, `CREATE DICTIONARY`, `CREATE FUNCTION`, named
/// collections, users, roles, introspection.
const GRANTS_OF_THE_WRITER: &str = "SHOW, SELECT, INSERT, ALTER TABLE, ALTER VIEW, ALTER DATABASE, \
    CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE, DROP DATABASE, DROP TABLE, \
    DROP VIEW, TRUNCATE, OPTIMIZE, KILL QUERY, BACKUP, SYSTEM, CHECK";

fn users_xml(grants: Grants) -> String {
    let query = |grant: &str| format!("<query>GRANT {grant}</query>");
    let everything = || query("ALL ON *.*");
    let writer = match grants {
        Grants::Listed => query(&format!("{GRANTS_OF_THE_WRITER} ON *.*")),
        Grants::Everything => everything(),
    };
    let listed = [
        format!("SELECT ON {DATABASE}.*"),
        format!("SELECT ON `{DATABASE}_`*.*"),
        "SELECT ON system.columns".into(),
    ]
    .map(|grant| query(&grant))
    .concat();
    let reader = match grants {
        Grants::Listed => listed,
        Grants::Everything => everything(),
    };
    format!(
        "<clickhouse>\n\
         <profiles><default/></profiles>\n\
         <quotas><default/></quotas>\n\
         <roles>\n\
         <writer><grants>{writer}</grants></writer>\n\
         <{READER_ROLE}><grants>{reader}</grants></{READER_ROLE}>\n\
         </roles>\n\
         <users><default>\n\
         <password></password><profile>default</profile><quota>default</quota>\n\
         <networks><ip>::1</ip><ip>127.0.0.1</ip></networks>\n\
         <grants>{}</grants>\n\
         </default></users>\n\
         </clickhouse>\n",
        query(&format!("writer, {READER_ROLE}"))
    )
}
