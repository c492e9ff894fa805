//! All tables, rollups and views. Adding a view is one folder and one line here.

use crate::completeness::numbers::BlockRow;
use crate::completeness::{self, numbers};
use crate::gaps::GapRow;
use crate::issues::IssueRow;
use crate::pull_requests::PullRequestRow;
use crate::repositories::RepositoryRow;
use crate::rollup::Rollup;
use crate::sink::OfState;
use crate::table::Table;
use crate::view::View;
use crate::{
    events, gaps, issues, issues_daily, names, pull_requests, pull_requests_daily, rebuilds,
    repositories,
};
use gapless_schemas::Topics;

/// Tables that records are written to.
pub static TABLES: [&Table; 7] = [
    &events::TABLE,
    &pull_requests::TABLE,
    &issues::TABLE,
    &repositories::TABLE,
    &numbers::TABLE,
    &gaps::TABLE,
    &names::TABLE,
];

/// Rollups of these.
pub static ROLLUPS: [&Rollup; 5] = [
    &pull_requests_daily::ROLLUP,
    &issues_daily::ROLLUP,
    &numbers::ROLLUP,
    &gaps::ROLLUP,
    &events::ROLLUP,
];

/// What readers see.
pub static VIEWS: [&View; 9] = [
    &View::Of {
        table: &events::TABLE,
        named: false,
    },
    &View::Of {
        table: &pull_requests::TABLE,
        named: true,
    },
    &View::Of {
        table: &issues::TABLE,
        named: true,
    },
    &View::Of {
        table: &repositories::TABLE,
        named: false,
    },
    &View::Of {
        table: &gaps::TABLE,
        named: true,
    },
    &completeness::VIEW,
    &rebuilds::VIEW,
    &View::Of {
        table: &pull_requests_daily::ROLLUP.table,
        named: true,
    },
    &View::Of {
        table: &issues_daily::ROLLUP.table,
        named: true,
    },
];

/// Views of states, a line each.
pub(crate) fn of_states() -> [OfState; 5] {
    [
        OfState::of::<RepositoryRow>(),
        OfState::of::<PullRequestRow>(),
        OfState::of::<IssueRow>(),
        OfState::of::<BlockRow>(),
        OfState::of::<GapRow>(),
    ]
}

/// Which of `topics` the rows of `table`, one of [`TABLES`], are made of.
pub fn topics_of(table: &Table, topics: &Topics) -> Vec<String> {
    if table.name == events::TABLE.name {
        return vec![topics.events()];
    }
    let is_its = |view: &OfState| match table.name == names::TABLE.name {
        true => view.tells_names,
        false => view.table.name == table.name,
    };
    let views = of_states().into_iter().filter(is_its);
    views.map(|view| topics.state(view.topic)).collect()
}

/// Every table of a generation: of records, of figures, of indexes.
pub fn tables() -> Vec<&'static Table> {
    let rollups = ROLLUPS
        .iter()
        .flat_map(|rollup| std::iter::once(&rollup.table).chain(&rollup.index));
    TABLES.into_iter().chain(rollups).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gapless_schemas::StateTopic;

    #[test]
    fn every_state_topic_has_one_view() {
        let mut topics = of_states().map(|view| view.topic);
        topics.sort_unstable();
        assert_eq!(topics, StateTopic::ALL);
    }
}
