//! What follows from a pull request's state, by `docs/tables.md`'s definitions: pure.

use super::daily::{self, Day};
use super::figures::Figures;
use crate::origin::{OfRepository, Origin, Traced, is_there};
use gapless_schemas::PullRequest;

/// A pull request's state, what follows from it, and its record.
pub(crate) struct PullRequestRow {
    pub(crate) state: PullRequest,
    pub(crate) figures: Figures,
    pub(crate) daily: Vec<Day>,
    pub(crate) origin: Origin,
}

impl PullRequestRow {
    pub(crate) fn new(state: PullRequest, origin: Origin) -> Self {
        let figures = Figures::of(&state);
        let daily = daily::contributions(&state, &figures);
        Self {
            state,
            figures,
            daily,
            origin,
        }
    }

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
