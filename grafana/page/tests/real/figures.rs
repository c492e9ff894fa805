//! Every panel's and every variable's query, asked through the page's own routes.

use crate::store::Store;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use gapless_page::dashboard::{VariableKind, View};
use gapless_page::variables::LISTED_AT_MOST;
use gapless_page::{Library, PageOptions, page_router};
use serde_json::Value;
use tower::ServiceExt as _;

fn page(store: Option<&Store>) -> Option<Router> {
    let store = store?;
    let options = PageOptions {
        store: store.reader(),
        status: None,
        clock: None,
    };
    let page = page_router(options).expect("the dashboards are allowed");
    Some(page)
}

async fn get(page: &Router, path: &str) -> (StatusCode, Value) {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let response = page.clone().oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 24)
        .await
        .expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn rows(page: &Router, uid: &str, id: u32, query: &str) -> Vec<Vec<Value>> {
    let path = format!("/api/dashboards/{uid}/panels/{id}/data?{query}");
    let (status, body) = get(page, &path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    serde_json::from_value(body["rows"].clone()).expect("rows")
}

/// The one figure of a panel.
async fn figure(page: &Router, uid: &str, id: u32, query: &str) -> f64 {
    rows(page, uid, id, query).await[0][0]
        .as_f64()
        .unwrap_or(f64::NAN)
}

/// Selections that each query must bear: none, several, values with quotes, commas and brackets.
const SELECTIONS: [&str; 4] = [
    "",
    "var-bots=1&var-bucket=month&var-organisation=acme",
    "var-bucket=quarter&var-repository=acme/api&var-repository=acme-labs/o%27brien&var-repository=acme/web",
    "var-bucket=day&var-author=o%27brien&var-author=ada",
];

#[tokio::test]
async fn every_query_answers_and_none_is_empty() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    let library = Library::load().expect("the dashboards are allowed");
    for dashboard in library.dashboards() {
        let uid = &dashboard.uid;
        for (at, selection) in SELECTIONS.iter().enumerate() {
            let (status, chosen) = get(
                &page,
                &format!("/api/dashboards/{uid}/variables?{selection}"),
            )
            .await;
            assert_eq!(status, StatusCode::OK, "{uid} {selection}: {chosen}");
            let asked = dashboard.templating.list.iter();
            for variable in asked.filter(|one| one.kind != VariableKind::Datasource) {
                let resolved = chosen["variables"].as_array().expect("variables");
                let resolved = resolved
                    .iter()
                    .find(|one| one["name"] == variable.name.as_str());
                let options = resolved
                    .and_then(|one| one["options"].as_array())
                    .expect("options");
                assert!(
                    !options.is_empty(),
                    "{uid}: {} lists nothing",
                    variable.name
                );
                let dropped = resolved
                    .and_then(|one| one["dropped"].as_array())
                    .expect("dropped");
                assert!(dropped.is_empty(), "{uid} {selection}: {dropped:?} dropped");
            }
            for panel in dashboard.all_panels().filter(|panel| panel.view.asks()) {
                let rows = rows(&page, uid, panel.id, selection).await;
                // With few authors or one small repository, a list may rightly be empty.
                let must_have_rows = at < 3 || matches!(panel.view, View::Stat(_));
                let (id, title) = (panel.id, &panel.title);
                assert!(
                    !must_have_rows || !rows.is_empty(),
                    "{uid} {id} {title}: no rows"
                );
                let is_known = rows.iter().flatten().any(|value| !value.is_null());
                assert!(at >= 3 || is_known, "{uid} {id} {title}: only nulls");
            }
        }
    }
}

