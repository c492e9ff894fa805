//! Recordings: sent to a real webhook, imported into a log, and the real ones of the data folder.

mod support;

use gapless_ingest::recorded::{CutShort, RecordingError, SendOptions, import, send};
use gapless_ingest::webhook::{Limits, Outcome};
use gapless_ingest::{Secret, SystemClock};
use gapless_schemas::ItemSnapshot;
use serde_json::{Value, json};
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{MemoryLog, Mood, SECRET, TestServer};

fn write(folder: &Path, name: &str, lines: &[Value]) -> PathBuf {
    let path = folder.join(name);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let file = std::fs::File::create(&path).unwrap();
    if name.ends_with(".gz") {
        let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        gz.finish().unwrap();
    } else {
        { file }.write_all(text.as_bytes()).unwrap();
    }
    path
}

fn lines() -> Vec<Value> {
    let repository = json!({"id": 9, "full_name": "o/r"});
    let uri = |rest: &str| format!("https://api.github.com/repos/o/r/{rest}");
    let api = |uri: String, body: Value| json!({"kind": "api", "method": "GET", "uri": uri, "status": 200, "headers": {}, "body": body});
    let mut paged = api(uri("pulls/1/reviews"), json!([{"id": 5}]));
    paged["headers"] = json!({"link": "<https://api.github.com/x?page=2>; rel=\"next\""});
    let mut dated = api(
        uri("issues/2"),
        json!({"number": 2, "updated_at": "2020-03-28T17:06:26Z"}),
    );
    dated["headers"] = json!({"date": "Sat, 28 Mar 2020 17:06:38 GMT"});
    vec![
        json!({"kind": "sequence"}),
        api(uri("issues/2"), json!({"number": 2})),
        json!({"kind": "webhook", "event": "issues", "delivery_id": "g1", "body": {"repository": repository}}),
        json!({"kind": "webhook", "event": "push", "body": {"n": 1}}),
        json!({"kind": "webhook", "event": "push", "body": {"n": 2}}),
        dated,
        api(
            uri("pulls/1"),
            json!({"number": 1, "base": {"repo": repository}}),
        ),
        api(uri("pulls/1/reviews"), json!([{"id": 5}])),
        paged,
        json!({"kind": "else"}),
    ]
}

#[tokio::test]
async fn recorded_deliveries_are_signed_and_sent_in_order_from_plain_and_gzip_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain.ndjson", "packed.ndjson.gz"] {
        let server = TestServer::start(Limits::default()).await;
        let path = write(folder.path(), name, &lines());
        let options = SendOptions::new(server.url(), vec![Secret::new(SECRET)]);
        let mut last = Default::default();
        let report = send(&path, &options, |progress| last = progress)
            .await
            .unwrap();
        assert_eq!((report.sent, report.left_out, report.retried), (3, 7, 0));
        assert_eq!(report.by_status[&202], 3);
        assert_eq!(last.lines, 10);
        assert_eq!(last.bytes_read, last.bytes_total);
        let events = server.log.taken();
        assert_eq!(events[0].headers["x-github-delivery"], "g1");
        assert_eq!(events[1].payload, br#"{"n":1}"#);
        assert_eq!(events[2].payload, br#"{"n":2}"#);
        // Again: redeliveries, also of the lines without a GUID.
        send(&path, &options, |_| {}).await.unwrap();
        assert_eq!(server.log.taken().len(), 3);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_webhook_that_is_busy_is_tried_again_after_as_long_as_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "plain.ndjson", &lines());
    let server = TestServer::start(Limits::default()).await;
    server.log.set(Mood::IsSlow);
    let options = SendOptions::new(server.url(), vec![Secret::new(SECRET)]);
    let sending = tokio::spawn(async move { send(&path, &options, |_| {}).await });
    let refused = || server.webhook.counters().count(Outcome::LogSlow);
    let is_refused = async {
        while refused() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), is_refused).await;
    waited.expect("nothing was refused");
    server.log.set(Mood::Takes);
    let report = sending.await.unwrap().unwrap();
    assert!(report.retried >= 1);
    assert_eq!(report.by_status[&202], 3);
    server.stop().await;
}

#[tokio::test]
async fn recorded_answers_are_imported_part_by_part_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "plain.ndjson", &lines());
    let log = MemoryLog::default();
    let report = import(&path, &log, &SystemClock, |_| {}).await.unwrap();
    assert_eq!(
        (report.pull_requests, report.issues, report.reviews),
        (1, 1, 1)
    );
    assert_eq!(report.left_out, 3);
    let events = log.taken();
    assert!(events.iter().all(|event| event.repository_id == Some(9)));
    assert_eq!(events[0].requested_at, "2020-03-28T17:06:38Z".parse().ok());
    // Nobody knows when these were asked for: they count least, in their order.
    assert_eq!(
        (events[1].requested_at, events[2].requested_at),
        (None, None)
    );
    assert!(events[1].as_of() < events[2].as_of());
    assert!(events[2].as_of() < events[0].as_of());
    let parts: Vec<ItemSnapshot> = events
        .iter()
        .map(|event| serde_json::from_slice(&event.payload).unwrap())
        .collect();
    assert!(parts[0].issue.is_some() && parts[1].pull_request.is_some());
    assert_eq!(parts[2].reviews.as_ref().unwrap().len(), 1);
    assert!(parts.iter().all(|part| part.timeline.is_none()));
}

