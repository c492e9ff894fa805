//! One odd value costs itself and no more: at every place of every carrier of a payload, a value of
//! another type, null, or none at all leaves all else to count, is said, and its item is asked about.

mod told;

use gapless_core::{Kind, Record, lift, lift_unreadable, note_of_row};
use gapless_schemas::{Detector, Event, Source};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use told::*;

/// A carrier: how it is named, and a payload of its kind in which everything that is read is told.
fn carriers() -> Vec<(&'static str, Event)> {
    let closed = |mut object: Value| {
        object["state"] = "closed".into();
        object["closed_at"] = text("11:00:00").into();
        object["labels"] = json!([{"id": 51, "name": "bug"}, {"id": 52, "name": "ui"}]);
        object["assignees"] = json!([user(2), user(3)]);
        object["milestone"] = json!({"id": 61, "number": 1, "title": "1.0"});
        object
    };
    let pull = || {
        let mut pull = closed(pull_request(7, "11:00:00"));
        pull["requested_reviewers"] = json!([user(4), user(5)]);
        pull["requested_teams"] = json!([{"id": 6, "slug": "t", "name": "T"}]);
        pull["merged_at"] = text("11:00:00").into();
        pull["merged_by"] = user(6);
        pull
    };
    let review = |id: i64| {
        json!({"id": id, "user": user(8), "state": "approved", "commit_id": "a",
            "submitted_at": text("10:30:00")})
    };
    let timeline = json!([
        {"event": "labeled", "created_at": text("10:10:00"), "actor": user(1)},
        {"event": "closed", "created_at": text("10:20:00"), "actor": user(1)},
        {"event": "reopened", "created_at": text("10:40:00"), "actor": user(1)},
        {"event": "committed", "author": {"date": text("09:00:00")}},
        {"event": "closed", "created_at": text("11:00:00"), "actor": user(1)},
    ]);
    let rows = [6, 7, 8].map(|number| closed(issue(number, "11:00:00")));
    let whole = |kind: &str, mut payload: Value| {
        payload["repository"] = repository("09:00:00");
        payload["sender"] = user(9);
        webhook(kind, "11:10:00", payload)
    };
    vec![
        (
            "pull_request",
            whole("pull_request.closed", json!({"pull_request": pull()})),
        ),
        (
            "pull_request_review",
            whole(
                "pull_request_review.submitted",
                json!({"pull_request": pull(), "review": review(1)}),
            ),
        ),
        (
            "issues",
            whole(
                "issues.closed",
                json!({"issue": closed(issue(7, "11:00:00"))}),
            ),
        ),
        (
            "issue_comment",
            whole(
                "issue_comment.created",
                json!({"issue": closed(issue(7, "11:00:00"))}),
            ),
        ),
        (
            "an answer about a pull request",
            snapshot(
                7,
                "11:10:00",
                json!({"status": 200, "issue": closed(pull_request_as_issue(7, "11:00:00")),
                    "pull_request": pull(), "reviews": [review(1), review(2)], "timeline": timeline}),
            ),
        ),
        (
            "an answer about an issue",
            snapshot(
                7,
                "11:10:00",
                json!({"status": 200, "issue": closed(issue(7, "11:00:00")), "timeline": timeline}),
            ),
        ),
        ("a listing", listing("11:10:00", rows.to_vec())),
    ]
}

/// Every place in a value below its root, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut below = |name: &str, value: &Value| {
        let place = format!("{at}/{name}");
        found.push(place.clone());
        places(value, &place, found);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| below(name, value)),
        Value::Array(entries) => {
            let entries = entries.iter().enumerate();
            entries.for_each(|(place, value)| below(&place.to_string(), value));
        }
        _ => {}
    }
}

/// The payload with something else at `place`; nothing: with nothing there.
fn with(event: &Event, place: &str, odd: Option<&Value>) -> Event {
    let mut payload: Value = serde_json::from_slice(&event.payload).unwrap();
    let (parent, name) = place.rsplit_once('/').unwrap();
    match (payload.pointer_mut(parent).unwrap(), odd) {
        (Value::Object(fields), None) => drop(fields.remove(name)),
        (Value::Array(entries), None) => drop(entries.remove(name.parse().unwrap())),
        (parent, Some(odd)) => match parent {
            Value::Array(entries) => entries[name.parse::<usize>().unwrap()] = odd.clone(),
            parent => parent[name] = odd.clone(),
        },
        (_, None) => unreachable!("a parent has places"),
    }
    let payload = serde_json::to_vec(&payload).unwrap();
    Event {
        payload,
        ..event.clone()
    }
}

