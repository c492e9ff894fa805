//! Presence is ordered by evidence: what left is there again where GitHub shows it later, and only
//! then, whatever order it is heard in.

mod told;

use gapless_core::{Kind, Record};
use gapless_schemas::{Event, Presence};
use serde_json::json;
use told::*;

fn presence(events: &[Event], kind: Kind, name: &str) -> Presence {
    match record(events, kind, name) {
        Some(Record::Repository(record)) => record.presence,
        Some(Record::Issue(record)) => record.presence,
        Some(Record::PullRequest(record)) => record.presence,
        other => panic!("{other:?}"),
    }
}

fn repository_deleted(time: &str) -> Event {
    let payload = json!({"repository": repository("09:00:00")});
    webhook("repository.deleted", time, payload)
}

fn issue_told(action: &str, number: i64, updated: &str, received: &str) -> Event {
    let payload = json!({"issue": issue(number, updated), "repository": repository("09:00:00")});
    webhook(&format!("issues.{action}"), received, payload)
}

fn repository_shown(time: &str) -> Event {
    repository_answer(time, 200, Some(repository("09:00:00")))
}

#[test]
fn a_repository_is_what_the_latest_evidence_says() {
    let unseen = |time| repository_answer(time, 404, None);
    for (what, events, expected) in [
        (
            "restored: its issues are listed later, while its object stays as it was",
            vec![repository_deleted("12:00:00"), listing("12:00:05", vec![])],
            Presence::Alive,
        ),
        (
            "listed by a request that was under way when it was deleted",
            vec![repository_deleted("12:00:00"), listing("11:59:59", vec![])],
            Presence::Gone,
        ),
        (
            "restored: its object is shown later, unchanged",
            vec![repository_deleted("12:00:00"), repository_shown("12:00:05")],
            Presence::Alive,
        ),
        (
            "restored: something changes in it, and nobody polls",
            vec![
                repository_deleted("12:00:00"),
                issue_told("opened", 2, "12:30:00", "12:30:01"),
            ],
            Presence::Alive,
        ),
        (
            "a delivery of the time before, which comes late, raises nobody",
            vec![
                repository_deleted("12:00:00"),
                issue_told("opened", 2, "11:30:00", "13:30:00"),
            ],
            Presence::Gone,
        ),
        (
            "a 404 after a deletion says less than is known",
            vec![repository_deleted("12:00:00"), unseen("12:00:05")],
            Presence::Gone,
        ),
        (
            "deleted a second time",
            vec![
                repository_deleted("12:00:00"),
                listing("12:00:05", vec![]),
                repository_deleted("13:00:00"),
                unseen("13:00:05"),
            ],
            Presence::Gone,
        ),
        (
            "made private, as far as we see, and visible again",
            vec![
                repository_shown("11:00:00"),
                unseen("12:00:00"),
                listing("13:00:00", vec![]),
            ],
            Presence::Alive,
        ),
        (
            "out of sight",
            vec![listing("11:00:00", vec![]), unseen("12:00:00")],
            Presence::Unreachable,
        ),
    ] {
        let mut events = events;
        events.push(repository_shown("08:00:00"));
        for order in orders(&events) {
            assert_eq!(presence(&order, Kind::Repository, ""), expected, "{what}");
        }
    }
}

