//! `docs/tables.md`: every table and column, from the same source as the tables themselves.

use crate::catalogue::{VIEWS, tables};
use crate::table::Column;
use std::fmt::Write as _;

/// The text of `docs/tables.md`.
pub fn tables_md() -> String {
    let mut text = String::from(HEAD);
    text.push_str("\n## Views\n");
    for view in VIEWS {
        let _ = write!(text, "\n### {}\n{}\n\n", view.name(), view.meaning());
        write_columns(&mut text, &view.columns(), |column| column.shown_type());
    }
    text.push_str("\n## Tables of a generation\n");
    for table in tables() {
        let _ = write!(
            text,
            "\n### `<generation>`.{}\n{} Key: {}.\n\n",
            table.name,
            table.meaning,
            table.key.join(", ")
        );
        let columns: Vec<Column> = table.stored().collect();
        write_columns(&mut text, &columns, |column| Some(column.ty));
    }
    text
}

const HEAD: &str = "# Tables

Read the views in the database `gapless`: each shows the truth of now, deduplicated, so that no
query needs `FINAL`. They select from the tables of the live generation, in the database
`gapless_<generation>`; a rebuild fills the next generation beside it, and then the views are
pointed there. All times are UTC. NULL means that nothing told it, never 0; an author that nobody
knows is an empty text.

A person is an id: accounts are compared by it, and every view calls them by the login that was told
last, by whatever item or repository. Labels and milestones likewise; one that was deleted is left out.
GitHub's `ghost`, the stand-in for accounts that are gone, is nobody: an author or reviewer who was
known before stays known.

A date before 1990, or more than a day ahead of the time when it was told, is out of range: it is NULL,
and counts on no day. A duration below nothing contradicts itself and is NULL.

This page is generated from the table definitions; the database holds the same texts as comments.
";

fn write_columns(
    text: &mut String,
    columns: &[Column],
    ty: impl Fn(&Column) -> Option<crate::table::Type>,
) {
    text.push_str("| column | type | unit | meaning |\n|---|---|---|---|\n");
    for column in columns {
        let Some(ty) = ty(column) else { continue };
        let _ = writeln!(
            text,
            "| `{}` | `{ty}` | {} | {} |",
            column.name, column.unit, column.meaning
        );
    }
}
