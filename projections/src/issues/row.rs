//! What follows from an issue's state: pure.

use super::daily::{self, Day};
use crate::life::{Life, Turn, began_at};
use crate::origin::{OfRepository, Origin, Traced, is_there};
use crate::rollup::Rollup;
use crate::sink::{NamingsOf, StateRow};
use crate::table::{Mapped, Table};
use gapless_schemas::{Issue, StateTopic};

/// An issue's state, what follows from it, and its record.
pub(crate) struct IssueRow {
    pub(crate) state: Issue,
    pub(crate) figures: Figures,
    pub(crate) daily: Vec<Day>,
    pub(crate) origin: Origin,
}

/// The derived columns of `issues`; their meanings stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) close_seconds: Option<i64>,
    pub(crate) closed_count: i64,
    pub(crate) reopened_count: i64,
    pub(crate) life: Option<Life>,
}

impl Figures {
    pub(crate) fn of(state: &Issue) -> Self {
        let began_at = began_at(state.created_at, &state.transitions, None);
        let walked = began_at.map(|at| Life::walk(at, &state.transitions, None, false));
        let count = |turn| walked.as_ref().map_or(0, |life| life.count(turn));
        let (closed_count, reopened_count) = (count(Turn::Closed), count(Turn::Reopened));
        let life = walked.filter(|_| state.created_at.is_some());
        // The timeline tells some closings a second earlier or later than the issue itself, whose
        // `closed_at` stands beside this.
        let closed_at = life
            .as_ref()
            .and_then(Life::closed_at)
            .map(|told| state.closed_at.unwrap_or(told));
        let close_seconds = state
            .created_at
            .zip(closed_at)
            .map(|(created_at, closed_at)| closed_at.as_seconds() - created_at.as_seconds())
            .filter(|seconds| *seconds >= 0);
        Self {
            close_seconds,
            closed_count,
            reopened_count,
            life,
        }
    }
}

impl IssueRow {
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

impl StateRow for IssueRow {
    type State = Issue;
    const TOPIC: StateTopic = StateTopic::Issues;
    const TABLE: &'static Table = &super::TABLE;
    const ROLLUP: Option<&'static Rollup> = Some(&crate::issues_daily::ROLLUP);
    const NAMINGS: Option<NamingsOf<Self::State>> = Some(|state| &mut state.namings);

    fn mapping() -> &'static [Mapped<Self>] {
        &super::MAPPING
    }

    fn new(state: Issue, origin: Origin) -> Self {
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

impl Traced for IssueRow {
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

impl OfRepository for IssueRow {
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