#[tokio::test]
async fn without_any_row_every_query_answers_and_no_count_is_made_up() {
    let Some(page) = page(crate::empty().await) else {
        return;
    };
    let library = Library::load().expect("the dashboards are allowed");
    for dashboard in library.dashboards() {
        for panel in dashboard.all_panels().filter(|panel| panel.view.asks()) {
            rows(&page, &dashboard.uid, panel.id, "").await;
        }
    }
    assert!(
        figure(&page, "gapless-overview", 2, "").await.is_nan(),
        "no day covered is not 100 %"
    );
    assert!(
        figure(&page, "gapless-overview", 14, "").await.is_nan(),
        "none closed is no rate"
    );
    assert!((figure(&page, "gapless-overview", 10, "").await).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_stat_equals_the_sum_of_its_chart_and_the_parts_the_whole() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    for bucket in ["day", "week"] {
        let query = format!("var-bucket={bucket}");
        let chart = rows(&page, "gapless-overview", 20, &query).await;
        for (column, stat) in [(1, 10), (2, 11), (3, 12)] {
            let sum: f64 = chart.iter().filter_map(|row| row[column].as_f64()).sum();
            let stat = figure(&page, "gapless-overview", stat, &query).await;
            assert!(
                sum > 100.0 && (sum - stat).abs() < 0.5,
                "{bucket} {column}: {sum}, {stat}"
            );
        }
        let open = rows(&page, "gapless-overview", 22, &query).await;
        let last = open
            .last()
            .and_then(|row| row[1].as_f64())
            .expect("a last day");
        assert!((figure(&page, "gapless-overview", 13, &query).await - last).abs() < 0.5);
    }
    let bots = figure(&page, "gapless-overview", 10, "var-bots=1").await;
    let people = figure(&page, "gapless-overview", 10, "var-bots=0").await;
    assert!(people < bots, "{people} of {bots}");
    let all = figure(&page, "gapless-overview", 10, "").await;
    let (_, chosen) = get(&page, "/api/dashboards/gapless-overview/variables").await;
    let repositories = chosen["variables"][1]["options"]
        .as_array()
        .expect("options")
        .clone();
    let mut sum = 0.0;
    for repository in repositories {
        let name = repository["value"]
            .as_str()
            .expect("a name")
            .replace('\'', "%27");
        sum += figure(
            &page,
            "gapless-overview",
            10,
            &format!("var-repository={name}"),
        )
        .await;
    }
    assert!((sum - all).abs() < 0.5, "{sum} of {all}");
}

#[tokio::test]
async fn gaps_are_counted_by_whole_days_whatever_the_hours_of_the_range() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    let mut counted = 0.0;
    for day in 10..30 {
        let at = format!("now-{day}d/d%2B12h");
        // From noon to noon: an end is rounded up before its hours are added.
        let query = format!("from={at}&to={at}&var-bucket=day");
        let mut opened = Vec::new();
        for (chart, stat) in [(21, 12), (22, 13)] {
            let chart = rows(&page, "gapless-completeness", chart, &query).await;
            let sum: f64 = chart
                .iter()
                .flat_map(|row| &row[1..])
                .filter_map(Value::as_f64)
                .sum();
            let stat = figure(&page, "gapless-completeness", stat, &query).await;
            assert!((sum - stat).abs() < 0.5, "{day} days ago: {sum}, {stat}");
            opened.push(stat);
        }
        let bars = rows(&page, "gapless-completeness", 26, &query).await;
        let sum: f64 = bars
            .iter()
            .flat_map(|row| &row[1..])
            .filter_map(Value::as_f64)
            .sum();
        assert!(
            (sum - opened[0]).abs() < 0.5,
            "{day} days ago: {sum} in bars"
        );
        let healed = figure(&page, "gapless-completeness", 14, &query).await;
        assert_eq!(healed.is_nan(), opened[1] < 0.5, "{day} days ago");
        counted += opened[0];
    }
    assert!(counted > 10.0, "{counted}");
}

