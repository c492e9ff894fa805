//! The view `repositories`: one row a repository.

use crate::origin::{
    HOST, OfRepository, Origin, REPOSITORY_ID, Traced, origin_columns, presence_name,
};
use crate::rollup::Rollup;
use crate::sink::{NamingsOf, StateRow};
use crate::table::{Mapped, Table, Type, Value, columns_of};
use gapless_schemas::{Repository, StateTopic};
use std::sync::LazyLock;

/// A repository's state and its record.
pub(crate) struct RepositoryRow {
    pub(crate) state: Repository,
    pub(crate) origin: Origin,
}

impl StateRow for RepositoryRow {
    type State = Repository;
    const TOPIC: StateTopic = StateTopic::Repositories;
    const TABLE: &'static Table = &TABLE;
    const ROLLUP: Option<&'static Rollup> = None;
    const NAMINGS: Option<NamingsOf<Self::State>> = Some(|state| &mut state.namings);

    fn mapping() -> &'static [Mapped<Self>] {
        &MAPPING
    }

    fn new(state: Repository, origin: Origin) -> Self {
        Self { state, origin }
    }
}

impl Traced for RepositoryRow {
    fn origin(&self) -> &Origin {
        &self.origin
    }
    fn version(&self) -> i64 {
        self.state.version
    }
    /// A repository that went keeps its row: what happened in it happened.
    fn is_deleted(&self) -> bool {
        false
    }
}

impl OfRepository for RepositoryRow {
    fn host(&self) -> &str {
        &self.state.host
    }
    fn repository_id(&self) -> i64 {
        self.state.repository_id
    }
    fn repository(&self) -> Option<&str> {
        self.state.full_name.as_deref()
    }
}

/// One row a repository.
pub(crate) static TABLE: Table = Table {
    name: "repositories",
    meaning: "One row a repository that was ever seen, also after it was deleted: what happened in it happened.",
    columns: || columns_of(&MAPPING),
    key: &["host", "repository_id"],
    versioned: true,
};

const NAME: Type = Type::Nullable(&Type::Name);
const INT: Type = Type::Nullable(&Type::Int);
const BOOL: Type = Type::Nullable(&Type::Bool);
const TIME: Type = Type::Nullable(&Type::Time);

type Of = Mapped<RepositoryRow>;

/// The columns with their values.
#[rustfmt::skip]
pub(crate) static MAPPING: LazyLock<Vec<Mapped<RepositoryRow>>> = LazyLock::new(|| {
    let mut columns = vec![
        Mapped::of(HOST, |r: &RepositoryRow| (&r.state.host).into()),
        Mapped::of(REPOSITORY_ID, |r: &RepositoryRow| r.state.repository_id.into()),
        Of::column(("repository", Type::Name, "", "Full name now (owner/name); empty where nothing told it. Elsewhere: repository_full_name."), |r| r.state.full_name.as_deref().unwrap_or("").into()),
        Of::column(("owner", NAME, "", "Login of its owner now. Elsewhere: organization."), |r| r.state.owner.as_ref().into()),
        Of::column(("owner_id", INT, "", "Id of its owner. Elsewhere: organization_id."), |r| r.state.owner_id.into()),
        Of::column(("private", BOOL, "", "Whether only members see it. Elsewhere: repository_visibility."), |r| r.state.private.into()),
        Of::column(("archived", BOOL, "", "Whether it is read-only."), |r| r.state.archived.into()),
        Of::column(("fork", BOOL, "", "Whether it is a fork of another repository."), |r| r.state.fork.into()),
        Of::column(("default_branch", NAME, "", "Its default branch. Elsewhere: repository_default_branch."), |r| r.state.default_branch.as_ref().into()),
        Of::column(("presence", Type::Name, "", "alive, gone (deleted), unreachable (404 for our credential) or moved."), |r| presence_name(r.state.presence).into()),
        Of::column(("created_at", TIME, "UTC", "When it was created."), |r| r.state.created_at.into()),
        Of::column(("names", Type::Array(&Type::Name), "", "Every full name that it was seen under, sorted."), |r| Value::list(&r.state.names)),
        Of::column(("first_seen_at", TIME, "UTC", "When the first event about it was received."), |r| r.state.first_seen_at.into()),
        Of::column(("listed_until", TIME, "UTC", "Start of the last complete listing of its issues and pull requests: up to here, absence was asked for."), |r| r.state.listed_until.into()),
    ];
    columns.extend(origin_columns());
    columns
});
