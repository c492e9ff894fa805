//! The alert rules of `grafana/provisioning/alerting` on the real engine and our tables: quiet
//! where nothing is wrong, over half a year of organisations of every pace, and firing where
//! something is.

mod organisation;
mod replay;

use gapless_embedded::{Credentials, Embedded};
use gapless_projections::sink::{ClickHouseOptions, prepare};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The program of every part that these tests start: see `PartCommand::this_test`.
#[test]
fn embedded_part() {
    gapless_embedded::become_part_if_asked();
}

/// An embedded ClickHouse with our tables, and its folder. None where there is no engine, which is
/// said on stderr.
async fn started() -> Option<(Embedded, tempfile::TempDir)> {
    let data = tempfile::tempdir().expect("a folder");
    let embedded = Embedded::start_in_test(data.path()).await?;
    let writer = embedded.clickhouse_writer().clone();
    let tables = ClickHouseOptions {
        url: embedded.clickhouse_url(),
        user: writer.user.clone(),
        password: writer.password.clone(),
        database: "gapless".to_owned(),
    };
    prepare(&tables, 1).await.expect("the tables are made");
    Some((embedded, data))
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_quiet_without_data_and_fire_on_what_they_are_about() {
    let Some((embedded, _data)) = started().await else {
        return;
    };
    let writer = embedded.clickhouse_writer().clone();
    for (statements, expected) in STEPS {
        for statement in *statements {
            ask(&embedded, &writer, statement).await;
        }
        let found = firing(&embedded).await;
        assert_eq!(found, *expected, "after {statements:?}");
    }
    embedded.stop().await;
}

#[test]
fn each_rule_fires_in_some_step() {
    let fires: BTreeSet<&str> = STEPS.iter().flat_map(|step| step.1).copied().collect();
    let rules = rules();
    let all: BTreeSet<&str> = rules.keys().map(String::as_str).collect();
    assert_eq!(fires, all);
}

/// As GitHub makes the anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let kept: String = heading.to_lowercase().chars().filter(kept).collect();
    kept.replace(' ', "-")
}

#[test]
fn each_rule_links_its_steps_and_a_panel_that_exists() {
    for (uid, rule) in alerts() {
        let annotations = &rule["annotations"];
        let heading = format!(
            "{} ({})",
            text(&rule["title"]),
            text(&rule["labels"]["severity"])
        );
        let runbook = format!("$GAPLESS_DOCS_URL/alerts.md#{}", anchor(&heading));
        assert_eq!(annotations["runbook_url"], runbook.as_str(), "{uid}");
        // The panel of the rule's page at Grafana, and of what a contact point sends.
        let (dashboard, panel) = (text(&rule["dashboardUid"]), &rule["panelId"]);
        assert_eq!(annotations["__dashboardUid__"], dashboard.as_str(), "{uid}");
        assert_eq!(annotations["__panelId__"], panel.to_string(), "{uid}");
        let file = dashboard.trim_start_matches("gapless-");
        let file: Value =
            serde_json::from_str(&read(&format!("grafana/dashboards/{file}.json"))).expect("JSON");
        assert_eq!(file["uid"], dashboard.as_str(), "{uid}");
        let mut panels = file["panels"].as_array().expect("panels").iter();
        assert!(
            panels.any(|one| one["id"] == *panel),
            "{uid}: panel {panel}"
        );
    }
}

#[test]
fn the_example_of_contact_points_tells_somebody_of_every_severity() {
    let example = read("grafana/provisioning/alerting/contact-points.yaml.example");
    let example: Value = serde_saphyr::from_str(&example).expect("the example is YAML");
    let points = example["contactPoints"].as_array().expect("contact points");
    let points: BTreeSet<&str> = points
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    let [policy] = example["policies"].as_array().expect("policies").as_slice() else {
        panic!("Grafana has one policy tree");
    };
    let routes = policy["routes"].as_array().expect("routes");
    for receiver in routes
        .iter()
        .chain([policy])
        .map(|one| text(&one["receiver"]))
    {
        assert!(
            points.contains(receiver.as_str()),
            "{receiver} is no contact point"
        );
    }
    for (uid, rule) in alerts() {
        let severity = serde_json::json!(["severity", "=", rule["labels"]["severity"]]);
        let told = routes.iter().filter(|route| {
            let matchers = route["object_matchers"].as_array().expect("matchers");
            matchers.contains(&severity)
        });
        assert_eq!(told.count(), 1, "{uid}");
    }
}