#[tokio::test]
async fn a_list_is_as_long_as_the_figure_that_counts_it() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    for (uid, stat, table) in [
        ("gapless-overview", 13, ("gapless-pull-requests", 30)),
        ("gapless-issues", 13, ("gapless-issues", 30)),
    ] {
        let count = figure(&page, uid, stat, "").await;
        let list = rows(&page, table.0, table.1, "").await;
        let total = list[0]
            .last()
            .and_then(Value::as_f64)
            .expect("the list's length");
        assert!(
            (total - count).abs() < 0.5,
            "{uid}: {count} counted, {total} listed"
        );
        assert!(list.len() <= 200);
    }
}

#[tokio::test]
async fn the_oldest_open_ones_are_those_whose_wait_the_charts_count() {
    let Some(odd) = page(crate::odd().await) else {
        return;
    };
    let query = "var-organisation=turns";
    for (uid, days) in [
        (
            "gapless-pull-requests",
            [Some(200), Some(20), None].as_slice(),
        ),
        ("gapless-issues", &[Some(20)]),
    ] {
        let list = rows(&odd, uid, 30, query).await;
        let waits = list
            .iter()
            .map(|row| row[5].as_i64().map(|seconds| seconds / 86_400));
        assert_eq!(waits.collect::<Vec<_>>(), days, "{uid}");
    }
    // All that wait 30 days and longer are listed with such a wait, and no others.
    let filled = page(crate::filled().await).expect("an engine");
    for (uid, chart, column) in [("gapless-pull-requests", 22, 2), ("gapless-issues", 23, 1)] {
        for repository in [
            "acme-labs/benchmarks",
            "acme-labs/experiments",
            "acme/auth",
            "acme/docs",
        ] {
            let query = format!("var-bots=1&var-repository={repository}");
            let list = rows(&filled, uid, 30, &query).await;
            let long = list.iter().filter_map(|row| row[5].as_i64());
            let listed = long.filter(|seconds| *seconds >= 30 * 86_400).count();
            let lines = rows(&filled, uid, chart, &query).await;
            let last = lines
                .last()
                .and_then(|row| row[column].as_u64())
                .unwrap_or(0);
            assert!(list.len() < 200, "{uid} {repository}: all are listed");
            assert_eq!(listed as u64, last, "{uid} {repository}");
        }
    }
}

#[tokio::test]
async fn a_range_shorter_than_its_bucket_shows_what_its_figures_count() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    for (range, bucket) in [
        ("now-7d", "month"),
        ("now-20d", "quarter"),
        ("now-2d", "week"),
    ] {
        let query = format!("from={range}&var-bucket={bucket}");
        for (uid, chart, column, stat) in [
            ("gapless-overview", 20, 1, 10),
            ("gapless-overview", 20, 2, 11),
            ("gapless-issues", 20, 1, 10),
            ("gapless-completeness", 21, 1, 12),
        ] {
            let chart = rows(&page, uid, chart, &query).await;
            let columns = if uid == "gapless-completeness" {
                1..7
            } else {
                column..column + 1
            };
            let sum: f64 = chart
                .iter()
                .flat_map(|row| &row[columns.clone()])
                .filter_map(Value::as_f64)
                .sum();
            let stat = figure(&page, uid, stat, &query).await;
            assert!(stat > 0.0 || uid == "gapless-completeness", "{uid} {query}");
            assert!((sum - stat).abs() < 0.5, "{uid} {query}: {sum}, {stat}");
        }
    }
}

#[tokio::test]
async fn what_holds_as_of_a_day_is_told_of_days_that_something_is_known_about() {
    let Some(store) = crate::filled().await else {
        return;
    };
    let page = page(Some(store)).expect("a page");
    let query = "from=now-3y&to=now%2B60d&var-bucket=day";
    let covered = rows(&page, "gapless-overview", 25, query).await;
    let ends = [&covered[0][0], &covered[covered.len() - 1][0]];
    for (uid, chart) in [
        ("gapless-overview", 22),
        ("gapless-pull-requests", 22),
        ("gapless-issues", 22),
        ("gapless-issues", 23),
        ("gapless-completeness", 23),
    ] {
        let lines = rows(&page, uid, chart, query).await;
        assert_eq!(
            [&lines[0][0], &lines[lines.len() - 1][0]],
            ends,
            "{uid} {chart}"
        );
        assert_eq!(lines.len(), covered.len(), "{uid} {chart}: a day each");
    }
}

