//! Views: what readers see. A view shows the truth of now (`FINAL`), under names of now, from the
//! tables of the live generation; it is replaced when another generation becomes the live one.

use crate::names::RENAMED;
use crate::table::{Column, Shown, Table};
use std::fmt::Write as _;

/// A view.
#[derive(Debug)]
pub enum View {
    /// Of a table: its rows without the deleted ones, its columns as they say.
    Of {
        /// The table.
        table: &'static Table,
        /// Whether expressions use `r`, the repository that a row belongs to.
        named: bool,
    },
    /// Of several tables.
    By {
        /// Its name.
        name: &'static str,
        /// What a row is.
        meaning: &'static str,
        /// Its columns: all shown as they are, in this order.
        columns: &'static [Column],
        /// The query behind it; `{g}` stands for the generation's database.
        query: &'static str,
    },
}

impl View {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Of { table, .. } => table.name,
            Self::By { name, .. } => name,
        }
    }

    /// What a row is.
    pub fn meaning(&self) -> &'static str {
        match self {
            Self::Of { table, .. } => table.meaning,
            Self::By { meaning, .. } => meaning,
        }
    }

    /// Its columns.
    pub fn columns(&self) -> Vec<Column> {
        match self {
            Self::Of { table, .. } => {
                let mut columns = (table.columns)();
                columns.retain(|column| column.shown != Shown::Never);
                columns
            }
            Self::By { columns, .. } => columns.to_vec(),
        }
    }

    /// The statement that makes it in `database`, from the tables in `generation`.
    pub fn ddl(&self, database: &str, generation: &str) -> String {
        let mut sql = format!("CREATE OR REPLACE VIEW `{database}`.`{}` (\n", self.name());
        let columns = self.columns();
        for (place, column) in columns.iter().enumerate() {
            let ty = column.shown_type().unwrap_or(column.ty);
            let comment = crate::ddl::quoted(&column.comment());
            let comma = if place + 1 == columns.len() { "" } else { "," };
            let _ = writeln!(sql, "    `{}` {ty} COMMENT {comment}{comma}", column.name);
        }
        let _ = write!(sql, ") AS {}", self.query(generation));
        let _ = write!(sql, "\nCOMMENT {}", crate::ddl::quoted(self.meaning()));
        sql
    }

    fn query(&self, generation: &str) -> String {
        match self {
            Self::By { query, .. } => query.replace("{g}", &format!("`{generation}`")),
            Self::Of { table, named } => {
                let shown = self
                    .columns()
                    .iter()
                    .map(|column| match column.shown {
                        Shown::As(_, expression) => format!("{expression} AS `{}`", column.name),
                        _ => format!("t.`{0}` AS `{0}`", column.name),
                    })
                    .collect::<Vec<_>>()
                    .join(",\n    ");
                let mut sql = String::new();
                if shown.contains("renamed") {
                    let renamed = RENAMED.replace("{g}", &format!("`{generation}`"));
                    let _ = writeln!(sql, "WITH {renamed} AS renamed");
                }
                let _ = write!(
                    sql,
                    "SELECT\n    {shown}\nFROM `{generation}`.`{}` AS t FINAL",
                    table.name
                );
                if *named {
                    let _ = write!(
                        sql,
                        "\nLEFT ANY JOIN (SELECT host, repository_id, repository, owner_id, private, presence FROM `{generation}`.repositories FINAL) AS r ON t.host = r.host AND t.repository_id = r.repository_id"
                    );
                }
                sql
            }
        }
    }
}
