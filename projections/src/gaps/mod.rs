//! The view `gaps`: one row a gap, and the rollup that counts them for `completeness`.

mod daily;

pub(crate) use daily::ROLLUP;

use crate::origin::{OfRepository, Origin, Traced, origin_columns, repository_columns};
use crate::rollup::Rollup;
use crate::sink::StateRow;
use crate::table::{Column, Mapped, Table, Type, Value, columns_of, is_day};
use gapless_schemas::{Detector, Gap, GapOutcome, StateTopic};
use std::sync::LazyLock;

/// A gap's state and its record.
pub(crate) struct GapRow {
    pub(crate) state: Gap,
    pub(crate) origin: Origin,
}

impl GapRow {
    fn is_open(&self) -> bool {
        self.state.closed_at.is_none()
    }

    /// The day whose completeness it lowers.
    fn day(&self) -> Option<i32> {
        Some(self.state.since.day()).filter(|day| is_day(*day))
    }

    fn heal_seconds(&self) -> Option<i64> {
        let seconds = self.state.closed_at?.millis_since(self.state.opened_at) / 1_000;
        (seconds >= 0).then_some(seconds)
    }

    /// Whether it lowers completeness by itself: a missing number is counted by the ledger.
    fn counts_beside_numbers(&self) -> bool {
        self.is_open() && self.state.detector != Detector::NumberSpace
    }
}

impl StateRow for GapRow {
    type State = Gap;
    const TOPIC: StateTopic = StateTopic::Gaps;
    const TABLE: &'static Table = &TABLE;
    const ROLLUP: Option<&'static Rollup> = Some(&ROLLUP);

    fn mapping() -> &'static [Mapped<Self>] {
        &MAPPING
    }

    fn new(state: Gap, origin: Origin) -> Self {
        Self { state, origin }
    }
}

impl Traced for GapRow {
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

impl OfRepository for GapRow {
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

/// One row a gap.
pub(crate) static TABLE: Table = Table {
    name: "gaps",
    meaning: "One row a gap: a question that a detector asked because something is missing, and how it was answered.",
    columns: || columns_of(&MAPPING),
    key: &["host", "repository_id", "gap_id"],
    versioned: true,
};

const NAME: Type = Type::Nullable(&Type::Name);
const TEXT: Type = Type::Nullable(&Type::Text);
const INT: Type = Type::Nullable(&Type::Int);
const TIME: Type = Type::Nullable(&Type::Time);

type Of = Mapped<GapRow>;

/// The columns with their values.
#[rustfmt::skip]
pub(crate) static MAPPING: LazyLock<Vec<Mapped<GapRow>>> = LazyLock::new(|| {
    let mut columns = repository_columns();
    columns.extend([
        Of::column(("gap_id", Type::Text, "", "Its id: 32 hex digits."), |r| (&r.state.gap_id).into()),
        Of::column(("detector", Type::Name, "", "What found it: number_space, head_chain, impossible_transition, contested_second, clock, dead_letter or unproven_history."), |r| r.state.detector.name().into()),
        Of::column(("number", INT, "", "Number of the issue or pull request in question, where it is about one."), |r| r.state.number.into()),
        Of::column(("evidence", Type::Text, "", "What shows that something is missing, in words."), |r| (&r.state.evidence).into()),
        Of::column(("since", Type::Time, "UTC", "When the missing fact happened, at the latest: its day is the one whose completeness it lowers."), |r| r.state.since.into()),
        Of::column(("opened_at", Type::Time, "UTC", "When it was opened."), |r| r.state.opened_at.into()),
        Of::column(("closed_at", TIME, "UTC", "When it was closed; NULL while it is open."), |r| r.state.closed_at.into()),
        Of::column(("is_open", Type::Bool, "", "Whether it is still open."), |r| r.is_open().into()),
        Of::column(("outcome", NAME, "", "How it ended: arrived (late, by itself), fetched or explained (GitHub says there is nothing)."), |r| r.state.outcome.map(GapOutcome::name).into()),
        Of::column(("answers", Type::Int, "answers", "Answers that were asked for on its behalf."), |r| r.state.answers.into()),
        Of::column(("heal_seconds", INT, "seconds", "Opening to closing; NULL while it is open, and where negative."), |r| r.heal_seconds().into()),
        Mapped::without(Column::computed("age_seconds", INT, "seconds", "Opening to now; NULL once it is closed, and where negative.",
            "if(NOT t.is_open OR (dateDiff('second', t.opened_at, now64(3, 'UTC')) AS seconds) < 0, NULL, seconds)")),
        Mapped::without(Column::computed("html_url", TEXT, "", "The page on GitHub that it is about, where it is about one.",
            "if(isNull(t.number) OR (r.repository = '' AND t.repository = ''), NULL, concat('https://', t.host, '/', if(r.repository = '', t.repository, r.repository), '/issues/', toString(t.number)))")),
        Mapped::of(Column::stored("daily.day", Type::Array(&Type::Day), "", "What it adds to gaps_daily: the day of since.").hidden(), |r: &GapRow| Value::list(r.day().map(Value::Day))),
        Mapped::of(Column::stored("daily.opened", Type::Array(&Type::Int), "gaps", "What it adds to gaps_daily: itself.").hidden(), |r: &GapRow| Value::list(r.day().map(|_| 1))),
        Mapped::of(Column::stored("daily.open", Type::Array(&Type::Int), "gaps", "What it adds to gaps_daily: itself, while it is open.").hidden(), |r: &GapRow| Value::list(r.day().map(|_| i64::from(r.is_open())))),
        Mapped::of(Column::stored("daily.lacking", Type::Array(&Type::Int), "gaps", "What it adds to gaps_daily: itself, while it is open and asks for more than a missing number.").hidden(), |r: &GapRow| Value::list(r.day().map(|_| i64::from(r.counts_beside_numbers())))),
    ]);
    columns.extend(origin_columns());
    columns
});
