//! Figures stay right whatever is repeated, split, shuffled or interrupted, on ClickHouse and in
//! memory alike.

use crate::front::{database, rows};
use crate::history::{
    DAY, Fact, account, at, block, event, execute, gap, issue, merged, numbered, pull_request,
    repository, steps, transition,
};
use gapless_projections::catalogue::ROLLUPS;
use gapless_projections::sink::{ClickHouse, ClickHouseOptions, Memory, Store, prepare};
use gapless_projections::table::{Cell, Table, Type};
use gapless_schemas::{Detector, GapOutcome, Presence, TransitionKind};
use std::collections::BTreeMap;

/// The rows of a figures' table, without versions, each as `name=value`; percentiles by how many
/// values they hold, since a state has no text.
async fn in_clickhouse(options: &ClickHouseOptions, table: &Table) -> Vec<String> {
    let columns: Vec<String> = table
        .stored()
        .filter(|column| column.name != "version" && column.ty != Type::Percentiles)
        .map(|column| match column.ty {
            Type::Day => format!("toString(toUInt16({}))", column.name),
            Type::Bool => format!("toString(toUInt8({}))", column.name),
            _ => format!("toString({})", column.name),
        })
        .collect();
    let sql = format!(
        "SELECT arrayStringConcat([{}], ' ') FROM {}_1.{} FINAL ORDER BY {}",
        columns.join(", "),
        options.database,
        table.name,
        table.key.join(", ")
    );
    let unescaped = |line: String| line.replace("\\'", "'").replace("\\\\", "\\");
    let found = rows(&options.client(), &sql).await;
    found.into_iter().map(unescaped).collect()
}

pub(crate) fn in_memory(memory: &Memory, table: &Table) -> Vec<String> {
    let names: Vec<&str> = table
        .stored()
        .filter(|column| column.name != "version" && column.ty != Type::Percentiles)
        .map(|column| column.name)
        .collect();
    let text = |cell: &Cell| match cell {
        Cell::Int(number) => number.to_string(),
        Cell::Unsigned(number) => number.to_string(),
        Cell::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Cell::Null | Cell::List(_) => "?".to_owned(),
    };
    let line = |row: &BTreeMap<&'static str, Cell>| {
        let cells: Vec<String> = names.iter().map(|name| text(&row[name])).collect();
        cells.join(" ")
    };
    memory.rows(table).iter().map(line).collect()
}

/// All figures of both stores, which must be equal.
pub(crate) async fn figures(options: &ClickHouseOptions, memory: &Memory) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for rollup in ROLLUPS {
        let expected = in_memory(memory, &rollup.table);
        let found = in_clickhouse(options, &rollup.table).await;
        assert_eq!(found, expected, "{}", rollup.table.name);
        all.push(found);
    }
    all
}

/// A small history that moves, reopens, deletes, heals and repeats.
pub(crate) fn history() -> Vec<(i64, Fact)> {
    let mut reopened = issue(2);
    reopened.transitions.extend([
        transition(TransitionKind::Closed, at(1, 1)),
        transition(TransitionKind::Reopened, at(2, 1)),
    ]);
    let mut gone = pull_request(3);
    gone.presence = Presence::Gone;
    let mut healed = gap("g1", Detector::Clock, at(1, 0));
    healed.closed_at = Some(at(3, 0));
    healed.outcome = Some(GapOutcome::Fetched);
    let mut renamed = merged(4, 2);
    renamed.author = Some(account(1, "ann-now"));
    let facts = [
        Fact::Repository(repository()),
        Fact::Event(event("a", Some(at(0, 1)))),
        Fact::PullRequest(pull_request(1)),
        Fact::Block(block(&[(0, 3, 2), (2, 1, 1)])),
        Fact::Issue(issue(2)),
        Fact::PullRequest(pull_request(3)),
        Fact::PullRequest(merged(4, 2)),
        Fact::Gap(gap("g1", Detector::Clock, at(1, 0))),
        Fact::Gap(gap("g2", Detector::NumberSpace, at(0, 0))),
        Fact::Event(event("b", Some(at(2, 1)))),
        Fact::PullRequest(merged(1, 1)),
        Fact::Issue(reopened),
        Fact::PullRequest(gone),
        Fact::PullRequest(renamed),
        Fact::Gap(healed),
        Fact::Block(block(&[(0, 2, 2), (1, 1, 1), (2, 1, 1)])),
        Fact::Event(event("a", Some(at(0, 1)))),
    ];
    let mut offset = -1;
    let with_versions = facts.into_iter().map(|fact| {
        offset += 1;
        fact.at_version(offset)
    });
    numbered(with_versions)
}