#[test]
fn each_rule_has_a_heading_in_the_documentation_and_each_metric_there_exists() {
    let documentation = read("docs/alerts.md");
    for (uid, rule) in alerts() {
        let (title, severity) = (text(&rule["title"]), text(&rule["labels"]["severity"]));
        let heading = format!("## {title} ({severity})");
        let has_it = documentation.lines().any(|line| line == heading);
        assert!(has_it, "{uid}: {heading}");
    }
    let sources = [
        "src/system/roles.rs",
        "processors/engine/src/kafka/counts.rs",
        "ingest/src/fetch/metrics.rs",
        "ingest/src/webhook/metrics.rs",
    ];
    let sources = sources.map(read).concat();
    let words = documentation.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    for metric in words.filter(|word| word.starts_with("gapless_")) {
        // A counter's samples end in `_total`, which its name does not.
        let name = format!("\"{}\"", metric.trim_end_matches("_total"));
        assert!(sources.contains(&name), "{metric}");
    }
}

/// What is written, and which rules fire then, by uid: each step adds to the ones before.
const STEPS: &[(&[&str], &[&str])] = &[
    (&[], &[]),
    // A webhook each five minutes, in these hours of each of the last four weeks, and none since.
    (
        &[
            "INSERT INTO gapless_1.events (event_id, source, kind, host, repository_id, version, \
           received_at, stored_at) SELECT 'week' || hex(number), 'webhook', 'push', 'github.com', 1, \
           1, now64(3) - 604800 * (1 + number % 4) - 7000 + 300 * intDiv(number, 4) AS at, at \
           FROM numbers(124)",
        ],
        &[],
    ),
    // The same today, until 40 minutes ago.
    (
        &[
            "INSERT INTO gapless_1.events (event_id, source, kind, host, repository_id, version, \
           received_at, stored_at) SELECT 'today' || hex(number), 'webhook', 'push', 'github.com', 1, \
           1, now64(3) - 2400 - 300 * number AS at, at FROM numbers(16)",
        ],
        &["gapless-quiet"],
    ),
    // Pull requests and issues that are as new in their tables as webhooks told, and more that were
    // deleted; of yesterday's numbers, one in a thousand is missing.
    (
        &[
            "INSERT INTO gapless_1.events (event_id, source, kind, action, host, repository_id, \
             number, version, occurred_at, received_at, stored_at) SELECT 'item' || hex(number), \
             'webhook', if(number % 2 = 0, 'issues', 'pull_request'), \
             if(number >= 8, 'deleted', 'edited'), 'github.com', 1, number, 1, \
             now64(3) - 301, now64(3) - 300 AS at, at + 1 FROM numbers(20)",
            "INSERT INTO gapless_1.issues (host, repository_id, number, version, updated_at) \
             SELECT 'github.com', 1, number, 1, now64(3) - 299 FROM VALUES( \
             'number Int64', 0, 2, 4, 6)",
            "INSERT INTO gapless_1.pull_requests (host, repository_id, number, version, updated_at) \
             SELECT 'github.com', 1, number, 1, now64(3) - 200 FROM VALUES( \
             'number Int64', 1, 3, 5, 7)",
            "INSERT INTO gapless_1.numbers_daily (host, repository_id, day, version, existing, \
             accounted) SELECT 'github.com', 2, toDate(now('UTC')) - 1, 1, 1000, 999",
        ],
        &[],
    ),
    // Of another repository's, half are.
    (
        &[
            "INSERT INTO gapless_1.numbers_daily (host, repository_id, day, version, existing, \
           accounted) SELECT 'github.com', 1, toDate(now('UTC')) - 1, 1, 10, 5",
        ],
        &["gapless-incomplete"],
    ),
    // Webhooks told of later changes of four of them, and of five new ones: no row tells of these.
    (
        &[
            "INSERT INTO gapless_1.events (event_id, source, kind, action, host, repository_id, \
           number, version, occurred_at, received_at, stored_at) SELECT 'late' || hex(number), \
           'webhook', 'issues', 'edited', 'github.com', 1, \
           if(number < 4, number * 2, number * 100), 1, \
           now64(3) - 181, now64(3) - 180 AS at, at + 1 FROM numbers(9)",
        ],
        &["gapless-incomplete", "gapless-standstill"],
    ),
    (
        &[
            // 400 events that took eleven minutes to become rows.
            "INSERT INTO gapless_1.events (event_id, source, kind, host, repository_id, version, \
             received_at, stored_at) SELECT hex(number), 'webhook', 'issues', 'github.com', 1, \
             number, now64(3) - 720, now64(3) - 60 FROM numbers(400)",
            // A gap that nobody healed for two days, and 101 dead letters of this hour.
            "INSERT INTO gapless_1.gaps (host, repository_id, gap_id, version, detector, evidence, \
             since, opened_at, is_open) SELECT 'github.com', 1, 'old', 1, 'head_chain', 'e', \
             now64(3) - 200000, now64(3) - 172800, true",
            "INSERT INTO gapless_1.gaps (host, repository_id, gap_id, version, detector, evidence, \
             since, opened_at) SELECT 'github.com', 1, toString(number), 1, 'dead_letter', 'e', \
             now64(3) - 60, now64(3) - 60 FROM numbers(101)",
        ],
        &[
            "gapless-dead-letters",
            "gapless-incomplete",
            "gapless-many-dead-letters",
            "gapless-many-gaps",
            "gapless-old-gap",
            "gapless-stale",
            "gapless-standstill",
        ],
    ),
];