#[tokio::test]
async fn a_bot_that_is_chosen_as_author_is_counted() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    let bot = "var-author=dependabot[bot]";
    for (uid, stat) in [
        ("gapless-overview", 10),
        ("gapless-overview", 13),
        ("gapless-issues", 10),
    ] {
        let without = figure(&page, uid, stat, &format!("{bot}&var-bots=0")).await;
        let with = figure(&page, uid, stat, &format!("{bot}&var-bots=1")).await;
        assert!(
            without > 0.0 && (with - without).abs() < 0.5,
            "{uid}: {without}, {with}"
        );
        // A person chosen beside it brings no other bot.
        let two = figure(
            &page,
            uid,
            stat,
            &format!("{bot}&var-author=ada&var-bots=0"),
        )
        .await;
        let ada = figure(&page, uid, stat, "var-author=ada&var-bots=0").await;
        assert!(
            (two - ada - with).abs() < 0.5,
            "{uid}: {two} of {ada} and {with}"
        );
    }
}

#[tokio::test]
async fn the_pages_own_time_is_now_everywhere() {
    let Some(store) = crate::filled().await else {
        return;
    };
    let then = crate::store::now().plus_seconds(-100 * 86_400).as_millis();
    let options = PageOptions {
        store: store.reader(),
        status: None,
        clock: Some(std::sync::Arc::new(move || then)),
    };
    let page = page_router(options).expect("the dashboards are allowed");
    let (_, chosen) = get(&page, "/api/dashboards/gapless-overview/variables").await;
    assert_eq!(chosen["now_millis"], then);
    assert_eq!(chosen["to_millis"], then);
    let days = rows(&page, "gapless-pull-requests", 22, "to=now%2B1y").await;
    let last = days.last().and_then(|row| row[0].as_i64()).expect("a day");
    assert_eq!(
        last,
        then - then % 86_400_000,
        "nothing is told of days to come"
    );
    let oldest = rows(&page, "gapless-completeness", 15, "").await;
    let age = oldest[0][1].as_i64().expect("an open gap");
    assert!(age < 86_400, "a gap of days to come is new: {age}");
}

#[tokio::test]
async fn those_merged_without_approval_are_as_many_as_the_figures_count() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    let chart = rows(&page, "gapless-pull-requests", 21, "").await;
    let of = |column: usize| -> f64 { chart.iter().filter_map(|row| row[column].as_f64()).sum() };
    let list = rows(&page, "gapless-pull-requests", 35, "").await;
    let total = list[0].last().and_then(Value::as_f64).expect("a total");
    assert!(
        (total - of(2)).abs() < 0.5,
        "{total} listed, {} counted",
        of(2)
    );
    let merged = figure(&page, "gapless-overview", 11, "").await;
    assert!(
        (of(1) + of(2) - merged).abs() < 0.5,
        "the bars are all that was merged"
    );
    for id in [28, 31] {
        let bars = rows(&page, "gapless-pull-requests", id, "").await;
        let sum: f64 = bars.iter().filter_map(|row| row[1].as_f64()).sum();
        assert!((sum - merged).abs() < 0.5, "{id}: {sum} of {merged}");
    }
    let open = figure(&page, "gapless-overview", 13, "").await;
    for id in [32, 33] {
        let bars = rows(&page, "gapless-pull-requests", id, "").await;
        let sum: f64 = bars.iter().filter_map(|row| row[1].as_f64()).sum();
        assert!((sum - open).abs() < 0.5, "{id}: {sum} of {open}");
    }
}

