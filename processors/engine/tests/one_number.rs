//! A number is one item, of the later kind: an issue that became a pull request is an issue no
//! more, whatever the order in which the two were heard of and wherever a life ended.

use gapless_core::detect::Patience;
use gapless_core::{Key, Record};
use gapless_engine::store::MemoryStore;
use gapless_engine::{Input, Output, Settings, Task};
use gapless_schemas::{Codec, Event, GapEvent, Presence, Source, Timestamp, ids};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const START_SECONDS: i64 = 1_600_000_000;

fn time(second: i64) -> String {
    Timestamp::from_seconds(START_SECONDS + second).to_string()
}

fn event(source: Source, kind: &str, second: i64, payload: &Value) -> Event {
    let payload = serde_json::to_vec(payload).unwrap();
    let at = Timestamp::from_seconds(START_SECONDS + second);
    Event {
        event_id: ids::answer_event_id("github.com", kind, at, &payload),
        source,
        kind: kind.to_owned(),
        host: "github.com".to_owned(),
        repository: Some("o/r".to_owned()),
        repository_id: Some(5),
        number: Some(1),
        requested_at: (source != Source::Webhook).then_some(at),
        received_at: at,
        payload,
        ..Event::bare()
    }
}

fn object(second: i64) -> Value {
    json!({"id": 10, "number": 1, "state": "open", "title": "t", "user": {"id": 1, "login": "a"},
        "labels": [{"name": "bug"}], "assignees": [], "comments": 2, "created_at": time(1),
        "updated_at": time(second), "closed_at": null})
}

fn as_issue_of_a_pull_request(second: i64) -> Value {
    let mut object = object(second);
    object["pull_request"] = json!({"merged_at": null});
    object
}

fn as_pull_request(second: i64) -> Value {
    let mut object = object(second);
    for (name, value) in [
        ("merged_at", Value::Null),
        ("head", json!({"ref": "h", "sha": "s"})),
        ("base", json!({"ref": "main", "sha": "b"})),
        ("draft", false.into()),
    ] {
        object[name] = value;
    }
    object
}