pub(crate) async fn stores() -> Option<(ClickHouseOptions, ClickHouse, Memory)> {
    let options = database()?;
    prepare(&options, 1).await.unwrap();
    let clickhouse = ClickHouse::new(&options, 1);
    Some((options, clickhouse, Memory::new()))
}

async fn apply(clickhouse: &ClickHouse, memory: &Memory, batch: &[(i64, Fact)]) {
    let steps = steps(batch);
    execute(clickhouse, &steps).await;
    execute(memory, &steps).await;
}

#[tokio::test]
async fn a_figure_moved_to_another_day_leaves_nothing_behind() {
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let daily = format!(
        "SELECT toUInt16(day) - {DAY}, author, opened, merged, open_delta, pickup_count FROM {}.pull_requests_daily WHERE toUInt16(day) < {} ORDER BY day, author",
        options.database,
        DAY + 9
    );
    apply(
        &clickhouse,
        &memory,
        &[(1, Fact::PullRequest(pull_request(1)).at_version(1))],
    )
    .await;
    assert_eq!(
        rows(&options.client(), &daily).await,
        ["0\tann\t1\t0\t1\t0"]
    );
    for (offset, day) in [(2, 3), (3, 5)] {
        let fact = Fact::PullRequest(merged(1, day)).at_version(offset);
        apply(&clickhouse, &memory, &[(offset, fact)]).await;
        let expected = [
            "0\tann\t1\t0\t1\t0".to_owned(),
            format!("{day}\tann\t0\t1\t-1\t1"),
        ];
        assert_eq!(rows(&options.client(), &daily).await, expected);
    }
    // And to another author.
    let mut renamed = merged(1, 5);
    renamed.author = Some(account(1, "o'brien\\"));
    let fact = Fact::PullRequest(renamed).at_version(4);
    apply(&clickhouse, &memory, &[(4, fact)]).await;
    let expected = [
        "0\to\\'brien\\\\\t1\t0\t1\t0",
        "5\to\\'brien\\\\\t0\t1\t-1\t1",
    ];
    assert_eq!(rows(&options.client(), &daily).await, expected);
    figures(&options, &memory).await;
}

#[tokio::test]
async fn the_same_facts_lead_to_the_same_figures_however_they_are_batched() {
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let whole = history();
    apply(&clickhouse, &memory, &whole).await;
    let expected = figures(&options, &memory).await;
    assert!(expected.iter().all(|table| !table.is_empty()));
    // Twice.
    apply(&clickhouse, &memory, &whole).await;
    assert_eq!(figures(&options, &memory).await, expected, "twice");
    // Split, and split anew after a crash that lost the commit.
    for sizes in [1, 3, 7] {
        let Some((options, clickhouse, memory)) = stores().await else {
            return;
        };
        for batch in whole.chunks(sizes) {
            apply(&clickhouse, &memory, batch).await;
        }
        assert_eq!(figures(&options, &memory).await, expected, "by {sizes}");
        for batch in whole[4..].chunks(5) {
            apply(&clickhouse, &memory, batch).await;
        }
        assert_eq!(
            figures(&options, &memory).await,
            expected,
            "by {sizes}, again"
        );
    }
    // In another order within the batch; versions decide, not places.
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let mut shuffled = whole.clone();
    shuffled.reverse();
    shuffled.swap(2, 9);
    apply(&clickhouse, &memory, &shuffled).await;
    assert_eq!(figures(&options, &memory).await, expected, "shuffled");
}

#[tokio::test]
async fn as_many_changes_as_one_statement_names_may_be_of_as_many_repositories() {
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let facts = (1..=10_000).map(|number| {
        let mut state = merged(number, 2);
        state.repository_id = number;
        state.repository = Some(format!("acme/{number}"));
        Fact::PullRequest(state).at_version(number)
    });
    apply(&clickhouse, &memory, &numbered(facts)).await;
    figures(&options, &memory).await;
}

