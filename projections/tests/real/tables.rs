//! What the database says of itself is what the definitions say.

use crate::front::{database, rows, rows_as};
use crate::history::{Fact, at, event, execute, gap, numbered, pull_request, repository, steps};
use crate::rollups::{history, stores};
use gapless_projections::catalogue::{TABLES, VIEWS, tables};
use gapless_projections::sink::{ClickHouse, SetupError, make_live, prepare};
use gapless_projections::table::{Cell, Column, Type};
use gapless_schemas::Detector;
use serde_json::Value;

const COMMENTS: &str =
    "SELECT concat(table, '.', name, ' ', type, ' ', comment) FROM system.columns WHERE database =";

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// Names what differs, not all that does not.
fn assert_same(found: &[String], defined: &[String]) {
    let without = |all: &[String], others: &[String]| -> Vec<String> {
        let other = |line: &&String| !others.contains(line);
        all.iter().filter(other).cloned().collect()
    };
    assert_eq!(without(found, defined), without(defined, found));
    assert_eq!(found.len(), defined.len());
}

#[tokio::test]
async fn every_column_has_the_type_and_the_comment_of_its_definition() {
    let Some(options) = database() else { return };
    prepare(&options, 1).await.unwrap();
    prepare(&options, 1).await.unwrap();
    let client = options.client();
    let mut defined: Vec<String> = tables()
        .into_iter()
        .flat_map(|table| {
            let line = |c: gapless_projections::table::Column| {
                format!("{}.{} {} {}", table.name, c.name, c.ty, c.comment())
            };
            table.stored().map(line).collect::<Vec<_>>()
        })
        .map(|line| escaped(&line))
        .collect();
    defined.sort();
    let found = format!(
        "{COMMENTS} '{}_1' AND table NOT IN ('migrations', 'inventory')",
        options.database
    );
    let mut found = rows(&client, &found).await;
    found.sort();
    assert_same(&found, &defined);
    let mut shown: Vec<String> = VIEWS
        .iter()
        .flat_map(|view| {
            view.columns().into_iter().map(|c| {
                let ty = c.shown_type().unwrap();
                format!("{}.{} {ty} {}", view.name(), c.name, c.comment())
            })
        })
        .map(|line| escaped(&line))
        .collect();
    shown.sort();
    let found = format!(
        "{COMMENTS} '{}' AND table != 'live_generation'",
        options.database
    );
    let mut found = rows(&client, &found).await;
    found.sort();
    assert_same(&found, &shown);
}

