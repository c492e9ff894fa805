//! Cases that simulations and reviews found, each as small as it gets.

use gapless_core::{Key, Kind, Record, State, lift, lift_unreadable};
use gapless_schemas::{
    Detector, Event, Presence, Question, Resource, Source, Timestamp, Urgency, ids,
};
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
        host: "github.com".to_owned(),
        repository: Some("o/r".to_owned()),
        repository_id: Some(5),
        number: Some(7),
        requested_at: (source != Source::Webhook).then_some(at),
        received_at: at,
        payload,
        ..Event::bare()
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
    questions
        .iter()
        .map(|asked| asked.question.detector())
        .collect()
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
fn deliveries_of_one_second_that_differ_in_a_size_are_contested() {
    let delivery = |at: &str, commits: i64| {
        let mut shown = pull_request(NOON, Value::Null);
        shown["commits"] = commits.into();
        event(
            Source::Webhook,
            "pull_request",
            at,
            &json!({"pull_request": shown}),
        )
    };
    let before = delivery("2025-01-01T12:00:02Z", 1);
    let after = delivery("2025-01-01T12:00:01Z", 2);
    assert_eq!(asked(&[before, after]), [Detector::ContestedSecond]);
}

/// The joined states of these events.
fn joined(events: &[Event]) -> BTreeMap<Key, State> {
    let mut states: BTreeMap<Key, State> = BTreeMap::new();
    for event in events {
        let parts = match lift(event) {
            Ok((_, parts)) => parts,
            Err(_) => lift_unreadable(event),
        };
        for (key, part) in parts.into_vec() {
            let kind = key.kind;
            states.entry(key).or_insert_with(|| kind.blank()).join(part);
        }
    }
    states
}

/// What is asked after these events, without audits: who asks, about which number.
fn gaps(events: &[Event]) -> Vec<(Detector, i64)> {
    let states = joined(events);
    let questions = states.iter().flat_map(|(key, state)| state.questions(key));
    let gaps = questions.filter(|asked| asked.urgency == Urgency::Gap);
    gaps.map(|asked| (asked.question.detector(), asked.resource.number().unwrap()))
        .collect()
}

fn presence(events: &[Event], kind: Kind) -> Option<Presence> {
    let states = joined(events);
    let (key, state) = states.iter().find(|(key, _)| key.kind == kind)?;
    match state.view(key, 0)? {
        Record::Repository(record) => Some(record.presence),
        Record::Issue(record) => Some(record.presence),
        Record::PullRequest(record) => Some(record.presence),
        Record::Ledger(_) | Record::Gap(_) => None,
    }
}

fn webhook(kind: &str, action: &str, received_at: &str, payload: &Value) -> Event {
    Event {
        action: Some(action.to_owned()),
        ..event(Source::Webhook, kind, received_at, payload)
    }
}

fn issue(number: i64, updated_at: &str) -> Value {
    json!({"id": 70 + number, "number": number, "state": "open", "title": "t", "user": null,
        "created_at": NOON, "updated_at": updated_at, "closed_at": null})
}

fn listing_of_everything(requested_at: &str, items: &[Value], numbers: &[i64]) -> Event {
    let payload = json!({"complete": true, "numbers": numbers, "items": items});
    event(Source::Listing, "issues", requested_at, &payload)
}

#[test]
fn a_repository_that_was_out_of_sight_for_an_hour_is_there_again() {
    let answer = |at: &str, status: u16, repository: Value| {
        let payload = json!({"status": status, "repository": repository});
        event(Source::Snapshot, "repository", at, &payload)
    };
    let shown = json!({"id": 5, "full_name": "o/r", "updated_at": "2024-12-31T00:00:00Z"});
    let events = [
        answer("2025-01-01T11:00:00Z", 200, shown.clone()),
        answer("2025-01-01T12:00:00Z", 404, Value::Null),
    ];
    assert_eq!(
        presence(&events, Kind::Repository),
        Some(Presence::Unreachable)
    );
    let [first, second] = events;
    let events = [first, second, answer("2025-01-01T13:00:00Z", 200, shown)];
    assert_eq!(presence(&events, Kind::Repository), Some(Presence::Alive));
}

