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

pub(crate) fn page(store: Option<&Store>) -> Option<Router> {
    let store = store?;
    let options = PageOptions {
        store: store.reader(),
        status: None,
        clock: None,
    };
    let page = page_router(options).expect("the dashboards are allowed");
    Some(page)
}

pub(crate) async fn get(page: &Router, path: &str) -> (StatusCode, Value) {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let response = page.clone().oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 24)
        .await
        .expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

pub(crate) async fn rows(page: &Router, uid: &str, id: u32, query: &str) -> Vec<Vec<Value>> {
    let path = format!("/api/dashboards/{uid}/panels/{id}/data?{query}");
    let (status, body) = get(page, &path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    serde_json::from_value(body["rows"].clone()).expect("rows")
}

/// The one figure of a panel.
pub(crate) async fn figure(page: &Router, uid: &str, id: u32, query: &str) -> f64 {
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