#[tokio::test]
async fn each_row_of_a_recorded_listing_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let repository = json!({"id": 9, "full_name": "o/r"});
    let api = |rest: &str, body: Value| {
        let uri = format!("https://api.github.com/repos/o/r/{rest}");
        json!({"kind": "api", "method": "GET", "uri": uri, "status": 200, "headers": {}, "body": body})
    };
    let pull = |number: i64| json!({"number": number, "base": {"repo": repository}});
    let lines = [
        api(
            "pulls?state=all&page=2",
            json!([pull(7), "no pull request", pull(8)]),
        ),
        api(
            "issues?state=all",
            json!([{"number": 5}, {"number": 7, "pull_request": {}}]),
        ),
        api("labels", json!([{"name": "bug"}])),
        api("pulls?state=closed", json!([])),
    ];
    let path = write(folder.path(), "listings.ndjson", &lines);
    let log = MemoryLog::default();
    let report = import(&path, &log, &SystemClock, |_| {}).await.unwrap();
    assert_eq!((report.pull_requests, report.issues), (2, 2));
    assert_eq!(report.left_out, 2);
    let events = log.taken();
    let told = events.iter().map(|event| {
        let part: ItemSnapshot = serde_json::from_slice(&event.payload).unwrap();
        let is_pull = part.pull_request.is_some();
        assert!(is_pull != part.issue.is_some() && part.reviews.is_none());
        (event.number.unwrap(), is_pull)
    });
    let expected = [(7, true), (8, true), (5, false), (7, false)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let ids: std::collections::BTreeSet<&str> =
        events.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_damaged_line_or_file_is_told_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.ndjson");
    std::fs::write(&path, "{\"kind\":\"else\"}\nnot json\n").unwrap();
    let options = SendOptions::new(
        "http://127.0.0.1:1/webhook".into(),
        vec![Secret::new(SECRET)],
    );
    let error = send(&path, &options, |_| {}).await.unwrap_err();
    assert!(
        matches!(error.error, RecordingError::Line { line: 2, .. }),
        "{error}"
    );
    let error = send(&folder.path().join("none"), &options, |_| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains("cannot be read"));
}

#[tokio::test]
async fn what_was_sent_before_a_damaged_place_is_waited_for_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(write(folder.path(), "whole.ndjson", &lines())).unwrap();
    let packed = std::fs::read(write(folder.path(), "whole.ndjson.gz", &lines())).unwrap();
    let table = [
        ("a line", [&whole[..], b"not json\n"].concat(), "line 11 of"),
        ("bytes", [&whole[..], b"\xff\n"].concat(), "line 11 of"),
        (
            "a file",
            packed[..packed.len() - 4].to_vec(),
            "cannot be read",
        ),
    ];
    for (what, damaged, expected) in table {
        let path = folder.path().join("damaged");
        std::fs::write(&path, damaged).unwrap();
        let server = TestServer::start(Limits::default()).await;
        let mut options = SendOptions::new(server.url(), vec![Secret::new(SECRET)]);
        options.concurrent_max = 8;
        let CutShort { report, error } = send(&path, &options, |_| {}).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{what}: {error}");
        assert_eq!((report.sent, report.left_out), (3, 7), "{what}");
        assert_eq!(report.by_status[&202], 3, "{what}");
        assert_eq!(server.log.taken().len(), 3, "{what}");
        server.stop().await;
    }
}

/// The folder of real recordings, where it is there.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("GAPLESS_SHARED_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = folder.join("data/mergify-head.ndjson.gz");
    if path.exists() {
        return Some(path);
    }
    let _ = writeln!(
        stderr(),
        "skipped: {} is not there (set GAPLESS_SHARED_DIR)",
        path.display()
    );
    None
}

#[tokio::test]
async fn the_recorded_sequences_are_all_accepted_and_routed_as_a_full_parse_would() {
    let Some(path) = data() else { return };
    let server = TestServer::start(Limits::default()).await;
    let mut options = SendOptions::new(server.url(), vec![Secret::new(SECRET)]);
    options.concurrent_max = 4;
    let report = send(&path, &options, |_| {}).await.unwrap();
    assert_eq!(report.by_status, [(202, 1_558)].into());
    for event in server.log.taken() {
        let value: Value = serde_json::from_slice(&event.payload).unwrap();
        assert_eq!(event.repository_id, value["repository"]["id"].as_i64());
        assert_eq!(
            event.repository.as_deref(),
            value["repository"]["full_name"].as_str()
        );
        assert_eq!(event.action.as_deref(), value["action"].as_str());
        let number = [
            &value["number"],
            &value["pull_request"]["number"],
            &value["issue"]["number"],
        ];
        assert_eq!(
            event.number,
            number.iter().find_map(|number| number.as_i64())
        );
    }
    server.stop().await;

    let log = MemoryLog::default();
    let report = import(&path, &log, &SystemClock, |_| {}).await.unwrap();
    assert_eq!(
        (report.pull_requests, report.issues, report.reviews),
        (1_315, 1, 46)
    );
}