/// The rules whose threshold is passed, by uid, each asked as Grafana asks: by the reader.
async fn firing(embedded: &Embedded) -> Vec<String> {
    let mut firing = Vec::new();
    for (uid, (sql, limit)) in rules() {
        let reader = embedded.clickhouse_reader();
        let answer = ask(embedded, reader, &format!("{sql} FORMAT JSONCompact")).await;
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let columns = answer["meta"].as_array().expect("columns");
        let numbers: Vec<usize> = (0..columns.len())
            .filter(|&at| columns[at]["type"] == "Float64")
            .collect();
        let texts = columns
            .iter()
            .filter(|column| ["String", "LowCardinality(String)"].contains(&type_of(column)));
        let [number] = numbers[..] else {
            panic!("{uid} answers {columns:?}, not one number");
        };
        assert_eq!(
            texts.count() + 1,
            columns.len(),
            "{uid} answers {columns:?}"
        );
        let rows = answer["data"].as_array().expect("rows");
        let mut values = rows.iter().map(|row| row[number].as_f64());
        if values.any(|value| value.expect("a number, never NULL") > limit) {
            firing.push(uid);
        }
    }
    firing
}

fn type_of(column: &Value) -> &str {
    column["type"].as_str().expect("a column has a type")
}

/// A file of the repository.
fn read(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The rules by uid, as they are written.
fn alerts() -> BTreeMap<String, Value> {
    let yaml = read("grafana/provisioning/alerting/gapless.yaml");
    let alerts: Value = serde_saphyr::from_str(&yaml).expect("the rules are YAML");
    let groups = alerts["groups"].as_array().expect("groups");
    let rules = groups.iter().flat_map(|group| group["rules"].as_array());
    let rules = rules.flatten().cloned();
    rules.map(|rule| (text(&rule["uid"]), rule)).collect()
}

/// Each rule's query and limit, by uid.
fn rules() -> BTreeMap<String, (String, f64)> {
    let rule = |(uid, rule): (String, Value)| {
        let [query, threshold] = rule["data"].as_array().expect("data").as_slice() else {
            panic!("{uid} is not one query and one threshold");
        };
        let limit = &threshold["model"]["conditions"][0]["evaluator"]["params"][0];
        let sql = text(&query["model"]["rawSql"]);
        (uid, (sql, limit.as_f64().expect("a limit")))
    };
    alerts().into_iter().map(rule).collect()
}

/// What ClickHouse answers to a statement; the default database is the dashboards'.
async fn ask(embedded: &Embedded, as_user: &Credentials, statement: &str) -> String {
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
        .post(format!("{}/?database=gapless", embedded.clickhouse_url()))
        .header("X-ClickHouse-User", &as_user.user)
        .header("X-ClickHouse-Key", &as_user.password)
        .body(statement.to_owned())
        .send()
        .await
        .expect("it answers");
    let good = answer.status().is_success();
    let said = answer.text().await.expect("an answer");
    assert!(good, "{statement}\n{said}");
    said
}