#[test]
fn an_item_is_what_the_latest_evidence_says_and_a_number_that_left_never_comes_back() {
    let answer = |time, status: u16| snapshot(1, time, json!({"status": status}));
    let shown = |time| {
        let payload = json!({"status": 200, "issue": issue(1, "11:00:00"), "timeline": []});
        snapshot(1, time, payload)
    };
    let listed = |time| listing(time, vec![issue(1, "11:00:00")]);
    for (what, events, expected) in [
        (
            "404, then 200",
            vec![answer("12:00:00", 404), shown("13:00:00")],
            Presence::Alive,
        ),
        (
            "404, then listed",
            vec![answer("12:00:00", 404), listed("13:00:00")],
            Presence::Alive,
        ),
        (
            "200, then 404",
            vec![shown("12:00:00"), answer("13:00:00", 404)],
            Presence::Unreachable,
        ),
        (
            "410 while issues are switched off, then 200",
            vec![answer("12:00:00", 410), shown("13:00:00")],
            Presence::Alive,
        ),
        (
            "410, then 404",
            vec![answer("12:00:00", 410), answer("13:00:00", 404)],
            Presence::Gone,
        ),
        (
            "301, then 404",
            vec![answer("12:00:00", 301), answer("13:00:00", 404)],
            Presence::Moved,
        ),
        (
            "deleted, and a replica that lags shows it once more",
            vec![
                issue_told("deleted", 1, "12:00:00", "12:00:01"),
                shown("12:00:02"),
            ],
            Presence::Gone,
        ),
        (
            "transferred, and an older delivery comes late",
            vec![
                issue_told("transferred", 1, "12:00:00", "12:00:01"),
                issue_told("labeled", 1, "11:59:00", "14:00:00"),
            ],
            Presence::Moved,
        ),
    ] {
        let mut events = events;
        events.push(issue_told("opened", 1, "10:00:00", "10:00:01"));
        for order in orders(&events) {
            assert_eq!(presence(&order, Kind::Issue, "1"), expected, "{what}");
        }
    }
}

#[test]
fn an_answer_that_nobody_knows_the_time_of_counts_least() {
    let merged = |merged: bool, updated: &str| {
        let mut pull = pull_request(7, updated);
        if merged {
            pull["merged_at"] = text("12:00:00").into();
            pull["closed_at"] = text("12:00:00").into();
            pull["state"] = "closed".into();
        }
        pull
    };
    let told = webhook(
        "pull_request.closed",
        "12:00:01",
        json!({"pull_request": merged(true, "12:00:00")}),
    );
    let unknown = |pull: serde_json::Value| Event {
        requested_at: None,
        ..snapshot(7, "23:00:00", json!({"status": 200, "pull_request": pull}))
    };
    let is_merged = |events: &[Event]| match record(events, Kind::PullRequest, "7") {
        Some(Record::PullRequest(pull)) => pull.merged,
        other => panic!("{other:?}"),
    };
    // Of the same second, it may show what was before the merge: it decides nothing, and is asked about.
    let events = [told.clone(), unknown(merged(false, "12:00:00"))];
    for order in orders(&events) {
        assert_eq!(is_merged(&order), Some(true));
        assert_eq!(gaps(&order), ["contested_second 7"]);
    }
    // An answer asked for later decides.
    let settled = json!({"status": 200, "pull_request": merged(true, "12:00:00"), "reviews": [],
        "timeline": [{"event": "closed", "created_at": text("12:00:00"), "actor": user(1)}]});
    let mut events = events.to_vec();
    events.push(snapshot(7, "13:00:00", settled));
    for order in orders(&events) {
        assert_eq!((is_merged(&order), gaps(&order)), (Some(true), vec![]));
    }
    // Where it shows a later change, that happened.
    let events = [
        webhook(
            "pull_request.opened",
            "10:00:01",
            json!({"pull_request": merged(false, "10:00:00")}),
        ),
        unknown(merged(true, "12:00:00")),
    ];
    for order in orders(&events) {
        assert_eq!(is_merged(&order), Some(true));
    }
    // It does not raise what was deleted.
    let gone = snapshot(7, "09:00:00", json!({"status": 410}));
    let events = [gone, unknown(merged(false, "08:00:00"))];
    for order in orders(&events) {
        assert_eq!(presence(&order, Kind::PullRequest, "7"), Presence::Gone);
    }
}

