//! What `completeness` knows of numbers: the ledger's blocks, and the rollup that adds up their
//! days.

use crate::keys::{BY_DAY, OF_DAY};
use crate::origin::{HOST, OfRepository, Origin, REPOSITORY_ID, Traced, origin_columns};
use crate::rollup::{Figure, Rollup};
use crate::sink::StateRow;
use crate::table::{Mapped, Table, Type, Value, columns_of, is_day};
use gapless_schemas::{LedgerBlock, LedgerDay, StateTopic};
use std::sync::LazyLock;

/// A block's state and its record.
pub(crate) struct BlockRow {
    pub(crate) state: LedgerBlock,
    pub(crate) origin: Origin,
}

impl BlockRow {
    fn days(&self) -> impl Iterator<Item = &LedgerDay> {
        self.state.days.iter().filter(|day| is_day(day.day))
    }
}

impl StateRow for BlockRow {
    type State = LedgerBlock;
    const TOPIC: StateTopic = StateTopic::Ledger;
    const TABLE: &'static Table = &TABLE;
    const ROLLUP: Option<&'static Rollup> = Some(&ROLLUP);

    fn mapping() -> &'static [Mapped<Self>] {
        &MAPPING
    }

    fn new(state: LedgerBlock, origin: Origin) -> Self {
        Self { state, origin }
    }
}

impl Traced for BlockRow {
    fn origin(&self) -> &Origin {
        &self.origin
    }
    fn version(&self) -> i64 {
        self.state.version
    }
    fn is_deleted(&self) -> bool {
        false
    }
}

impl OfRepository for BlockRow {
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

/// One row a block of 1,024 numbers.
pub(crate) static TABLE: Table = Table {
    name: "ledger",
    meaning: "One row a block of 1,024 numbers of a repository: which exist, which are accounted for, which are missing.",
    columns: || columns_of(&MAPPING),
    key: &["host", "repository_id", "block"],
    versioned: true,
};

type Of = Mapped<BlockRow>;

/// The columns with their values.
#[rustfmt::skip]
pub(crate) static MAPPING: LazyLock<Vec<Mapped<BlockRow>>> = LazyLock::new(|| {
    let mut columns = vec![
        Mapped::of(HOST, |r: &BlockRow| r.host().into()),
        Mapped::of(REPOSITORY_ID, |r: &BlockRow| r.repository_id().into()),
        Of::column(("block", Type::Int, "", "Index of the block, from 0: it holds the numbers 1024 block + 1 to 1024 (block + 1)."), |r| r.state.block.into()),
        Of::column(("highest", Type::Int, "", "Highest number of the block known to exist; 0 where none is."), |r| r.state.highest.into()),
        Of::column(("known", Type::Int, "numbers", "Known as an issue, a pull request or a discussion."), |r| r.state.known.into()),
        Of::column(("explained", Type::Int, "numbers", "Explained otherwise: deleted, moved away, never visible."), |r| r.state.explained.into()),
        Of::column(("missing", Type::Array(&Type::Int), "", "Numbers up to the highest that are neither, ascending."), |r| Value::list(r.state.missing.iter().copied())),
        Of::column(("daily.day", Type::Array(&Type::Day), "UTC day", "What it adds to numbers_daily: the day."), |r| Value::list(r.days().map(|d| Value::Day(d.day)))),
        Of::column(("daily.existing", Type::Array(&Type::Int), "numbers", "What it adds to numbers_daily: numbers that exist."), |r| Value::list(r.days().map(|d| d.existing))),
        Of::column(("daily.accounted", Type::Array(&Type::Int), "numbers", "What it adds to numbers_daily: of these, known or explained."), |r| Value::list(r.days().map(|d| d.accounted))),
    ];
    columns.extend(origin_columns());
    columns
});

/// Numbers by host, repository and day.
pub(crate) static ROLLUP: Rollup = Rollup {
    table: Table {
        name: "numbers_daily",
        meaning: "One row a repository and day (UTC): numbers of issues, pull requests and discussions by the day of their creation.",
        columns: || ROLLUP.columns(),
        key: BY_DAY,
        versioned: true,
    },
    rows: &TABLE,
    index: Some(Table {
        name: "numbers_days",
        meaning: "Every row of numbers_daily that a block ever counted under; never shortened.",
        columns: || ROLLUP.index_columns(),
        key: &["host", "repository_id", "block", "day"],
        versioned: false,
    }),
    key: OF_DAY,
    figures: &[
        Figure::sum(
            "existing",
            "numbers",
            "Numbers that exist.",
            "daily.existing",
        ),
        Figure::sum(
            "accounted",
            "numbers",
            "Of these, known or explained.",
            "daily.accounted",
        ),
    ],
    computed: &[],
};
