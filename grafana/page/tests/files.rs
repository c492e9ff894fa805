//! The dashboards' files: what they may hold, and what each must say.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use gapless_page::dashboard::{Dashboard, VariableKind, View};
use gapless_page::variables::{LIST_BOUND, LISTED_AT_MOST};
use gapless_page::{Library, PageOptions, StoreOptions, page_router};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tower::ServiceExt as _;

fn library() -> Library {
    Library::load().expect("every file is allowed")
}

#[test]
fn every_file_is_allowed_and_its_uid_is_its_prefixed_name() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards");
    let names: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            // Others' dashboards share a Grafana's identifiers.
            format!("gapless-{name}")
        })
        .collect();
    let library = library();
    let uids: BTreeSet<String> = library
        .dashboards()
        .iter()
        .map(|one| one.uid.clone())
        .collect();
    assert_eq!(names, uids);
}

#[test]
fn each_description_names_the_cohort_date_and_each_query_is_wholly_allowed() {
    for dashboard in library().dashboards() {
        for panel in dashboard.all_panels().filter(|panel| panel.view.asks()) {
            let name = format!("{} {} {}", dashboard.uid, panel.id, panel.title);
            assert!(panel.description.starts_with("Cohort date: "), "{name}");
            assert!(!panel.title.is_empty(), "{name}");
            let target = &panel.targets[0];
            for wrong in [
                "--",
                "/*",
                "$__dateFilter",
                "$__timeFrom",
                "_ms(",
                "today()",
            ] {
                assert!(!target.raw_sql.contains(wrong), "{name}: {wrong}");
            }
            let is_series = matches!(panel.view, View::Timeseries(_) | View::StatusHistory(_));
            assert_eq!(u32::from(target.format), u32::from(!is_series), "{name}");
        }
    }
}

