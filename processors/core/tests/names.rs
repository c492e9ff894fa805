//! People, labels and milestones are their ids; what they are called is the latest telling. And dates
//! that cannot be are unknown.

mod told;

use gapless_core::{Kind, Record};
use gapless_schemas::{Event, NameKind, PullRequest, Repository, TransitionKind};
use serde_json::{Value, json};
use told::{issue, orders, pull_request, record, repository, snapshot, text, user, webhook};

fn named(id: i64, login: &str) -> Value {
    json!({"id": id, "login": login, "type": "User"})
}

fn ghost() -> Value {
    json!({"id": 10_137, "login": "ghost", "type": "User"})
}

fn pull(events: &[Event]) -> PullRequest {
    match record(events, Kind::PullRequest, "7") {
        Some(Record::PullRequest(record)) => *record,
        other => panic!("{other:?}"),
    }
}

fn repository_record(events: &[Event]) -> Repository {
    match record(events, Kind::Repository, "") {
        Some(Record::Repository(record)) => *record,
        other => panic!("{other:?}"),
    }
}

/// A delivery about pull request 7 at `time`, whose object is changed by `change`.
fn delivery(event: &str, time: &str, more: Value, change: impl Fn(&mut Value)) -> Event {
    let mut shown = pull_request(7, time);
    change(&mut shown);
    let mut payload = json!({"pull_request": shown, "sender": user(1)});
    for (name, value) in more.as_object().into_iter().flatten() {
        payload[name] = value.clone();
    }
    webhook(event, time, payload)
}

fn reviewed(time: &str, id: i64, who: Value, state: &str, author: Value) -> Event {
    let review = json!({"id": id, "user": who, "state": state, "submitted_at": text(time)});
    let event = "pull_request_review.submitted";
    delivery(event, time, json!({"review": review}), |shown| {
        shown["user"] = author.clone();
        // What else names people is not of interest here.
        for lacking in ["assignees", "requested_reviewers", "merged_by"] {
            shown.as_object_mut().unwrap().remove(lacking);
        }
    })
}

#[test]
fn whoever_was_renamed_is_called_by_the_latest_name_everywhere() {
    for [before, after] in [["zoe", "amy"], ["amy", "zoe"]] {
        let (before, after) = (named(41, before), named(41, after));
        let review = |time: &str, who: &Value, state: &str| {
            reviewed(
                time,
                i64::from(state == "approved"),
                who.clone(),
                state,
                user(1),
            )
        };
        let all = |who: &Value| {
            let who = who.clone();
            move |shown: &mut Value| {
                shown["assignees"] = json!([who]);
                shown["requested_reviewers"] = json!([who]);
                shown["merged_by"] = who.clone();
            }
        };
        let closed = json!({"sender": before});
        let events = [
            review("11:00:00", &before, "changes_requested"),
            delivery("pull_request.closed", "12:00:00", closed, all(&before)),
            review("13:00:00", &after, "approved"),
        ];
        for events in orders(&events) {
            let record = pull(&events);
            let logins: Vec<String> = record
                .reviews
                .iter()
                .map(|review| review.reviewer.clone().unwrap().login)
                .collect();
            let login = after["login"].as_str().unwrap();
            assert_eq!(logins, [login, login]);
            assert_eq!(
                (&record.assignees[..], &record.assignee_ids[..]),
                (&[login.to_owned()][..], &[41][..])
            );
            assert_eq!(record.requested_reviewers, [login]);
            assert_eq!(record.merged_by.unwrap().login, login);
            let closing = record
                .transitions
                .iter()
                .find(|it| it.kind == TransitionKind::Closed);
            let closing = closing.unwrap();
            assert_eq!(
                (closing.actor.as_deref(), closing.actor_id),
                (Some(login), Some(41))
            );
            let naming = record.namings.iter().find(|it| it.id == 41).unwrap();
            assert_eq!(
                (naming.kind, naming.name.as_str()),
                (NameKind::Person, login)
            );
        }
    }
}