#[tokio::test]
async fn a_crash_between_any_two_steps_is_mended_by_doing_the_batch_again() {
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let whole = history();
    let (before, after) = whole.split_at(9);
    apply(&clickhouse, &memory, &whole).await;
    let expected = figures(&options, &memory).await;
    let count = steps(after).len();
    for crash_after in 0..count {
        let Some((options, clickhouse, memory)) = stores().await else {
            return;
        };
        apply(&clickhouse, &memory, before).await;
        for step in &steps(after)[..crash_after] {
            clickhouse.execute(step).await.unwrap();
            memory.execute(step).await.unwrap();
        }
        // The batch is cut elsewhere the second time.
        let (first, second) = after.split_at(after.len() / 2);
        apply(&clickhouse, &memory, first).await;
        apply(&clickhouse, &memory, second).await;
        assert_eq!(
            figures(&options, &memory).await,
            expected,
            "after {crash_after} steps"
        );
    }
}

#[tokio::test]
async fn a_zombies_late_batch_changes_nothing() {
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let whole = history();
    apply(&clickhouse, &memory, &whole).await;
    let expected = figures(&options, &memory).await;
    apply(&clickhouse, &memory, &whole[..8]).await;
    assert_eq!(figures(&options, &memory).await, expected);
}

#[tokio::test]
async fn percentiles_are_those_of_the_durations_that_ended_that_day() {
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let facts = (1..=9).map(|number| {
        let mut state = merged(number, 2);
        state.first_commit_at = Some(at(2, 5).plus_seconds(-1_000 * number));
        Fact::PullRequest(state).at_version(number)
    });
    apply(&clickhouse, &memory, &numbered(facts)).await;
    let sql = format!(
        "SELECT q[1], isNaN(none[1]), n FROM (SELECT quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95)(cycle_seconds) AS q, quantilesBFloat16MergeIf(0.5, 0.75, 0.9, 0.95)(cycle_seconds, toUInt16(day) < 1000) AS none, sum(cycle_count) AS n FROM {}.pull_requests_daily)",
        options.database
    );
    let found = rows(&options.client(), &sql).await;
    // BFloat16 keeps 8 bits: within a 256th.
    assert_eq!(found, ["4992\t1\t9"]);
}

#[tokio::test]
async fn completeness_has_a_row_for_every_day_that_anything_is_claimed_about() {
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let view = format!(
        "SELECT toInt32(toUInt16(day)) - {DAY}, repository, owner, existing_numbers, missing_numbers, webhooks, gaps_open, known, lacking, completeness FROM {}.completeness ORDER BY day",
        options.database
    );
    apply(
        &clickhouse,
        &memory,
        &numbered([
            Fact::Repository(repository()),
            Fact::Block(block(&[(0, 4, 3), (2, 1, 1)])),
            Fact::Event(event("a", Some(at(0, 2)))),
            Fact::Event(event("b", Some(at(3, 2)))),
            // The same change again, through another hook: it makes the day no better known.
            Fact::Event(event("c", Some(at(3, 2)))),
            Fact::Gap(gap("g1", Detector::NumberSpace, at(0, 1))),
            Fact::Gap(gap("g2", Detector::HeadChain, at(3, 1))),
        ]),
    )
    .await;
    assert_eq!(
        rows(&options.client(), &view).await,
        [
            "0\tacme/hammer\tacme\t4\t1\t1\t1\t4\t1\t0.8",
            "1\tacme/hammer\tacme\t0\t0\t0\t0\t0\t0\t1",
            "2\tacme/hammer\tacme\t1\t0\t0\t0\t1\t0\t1",
            "3\tacme/hammer\tacme\t0\t0\t1\t1\t1\t1\t0.5",
            "4\tacme/hammer\tacme\t0\t0\t0\t0\t0\t0\t1",
        ]
    );
    let mut healed = gap("g2", Detector::HeadChain, at(3, 1));
    healed.closed_at = Some(at(4, 0));
    apply(
        &clickhouse,
        &memory,
        &[
            (8, Fact::Block(block(&[(0, 4, 4), (2, 1, 1)])).at_version(8)),
            (9, Fact::Gap(healed).at_version(9)),
        ],
    )
    .await;
    let lacking = format!(
        "SELECT sum(lacking), min(completeness) FROM {}.completeness",
        options.database
    );
    assert_eq!(rows(&options.client(), &lacking).await, ["0\t1"]);
}