#[tokio::test]
async fn dependent_values_reset_and_what_is_not_listed_is_not_used() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    let variables = "/api/dashboards/gapless-overview/variables";
    let (_, chosen) = get(
        &page,
        &format!("{variables}?var-organisation=acme-labs&var-repository=acme/api"),
    )
    .await;
    assert_eq!(
        chosen["variables"][1]["selected"],
        serde_json::json!(["$__all"])
    );
    assert_eq!(
        chosen["variables"][1]["dropped"],
        serde_json::json!(["acme/api"])
    );
    let all = figure(&page, "gapless-overview", 10, "").await;
    for hostile in [
        "x%27%20OR%201%3D1",
        "a%5C",
        "%5C%27%20OR%201%3D1%20--",
        "$__all%27",
    ] {
        let query = format!("var-repository={hostile}");
        assert!(
            (figure(&page, "gapless-overview", 10, &query).await - all).abs() < 0.5,
            "{hostile}"
        );
    }
}

#[tokio::test]
async fn a_list_too_long_to_show_is_cut_and_what_it_lacks_can_be_named() {
    let Some(page) = page(crate::odd().await) else {
        return;
    };
    let query = "var-organisation=crowd";
    let variables = format!("/api/dashboards/gapless-overview/variables?{query}");
    let (status, chosen) = get(&page, &variables).await;
    assert_eq!(status, StatusCode::OK, "{chosen}");
    let authors = chosen["variables"][2]["options"]
        .as_array()
        .expect("options");
    assert_eq!(authors.len(), LISTED_AT_MOST);
    let ends = [&authors[0], &authors[LISTED_AT_MOST - 1]].map(|one| one["value"].clone());
    assert_eq!(ends, ["author-15000", "author-24999"], "the most active");
    let named = format!("{variables}&var-author=author-00007&var-author=nobody");
    let (_, chosen) = get(&page, &named).await;
    let author = &chosen["variables"][2];
    assert_eq!(author["selected"], serde_json::json!(["author-00007"]));
    assert_eq!(author["dropped"], serde_json::json!(["nobody"]));
    for (author, opened) in [
        ("", 25_000.0 * 25_001.0 / 2.0),
        ("author-24999", 25_000.0),
        ("author-00007", 8.0),
        ("x%27%29%20OR%20%281%3D1", 25_000.0 * 25_001.0 / 2.0),
    ] {
        let query = format!("{query}&var-author={author}");
        let found = figure(&page, "gapless-overview", 10, &query).await;
        assert!((found - opened).abs() < 0.5, "{author}: {found}");
    }
}

#[tokio::test]
async fn the_merge_rate_counts_each_pull_request_once_by_its_outcome() {
    let Some(page) = page(crate::odd().await) else {
        return;
    };
    for (query, rate) in [
        ("", 1.0 / 2.0),
        ("var-bots=1", 2.0 / 3.0),
        ("from=now-1d/d", 0.0),
        ("from=now-40d&to=now-30d", f64::NAN),
    ] {
        let asked = format!("var-organisation=twice&{query}");
        let found = figure(&page, "gapless-overview", 14, &asked).await;
        let is_it = (found - rate).abs() < 1e-9 || found.is_nan() && rate.is_nan();
        assert!(is_it, "{query}: {found}");
    }
}