#[test]
fn an_answer_names_people_as_of_its_request_though_the_item_did_not_change() {
    let old = reviewed("11:00:00", 1, named(41, "amy"), "approved", user(1));
    let review = json!({"id": 1, "user": named(41, "zoe"), "state": "APPROVED",
        "submitted_at": text("11:00:00")});
    let answer = json!({"status": 200, "pull_request": pull_request(7, "11:00:00"),
        "reviews": [review], "timeline": []});
    for events in orders(&[old, snapshot(7, "12:00:00", answer)]) {
        let record = pull(&events);
        assert_eq!(record.reviews[0].reviewer.as_ref().unwrap().login, "zoe");
    }
}

#[test]
fn whoever_was_known_once_is_not_forgotten_when_the_account_goes() {
    let leaver = named(51, "leaver");
    for gone in [Value::Null, ghost()] {
        let events = [
            delivery("pull_request.opened", "10:00:00", Value::Null, |shown| {
                shown["user"] = leaver.clone();
            }),
            reviewed("11:00:00", 81, leaver.clone(), "commented", leaver.clone()),
            reviewed("12:00:00", 82, named(2, "bob"), "approved", gone.clone()),
            // The same review, as it is shown now.
            reviewed("11:00:00", 81, gone.clone(), "commented", gone.clone()),
        ];
        for events in orders(&events) {
            let record = pull(&events);
            let author = record.author.unwrap();
            assert_eq!((author.id, author.login.as_str()), (51, "leaver"));
            assert!(record.author_gone);
            let ids: Vec<Option<i64>> = record
                .reviews
                .iter()
                .map(|review| review.reviewer.as_ref().map(|who| who.id))
                .collect();
            assert_eq!(ids, [Some(51), Some(2)]);
        }
    }
    // Who was never known is nobody, and no person called ghost.
    let record = pull(&[reviewed("12:00:00", 82, ghost(), "approved", ghost())]);
    assert_eq!(
        (record.author, record.reviews[0].reviewer.clone()),
        (None, None)
    );
    assert!(record.namings.iter().all(|naming| naming.id != 10_137));
}

fn naming_event(kind: &str, time: &str, bearer: Value) -> Event {
    let (name, _) = kind.split_once('.').unwrap();
    let mut payload = json!({"repository": repository("09:00:00")});
    payload[name] = bearer;
    webhook(kind, time, payload)
}