#[test]
fn a_transfer_outlives_what_it_shows_though_our_clock_is_behind() {
    let moved = json!({"issue": issue(7, "2025-01-01T12:00:02Z")});
    let events = [webhook("issues", "transferred", NOON, &moved)];
    assert_eq!(presence(&events, Kind::Issue), Some(Presence::Moved));
}

#[test]
fn a_head_that_a_reopening_shows_needs_no_push() {
    let pull = |action: &str, at: &str, sha: &str, more: Value| {
        let mut shown = pull_request(at, Value::Null);
        shown["head"] = json!({"ref": "h", "sha": sha});
        shown["base"] = json!({"ref": "main", "sha": "b"});
        shown["state"] = more["state"].clone();
        shown["closed_at"] = more["closed_at"].clone();
        webhook("pull_request", action, at, &json!({"pull_request": shown}))
    };
    let (closing, reopening) = ("2025-01-01T12:10:00Z", "2025-01-01T12:20:00Z");
    let open = json!({"state": "open", "closed_at": null});
    let closed = json!({"state": "closed", "closed_at": closing});
    let events = [
        pull("opened", NOON, "aa", open.clone()),
        pull("closed", closing, "aa", closed),
        pull("reopened", reopening, "bb", open.clone()),
    ];
    assert_eq!(gaps(&events), []);
    let [opening, ..] = events;
    let edited = pull("edited", reopening, "bb", open);
    assert_eq!(gaps(&[opening, edited]), [(Detector::HeadChain, 7)]);
}

#[test]
fn the_first_push_onto_an_old_pull_request_comes_onto_a_head_that_nobody_told_of() {
    let pull = |action: &str, at: &str, before: &str, head: &str| {
        let mut shown = pull_request(at, Value::Null);
        shown["head"] = json!({"ref": "h", "sha": head});
        shown["base"] = json!({"ref": "main", "sha": "b"});
        let payload = json!({"pull_request": shown, "before": before, "after": head});
        webhook("pull_request", action, at, &payload)
    };
    // Made on the first of the month, first heard of on the ninth.
    let labeled = pull("labeled", "2025-01-09T10:00:00Z", "", "aa");
    let first = pull("synchronize", "2025-01-09T12:00:00Z", "bb", "cc");
    let second = pull("synchronize", "2025-01-09T13:00:00Z", "cc", "dd");
    let third = pull("synchronize", "2025-01-09T14:00:00Z", "ee", "ff");
    let broken = [(Detector::HeadChain, 7)];
    assert_eq!(gaps(&[first.clone(), second.clone()]), []);
    assert_eq!(gaps(&[second.clone(), first.clone()]), []);
    // Within a second their order is not known, and asked about; the chain is whole.
    for [before, between, after] in [["ff", "cc", "dd"], ["bb", "ff", "cc"]] {
        let first = pull("synchronize", "2025-01-09T12:00:00Z", before, between);
        let second = pull("synchronize", "2025-01-09T12:00:00Z", between, after);
        assert_eq!(gaps(&[first, second]), [(Detector::ContestedSecond, 7)]);
    }
    // Between two pushes, or a head that was shown and a push, something is lost.
    assert_eq!(gaps(&[first.clone(), second.clone(), third]), broken);
    assert_eq!(gaps(&[labeled, first.clone()]), broken);
    // After a timeline its head is known.
    let read = snapshot("2025-01-09T11:00:00Z", "2025-01-09T10:00:00Z");
    assert_eq!(gaps(&[read, first.clone()]), broken);
    // Of one that is heard of from its first day on, every push is told.
    let mut shown = issue(7, NOON);
    shown["pull_request"] = json!({});
    let payload = json!({"issue": shown});
    let commented = webhook("issue_comment", "created", NOON, &payload);
    assert_eq!(gaps(&[commented, first]), broken);
}

