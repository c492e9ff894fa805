//! Events that tell what a test says, and what their joined states say.
#![allow(dead_code, reason = "each test uses some of it")]

use gapless_core::{Key, Kind, Record, State, lift, lift_unreadable};
use gapless_schemas::{Event, Source, Timestamp, Urgency, ids};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// `time` of 2025-01-01, as `12:00:00`.
pub(crate) fn at(time: &str) -> Timestamp {
    text(time).parse().expect("a time of day")
}

/// The same as GitHub writes it.
pub(crate) fn text(time: &str) -> String {
    format!("2025-01-01T{time}Z")
}

fn event(source: Source, kind: &str, time: &str, number: Option<i64>, payload: &Value) -> Event {
    let payload = serde_json::to_vec(payload).expect("a JSON value has a text");
    Event {
        event_id: ids::answer_event_id("github.com", kind, at(time), &payload),
        source,
        kind: kind.to_owned(),
        host: "github.com".to_owned(),
        repository: Some("o/r".to_owned()),
        repository_id: Some(5),
        number,
        requested_at: (source != Source::Webhook).then(|| at(time)),
        received_at: at(time),
        payload,
        ..Event::bare()
    }
}

/// A delivery received at `time`, of `KIND.ACTION`.
pub(crate) fn webhook(kind_and_action: &str, time: &str, mut payload: Value) -> Event {
    let (kind, action) = kind_and_action.split_once('.').expect("KIND.ACTION");
    payload["action"] = action.into();
    let number = [&payload["pull_request"], &payload["issue"]]
        .into_iter()
        .find_map(|object| object["number"].as_i64());
    Event {
        action: Some(action.to_owned()),
        ..event(Source::Webhook, kind, time, number, &payload)
    }
}

/// A snapshot of item `number` asked for at `time`.
pub(crate) fn snapshot(number: i64, time: &str, payload: Value) -> Event {
    event(Source::Snapshot, "item", time, Some(number), &payload)
}

/// An answer about the repository asked for at `time`.
pub(crate) fn repository_answer(time: &str, status: u16, repository: Option<Value>) -> Event {
    let payload = json!({"status": status, "repository": repository});
    event(Source::Snapshot, "repository", time, None, &payload)
}

/// A complete listing of everything asked for at `time`.
pub(crate) fn listing(time: &str, items: Vec<Value>) -> Event {
    let numbers: Vec<i64> = items
        .iter()
        .filter_map(|item| item["number"].as_i64())
        .collect();
    let payload = json!({"complete": true, "numbers": numbers, "items": items});
    event(Source::Listing, "issues", time, None, &payload)
}

/// An issue created at 10:00:00 and changed at `updated`.
pub(crate) fn issue(number: i64, updated: &str) -> Value {
    json!({"id": 1_000 + number, "number": number, "state": "open", "state_reason": null,
        "title": format!("Issue {number}"), "user": user(1), "locked": false, "labels": [],
        "assignees": [], "milestone": null, "comments": 0, "created_at": text("10:00:00"),
        "updated_at": text(updated), "closed_at": null})
}

/// The same as the pull request that it is.
pub(crate) fn pull_request_as_issue(number: i64, updated: &str) -> Value {
    let mut issue = issue(number, updated);
    issue["pull_request"] = json!({"merged_at": null});
    issue["draft"] = false.into();
    issue
}

/// A full pull request created at 10:00:00 and changed at `updated`.
pub(crate) fn pull_request(number: i64, updated: &str) -> Value {
    json!({"id": 2_000 + number, "number": number, "state": "open", "title": "A pull request",
        "user": user(1), "locked": false, "draft": false, "labels": [], "assignees": [],
        "requested_reviewers": [], "requested_teams": [], "milestone": null,
        "head": {"ref": "h", "sha": "a"}, "base": {"ref": "main", "sha": "b"}, "comments": 0,
        "created_at": text("10:00:00"), "updated_at": text(updated), "closed_at": null,
        "merged_at": null, "merged_by": null, "additions": 1, "deletions": 1, "changed_files": 1,
        "commits": 1, "review_comments": 0})
}

pub(crate) fn user(id: i64) -> Value {
    json!({"id": id, "login": format!("u{id}"), "type": "User"})
}

/// The repository as every delivery carries it, changed at `updated`.
pub(crate) fn repository(updated: &str) -> Value {
    json!({"id": 5, "full_name": "o/r", "owner": {"id": 9, "login": "o"}, "private": false,
        "archived": false, "fork": false, "default_branch": "main",
        "created_at": "2024-01-01T00:00:00Z", "updated_at": text(updated)})
}

/// The states that these events come to.
pub(crate) fn joined(events: &[Event]) -> BTreeMap<Key, State> {
    let mut states: BTreeMap<Key, State> = BTreeMap::new();
    for event in events {
        let parts = lift(event).map_or_else(|_| lift_unreadable(event), |(_, parts)| parts);
        for (key, part) in parts.into_vec() {
            let kind = key.kind;
            states.entry(key).or_insert_with(|| kind.blank()).join(part);
        }
    }
    states
}

/// What the topics say after these events, of the entity called `name`.
pub(crate) fn record(events: &[Event], kind: Kind, name: &str) -> Option<Record> {
    let states = joined(events);
    let mut states = states.iter();
    let (key, state) = states.find(|(key, _)| key.kind == kind && key.name == name)?;
    state.view(key, 0)
}

/// What is asked after these events, without audits, each once: `detector number`, 0 where it is no
/// number's.
pub(crate) fn gaps(events: &[Event]) -> Vec<String> {
    let states = joined(events);
    let questions = states.iter().flat_map(|(key, state)| state.questions(key));
    let gaps = questions.filter(|question| question.urgency == Urgency::Gap);
    let gaps = gaps.map(|question| {
        let number = question.resource.number().unwrap_or(0);
        format!("{} {number}", question.question.detector().name())
    });
    let gaps: BTreeSet<String> = gaps.collect();
    gaps.into_iter().collect()
}

/// Every order of `events`, up to six of them.
pub(crate) fn orders(events: &[Event]) -> Vec<Vec<Event>> {
    assert!(events.len() <= 6, "too many orders");
    if events.is_empty() {
        return vec![Vec::new()];
    }
    let mut orders = Vec::new();
    for first in 0..events.len() {
        let mut rest = events.to_vec();
        let event = rest.remove(first);
        for mut order in self::orders(&rest) {
            order.insert(0, event.clone());
            orders.push(order);
        }
    }
    orders
}