/// Every way in which GitHub shows that a number is a pull request.
fn evidence() -> [(&'static str, Event); 5] {
    let delivery = |kind: &str, payload: Value| event(Source::Webhook, kind, 20, &payload);
    let listed =
        json!({"complete": true, "numbers": [1], "items": [as_issue_of_a_pull_request(20)]});
    let snapshot = json!({"status": 200, "issue": as_issue_of_a_pull_request(20),
        "pull_request": as_pull_request(20), "reviews": [], "timeline": []});
    [
        (
            "a delivery about it",
            delivery("pull_request", json!({"pull_request": as_pull_request(20)})),
        ),
        (
            "a comment on it",
            delivery(
                "issue_comment",
                json!({"issue": as_issue_of_a_pull_request(20)}),
            ),
        ),
        (
            "a review of it",
            delivery(
                "pull_request_review",
                json!({"pull_request": as_pull_request(20), "review": {"id": 1, "state": "approved",
                    "user": {"id": 2, "login": "b"}, "submitted_at": time(20)}}),
            ),
        ),
        ("a listing", event(Source::Listing, "issues", 40, &listed)),
        (
            "an answer about it",
            event(Source::Snapshot, "item", 40, &snapshot),
        ),
    ]
}

/// What was told while it was an issue: among it something that opens a gap, if it stays one.
fn as_issue() -> Vec<Event> {
    let delivery = |action: &str, second: i64, object: Value| {
        let delivery = event(Source::Webhook, "issues", second, &json!({"issue": object}));
        Event {
            action: Some(action.to_owned()),
            ..delivery
        }
    };
    vec![
        delivery("opened", 1, object(1)),
        delivery("reopened", 5, object(5)),
    ]
}

/// Something else, so late that every question has become a gap.
fn much_later() -> Event {
    let other = json!({"repository": {"id": 5, "full_name": "o/r", "updated_at": time(1)}});
    event(Source::Webhook, "push", 5_000, &other)
}

fn settings() -> Settings {
    Settings {
        events_topic: "gapless.events.2".to_owned(),
        epoch: 2,
        acts: true,
        patience: Patience {
            grace_seconds: 60,
            audit_after_seconds: 600,
            retry_after_seconds: 300,
        },
        codec: Codec::embedded(),
    }
}

/// What the topics say last of each entity, and the gaps that are open, after each event in a batch
/// of its own; with a new life after each batch, or without.
fn told(events: &[Event], dies: bool) -> (BTreeMap<Key, Record>, Vec<String>) {
    let mut task = Task::open(0, settings(), MemoryStore::default(), None).unwrap();
    let (mut records, mut open) = (BTreeMap::new(), Vec::new());
    let mut inputs: Vec<Input> = Vec::new();
    for (event, offset) in events.iter().zip(0..) {
        let value = Codec::embedded().encode(event).unwrap();
        inputs.push(Input::read(&Codec::embedded(), offset, &value, &mut None));
        // A batch that is repeated after a death before its commit, and one that is not.
        let from = inputs.len() - if dies { inputs.len().min(2) } else { 1 };
        for input in &inputs[from..] {
            task.join(input.clone()).unwrap();
        }
        task.prepare().unwrap();
        for output in task.outputs().unwrap() {
            match output {
                Output::State(key, record) => {
                    records.insert(key.clone(), record.as_ref().clone());
                }
                Output::Event(event) => {
                    match serde_json::from_slice::<GapEvent>(&event.payload).unwrap() {
                        GapEvent::Opened { gap_id, .. } => open.push(gap_id),
                        GapEvent::Closed { gap_id, .. } => open.retain(|known| *known != gap_id),
                    }
                }
                Output::Refetch(_) | Output::DeadLetter(..) => {}
            }
        }
        task.store().unwrap();
    }
    (records, open)
}

fn key(kind: &str) -> Key {
    Key::parse(&format!("{kind}/github.com/5/1")).unwrap()
}

#[test]
fn an_issue_that_became_a_pull_request_is_no_issue_in_whatever_order_it_is_heard() {
    for (what, evidence) in evidence() {
        let [opened, reopened]: [Event; 2] = as_issue().try_into().unwrap();
        let pull = evidence;
        for order in [
            [&opened, &reopened, &pull],
            [&opened, &pull, &reopened],
            [&reopened, &opened, &pull],
            [&reopened, &pull, &opened],
            [&pull, &opened, &reopened],
            [&pull, &reopened, &opened],
        ] {
            for dies in [false, true] {
                let mut events: Vec<Event> = order.into_iter().cloned().collect();
                events.push(much_later());
                let (records, _) = told(&events, dies);
                let Some(Record::Issue(issue)) = records.get(&key("issues")) else {
                    panic!("{what}: its row must be taken back")
                };
                assert_eq!(issue.presence, Presence::Moved, "{what}");
                let Some(Record::PullRequest(pull)) = records.get(&key("pull-requests")) else {
                    panic!("{what}: a pull request")
                };
                assert_eq!(pull.presence, Presence::Alive, "{what}");
                assert_eq!(pull.labels, ["bug"], "{what}");
                assert_eq!(pull.comments, Some(2), "{what}");
                assert_eq!(
                    pull.created_at,
                    Some(Timestamp::from_seconds(START_SECONDS + 1))
                );
            }
        }
    }
}

#[test]
fn a_gap_of_the_issue_is_closed_when_it_becomes_a_pull_request() {
    let mut events = as_issue();
    events.push(much_later());
    let (_, open) = told(&events, false);
    assert_eq!(open.len(), 1, "reopened without a closing");
    let [(_, pull), ..] = evidence();
    events.push(pull);
    let (_, open) = told(&events, false);
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn a_pull_request_that_never_was_an_issue_has_no_state_of_one() {
    let events = evidence().map(|(_, event)| event);
    let (records, _) = told(&events, false);
    assert!(!records.contains_key(&key("issues")));
    assert!(records.contains_key(&key("pull-requests")));
}