#[test]
fn a_contradiction_that_the_timeline_repeats_is_asked_about_once() {
    let closed = |at: &str| {
        let mut shown = issue(7, at);
        shown["state"] = "closed".into();
        shown["closed_at"] = at.into();
        webhook("issues", "closed", at, &json!({"issue": shown}))
    };
    let twice = [
        closed("2025-01-01T12:10:00Z"),
        closed("2025-01-01T12:20:00Z"),
    ];
    assert_eq!(gaps(&twice), [(Detector::ImpossibleTransition, 7)]);
    let mut shown = issue(7, "2025-01-01T12:20:00Z");
    shown["state"] = "closed".into();
    shown["closed_at"] = "2025-01-01T12:20:00Z".into();
    let answer = json!({"status": 200, "issue": shown, "timeline": []});
    let answer = event(Source::Snapshot, "item", "2025-01-01T13:00:00Z", &answer);
    shown["updated_at"] = "2025-01-02T12:00:00Z".into();
    let commented = webhook(
        "issue_comment",
        "created",
        "2025-01-02T12:00:00Z",
        &json!({"issue": shown}),
    );
    let [first, second] = twice;
    assert_eq!(gaps(&[first, second, answer, commented]), []);
}

#[test]
fn a_pull_request_that_is_only_reviewed_has_lost_its_opening() {
    let mut shown = pull_request("2025-01-01T12:30:00Z", Value::Null);
    for figure in ["additions", "deletions", "changed_files", "commits"] {
        shown.as_object_mut().unwrap().remove(figure);
    }
    let review = json!({"pull_request": shown});
    let review = |at: &str| webhook("pull_request_review", "submitted", at, &review);
    assert_eq!(
        gaps(&[review("2025-01-01T12:30:01Z")]),
        [(Detector::ImpossibleTransition, 7)]
    );
    // One that was there long before the first word about it may be older than the webhook.
    assert_eq!(gaps(&[review("2025-01-03T12:30:01Z")]), []);
}

#[test]
fn numbers_are_missing_only_where_a_delivery_can_have_been_lost() {
    let opened = |number: i64| {
        let payload = json!({"issue": issue(number, NOON)});
        let mut event = webhook("issues", "opened", "2025-01-01T12:00:01Z", &payload);
        event.number = Some(number);
        event
    };
    let listing = |at: &str| listing_of_everything(at, &[issue(1, NOON)], &[1]);
    assert_eq!(gaps(&[opened(1), opened(3)]), []);
    let listed = [listing("2025-01-01T12:00:00Z"), opened(1), opened(3)];
    assert_eq!(gaps(&listed), [(Detector::NumberSpace, 2)]);
    // Their history was there before the first word about them.
    let mut old = listing("2025-01-09T12:00:00Z");
    let mut late = opened(3);
    (old.received_at, late.received_at) = (old.requested_at.unwrap(), old.requested_at.unwrap());
    assert_eq!(gaps(&[old, late]), []);
}

#[test]
fn a_discussion_takes_a_number() {
    let opened = |number: i64| {
        let payload = json!({"issue": issue(number, NOON)});
        webhook("issues", "opened", "2025-01-01T12:00:01Z", &payload)
    };
    let discussion = json!({"discussion": {"number": 2, "created_at": NOON}});
    let discussion = webhook("discussion", "created", "2025-01-01T12:00:01Z", &discussion);
    let listing = listing_of_everything(NOON, &[], &[]);
    let events = [listing, opened(1), discussion, opened(3)];
    assert_eq!(gaps(&events), []);
    // No listing of issues ever shows it.
    let next = listing_of_everything("2025-01-02T12:00:00Z", &[], &[1, 3]);
    assert_eq!(gaps(&[&events[..], &[next]].concat()), []);
}