/// What the topics say, one fact a line, and without those that the envelope's times decide.
fn facts(events: &[Event]) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for (key, state) in joined(events) {
        let Some(record) = state.view(&key, 0) else {
            continue;
        };
        let value = match record {
            Record::PullRequest(record) => serde_json::to_value(record),
            Record::Issue(record) => serde_json::to_value(record),
            Record::Repository(record) => serde_json::to_value(record),
            Record::Ledger(_) | Record::Gap(_) => continue,
        };
        for (field, value) in value.unwrap().as_object().unwrap() {
            match value {
                Value::Array(entries) if !entries.is_empty() => {
                    for entry in entries {
                        facts.insert(format!("{key} {field} {entry}"));
                    }
                }
                value => drop(facts.insert(format!("{key} {field} {value}"))),
            }
        }
    }
    facts
}

/// Where the object's field is that the value at `place` is part of, and its name.
fn field_of(place: &str) -> (&str, &str) {
    let is_field = |part: &str| {
        let objects = ["", "pull_request", "issue", "items", "repository"];
        !objects.contains(&part) && part.parse::<usize>().is_err()
    };
    let mut end = 0;
    for part in place.split('/') {
        end += part.len();
        if is_field(part) {
            return (&place[..end], part);
        }
        end += 1;
    }
    (place, "")
}

/// Every id in a value.
fn ids(value: &Value) -> BTreeSet<i64> {
    let below = |values: &mut dyn Iterator<Item = &Value>| values.flat_map(ids).collect();
    match value {
        Value::Array(entries) => below(&mut entries.iter()),
        Value::Object(fields) => {
            let mut found: BTreeSet<i64> = below(&mut fields.values());
            found.extend(fields.get("id").and_then(Value::as_i64));
            found
        }
        _ => BTreeSet::new(),
    }
}

/// Facts that hang on the value at `place`, by the fields that are shown or hidden together: each is
/// the register or set of the law that the value is part of. `None`: the whole entity of the object.
fn hang_on(place: &str) -> &'static [&'static str] {
    // The headline is one look at an item, and is told whole or not at all.
    const HEADLINE: &[&str] = &[
        "title",
        "state",
        "state_reason",
        "author",
        "html_url",
        "milestone",
        "milestone_id",
        "author_gone",
        "locked",
        "closed_at",
        "transitions",
    ];
    const FIGURES: &[&str] = &[
        "additions",
        "deletions",
        "changed_files",
        "commits",
        "review_comments",
        "merged_by",
    ];
    const BRANCHES: &[&str] = &["base_ref", "head_ref", "head_sha", "heads"];
    const REQUESTED: &[&str] = &[
        "requested_reviewers",
        "requested_reviewer_ids",
        "requested_teams",
    ];
    match field_of(place).1 {
        "title" | "state" | "state_reason" | "user" | "milestone" | "closed_at" | "html_url"
        | "locked" => HEADLINE,
        "labels" => &["labels", "label_ids"],
        "assignees" => &["assignees", "assignee_ids"],
        "requested_reviewers" | "requested_teams" => REQUESTED,
        "head" | "base" => BRANCHES,
        "merged_at" => &["merged", "merged_at"],
        "draft" => &["draft"],
        "comments" => &["comments"],
        "created_at" => &["created_at", "transitions"],
        "additions" | "deletions" | "changed_files" | "commits" | "review_comments"
        | "merged_by" => FIGURES,
        "reviews" | "review" => &["reviews"],
        "timeline" => &["transitions", "first_commit_at"],
        "sender" => &["transitions"],
        _ => &[],
    }
}

/// Places without which an object is nothing, or without a time: with them, all of it may go.
fn is_identity(place: &str) -> bool {
    let last = place.rsplit('/').next().unwrap_or_default();
    let depth = place.matches('/').count();
    let object = |depth_of: usize| depth == depth_of;
    match last {
        "pull_request" | "issue" | "repository" => true,
        "id" | "number" | "created_at" | "updated_at" | "full_name" => object(2) || object(3),
        _ => false,
    }
}

fn odd_values() -> [Option<Value>; 6] {
    [
        Some(Value::Null),
        Some(json!(7.5)),
        Some(json!("odd")),
        Some(json!([["odd"]])),
        Some(json!({"odd": {"odd": 1}})),
        None,
    ]
}