#[tokio::test]
async fn events_are_counted_under_the_name_that_their_repository_has_now() {
    let Some(page) = page(crate::odd().await) else {
        return;
    };
    for (query, webhooks, newest_hours) in [
        ("", 3.0, 1.0),
        ("var-organisation=renamed", 2.0, 2.0),
        ("var-repository=renamed/new", 2.0, 2.0),
        ("var-organisation=twice", 0.0, f64::NAN),
    ] {
        let chart = rows(
            &page,
            "gapless-completeness",
            25,
            &format!("{query}&var-bucket=day"),
        )
        .await;
        let sum: f64 = chart.iter().filter_map(|row| row[1].as_f64()).sum();
        assert!((sum - webhooks).abs() < 0.5, "{query}: {sum}");
        let fresh = rows(
            &page,
            "gapless-completeness",
            24,
            &format!("{query}&from=now-1d"),
        )
        .await;
        assert_eq!(fresh.len() as f64, webhooks, "{query}: {fresh:?}");
        for dashboard in Library::load().expect("the dashboards").dashboards() {
            let age = figure(&page, &dashboard.uid, 4, query).await / 3600.0;
            let is_it = (age - newest_hours).abs() < 0.5 || age.is_nan() && newest_hours.is_nan();
            assert!(is_it, "{} {query}: {age}", dashboard.uid);
        }
    }
}

#[tokio::test]
async fn what_was_open_in_a_deleted_repository_is_open_no_more() {
    let Some(page) = page(crate::odd().await) else {
        return;
    };
    let query = "var-organisation=left";
    // What happened there happened.
    for (uid, opened) in [("gapless-overview", 10), ("gapless-issues", 10)] {
        assert!(
            (figure(&page, uid, opened, query).await - 2.0).abs() < 0.5,
            "{uid}"
        );
    }
    for (uid, stat) in [
        ("gapless-overview", 13),
        ("gapless-issues", 13),
        ("gapless-issues", 14),
    ] {
        let open = figure(&page, uid, stat, query).await;
        assert!((open - 1.0).abs() < 0.5, "{uid} {stat}: {open}");
    }
    for (uid, list) in [
        ("gapless-pull-requests", 30),
        ("gapless-issues", 30),
        ("gapless-issues", 31),
    ] {
        let list = rows(&page, uid, list, query).await;
        assert_eq!(list.len(), 1, "{uid}: {list:?}");
        assert_eq!(list[0][0], "left/here", "{uid}");
    }
    for (uid, line) in [
        ("gapless-overview", 22),
        ("gapless-pull-requests", 22),
        ("gapless-issues", 22),
        ("gapless-issues", 23),
    ] {
        let lines = rows(&page, uid, line, query).await;
        let most = lines
            .iter()
            .flat_map(|row| &row[1..])
            .filter_map(Value::as_f64);
        assert!((most.fold(0.0, f64::max) - 1.0).abs() < 0.5, "{uid} {line}");
    }
    let table = rows(&page, "gapless-overview", 30, query).await;
    let open: Vec<_> = table
        .iter()
        .map(|row| (&row[0], row[2].as_i64(), row[3].as_i64()))
        .collect();
    let gone = (&Value::from("left/gone"), Some(0), Some(0));
    let here = (&Value::from("left/here"), Some(1), Some(1));
    assert_eq!(open, [gone, here]);
    let labels = rows(&page, "gapless-issues", 25, query).await;
    assert_eq!(labels, [[Value::from("no label"), Value::from(1)]]);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_no_range_is_told_in_a_sentence() {
    let Some(page) = page(crate::empty().await) else {
        return;
    };
    for (path, status) in [
        ("/api/dashboards/nothing", StatusCode::NOT_FOUND),
        (
            "/api/dashboards/gapless-overview/panels/999/data",
            StatusCode::NOT_FOUND,
        ),
        (
            "/api/dashboards/gapless-overview/panels/1/data",
            StatusCode::NOT_FOUND,
        ),
        (
            "/api/dashboards/gapless-overview/variables?from=yesterday",
            StatusCode::BAD_REQUEST,
        ),
        (
            "/api/dashboards/gapless-overview/panels/10/data?from=now&to=now-1d",
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let (found, body) = get(&page, path).await;
        assert_eq!(found, status, "{path}");
        assert!(
            body["error"]
                .as_str()
                .is_some_and(|text| text.ends_with('.')),
            "{path}: {body}"
        );
    }
}
