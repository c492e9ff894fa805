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
