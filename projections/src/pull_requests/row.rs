//! What follows from a pull request's state, by `docs/tables.md`'s definitions: pure.

use super::daily::{self, Day};
use super::figures::Figures;
use crate::origin::{OfRepository, Origin, Traced, is_there};
use crate::rollup::Rollup;
use crate::sink::{NamingsOf, StateRow};
use crate::table::{Mapped, Table};
use gapless_schemas::{PullRequest, StateTopic};

/// A pull request's state, what follows from it, and its record.
pub(crate) struct PullRequestRow {
    pub(crate) state: PullRequest,
    pub(crate) figures: Figures,
    pub(crate) daily: Vec<Day>,
    pub(crate) origin: Origin,
}

impl PullRequestRow {
    pub(crate) fn author(&self) -> &str {
        self.state
            .author
            .as_ref()
            .map_or("", |author| &author.login)
    }

    /// Id of who opened it; 0 where nobody knows.
    pub(crate) fn author_id(&self) -> i64 {
        self.state.author.as_ref().map_or(0, |author| author.id)
    }

    pub(crate) fn author_is_bot(&self) -> bool {
        self.state.author.as_ref().is_some_and(|author| author.bot)
    }
}

impl StateRow for PullRequestRow {
    type State = PullRequest;
    const TOPIC: StateTopic = StateTopic::PullRequests;
    const TABLE: &'static Table = &super::TABLE;
    const ROLLUP: Option<&'static Rollup> = Some(&crate::pull_requests_daily::ROLLUP);
    const NAMINGS: Option<NamingsOf<Self::State>> = Some(|state| &mut state.namings);

    fn mapping() -> &'static [Mapped<Self>] {
        &super::MAPPING
    }

    fn new(state: PullRequest, origin: Origin) -> Self {
        let figures = Figures::of(&state);
        let daily = daily::contributions(&state, &figures);
        Self {
            state,
            figures,
            daily,
            origin,
        }
    }
}

impl Traced for PullRequestRow {
    fn origin(&self) -> &Origin {
        &self.origin
    }
    fn version(&self) -> i64 {
        self.state.version
    }
    fn is_deleted(&self) -> bool {
        !is_there(self.state.presence)
    }
}

impl OfRepository for PullRequestRow {
    fn host(&self) -> &str {
        &self.state.host
    }
    fn repository_id(&self) -> i64 {
        self.state.repository_id
    }
    fn repository(&self) -> Option<&str> {
        self.state.repository.as_deref()
    }
}