#[test]
fn what_is_said_and_asked_is_true_in_both_renderers() {
    for dashboard in library().dashboards() {
        assert!(dashboard.uid.starts_with("gapless-"), "{}", dashboard.uid);
        for panel in dashboard.all_panels().filter(|panel| panel.view.asks()) {
            let name = format!("{} {} {}", dashboard.uid, panel.id, panel.title);
            for of_the_page in ["lighter", "last line", "dashed", "hover"] {
                assert!(
                    !panel.description.contains(of_the_page),
                    "{name}: {of_the_page}"
                );
            }
            // The page has a time of its own: no other form of now, and no column of a view's.
            let sql = panel.targets[0]
                .raw_sql
                .replace("now64(3, 'UTC')", "")
                .replace("now('UTC')", "");
            for clock in ["now(", "now64(", "age_seconds", "open_seconds"] {
                assert!(!sql.contains(clock), "{name}: {clock}");
            }
            if !matches!(panel.view, View::Timeseries(_)) {
                continue;
            }
            // Grafana draws bars that are not stacked over each other.
            let config = serde_json::to_value(&panel.field_config).expect("JSON");
            let custom = &config["defaults"]["custom"];
            let lines = config["overrides"]
                .as_array()
                .expect("overrides")
                .iter()
                .filter(|one| {
                    let properties = one["properties"].as_array().expect("properties");
                    properties.contains(&json!({"id": "custom.drawStyle", "value": "line"}))
                });
            let bars = config["overrides"].as_array().map_or(0, Vec::len) - lines.count();
            let is_stacked = custom["stacking"]["mode"] == "normal";
            assert!(
                custom["drawStyle"] != "bars" || bars < 2 || is_stacked,
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn an_address_of_before_names_were_prefixed_leads_to_the_same_figures() {
    let store = StoreOptions::new("http://127.0.0.1:9", "reader", "", "gapless");
    let page = page_router(PageOptions {
        store,
        status: None,
        clock: None,
    })
    .expect("a page");
    for (path, leads_to) in [
        ("/d/issues", "/d/gapless-issues"),
        (
            "/d/overview?from=now-7d&var-bots=1",
            "/d/gapless-overview?from=now-7d&var-bots=1",
        ),
    ] {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = page.clone().oneshot(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT, "{path}");
        assert_eq!(answer.headers()[header::LOCATION], leads_to);
    }
}

#[test]
fn the_head_is_the_same_everywhere() {
    for dashboard in library().dashboards() {
        let titles: Vec<&str> = dashboard.panels[1..4]
            .iter()
            .map(|one| one.title.as_str())
            .collect();
        assert_eq!(
            titles,
            ["Completeness", "Open gaps", "Newest data"],
            "{}",
            dashboard.uid
        );
        let ids: Vec<u32> = dashboard.panels[..4].iter().map(|one| one.id).collect();
        assert_eq!(ids, [1, 2, 3, 4], "{}", dashboard.uid);
        let names: Vec<&str> = dashboard
            .templating
            .list
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "datasource",
                "organisation",
                "repository",
                "author",
                "bucket",
                "bots"
            ],
            "{}",
            dashboard.uid
        );
    }
}

#[test]
fn a_query_variable_tells_grafana_its_query_twice_alike() {
    for dashboard in library().dashboards() {
        let asked = dashboard.templating.list.iter();
        for variable in asked.filter(|one| one.kind == VariableKind::Query) {
            assert_eq!(
                variable.sql(),
                variable.definition.as_deref(),
                "{}",
                variable.name
            );
        }
    }
}

#[test]
fn every_list_of_a_variable_is_bounded() {
    assert_eq!(LIST_BOUND, format!(" LIMIT {LISTED_AT_MOST}"));
    for dashboard in library().dashboards() {
        for variable in &dashboard.templating.list {
            let Some(sql) = variable.sql() else { continue };
            let (uid, name) = (&dashboard.uid, &variable.name);
            assert_eq!(sql.matches(LIST_BOUND).count(), 1, "{uid} {name}");
            assert_eq!(sql.matches("LIMIT").count(), 1, "{uid} {name}");
        }
    }
}

#[test]
fn panels_do_not_overlap_and_fill_their_rows() {
    for dashboard in library().dashboards() {
        let mut cells = BTreeSet::new();
        for panel in &dashboard.panels {
            let at = panel.grid;
            for cell in (at.y..at.y + at.h).flat_map(|y| (at.x..at.x + at.w).map(move |x| (x, y))) {
                assert!(
                    cells.insert(cell),
                    "{} {} overlaps",
                    dashboard.uid,
                    panel.id
                );
            }
        }
        let rows = cells.iter().map(|(_, y)| y + 1).max().unwrap_or(0);
        assert_eq!(
            cells.len() as u32,
            24 * rows,
            "{}: a hole in the grid",
            dashboard.uid
        );
    }
}

/// The overview's file with one change.
fn changed(change: fn(&mut Value)) -> Result<Dashboard, String> {
    let text = include_str!("../../dashboards/overview.json");
    let mut file: Value = serde_json::from_str(text).expect("JSON");
    change(&mut file);
    Dashboard::parse("changed.json", &file.to_string()).map_err(|error| error.to_string())
}

#[test]
fn what_the_page_would_not_draw_is_refused() {
    assert!(changed(|_| {}).is_ok());
    let changes: [fn(&mut Value); 14] = [
        |file| file["annotations"] = json!({"list": []}),
        |file| file["panels"][1]["timeShift"] = json!("1d"),
        |file| file["panels"][1]["repeat"] = json!("repository"),
        |file| file["panels"][1]["transformations"] = json!([]),
        |file| file["panels"][1]["type"] = json!("piechart"),
        |file| file["panels"][1]["options"]["graphMode"] = json!("area"),
        |file| file["panels"][1]["options"]["reduceOptions"]["calcs"] = json!(["mean"]),
        |file| file["panels"][1]["fieldConfig"]["defaults"]["unit"] = json!("h"),
        |file| file["panels"][1]["fieldConfig"]["defaults"]["noValue"] = json!("0"),
        |file| {
            file["panels"][1]["fieldConfig"]["defaults"]["color"] =
                json!({"mode": "palette-classic"})
        },
        |file| file["panels"][1]["targets"][0]["format"] = json!(256),
        |file| file["panels"][1]["pluginVersion"] = json!(""),
        |file| file["panels"][2]["id"] = file["panels"][1]["id"].clone(),
        |file| file["templating"]["list"][1]["regex"] = json!("/a/"),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert!(changed(change).is_err(), "change {at} was allowed");
    }
}

#[tokio::test]
async fn a_browser_gets_no_statement_and_may_do_no_more_than_the_page_needs() {
    let store = StoreOptions::new("http://127.0.0.1:9", "reader", "", "gapless");
    let page = page_router(PageOptions {
        store,
        status: None,
        clock: None,
    })
    .expect("a page");
    let get = async |path: &str, tag: Option<&str>| {
        let mut request = Request::get(path);
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let request = request.body(Body::empty()).expect("a request");
        page.clone().oneshot(request).await.expect("an answer")
    };
    for path in [
        "/d/gapless-overview",
        "/api/dashboards/gapless-overview",
        "/assets/app.js",
    ] {
        let response = get(path, None).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("ascii");
        assert!(
            policy.contains("script-src 'self';") && !policy.contains("eval"),
            "{policy}"
        );
        let tag = response
            .headers()
            .get(header::ETAG)
            .map(|tag| tag.to_str().expect("ascii").to_owned());
        let body = axum::body::to_bytes(response.into_body(), 1 << 22)
            .await
            .expect("a body");
        assert!(
            !String::from_utf8_lossy(&body).contains("SELECT "),
            "{path}"
        );
        if let Some(tag) = tag {
            assert_eq!(
                get(path, Some(&tag)).await.status(),
                StatusCode::NOT_MODIFIED,
                "{path}"
            );
        }
    }
    assert_eq!(
        get("/", None).await.headers()[header::LOCATION],
        "/d/gapless-overview"
    );
    assert_eq!(
        get("/assets/../Cargo.toml", None).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        get("/api/status", None).await.status(),
        StatusCode::NO_CONTENT
    );
    let answer = get("/api/dashboards/gapless-overview/panels/10/data", None).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}