#[test]
fn whatever_two_deliveries_of_one_second_tell_differently_is_asked_about() {
    let of_branch = |branch: &str, received: &str| {
        let mut repository = repository("12:00:00");
        repository["default_branch"] = branch.into();
        webhook(
            "repository.edited",
            received,
            json!({"repository": repository}),
        )
    };
    let comments = |kind: &str, comments: i64, received: &str| {
        let mut pull = pull_request(7, "12:00:00");
        pull["comments"] = comments.into();
        webhook(kind, received, json!({"pull_request": pull}))
    };
    let archived = |archived: bool, received: &str| {
        let mut repository = repository("12:00:00");
        repository["archived"] = archived.into();
        webhook(
            "repository.archived",
            received,
            json!({"repository": repository}),
        )
    };
    let mut shown = repository("12:00:00");
    shown["default_branch"] = "main".into();
    let settles_repository = repository_answer("13:00:00", 200, Some(shown));
    let mut pull = pull_request(7, "12:00:00");
    pull["comments"] = 2.into();
    let settles_pull = json!({"status": 200, "pull_request": pull, "reviews": [], "timeline": []});
    let settles_pull = snapshot(7, "13:00:00", settles_pull);
    for (events, asked, settles) in [
        (
            [
                of_branch("master", "12:00:02"),
                of_branch("main", "12:00:01"),
            ],
            "contested_second 0",
            &settles_repository,
        ),
        (
            [archived(true, "12:00:02"), archived(false, "12:00:01")],
            "contested_second 0",
            &settles_repository,
        ),
        (
            [
                comments("pull_request.synchronize", 1, "12:00:02"),
                comments("pull_request.labeled", 2, "12:00:01"),
            ],
            "contested_second 7",
            &settles_pull,
        ),
    ] {
        for order in orders(&events) {
            assert_eq!(gaps(&order), [asked]);
        }
        let mut events = events.to_vec();
        events.push(settles.clone());
        for order in orders(&events) {
            assert_eq!(gaps(&order), Vec::<String>::new(), "{asked}");
        }
    }
}

#[test]
fn the_first_word_about_an_item_of_long_before_opens_no_gap_whatever_it_is() {
    let old = |mut object: serde_json::Value| {
        object["created_at"] = "2020-01-01T00:00:00Z".into();
        object
    };
    let pull = |action: &str, draft: bool| {
        let mut pull = old(pull_request(7, "12:00:00"));
        pull["draft"] = draft.into();
        if action == "closed" {
            pull["state"] = "closed".into();
            pull["closed_at"] = text("12:00:00").into();
        }
        let payload = json!({"pull_request": pull, "before": "x", "after": "a"});
        webhook(&format!("pull_request.{action}"), "12:00:01", payload)
    };
    let told = |action: &str| {
        let mut issue = old(issue(7, "12:00:00"));
        if action == "closed" {
            issue["state"] = "closed".into();
            issue["closed_at"] = text("12:00:00").into();
        }
        webhook(
            &format!("issues.{action}"),
            "12:00:01",
            json!({"issue": issue}),
        )
    };
    for first in [
        pull("reopened", false),
        pull("ready_for_review", false),
        pull("converted_to_draft", true),
        pull("synchronize", false),
        pull("unlabeled", false),
        pull("closed", false),
        told("reopened"),
        told("unlabeled"),
        told("closed"),
    ] {
        let action = first.action.clone();
        assert_eq!(gaps(&[first]), Vec::<String>::new(), "{action:?}");
    }
    // Of one that was shown open before, a closing was lost; of one that was heard of from its
    // first day on, too.
    let mut later = old(issue(7, "14:00:00"));
    later["updated_at"] = text("14:00:00").into();
    let later = webhook("issues.reopened", "14:00:01", json!({"issue": later}));
    assert_eq!(
        gaps(&[told("unlabeled"), later]),
        ["impossible_transition 7"]
    );
    let young = json!({"issue": issue(7, "12:00:00")});
    let young = webhook("issues.reopened", "12:00:01", young);
    assert_eq!(gaps(&[young]), ["impossible_transition 7"]);
}
