//! Keys that rollups share, and the names that stand beside them.

use crate::names::AUTHOR;
use crate::origin::{HOST, REPOSITORY, REPOSITORY_ID};
use crate::rollup::{Aggregate, Figure};
use crate::table::{Column, Type};

const DAY: (Column, &str) = (
    Column::stored("day", Type::Day, "UTC day", "The day."),
    "daily.day",
);

/// A table's key: repository and day.
pub(crate) const BY_DAY: &[&str] = &["host", "repository_id", "day"];

/// [`BY_DAY`] as a rollup's.
pub(crate) const OF_DAY: &[(Column, &str)] =
    &[(HOST, "host"), (REPOSITORY_ID, "repository_id"), DAY];

/// A table's key: repository, day, and who opened what is counted.
pub(crate) const BY_DAY_AND_AUTHOR: &[&str] =
    &["host", "repository_id", "day", "author_id", "author_is_bot"];

/// The same of its index, by the item as well.
pub(crate) const INDEX_BY_DAY_AND_AUTHOR: &[&str] = &[
    "host",
    "repository_id",
    "number",
    "day",
    "author_id",
    "author_is_bot",
];

/// [`BY_DAY_AND_AUTHOR`] as a rollup's.
pub(crate) const OF_DAY_AND_AUTHOR: &[(Column, &str)] = &[
    (HOST, "host"),
    (REPOSITORY_ID, "repository_id"),
    DAY,
    (
        Column::stored(
            "author_id",
            Type::Int,
            "",
            "Id of who opened them; 0 where unknown.",
        )
        .hidden(),
        "author_id",
    ),
    (
        Column::stored("author_is_bot", Type::Bool, "", "Whether that is a bot."),
        "author_is_bot",
    ),
];

/// The repository's name, beside the key.
pub(crate) const REPOSITORY_NAME: Figure = Figure {
    column: REPOSITORY,
    aggregate: Aggregate::Greatest,
    from: "repository",
};

/// The author's login, beside the key.
pub(crate) const AUTHOR_LOGIN: Figure = Figure {
    column: Column::stored(
        "author",
        Type::Name,
        "",
        "Login of who opened them, now; empty where unknown.",
    )
    .shown_as(AUTHOR.0, AUTHOR.1),
    aggregate: Aggregate::Greatest,
    from: "author",
};
