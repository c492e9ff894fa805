//! Commands for a running Gapless, beside one of which only the ports are there: what they say to it,
//! and what they tell where its parts do not answer.

use crate::{errors, gapless};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use gapless_ingest::Secret;
use gapless_ingest::webhook::sign;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::TcpListener;

/// Serves `router`, and leaves the note of a Gapless that has all its ports there, and whose parts are
/// dead, changed by `changes`.
async fn run_file(folder: &Path, router: Router, changes: Value) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut run = json!({
        "pid": 1, "webhook_address": address, "operator_address": address,
        "webhook_secrets": [["github.com", "hush"]],
        // Refused at once, where an address that does not answer is waited for.
        "kafka_bootstrap": "127.0.0.1:1", "kafka_settings": [["no.such.setting", "x"]],
        "registry_url": null, "prefix": "gapless", "epoch": 1, "generation": 1, "partitions": 1,
        "clickhouse_url": "http://127.0.0.1:1", "reader_user": "r", "reader_password": "r",
    });
    for (key, value) in changes.as_object().unwrap() {
        run[key] = value.clone();
    }
    fs::create_dir_all(folder.join("gapless-data")).unwrap();
    fs::write(folder.join("gapless-data/run.json"), run.to_string()).unwrap();
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_what_it_can_where_parts_do_not_answer() {
    let health = json!({"troubles": ["Kafka: died", "intake: waits"], "processors_lag": null,
        "projections_lag": 7, "denied_fetches": 0});
    let answer = move || async move { Json(health) };
    let router = Router::new().route("/health", get(answer));
    let registry = "http://u:hush@127.0.0.1:1";
    let table = [
        (json!({}), "Kafka cannot be asked"),
        (
            json!({"registry_url": registry}),
            "schema registry http://127.0.0.1:1/",
        ),
    ];
    for (changes, of_the_log) in table {
        let folder = tempfile::tempdir().unwrap();
        run_file(folder.path(), router.clone(), changes).await;
        let status = gapless(folder.path())
            .args(["status", "--json"])
            .output()
            .unwrap();
        assert_eq!(status.status.code(), Some(1), "{}", errors(&status));
        let told: Value = serde_json::from_slice(&status.stdout).expect("JSON");
        let troubles: Vec<&str> = told["troubles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|trouble| trouble.as_str().unwrap())
            .collect();
        assert_eq!(troubles[..2], ["Kafka: died", "intake: waits"]);
        assert!(
            troubles[2].starts_with("ClickHouse does not answer"),
            "{troubles:?}"
        );
        assert!(troubles[3].contains(of_the_log), "{troubles:?}");
        assert_eq!(troubles.len(), 4, "{troubles:?}");
        assert_eq!(told["projections_lag"], 7);
        for missing in [
            "completeness",
            "repositories",
            "freshness",
            "dead_letters",
            "processors_lag",
        ] {
            assert_eq!(told[missing], Value::Null, "{missing}");
            assert!(told.get(missing).is_some(), "{missing}");
        }
        let for_people = gapless(folder.path()).arg("status").output().unwrap();
        assert_eq!(for_people.status.code(), Some(1));
        let printed = crate::printed(&for_people);
        for part in [
            "trouble        Kafka: died",
            of_the_log,
            "completeness   unknown",
        ] {
            assert!(printed.contains(part), "{part} is not in {printed}");
        }
        assert!(!printed.contains("hush"), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn send_signs_with_the_secret_of_the_host_and_is_the_first_sources_unless_told() {
    let take = |headers: HeaderMap, body: String| async move {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        let secret = match header("X-GitHub-Enterprise-Host") {
            Some("ghes.example.com") => "of ghes",
            None => "of github",
            Some(_) => "of nobody",
        };
        let expected = sign(&Secret::new(secret), body.as_bytes());
        if header("X-Hub-Signature-256") == Some(expected.as_str()) {
            StatusCode::ACCEPTED
        } else {
            StatusCode::UNAUTHORIZED
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let secrets = json!([["ghes.example.com", "of ghes"], ["github.com", "of github"],]);
    let router = Router::new().route("/webhook", post(take));
    run_file(folder, router, json!({"webhook_secrets": secrets})).await;
    let line = json!({"kind": "webhook", "event": "push", "body": {}}).to_string();
    fs::write(folder.join("recording"), line + "\n").unwrap();
    fs::write(folder.join("secret"), "another").unwrap();
    let table: [(&[&str], bool, &str); 5] = [
        (&[], true, "1 answered with 202"),
        (&["--host", "github.com"], true, "1 answered with 202"),
        (&["--host", "GHES.example.com"], true, "1 answered with 202"),
        (
            &["--secret-file", "secret"],
            false,
            "each --host has its own",
        ),
        (
            &["--host", "other"],
            false,
            "name one of ghes.example.com, github.com",
        ),
    ];
    for (arguments, is_taken, expected) in table {
        let mut send = gapless(folder);
        send.args(["send", "recording"]).args(arguments);
        // Nothing listens there, and the webhook is on this machine.
        send.env("http_proxy", "http://127.0.0.1:1")
            .env_remove("no_proxy")
            .env_remove("NO_PROXY");
        let sent = send.output().unwrap();
        let said = crate::printed(&sent) + &errors(&sent);
        assert_eq!(sent.status.success(), is_taken, "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
