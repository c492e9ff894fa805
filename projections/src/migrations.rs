//! Numbered migrations of a generation's tables. A released one never changes; a new one adds
//! what the definitions gained since. Together they make exactly the tables that the definitions
//! say, which a test holds.

/// A step from one form of the tables to the next.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number, from 1.
    pub number: u32,
    /// Its statements, each ended by a semicolon at the end of a line; `{database}` stands for the
    /// generation's database. Each is harmless when done twice.
    pub text: &'static str,
}

/// All of them, ascending.
pub static MIGRATIONS: [Migration; 1] = [Migration {
    number: 1,
    text: include_str!("../migrations/0001_tables.sql"),
}];

impl Migration {
    /// Its statements for `database`.
    pub fn statements(&self, database: &str) -> impl Iterator<Item = String> {
        self.text
            .split(";\n")
            .map(str::trim)
            .filter(|statement| !statement.is_empty())
            .map(move |statement| statement.replace("{database}", database))
    }
}

/// What a first migration would be that makes the tables as the definitions say now.
pub fn from_definitions() -> String {
    let tables = crate::catalogue::tables();
    let statements: Vec<String> = tables
        .into_iter()
        .map(|table| format!("{};\n", crate::ddl::create_table(table)))
        .collect();
    statements.join("\n")
}