#[test]
fn an_odd_value_at_any_place_of_any_carrier_costs_itself_and_no_more() {
    let mut tried = 0;
    for (carrier, event) in carriers() {
        let all = facts(std::slice::from_ref(&event));
        assert!(!all.is_empty(), "{carrier}");
        let payload: Value = serde_json::from_slice(&event.payload).unwrap();
        let mut found = Vec::new();
        places(&payload, "", &mut found);
        // What a listing says of itself is ours, and so is an answer's status.
        let ours = ["/action", "/complete", "/numbers", "/status", "/items"];
        found.retain(|place| !ours.contains(&place.as_str()) && !place.starts_with("/numbers/"));
        for place in found {
            for odd in odd_values() {
                let damaged = with(&event, &place, odd.as_ref());
                let is_read = lift(&damaged);
                let what = format!("{carrier}: {odd:?} at {place}");
                assert!(is_read.is_ok(), "{what}: {is_read:?}");
                tried += 1;
                if is_identity(&place) {
                    continue;
                }
                let told = facts(std::slice::from_ref(&damaged));
                let hanging = hang_on(&place);
                // What an id is called hangs on the fields that show it, whatever else they tell.
                let field = payload.pointer(field_of(&place).0).unwrap();
                let named = ids(field);
                let row: Option<i64> = place
                    .strip_prefix("/items/")
                    .and_then(|rest| rest.split('/').next())
                    .map(|row| row.parse::<i64>().unwrap() + 6);
                let is_row = place.matches('/').count() == 2 && row.is_some();
                let lost = all.difference(&told).filter(|fact| {
                    let mut words = fact.splitn(3, ' ');
                    let mut word = || words.next().unwrap();
                    let (key, field, value) = (word(), word(), word());
                    let hangs = match field {
                        "namings" => ids(&serde_json::from_str(value).unwrap()).is_subset(&named),
                        field => hanging.contains(&field),
                    };
                    let is_there = row.is_none_or(|row| key.ends_with(&format!("/{row}")));
                    let repository =
                        key.starts_with("repositories") && place.starts_with("/repository");
                    !(is_there && (is_row || repository || hangs))
                });
                assert_eq!(lost.collect::<Vec<_>>(), Vec::<&String>::new(), "{what}");
            }
        }
    }
    assert!(tried > 3_000, "{tried}");
}

/// Values at places of lists that cannot pass for what GitHub sends.
#[test]
fn what_is_taken_out_is_said_and_its_item_is_asked_about_until_an_answer_can_be_read() {
    for (carrier, place) in [
        ("pull_request", "/pull_request/labels/0"),
        ("pull_request", "/pull_request/assignees/1"),
        ("pull_request", "/pull_request/requested_reviewers/0"),
        ("pull_request", "/pull_request/requested_teams/0"),
        ("pull_request", "/pull_request/user/id"),
        ("pull_request", "/pull_request/merged_at"),
        ("pull_request", "/pull_request"),
        ("pull_request_review", "/review/id"),
        ("issues", "/issue/labels/1"),
        ("issues", "/issue/closed_at"),
        ("issue_comment", "/issue/number"),
        ("an answer about a pull request", "/reviews/1"),
        ("an answer about a pull request", "/timeline/1"),
        ("an answer about a pull request", "/timeline/1/created_at"),
        ("an answer about a pull request", "/issue/labels/0"),
        ("an answer about an issue", "/timeline/2"),
        ("an answer about an issue", "/issue/milestone/title"),
        ("a listing", "/items/1"),
        ("a listing", "/items/1/labels/0"),
        ("a listing", "/items/1/user"),
    ] {
        let (_, event) = carriers()
            .into_iter()
            .find(|(name, _)| *name == carrier)
            .unwrap();
        let damaged = with(&event, place, Some(&json!([["odd"]])));
        let what = format!("{carrier}: {place}");
        let (_, mut parts) = lift(&damaged).unwrap();
        let odd = parts.take_odd();
        assert_eq!(odd.len(), 1, "{what}");
        // A row that is no object tells no number: it is a dead letter all the same.
        let expected = (place != "/items/1").then_some(7);
        assert_eq!(odd[0].number, expected, "{what}");
        assert_eq!(odd[0].row.is_some(), carrier == "a listing", "{what}");
        if expected.is_none() {
            continue;
        }
        assert!(unread(std::slice::from_ref(&damaged)), "{what}");
        let readable = |time| {
            let payload = json!({"status": 200, "issue": issue(7, "11:00:00"), "timeline": []});
            snapshot(7, time, payload)
        };
        assert!(unread(&[damaged.clone(), readable("11:10:05")]), "{what}");
        assert!(!unread(&[damaged, readable("12:00:00")]), "{what}");
    }
}

/// Whether number 7 is asked about for something that could not be read.
fn unread(events: &[Event]) -> bool {
    let mut states = joined(events);
    for event in events {
        let mut parts = lift(event).unwrap().1;
        for row in parts.take_odd().into_iter().filter_map(|odd| odd.row) {
            let (key, note) = note_of_row(&row).unwrap();
            states.get_mut(&key).unwrap().join(note);
        }
    }
    let questions = states.iter().flat_map(|(key, state)| state.questions(key));
    let mut questions = questions.map(|asked| (asked.question.detector(), asked.resource.number()));
    questions.any(|question| question == (Detector::DeadLetter, Some(7)))
}

