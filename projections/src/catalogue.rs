//! All tables, rollups and views. Adding a view is one folder and one line here.

use crate::completeness::{self, numbers};
use crate::rollup::Rollup;
use crate::table::Table;
use crate::view::View;
use crate::{
    events, gaps, issues, issues_daily, names, pull_requests, pull_requests_daily, rebuilds,
    repositories,
};
use gapless_schemas::{StateTopic, Topics};

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

/// Which of `topics` the rows of `table`, one of [`TABLES`], are made of.
pub fn topics_of(table: &Table, topics: &Topics) -> Vec<String> {
    use StateTopic::{Gaps, Issues, Ledger, PullRequests, Repositories};
    let states: [(&Table, &[StateTopic]); 6] = [
        (&pull_requests::TABLE, &[PullRequests]),
        (&issues::TABLE, &[Issues]),
        (&repositories::TABLE, &[Repositories]),
        (&numbers::TABLE, &[Ledger]),
        (&gaps::TABLE, &[Gaps]),
        (&names::TABLE, &[PullRequests, Issues, Repositories]),
    ];
    match states.iter().find(|(known, _)| known.name == table.name) {
        Some((_, states)) => states.iter().map(|state| topics.state(*state)).collect(),
        None => vec![topics.events()],
    }
}

/// Every table of a generation: of records, of figures, of indexes.
pub fn tables() -> Vec<&'static Table> {
    let rollups = ROLLUPS
        .iter()
        .flat_map(|rollup| std::iter::once(&rollup.table).chain(&rollup.index));
    TABLES.into_iter().chain(rollups).collect()
}