#[test]
fn what_a_listing_lacks_is_asked_about_unless_something_later_speaks_of_it() {
    let told = |action: &str, at: &str| {
        let payload = json!({"issue": issue(1, "2025-01-01T11:00:00Z")});
        webhook("issues", action, at, &payload)
    };
    let listing = |at: &str| listing_of_everything(at, &[], &[]);
    let edited = told("edited", "2025-01-02T12:00:01Z");
    assert_eq!(
        gaps(&[edited.clone(), listing("2025-01-02T12:00:00Z")]),
        [(Detector::Clock, 1)]
    );
    // An issue that was moved here is as old as it ever was, and was opened here just now.
    let moved_here = told("opened", "2025-01-02T12:00:01Z");
    assert_eq!(gaps(&[moved_here, listing("2025-01-02T12:00:00Z")]), []);
    let answer = |at: &str, status: u16| {
        let issue = (status == 200).then(|| issue(1, "2025-01-01T11:00:00Z"));
        let payload = json!({"status": status, "issue": issue, "timeline": []});
        let mut event = event(Source::Snapshot, "item", at, &payload);
        event.number = Some(1);
        event
    };
    let (gone, back) = (
        answer("2025-01-02T13:00:00Z", 404),
        answer("2025-01-03T12:00:00Z", 200),
    );
    let first = [
        edited.clone(),
        listing("2025-01-02T12:00:00Z"),
        gone.clone(),
    ];
    assert_eq!(gaps(&first), []);
    // What came back can go again, whoever told that it was back.
    let shown_again = listing_of_everything(
        "2025-01-03T12:00:00Z",
        &[issue(1, "2025-01-01T11:00:00Z")],
        &[1],
    );
    let mut told_again = issue(1, "2025-01-03T12:00:00Z");
    told_again["title"] = "u".into();
    let told_again = json!({"issue": told_again});
    let told_again = webhook("issues", "edited", "2025-01-03T12:00:01Z", &told_again);
    for back in [back, shown_again, told_again] {
        let gone_again = listing("2025-01-04T12:00:00Z");
        let again = [edited.clone(), gone.clone(), back, gone_again];
        assert_eq!(gaps(&again[..3]), []);
        assert_eq!(gaps(&again), [(Detector::Clock, 1)]);
    }
}

#[test]
fn a_404_of_a_time_before_a_listing_that_lacks_the_number_is_audited_until_another_answer() {
    let issue_told = |action: &str, at: &str| {
        let payload = json!({"issue": issue(1, "2025-01-01T11:00:00Z")});
        webhook("issues", action, at, &payload)
    };
    let answer = |at: &str, status: u16| {
        let payload = json!({"status": status, "issue": null, "timeline": []});
        let mut event = event(Source::Snapshot, "item", at, &payload);
        event.number = Some(1);
        event
    };
    let audited = |events: &[Event]| -> Vec<Question> {
        let states = joined(events).into_iter();
        let ledgers = states.filter(|(key, _)| key.kind == Kind::Ledger);
        let questions = ledgers.flat_map(|(key, state)| state.questions(&key));
        let questions = questions.filter(|asked| {
            assert_eq!(asked.urgency, Urgency::Audit);
            asked.resource == Resource::Item { number: 1 }
        });
        questions.map(|asked| asked.question).collect()
    };
    let listed = |at: &str| listing_of_everything(at, &[], &[]);
    let first = vec![
        issue_told("edited", "2025-01-01T12:00:00Z"),
        // Asked while the repository was deleted.
        answer("2025-01-02T12:00:00Z", 404),
    ];
    assert!(audited(&first).is_empty());
    let with = |more: &[Event]| [&first[..], more].concat();
    let restored = listed("2025-01-03T12:00:00Z");
    let asked = audited(&with(std::slice::from_ref(&restored)));
    assert_eq!(asked.len(), 1);
    for end in [
        answer("2025-01-03T13:00:00Z", 410),
        answer("2025-01-03T13:00:00Z", 301),
        answer("2025-01-03T13:00:00Z", 404),
        issue_told("deleted", "2025-01-03T13:00:00Z"),
    ] {
        assert!(audited(&with(&[restored.clone(), end])).is_empty());
    }
    // An answer that left it open is asked for anew after the next listing, as a question of its own.
    let hidden = answer("2025-01-03T13:00:00Z", 404);
    let again = audited(&with(&[hidden, listed("2025-01-04T12:00:00Z")]));
    assert!(again.len() == 1 && again != asked, "{again:?}");
    let gone = answer("2025-01-03T13:00:00Z", 410);
    assert!(audited(&with(&[gone, listed("2025-01-04T12:00:00Z")])).is_empty());
    // A listing of before the 404 says nothing about it.
    assert!(audited(&with(&[listed("2025-01-02T11:00:00Z")])).is_empty());
}

