//! Recorded sequences of real webhooks and API answers: what webhooks alone lead to, compared with
//! what GitHub's API said afterwards.

use flate2::read::GzDecoder;
use gapless_core::detect::Urgency;
use gapless_core::{Key, Record, State, lift};
use gapless_schemas::{Event, Source, Timestamp};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Write as _, stderr};
use std::path::PathBuf;

/// The folder of the recordings, or nothing (with a word on stderr) where it is not present.
fn recordings() -> Option<PathBuf> {
    let root = std::env::var_os("GAPLESS_SHARED_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let file = root.join("data/mergify-head.ndjson.gz");
    if !file.exists() {
        let _ = writeln!(
            stderr(),
            "skipped: no recordings at {}; set GAPLESS_SHARED_DIR",
            file.display()
        );
        return None;
    }
    Some(file)
}

/// One line of a sequence, in recorded order.
enum Line {
    Webhook {
        kind: String,
        body: Value,
    },
    Pull {
        number: i64,
        full_name: String,
        body: Value,
    },
}

fn sequences(file: PathBuf) -> Vec<Vec<Line>> {
    let mut sequences = Vec::new();
    for line in BufReader::new(GzDecoder::new(std::fs::File::open(file).unwrap())).lines() {
        let mut line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let body = line["body"].take();
        match line["kind"].as_str().unwrap() {
            "sequence" => sequences.push(Vec::new()),
            "webhook" => {
                let kind = line["event"].as_str().unwrap().to_owned();
                sequences
                    .last_mut()
                    .unwrap()
                    .push(Line::Webhook { kind, body });
            }
            "api" if line["method"] == "GET" && line["status"] == 200 => {
                let uri = line["uri"].as_str().unwrap();
                let uri = uri.split('?').next().unwrap();
                let Some((_, path)) = uri.split_once("/repos/") else {
                    continue;
                };
                let parts: Vec<&str> = path.split('/').collect();
                let (owner, name, pulls) = match (&parts[..], body) {
                    ([owner, name, "pulls", number], body) if number.parse::<i64>().is_ok() => {
                        (owner, name, vec![body])
                    }
                    ([owner, name, "pulls"], Value::Array(list)) => (owner, name, list),
                    _ => continue,
                };
                for body in pulls {
                    let number = body["number"].as_i64().unwrap();
                    let full_name = format!("{owner}/{name}");
                    sequences.last_mut().unwrap().push(Line::Pull {
                        number,
                        full_name,
                        body,
                    });
                }
            }
            _ => {}
        }
    }
    sequences
}

fn webhook(place: usize, kind: &str, body: &Value) -> Event {
    let payload = serde_json::to_vec(body).unwrap();
    Event {
        event_id: gapless_schemas::ids::webhook_event_id(
            "github.com",
            &place.to_string(),
            &payload,
        ),
        source: Source::Webhook,
        kind: kind.to_owned(),
        action: body["action"].as_str().map(str::to_owned),
        host: "github.com".to_owned(),
        owner: body["repository"]["owner"]["login"]
            .as_str()
            .map(str::to_owned),
        owner_id: body["repository"]["owner"]["id"].as_i64(),
        repository: body["repository"]["full_name"].as_str().map(str::to_owned),
        repository_id: body["repository"]["id"].as_i64(),
        number: body["pull_request"]["number"].as_i64(),
        received_at: Timestamp::from_seconds(2_000_000_000 + place as i64),
        payload,
        ..Event::bare()
    }
}

fn snapshot(place: usize, repository_id: i64, full_name: &str, number: i64, pull: &Value) -> Event {
    let body = serde_json::json!({"status": 200, "pull_request": pull});
    let requested_at = Timestamp::from_seconds(2_000_000_000 + place as i64);
    Event {
        source: Source::Snapshot,
        kind: "item".to_owned(),
        action: None,
        repository_id: Some(repository_id),
        repository: Some(full_name.to_owned()),
        number: Some(number),
        requested_at: Some(requested_at),
        ..webhook(place, "item", &body)
    }
}

/// What `issues?since=` lists of a pull request that the API answered with.
fn listing(place: usize, repository_id: i64, pull: &Value) -> Event {
    let mut issue = serde_json::json!({"pull_request": {"merged_at": pull["merged_at"]}});
    for field in [
        "id",
        "number",
        "state",
        "title",
        "user",
        "labels",
        "assignees",
        "milestone",
        "draft",
        "locked",
        "html_url",
        "created_at",
        "updated_at",
        "closed_at",
    ] {
        issue[field] = pull[field].clone();
    }
    let since = "2020-01-01T00:00:00Z";
    let body = serde_json::json!({"since": since, "complete": true, "items": [issue]});
    let event = webhook(place, "issues", &body);
    Event {
        source: Source::Listing,
        repository_id: Some(repository_id),
        requested_at: Some(event.received_at),
        ..event
    }
}

type States = HashMap<Key, State>;

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> States {
    let mut states = States::new();
    for event in events {
        let (_, parts) = lift(event).expect("a recorded payload can be read");
        for (key, part) in parts.into_vec() {
            states
                .entry(key.clone())
                .or_insert_with(|| key.kind.blank())
                .join(part);
        }
    }
    states
}

/// The fields that the webhooks' state and the API's answer are compared in.
fn shown(pull: &Value) -> Vec<String> {
    let names = |list: &str, field: &str| {
        let mut names: Vec<&str> = pull[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry[field].as_str().unwrap())
            .collect();
        names.sort_unstable();
        names.join(",")
    };
    vec![
        format!("state {}", pull["state"].as_str().unwrap()),
        format!("draft {}", pull["draft"]),
        format!("merged {}", !pull["merged_at"].is_null()),
        format!("head {}", pull["head"]["sha"].as_str().unwrap()),
        format!("base {}", pull["base"]["ref"].as_str().unwrap()),
        format!("title {}", pull["title"].as_str().unwrap()),
        format!("labels {}", names("labels", "name")),
        format!("assignees {}", names("assignees", "login")),
    ]
}

fn derived(record: &Record) -> Vec<String> {
    let Record::PullRequest(pull) = record else {
        panic!("not a pull request")
    };
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    vec![
        format!("state {}", text(&pull.state)),
        format!("draft {}", pull.draft.unwrap_or_default()),
        format!("merged {}", pull.merged.unwrap_or_default()),
        format!("head {}", text(&pull.head_sha)),
        format!("base {}", text(&pull.base_ref)),
        format!("title {}", text(&pull.title)),
        format!("labels {}", pull.labels.join(",")),
        format!("assignees {}", pull.assignees.join(",")),
    ]
}

struct Compared {
    known: usize,
    pulls: usize,
    answered_later: usize,
    equal: usize,
    unequal: Vec<Unequal>,
}

/// A pull request whose webhooks end in another state than GitHub's later answer: a delivery was
/// lost.
#[derive(Debug)]
struct Unequal {
    key: Key,
    differing: Vec<String>,
    /// Who finds that, from the webhooks and what a poll of the answer's time lists.
    found_by: BTreeSet<&'static str>,
}

fn compare(with_answers: bool) -> Option<Compared> {
    let mut result = Compared {
        known: 0,
        pulls: 0,
        answered_later: 0,
        equal: 0,
        unequal: Vec::new(),
    };
    for lines in sequences(recordings()?) {
        let mut repository_ids = HashMap::new();
        let mut events = Vec::new();
        let mut last_webhook: HashMap<Key, usize> = HashMap::new();
        let mut last_answer: HashMap<Key, (usize, &Value)> = HashMap::new();
        let key = |repository_id: i64, number: i64| Key {
            kind: gapless_core::Kind::PullRequest,
            host: "github.com".to_owned(),
            repository_id,
            name: number.to_string(),
        };
        for line in &lines {
            if let Line::Webhook { body, .. } = line
                && let (Some(name), Some(id)) = (
                    body["repository"]["full_name"].as_str(),
                    body["repository"]["id"].as_i64(),
                )
            {
                repository_ids.insert(name.to_owned(), id);
            }
        }
        for (place, line) in lines.iter().enumerate() {
            match line {
                Line::Webhook { kind, body } => {
                    let event = webhook(place, kind, body);
                    if let (Some(id), Some(number)) = (event.repository_id, event.number) {
                        last_webhook.insert(key(id, number), place);
                    }
                    events.push(event);
                }
                Line::Pull {
                    number,
                    full_name,
                    body,
                } => {
                    let Some(&id) = repository_ids.get(full_name) else {
                        continue;
                    };
                    last_answer.insert(key(id, *number), (place, body));
                    if with_answers {
                        events.push(snapshot(place, id, full_name, *number, body));
                    }
                }
            }
        }
        let states = fold(&events);
        result.known += states
            .keys()
            .filter(|key| key.kind == gapless_core::Kind::PullRequest)
            .count();
        let mut reversed: Vec<&Event> = events.iter().rev().collect();
        reversed.extend(events.iter().step_by(3));
        assert_eq!(
            states,
            fold(reversed),
            "reversed, and a third doubled, ends in another state"
        );
        for (key, heard) in &last_webhook {
            result.pulls += 1;
            let Some((_, answer)) = last_answer.get(key).filter(|(place, _)| place > heard) else {
                continue;
            };
            result.answered_later += 1;
            let state = &states[key];
            let ours = derived(&state.view(key, 0).expect("known"));
            if ours == shown(answer) {
                result.equal += 1;
                continue;
            }
            let differing: Vec<_> = ours
                .iter()
                .zip(shown(answer))
                .filter(|(ours, theirs)| *ours != theirs)
                .map(|(o, t)| format!("{o} | {t}"))
                .collect();
            let mut polled = state.clone();
            let (place, answer) = last_answer[key];
            let listed = lift(&listing(place, key.repository_id, answer)).expect("it is read");
            let parts = listed.1.into_vec().into_iter();
            for (_, part) in parts.filter(|(listed, _)| listed == key) {
                polled.join(part);
            }
            result.unequal.push(Unequal {
                key: key.clone(),
                differing,
                found_by: polled
                    .questions(key)
                    .iter()
                    .filter(|asked| asked.urgency == Urgency::Gap)
                    .map(|asked| asked.question.detector().name())
                    .collect(),
            });
        }
    }
    Some(result)
}

#[test]
fn webhooks_alone_equal_the_api_but_where_a_delivery_was_lost() {
    let Some(result) = compare(false) else { return };
    eprintln!(
        "{} known, {} pull requests, {} answered later, {} equal; of the others:",
        result.known, result.pulls, result.answered_later, result.equal
    );
    for unequal in &result.unequal {
        let Unequal {
            key,
            differing,
            found_by,
        } = unequal;
        eprintln!("{key}: {found_by:?} find {differing:?}");
    }
    for unequal in &result.unequal {
        assert!(
            !unequal.found_by.is_empty(),
            "nothing shows the loss: {unequal:#?}"
        );
    }
    assert_eq!((result.pulls, result.answered_later), (202, 192));
    assert!(result.equal >= 170, "{} equal", result.equal);
}

#[test]
fn with_the_answers_imported_all_equal_the_api() {
    let Some(result) = compare(true) else { return };
    assert_eq!(result.known, 207);
    assert_eq!(
        (result.answered_later, result.equal),
        (192, 192),
        "{:#?}",
        result.unequal
    );
}
