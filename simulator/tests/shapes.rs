//! Payloads have every key that recorded ones have.
//!
//! Compared with the recorded sequences of Mergify's test cassettes, which lie outside the
//! repository: in the folder that `GAPLESS_SHARED_DIR` names, or in `../shared` beside it.

use gapless_simulator::{Oddity, Options, Request, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _, stderr};
use std::path::PathBuf;

type Keys = BTreeSet<String>;

fn recorded() -> Option<impl Iterator<Item = Value>> {
    let shared = std::env::var_os("GAPLESS_SHARED_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = shared.join("data/mergify-head.ndjson.gz");
    let Ok(file) = File::open(&path) else {
        let _ = writeln!(stderr(), "skipped: {} is not there", path.display());
        return None;
    };
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    Some(lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()))
}

/// The paths of all keys, array elements as one; what is null on one side has no keys there.
fn keys(value: &Value, path: &str, into: &mut Keys) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let path = format!("{path}.{key}");
                keys(member, &path, into);
                into.insert(path);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                keys(element, &format!("{path}[]"), into);
            }
        }
        _ => {}
    }
}

/// Keys of recordings that the simulator leaves out on purpose.
fn is_expected(path: &str) -> bool {
    // An organisation's hook is no App's installation.
    !path.starts_with(".installation")
        // Simulated items have no App and no licence: null, where recordings have some.
        && !path.contains(".performed_via_github_app.")
        && !path.contains(".license.")
        // A fork tells where it comes from; a repository of the organisation is none.
        && !path.starts_with(".parent")
        && !path.starts_with(".source")
        && path != ".temp_clone_token"
}

fn simulated() -> (World, BTreeMap<&'static str, Keys>) {
    let mut world = World::new(Options {
        seed: 5,
        changes: 3_000,
        oddities: &Oddity::ALL,
        ..Options::default()
    });
    let mut by_event: BTreeMap<&'static str, Keys> = BTreeMap::new();
    while let Some(step) = world.step() {
        for delivery in step.deliveries {
            let body: Value = serde_json::from_slice(&delivery.body).unwrap();
            keys(&body, "", by_event.entry(delivery.event).or_default());
        }
    }
    (world, by_event)
}

#[test]
fn webhooks_have_every_key_of_recorded_ones() {
    let Some(recorded) = recorded() else { return };
    let (_, simulated) = simulated();
    let mut expected: BTreeMap<String, Keys> = BTreeMap::new();
    for line in recorded.filter(|line| line["kind"] == "webhook") {
        let event = line["event"].as_str().unwrap();
        if simulated.contains_key(event) {
            keys(
                &line["body"],
                "",
                expected.entry(event.to_owned()).or_default(),
            );
        }
    }
    assert!(expected.len() >= 4, "recordings of {:?}", expected.keys());
    for (event, paths) in expected {
        let missing: Vec<_> = paths
            .iter()
            .filter(|path| is_expected(path) && !simulated[event.as_str()].contains(*path))
            .collect();
        assert!(missing.is_empty(), "{event} lacks {missing:#?}");
    }
}

#[test]
fn api_answers_have_every_key_of_recorded_ones() {
    let Some(recorded) = recorded() else { return };
    let (mut world, _) = simulated();
    let truth = world.truth();
    let reviewed = |pull: &&gapless_simulator::truth::PullRequestTruth| {
        !pull.reviews.is_empty()
            && !pull.item.labels.is_empty()
            && !pull.item.assignees.is_empty()
            && pull.merged()
            && !pull.requested_reviewers.is_empty()
    };
    let pull = truth
        .pull_requests
        .iter()
        .find(reviewed)
        .expect("a pull request with everything");
    let base = format!("/repositories/{}", pull.item.repository_id);
    let number = pull.item.number;
    let mut expected: BTreeMap<&str, Keys> = BTreeMap::new();
    for line in recorded.filter(|line| line["kind"] == "api" && line["status"] == 200) {
        let uri = line["uri"].as_str().unwrap();
        let path = uri.split('?').next().unwrap();
        let segments: Vec<&str> = path.split('/').skip(3).collect();
        let kind = match segments[..] {
            ["repos", _, _] if line["method"] == "GET" => "repository",
            ["repos", _, _, "pulls", n] if n.parse::<u32>().is_ok() => "pull",
            ["repos", _, _, "pulls", _, "reviews"] if line["method"] == "GET" => "reviews",
            ["repos", _, _, "issues", n] if n.parse::<u32>().is_ok() => "issue",
            _ => continue,
        };
        keys(&line["body"], "", expected.entry(kind).or_default());
    }
    assert_eq!(expected.len(), 4);
    for (kind, paths) in expected {
        let path = match kind {
            "repository" => base.clone(),
            "pull" => format!("{base}/pulls/{number}"),
            "reviews" => format!("{base}/pulls/{number}/reviews"),
            _ => format!("{base}/issues/{number}"),
        };
        let response = world.answer(&Request::get(&path, world.now()));
        let mut told = Keys::new();
        keys(
            &serde_json::from_slice(&response.body).unwrap(),
            "",
            &mut told,
        );
        let missing: Vec<_> = paths
            .iter()
            .filter(|path| is_expected(path) && !told.contains(*path))
            .collect();
        assert!(missing.is_empty(), "{kind} lacks {missing:#?}");
    }
}