#[tokio::test]
async fn tables_of_a_newer_program_are_refused() {
    let Some(options) = database() else { return };
    prepare(&options, 1).await.unwrap();
    let newer = format!(
        "INSERT INTO {}_1.migrations (number) VALUES (99)",
        options.database
    );
    options.client().query_raw(&newer).execute().await.unwrap();
    let refused = prepare(&options, 1).await.unwrap_err();
    assert!(
        matches!(refused, SetupError::Newer { found: 99, .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn views_show_the_live_generation_until_another_is_made_live() {
    let Some(options) = database() else { return };
    let client = options.client();
    prepare(&options, 1).await.unwrap();
    prepare(&options, 2).await.unwrap();
    let facts = numbered([Fact::PullRequest(pull_request(1))]);
    execute(&ClickHouse::new(&options, 2), &steps(&facts)).await;
    let count = format!("SELECT count() FROM {}.pull_requests", options.database);
    assert_eq!(rows(&client, &count).await, ["0"]);
    make_live(&options, 2).await.unwrap();
    prepare(&options, 1).await.unwrap();
    assert_eq!(rows(&client, &count).await, ["1"]);
}

#[tokio::test]
async fn every_view_shows_every_column_of_its_rows() {
    let Some(options) = database() else { return };
    let client = options.client();
    prepare(&options, 1).await.unwrap();
    let facts = numbered([
        Fact::Event(event("a", Some(at(0, 1)))),
        Fact::Event(event("a", Some(at(0, 1)))),
        Fact::Event(event("b", None)),
        Fact::PullRequest(pull_request(1)),
        Fact::Repository(repository()),
        Fact::Gap(gap("g", Detector::Clock, at(1, 1))),
    ]);
    execute(&ClickHouse::new(&options, 1), &steps(&facts)).await;
    let db = &options.database;
    for view in VIEWS {
        let all = format!("SELECT * FROM {db}.{} LIMIT 1", view.name());
        let all = rows(&client, &all).await;
        assert_eq!(
            all.len(),
            usize::from(!view.name().starts_with("issues") && view.name() != "rebuilds"),
            "{}",
            view.name()
        );
    }
    let events = format!(
        "SELECT event_id, sender, sender_id, delivery_id, payload_bytes, offset, stored_at > received_at FROM {db}.events ORDER BY event_id"
    );
    assert_eq!(
        rows(&client, &events).await,
        ["a\tann\t1\tguid\t33\t1\t1", "b\tann\t1\tguid\t33\t2\t1"]
    );
    let named = format!(
        "SELECT repository, owner, owner_id, repository_private, title, author, labels, size, lines, ready_at, first_review_at, coding_seconds, merge_seconds FROM {db}.pull_requests"
    );
    assert_eq!(
        rows(&client, &named).await,
        [
            "acme/hammer\tacme\t70\ttrue\tIt\\'s a \\\\ \"title\"\\twith\\nall\tann\t['bug']\tM\t50\t2024-10-04 01:00:00.000\t\\N\t90000\t\\N"
        ]
    );
    let gaps = format!(
        "SELECT gap_id, detector, is_open, age_seconds > 0, heal_seconds, html_url FROM {db}.gaps"
    );
    assert_eq!(
        rows(&client, &gaps).await,
        ["g\tclock\ttrue\t1\t\\N\thttps://github.com/acme/hammer/issues/5"]
    );
}

/// `value` of type `ty` as an expression for what a cell in memory holds.
fn as_cell(ty: Type, value: &str) -> String {
    match ty {
        Type::Bool => format!("toUInt8({value})"),
        Type::Day => format!("toUInt16({value})"),
        Type::Time => format!("toUnixTimestamp64Milli({value})"),
        Type::Nullable(of) => as_cell(*of, value),
        Type::Array(of) => format!("arrayMap(it -> {}, {value})", as_cell(*of, "it")),
        Type::Map => format!(
            "arrayFlatten(arrayMap((name, it) -> [toString(name), it], mapKeys({value}), mapValues({value})))"
        ),
        _ => value.to_owned(),
    }
}

fn json(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => number.into(),
        Cell::Unsigned(number) => number.into(),
        Cell::Bytes(bytes) => String::from_utf8(bytes).unwrap().into(),
        Cell::List(cells) => cells.into_iter().map(json).collect(),
    }
}

#[tokio::test]
async fn every_value_is_stored_as_it_was_made() {
    let Some((options, clickhouse, memory)) = stores().await else {
        return;
    };
    let mut facts = history();
    let mut bare = event("bare", None);
    bare.action = None;
    bare.owner = None;
    bare.repository_id = None;
    bare.headers.clear();
    bare.payload.clear();
    let mut full = event("full", Some(at(2, 1)));
    full.headers
        .insert("x-github-event".into(), "\u{e9}".into());
    full.payload = vec![b'x'; 3 << 20];
    let next = facts.len() as i64;
    facts.extend([(next, Fact::Event(bare)), (next + 1, Fact::Event(full))]);
    let steps = steps(&facts);
    execute(&clickhouse, &steps).await;
    execute(&memory, &steps).await;
    for table in TABLES {
        let columns: Vec<Column> = table.sent().collect();
        let values = columns
            .iter()
            .map(|it| as_cell(it.ty, &format!("t.`{}`", it.name)));
        let sql = format!(
            "SELECT {} FROM {}_1.{} AS t FINAL ORDER BY {} SETTINGS output_format_json_quote_64bit_integers = 0",
            values.collect::<Vec<_>>().join(", "),
            options.database,
            table.name,
            table.key.join(", ")
        );
        let found = rows_as(&options.client(), &sql, "JSONCompactEachRow").await;
        let found: Vec<Vec<Value>> = found
            .iter()
            .map(|row| serde_json::from_str(row).unwrap())
            .collect();
        let expected = memory.rows(table);
        assert_eq!(found.len(), expected.len(), "{}", table.name);
        for (found, mut expected) in found.into_iter().zip(expected) {
            for (column, found) in columns.iter().zip(found) {
                let is_same = found == json(expected.remove(column.name).unwrap());
                assert!(is_same, "{}.{}", table.name, column.name);
            }
        }
    }
}