#[test]
fn a_deletion_explains_what_it_shows_though_our_clock_is_behind() {
    let payload = json!({"issue": issue(1, "2025-01-01T12:30:02Z")});
    let told = |action: &str| webhook("issues", action, "2025-01-01T12:30:00Z", &payload);
    let listing = listing_of_everything("2025-01-02T12:00:00Z", &[], &[]);
    let deleted = [told("edited"), told("deleted"), listing.clone()];
    assert_eq!(gaps(&deleted), []);
    // Nothing comes back to its number, so an opening that is late raises nobody.
    let late = webhook("issues", "opened", "2025-01-01T15:00:00Z", &payload);
    assert_eq!(gaps(&[told("deleted"), late, listing]), []);
}

#[test]
fn what_cannot_be_read_is_asked_about_until_a_later_answer() {
    let unreadable = webhook("issue_comment", "created", NOON, &json!({"issue": 7}));
    assert_eq!(
        gaps(slice::from_ref(&unreadable)),
        [(Detector::DeadLetter, 7)]
    );
    let answer = |at: &str| {
        let payload = json!({"status": 200, "issue": issue(7, NOON), "timeline": []});
        event(Source::Snapshot, "item", at, &payload)
    };
    let under_way = answer("2025-01-01T12:00:05Z");
    assert_eq!(
        gaps(&[unreadable.clone(), under_way]),
        [(Detector::DeadLetter, 7)]
    );
    assert_eq!(gaps(&[unreadable, answer("2025-01-01T12:01:00Z")]), []);
}

#[test]
fn odd_elements_of_lists_do_not_make_an_answer_unreadable() {
    let mut shown = pull_request(NOON, Value::Null);
    shown["requested_reviewers"] = json!([{"id": 1, "slug": "team", "name": "Team"}, null]);
    shown["requested_teams"] = json!([]);
    shown["assignees"] = json!([null, {"id": 2, "login": "b"}]);
    let timeline = json!([
        {"event": "committed", "author": {"date": "+12025-01-01T00:00:00Z"}},
        {"event": "committed", "author": {"date": "2025-01-01T10:00:00Z"}},
    ]);
    let payload = json!({"status": 200, "pull_request": shown, "reviews": [],
        "timeline": timeline});
    let answer = event(Source::Snapshot, "item", "2025-01-01T13:00:00Z", &payload);
    let states = joined(&[answer]);
    let (key, state) = states
        .iter()
        .find(|(key, _)| key.kind == Kind::PullRequest)
        .unwrap();
    let Some(Record::PullRequest(record)) = state.view(key, 0) else {
        panic!("a pull request")
    };
    assert_eq!(record.assignees, ["b"]);
    assert_eq!(
        record.first_commit_at,
        Some("2025-01-01T10:00:00Z".parse().unwrap())
    );
}

#[test]
fn numbers_and_times_beyond_all_bounds_harm_nothing() {
    for number in [i64::MIN, -1, 0, 1 << 53, i64::MAX] {
        let mut shown = issue(1, NOON);
        shown["number"] = number.into();
        let event = webhook("issues", "opened", NOON, &json!({"issue": shown}));
        assert_eq!(gaps(slice::from_ref(&event)), [], "{number}");
        let listing = listing_of_everything(NOON, &[], &[number]);
        assert_eq!(gaps(&[listing]), [], "{number}");
    }
    let repository = json!({"full_name": "o/r", "created_at": i64::MAX, "updated_at": i64::MIN});
    let push = webhook("push", "", NOON, &json!({"repository": repository}));
    assert_eq!(presence(&[push], Kind::Repository), Some(Presence::Alive));
}