#[test]
fn what_labels_and_milestones_are_edited_to_is_told_with_the_first_time_of_its_telling() {
    let first = naming_event("label.edited", "11:00:00", json!({"id": 5, "name": "new"}));
    let second = naming_event(
        "label.edited",
        "12:00:00",
        json!({"id": 5, "name": "newer"}),
    );
    // Delivered once more, hours later, and nobody knows its first attempt.
    let mut again = first.clone();
    again.received_at = told::at("15:00:00");
    let deleted = naming_event(
        "milestone.deleted",
        "11:00:00",
        json!({"id": 9, "number": 2, "title": "MX", "updated_at": text("08:00:00")}),
    );
    let edited = naming_event(
        "milestone.edited",
        "13:00:00",
        json!({"id": 8, "number": 1, "title": "M2", "updated_at": text("12:30:00")}),
    );
    for events in orders(&[first, second, again, deleted, edited]) {
        let namings = repository_record(&events).namings.into_iter();
        let told: Vec<String> = namings
            .map(|it| {
                format!(
                    "{} {} {} {} {}",
                    it.kind.name(),
                    it.id,
                    it.name,
                    it.deleted,
                    it.told_at
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                format!("label 5 newer false {}", text("12:00:00")),
                format!("milestone 8 M2 false {}", text("12:30:00")),
                format!("milestone 9 MX true {}", text("11:00:00")),
            ]
        );
    }
}

#[test]
fn labels_are_ids_with_names_or_plain_texts() {
    let mut shown = issue(3, "11:00:00");
    shown["labels"] =
        json!([{"id": 6, "name": "b"}, "plain", {"id": 5, "name": "c"}, {"name": "a"}]);
    shown["milestone"] = json!({"id": 8, "number": 1, "title": "M1"});
    let events = [webhook(
        "issues.opened",
        "11:00:00",
        json!({"issue": shown}),
    )];
    let Some(Record::Issue(record)) = record(&events, Kind::Issue, "3") else {
        panic!("an issue")
    };
    assert_eq!(record.labels, ["a", "b", "c", "plain"]);
    assert_eq!(record.label_ids, [0, 6, 5, 0]);
    assert_eq!(
        (record.milestone.as_deref(), record.milestone_id),
        (Some("M1"), Some(8))
    );
    let told = record
        .namings
        .iter()
        .filter(|naming| naming.kind != NameKind::Person);
    assert_eq!(told.count(), 3);
}

#[test]
fn a_date_out_of_range_is_unknown_and_what_it_is_of_is_there() {
    for odd in [
        "0000-01-01T00:00:00Z",
        "1969-12-31T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "2150-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ] {
        let mut shown = issue(3, "11:00:00");
        (shown["created_at"], shown["updated_at"]) = (odd.into(), odd.into());
        (shown["state"], shown["closed_at"]) = ("closed".into(), odd.into());
        let first = webhook("issues.closed", "11:00:00", json!({"issue": shown}));
        let Some(Record::Issue(record)) = record(std::slice::from_ref(&first), Kind::Issue, "3")
        else {
            panic!("{odd}: an issue")
        };
        assert_eq!((record.created_at, record.closed_at), (None, None), "{odd}");
        assert_eq!(record.state.as_deref(), Some("closed"), "{odd}");
        let Some(Record::Ledger(block)) =
            told::record(std::slice::from_ref(&first), Kind::Ledger, "0")
        else {
            panic!("{odd}: a block")
        };
        assert_eq!(
            (block.known, block.highest, block.days.len()),
            (1, 3, 0),
            "{odd}"
        );
        // What is told from then on is not outlived by a change that is still to come.
        let mut later = issue(3, "12:00:00");
        later["title"] = "later".into();
        let later = webhook("issues.edited", "12:00:00", json!({"issue": later}));
        for events in orders(&[first, later]) {
            let Some(Record::Issue(record)) = told::record(&events, Kind::Issue, "3") else {
                panic!("{odd}: an issue")
            };
            assert_eq!(record.title.as_deref(), Some("later"), "{odd}");
            assert_eq!(record.created_at, Some(told::at("10:00:00")), "{odd}");
        }
    }
    // A clock that is an hour ahead is none of these.
    let mut shown = issue(3, "12:00:00");
    shown["created_at"] = text("12:00:00").into();
    let events = [webhook(
        "issues.opened",
        "11:00:00",
        json!({"issue": shown}),
    )];
    let Some(Record::Issue(record)) = record(&events, Kind::Issue, "3") else {
        panic!("an issue")
    };
    assert_eq!(record.created_at, Some(told::at("12:00:00")));
}

#[test]
fn the_first_commit_is_the_first_that_there_can_have_been() {
    let read = |dates: &[&str]| {
        let commits = dates.iter();
        let commits: Vec<Value> = commits
            .map(|date| json!({"event": "committed", "author": {"date": date}}))
            .collect();
        let answer = json!({"status": 200, "pull_request": pull_request(7, "11:00:00"),
            "reviews": [], "timeline": commits});
        pull(&[snapshot(7, "12:00:00", answer)]).first_commit_at
    };
    let (odd, real) = (
        [
            "1970-01-01T00:00:00Z",
            "1980-01-01T00:00:00Z",
            "2005-04-07T22:13:12Z",
            "0001-01-01T00:00:00Z",
        ],
        text("09:00:00"),
    );
    for odd in odd {
        assert_eq!(read(&[odd]), None, "{odd}");
        assert_eq!(read(&[odd, &real]), Some(told::at("09:00:00")), "{odd}");
    }
    assert_eq!(read(&["2150-01-01T00:00:00Z"]), None);
    assert!(read(&["2005-04-07T22:13:13Z", &real]) < read(&[&real]));
}
