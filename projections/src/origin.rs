//! What every row carries beside its own facts: whose repository it belongs to, and which record
//! it came from.

use crate::table::{Column, Mapped, Type, Value};
use gapless_schemas::Presence;

/// The record that a row was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Its topic.
    pub(crate) topic: String,
    /// Its partition.
    pub(crate) partition: i32,
    /// Its offset.
    pub(crate) offset: i64,
}

/// A row that can be traced to its record.
pub(crate) trait Traced: 'static {
    /// Where it came from.
    fn origin(&self) -> &Origin;
    /// Its version: of all rows with one key, the greatest counts.
    fn version(&self) -> i64;
    /// True where the entity is not there any more, so that no view and no figure shows it.
    fn is_deleted(&self) -> bool;
}

/// A row of a repository.
pub(crate) trait OfRepository: 'static {
    /// GitHub host.
    fn host(&self) -> &str;
    /// Repository id.
    fn repository_id(&self) -> i64;
    /// Repository's full name, as the record told it.
    fn repository(&self) -> Option<&str>;
}

/// An entity counts as long as nobody said that it was deleted or lives elsewhere: a 404 may only
/// mean that a credential lost its access.
pub(crate) fn is_there(presence: Presence) -> bool {
    matches!(presence, Presence::Alive | Presence::Unreachable)
}

/// The name of a presence, as in views.
pub(crate) fn presence_name(presence: Presence) -> &'static str {
    match presence {
        Presence::Alive => "alive",
        Presence::Gone => "gone",
        Presence::Unreachable => "unreachable",
        Presence::Moved => "moved",
    }
}

const NULLABLE_INT: Type = Type::Nullable(&Type::Int);
const NULLABLE_BOOL: Type = Type::Nullable(&Type::Bool);

/// The current name: a repository that was renamed has its whole past under its name of now.
const CURRENT_NAME: &str = "if(r.repository = '', t.repository, r.repository)";

/// The columns that name a row's repository.
pub(crate) fn repository_columns<R: OfRepository>() -> Vec<Mapped<R>> {
    vec![
        Mapped::of(HOST, |row: &R| row.host().into()),
        Mapped::of(REPOSITORY_ID, |row: &R| row.repository_id().into()),
        Mapped::of(REPOSITORY, |row: &R| row.repository().unwrap_or("").into()),
        Mapped::without(OWNER),
        Mapped::without(OWNER_ID),
        Mapped::without(REPOSITORY_PRIVATE),
        Mapped::without(REPOSITORY_PRESENCE),
    ]
}

/// How long an item was open, or is; a length below nothing is a contradiction between clocks.
pub(crate) const OPEN_SECONDS: &str = "if((dateDiff('second', t.created_at, if(t.state = 'open', now64(3, 'UTC'), t.closed_at)) AS seconds) < 0, NULL, seconds)";

/// `host`.
pub(crate) const HOST: Column = Column::stored(
    "host",
    Type::Name,
    "",
    "GitHub host; ids and numbers are counted per host.",
);
/// `repository_id`.
pub(crate) const REPOSITORY_ID: Column = Column::stored(
    "repository_id",
    Type::Int,
    "",
    "Repository id: its identity, also after a renaming.",
);
/// `repository`.
pub(crate) const REPOSITORY: Column = Column::stored(
    "repository",
    Type::Name,
    "",
    "Full name of the repository (owner/name), in views the current one; empty where nothing told it. Elsewhere: repository_full_name.",
)
.shown_as(Type::Name, CURRENT_NAME);
/// `owner`.
pub(crate) const OWNER: Column = Column::computed(
    "owner",
    Type::Name,
    "",
    "Login of the repository's owner now: the part of its full name before the slash. Elsewhere: organization.",
    "splitByChar('/', if(r.repository = '', t.repository, r.repository))[1]",
);
const OWNER_ID: Column = Column::computed(
    "owner_id",
    NULLABLE_INT,
    "",
    "Id of the repository's owner now. Elsewhere: organization_id.",
    "r.owner_id",
);
const REPOSITORY_PRIVATE: Column = Column::computed(
    "repository_private",
    NULLABLE_BOOL,
    "",
    "Whether only members see the repository now. Elsewhere: repository_visibility.",
    "r.private",
);
/// `repository_presence`.
pub(crate) const REPOSITORY_PRESENCE: Column = Column::computed(
    "repository_presence",
    Type::Name,
    "",
    "Whether the repository is there now: alive, gone (deleted), unreachable (404 for our credential) or moved; empty where nothing told it. What was open in one that is gone stays open in the tables for ever.",
    "r.presence",
);

/// The columns that trace a row to its record.
pub(crate) fn origin_columns<R: Traced>() -> Vec<Mapped<R>> {
    vec![
        Mapped::of(VERSION, |row: &R| {
            Value::Unsigned(row.version().max(0).unsigned_abs())
        }),
        Mapped::of(
            Column::stored(
                "topic",
                Type::Name,
                "",
                "Kafka topic of the record that this row was made of.",
            ),
            |row: &R| Value::Bytes(row.origin().topic.as_bytes()),
        ),
        Mapped::of(
            Column::stored(
                "partition",
                Type::SmallInt,
                "",
                "Kafka partition of that record.",
            ),
            |row: &R| i64::from(row.origin().partition).into(),
        ),
        Mapped::of(
            Column::stored("offset", Type::Int, "", "Kafka offset of that record."),
            |row: &R| row.origin().offset.into(),
        ),
        Mapped::of(IS_DELETED, |row: &R| row.is_deleted().into()),
    ]
}

/// `version`.
pub(crate) const VERSION: Column = Column::stored(
    "version",
    Type::Unsigned,
    "",
    "Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.",
);
/// `is_deleted`.
pub(crate) const IS_DELETED: Column = Column::stored(
    "is_deleted",
    Type::Mark,
    "",
    "1 where nothing is there any more: views leave the row out.",
)
.hidden();
