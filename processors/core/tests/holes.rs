//! Cases that the simulation found, each as small as it gets.

use gapless_core::{Key, Kind, State, lift};
use gapless_schemas::{Detector, Event, PayloadForm, Source, Timestamp, ids};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::slice;

const NOON: &str = "2025-01-01T12:00:00Z";

fn event(source: Source, kind: &str, received_at: &str, payload: &Value) -> Event {
    let payload = serde_json::to_vec(payload).unwrap();
    let at: Timestamp = received_at.parse().unwrap();
    Event {
        event_id: ids::webhook_event_id("github.com", received_at, &payload),
        source,
        kind: kind.to_owned(),
        action: None,
        host: "github.com".to_owned(),
        owner: None,
        owner_id: None,
        repository: Some("o/r".to_owned()),
        repository_id: Some(5),
        number: Some(7),
        hook_target_id: None,
        occurred_at: None,
        first_delivered_at: None,
        requested_at: (source != Source::Webhook).then_some(at),
        received_at: at,
        credential_kind: None,
        headers: BTreeMap::new(),
        payload_form: PayloadForm::Raw,
        payload,
    }
}

fn pull_request(updated_at: &str, merged_by: Value) -> Value {
    json!({"id": 70, "number": 7, "state": "open", "title": "t", "user": {"id": 1, "login": "a"},
        "created_at": NOON, "updated_at": updated_at, "closed_at": null, "merged_at": null,
        "additions": 1, "deletions": 1, "changed_files": 1, "commits": 1, "merged_by": merged_by})
}

fn snapshot(requested_at: &str, updated_at: &str) -> Event {
    let payload = json!({"status": 200, "pull_request": pull_request(updated_at, Value::Null),
        "reviews": [], "timeline": []});
    event(Source::Snapshot, "item", requested_at, &payload)
}

/// What the pull request's state asks after these events.
fn asked(events: &[Event]) -> Vec<Detector> {
    let key = Key {
        kind: Kind::PullRequest,
        host: "github.com".to_owned(),
        repository_id: 5,
        name: "7".to_owned(),
    };
    let mut state: State = key.kind.blank();
    for event in events {
        let (_, parts) = lift(event).unwrap();
        for (_, part) in parts
            .into_vec()
            .into_iter()
            .filter(|(found, _)| *found == key)
        {
            state.join(part);
        }
    }
    let questions = state.questions(&key);
    questions.iter().map(|question| question.detector).collect()
}

#[test]
fn an_answer_asked_for_within_the_second_of_the_last_change_does_not_prove_its_history() {
    let (within, shortly_after, settled) = (
        snapshot("2025-01-01T12:00:00.400Z", NOON),
        snapshot("2025-01-01T12:00:08Z", NOON),
        snapshot("2025-01-01T12:00:11Z", NOON),
    );
    assert_eq!(asked(slice::from_ref(&within)), [Detector::UnprovenHistory]);
    assert_eq!(asked(&[shortly_after]), [Detector::UnprovenHistory]);
    assert_eq!(asked(slice::from_ref(&settled)), []);
    assert_eq!(asked(&[within, settled]), []);
}

#[test]
fn deliveries_of_one_second_that_differ_in_who_merged_are_contested() {
    let delivery = |at: &str, merged_by: Value| {
        let payload = json!({"pull_request": pull_request(NOON, merged_by)});
        event(Source::Webhook, "pull_request", at, &payload)
    };
    let before = delivery("2025-01-01T12:00:02Z", Value::Null);
    let after = delivery("2025-01-01T12:00:01Z", json!({"id": 2, "login": "b"}));
    assert_eq!(asked(&[before, after]), [Detector::ContestedSecond]);
}