#[test]
fn a_timeline_proves_nothing_where_an_entry_that_is_read_is_odd_and_all_else_where_another_is() {
    let asks = |place: &str| {
        let (_, event) = carriers()
            .into_iter()
            .find(|(name, _)| *name == "an answer about an issue")
            .unwrap();
        let mut events = vec![event.clone()];
        if !place.is_empty() {
            events = vec![with(&event, place, Some(&json!(7.5)))];
        }
        let states = joined(&events);
        let issue = states.iter().find(|(key, _)| key.kind == Kind::Issue);
        let (key, state) = issue.unwrap();
        !state.questions(key).is_empty()
    };
    assert!(!asks(""));
    assert!(asks("/timeline/1/created_at"));
    assert!(asks("/timeline/2/event"), "it may have been any kind");
    assert!(asks("/timeline/2"), "it may have been anything");
    assert!(!asks("/timeline/0/created_at"), "labels are not read there");
    assert!(!asks("/timeline/0/actor"), "labels are not read there");
}

#[test]
fn a_row_that_stays_as_it_is_is_known_again_and_by_itself_it_is_the_same() {
    let odd_row = |updated: &str| {
        let mut row = issue(7, updated);
        row["labels"] = json!([["odd"]]);
        row
    };
    let note = |event: &Event| {
        let mut parts = lift(event).unwrap().1;
        let odd = parts.take_odd().pop().unwrap();
        odd.row.unwrap()
    };
    let listed = |time, row: Value| listing(time, vec![issue(6, "10:30:00"), row]);
    let first = note(&listed("11:00:00", odd_row("10:30:00")));
    let again = note(&listed("12:00:00", odd_row("10:30:00")));
    assert_eq!(first.event.event_id, again.event.event_id);
    let (key, mut known) = note_of_row(&first).unwrap();
    let before = known.clone();
    known.join(note_of_row(&again).unwrap().1);
    assert_eq!(known, before);
    // Nor does it become another by being among what changed since then.
    for since in ["10:20:00", "10:25:00"] {
        let mut changed = listed("12:00:00", odd_row("10:30:00"));
        let mut payload: Value = serde_json::from_slice(&changed.payload).unwrap();
        payload["since"] = text(since).into();
        changed.payload = serde_json::to_vec(&payload).unwrap();
        let shown = note(&changed);
        assert_eq!(first.event.event_id, shown.event.event_id, "since {since}");
        known.join(note_of_row(&shown).unwrap().1);
        assert_eq!(known, before, "since {since}");
    }
    let changed = note(&listed("12:00:00", odd_row("11:30:00")));
    known.join(note_of_row(&changed).unwrap().1);
    assert_ne!(known, before);
    assert_eq!(key.kind, Kind::Ledger);
    // Replayed while it is odd still, it is a letter again; once it can be read, it counts.
    let replayed = lift(&first.event).unwrap().1.take_odd();
    assert!(replayed.len() == 1 && replayed[0].row.is_none());
    let readable = with(
        &first.event,
        "/items/0/labels/0",
        Some(&json!({"name": "plain"})),
    );
    assert!(lift(&readable).unwrap().1.take_odd().is_empty());
    let Some(Record::Issue(issue)) = record(&[readable], Kind::Issue, "7") else {
        panic!("an issue")
    };
    assert_eq!(issue.labels, ["plain"]);
}

#[test]
fn what_is_not_interpreted_is_not_read_strictly() {
    let nameless = |kind_and_action: &str| {
        let payload = json!({"repository": {"id": 5, "name": "r"}, "sender": user(1)});
        webhook(kind_and_action, "11:00:00", payload)
    };
    for kind in [
        "installation_repositories.added",
        "check_run.created",
        "push.",
        "star.created",
    ] {
        let (_, mut parts) = lift(&nameless(kind)).unwrap();
        assert!(parts.take_odd().is_empty(), "{kind}");
    }
    for kind in ["issues.opened", "repository.edited", "pull_request.opened"] {
        let (_, mut parts) = lift(&nameless(kind)).unwrap();
        assert_eq!(parts.take_odd().len(), 1, "{kind}");
    }
    // No JSON object at all: of a kind that nobody reads, that is no loss either.
    for (kind, is_read) in [("member", true), ("issues", false)] {
        let event = Event {
            source: Source::Webhook,
            kind: kind.to_owned(),
            payload: b"[7]".to_vec(),
            ..nameless("issues.opened")
        };
        assert_eq!(lift(&event).is_ok(), is_read, "{kind}");
        assert!(is_read || lift_unreadable(&event).into_vec().is_empty());
    }
}
