//! The order of writing, with the store on disk: a death at any point, at any batch, repeats work
//! and loses nothing.

use gapless_core::detect::Patience;
use gapless_core::{Key, Kind, Record};
use gapless_engine::kafka::DeadLetterCounts;
use gapless_engine::store::{Column, DiskStore, FORM, MemoryStore, Store};
use gapless_engine::{
    CrashPoint, Halt, Input, Log, LogError, Output, Reason, Settings, Task, drive,
};
use gapless_schemas::{Codec, Event, Source, Timestamp, ids, version};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const PARTITION: i32 = 3;
const EPOCH: u16 = 2;
const START_SECONDS: i64 = 1_600_000_000;

fn settings() -> Settings {
    Settings {
        events_topic: "gapless.events.2".to_owned(),
        epoch: EPOCH,
        acts: true,
        patience: Patience {
            grace_seconds: 60,
            audit_after_seconds: 600,
            retry_after_seconds: 300,
        },
        codec: Codec::embedded(),
    }
}

fn time(second: i64) -> String {
    Timestamp::from_seconds(START_SECONDS + second).to_string()
}

fn webhook(second: i64, payload: &[u8]) -> Input {
    webhook_of(5, second, payload)
}

fn webhook_of(repository_id: i64, second: i64, payload: &[u8]) -> Input {
    let event = Event {
        event_id: ids::webhook_event_id("github.com", &second.to_string(), payload),
        source: Source::Webhook,
        kind: "issues".to_owned(),
        host: "github.com".to_owned(),
        owner: Some("o".to_owned()),
        owner_id: Some(1),
        repository: Some("o/r".to_owned()),
        repository_id: Some(repository_id),
        number: Some(1),
        received_at: Timestamp::from_seconds(START_SECONDS + second),
        payload: payload.to_vec(),
        ..Event::bare()
    };
    let value = Codec::embedded().encode(&event).unwrap();
    Input::read(&Codec::embedded(), 0, &value, &mut None)
}

/// The first issue under a title, as told in one and the same second of GitHub's: nothing but the
/// title changes.
fn titled(second: i64, title: &str) -> Input {
    let payload = json!({"issue": {"id": 10, "number": 1, "state": "open", "title": title,
        "user": {"id": 1, "login": "a"}, "labels": [], "assignees": [], "created_at": time(1),
        "updated_at": time(2), "closed_at": null}});
    let mut input = webhook(second, &serde_json::to_vec(&payload).unwrap());
    input.offset = second;
    input
}

/// What was appended of the first issue: versions and titles.
fn said_of_the_first_issue(topics: &Topics) -> Vec<(i64, String)> {
    let said = topics.appended.iter().filter_map(|output| match output {
        Output::State(_, record) => match record.as_ref() {
            Record::Issue(issue) => Some((issue.version, issue.title.clone()?)),
            _ => None,
        },
        _ => None,
    });
    said.collect()
}

fn issue(second: i64, number: i64, state: &str) -> Input {
    let closed_at = if state == "closed" {
        Value::from(time(second))
    } else {
        Value::Null
    };
    let payload = json!({"issue": {"id": number * 10, "number": number, "state": state, "title": "t",
        "user": {"id": 1, "login": "a"}, "labels": [], "assignees": [], "created_at": time(number),
        "updated_at": time(second), "closed_at": closed_at}});
    webhook(second, &serde_json::to_vec(&payload).unwrap())
}

/// Batches of a small life: issue 2 is missing long enough to become a gap, then arrives; among
/// them a value that is no event and a payload that is no JSON.
fn batches() -> Vec<Vec<Input>> {
    let no_event = Input::read(&Codec::embedded(), 0, b"no event", &mut None);
    let mut batches = vec![
        vec![issue(10, 1, "open"), issue(11, 3, "open")],
        vec![issue(12, 1, "closed"), no_event],
        vec![issue(20, 3, "closed"), webhook(21, b"{\"issue\": 7")],
        vec![issue(120, 4, "open")],
        vec![issue(130, 2, "open"), issue(131, 1, "open")],
        vec![issue(900, 5, "open")],
    ];
    for (input, offset) in batches.iter_mut().flatten().zip(0..) {
        input.offset = offset;
    }
    batches
}

/// The topics, and the group's offset.
#[derive(Default)]
struct Topics {
    appended: Vec<Output>,
    committed: Option<i64>,
    /// How many outputs the next attempt appends before it fails.
    fails_after: Option<usize>,
}

impl Log for Topics {
    fn produce(&mut self, partition: i32, outputs: &[Output]) -> Result<(), LogError> {
        assert_eq!(partition, PARTITION);
        if let Some(arrive) = self.fails_after.take() {
            let arrive = arrive.min(outputs.len());
            self.appended.extend_from_slice(&outputs[..arrive]);
            return Err(LogError::Retry("no acknowledgement".to_owned()));
        }
        self.appended.extend_from_slice(outputs);
        Ok(())
    }

    fn commit(&mut self, partition: i32, next_offset: i64) {
        assert_eq!(partition, PARTITION);
        self.committed = Some(next_offset);
    }
}

/// What readers of the topics end up with: of each key the greatest version; of events, commands
/// and dead letters each id once.
#[derive(Debug, Default, PartialEq)]
struct Read {
    states: BTreeMap<Key, String>,
    ids: BTreeSet<String>,
}

fn read(topics: &Topics) -> Read {
    let mut newest = BTreeMap::new();
    let mut read = Read::default();
    for output in &topics.appended {
        match output {
            Output::State(key, record) => {
                let version = record.version();
                if newest.get(key).is_none_or(|known| *known <= version) {
                    newest.insert(key.clone(), version);
                    read.states.insert(key.clone(), format!("{record:?}"));
                }
            }
            Output::Event(event) => drop(read.ids.insert(event.event_id.clone())),
            Output::Refetch(refetch) => drop(read.ids.insert(refetch.command_id.clone())),
            Output::DeadLetter(key, letter) => {
                read.ids.insert(format!("{key} {}", letter.reason));
            }
        }
    }
    read
}

fn open<S: Store>(store: S, topics: &Topics) -> Task<S> {
    Task::open(PARTITION, settings(), store, topics.committed).unwrap()
}

/// Joins `batch` and brings it through all steps.
fn drive_batch<S: Store>(
    task: &mut Task<S>,
    topics: &mut Topics,
    batch: Vec<Input>,
    reach: impl FnMut(CrashPoint) -> bool,
) -> Result<(), Halt> {
    for input in batch {
        task.join(input)?;
    }
    drive(task, topics, reach)
}

/// What is to be read again after a start.
fn rest<S: Store>(task: &Task<S>) -> Vec<Vec<Input>> {
    let from = task.start_offset();
    let batches = batches().into_iter().map(|mut batch| {
        batch.retain(|input| input.offset >= from);
        batch
    });
    batches.filter(|batch| !batch.is_empty()).collect()
}

fn undisturbed() -> Topics {
    let mut topics = Topics::default();
    let mut task = open(MemoryStore::default(), &topics);
    for batch in batches() {
        drive_batch(&mut task, &mut topics, batch, |_| true).unwrap();
    }
    topics
}

/// Dies at `point` in batch number `doomed`, then starts again from the store on disk.
fn with_a_death(folder: &Path, point: CrashPoint, doomed: usize) -> (Topics, usize) {
    let path = folder.join("states.redb");
    let mut topics = Topics::default();
    let mut task = open(DiskStore::open(&path).unwrap(), &topics);
    for (place, batch) in batches().into_iter().enumerate() {
        let died = drive_batch(&mut task, &mut topics, batch, |reached| {
            place != doomed || reached != point
        });
        if place == doomed {
            assert!(matches!(died, Err(Halt::Crashed(at)) if at == point));
            break;
        }
        died.unwrap();
    }
    drop(task);
    let before = topics.appended.len();
    let mut task = open(DiskStore::open(&path).unwrap(), &topics);
    for batch in rest(&task) {
        drive_batch(&mut task, &mut topics, batch, |_| true).unwrap();
    }
    (topics, before)
}

#[test]
fn a_death_at_any_point_of_any_batch_ends_in_the_same_outputs() {
    let expected = read(&undisturbed());
    assert!(expected.states.len() > 5, "{expected:?}");
    for point in CrashPoint::ALL {
        for doomed in 0..batches().len() {
            let folder = tempfile::tempdir().unwrap();
            let (topics, _) = with_a_death(folder.path(), point, doomed);
            assert_eq!(read(&topics), expected, "{point:?} in batch {doomed}");
            let end = batches().into_iter().flatten().count() as i64;
            assert_eq!(topics.committed, Some(end));
        }
    }
}

#[test]
fn what_was_stored_but_not_committed_is_emitted_again_though_it_changes_nothing() {
    for doomed in 0..batches().len() {
        let folder = tempfile::tempdir().unwrap();
        let (topics, before) = with_a_death(folder.path(), CrashPoint::Stored, doomed);
        let states = |outputs: &[Output]| -> BTreeSet<(Key, i64)> {
            let states = outputs.iter().filter_map(|output| match output {
                Output::State(key, record) => Some((key.clone(), record.version())),
                _ => None,
            });
            states.collect()
        };
        let first = batches()[doomed][0].offset;
        let of_the_doomed = |(_, found): &(Key, i64)| {
            let last = batches()[doomed].last().map_or(first, |input| input.offset);
            (version(EPOCH, first)..=version(EPOCH, last)).contains(found)
        };
        let appended: BTreeSet<_> = states(&topics.appended[..before])
            .into_iter()
            .filter(of_the_doomed)
            .collect();
        assert!(!appended.is_empty(), "batch {doomed} says nothing");
        let again = states(&topics.appended[before..]);
        assert!(again.is_superset(&appended), "batch {doomed}");
    }
}

#[test]
fn a_takeover_without_a_disk_replays_in_silence_up_to_the_groups_offset() {
    let expected = undisturbed();
    for done in 0..batches().len() {
        let mut topics = Topics::default();
        let mut task = open(MemoryStore::default(), &topics);
        for batch in &batches()[..done] {
            drive_batch(&mut task, &mut topics, batch.clone(), |_| true).unwrap();
        }
        let before = topics.appended.len();
        let mut taken_over = open(MemoryStore::default(), &topics);
        assert_eq!(taken_over.start_offset(), 0);
        // The replay comes in one long batch; the rest as it came before.
        let all: Vec<Input> = batches()[..done].concat();
        if !all.is_empty() {
            drive_batch(&mut taken_over, &mut topics, all, |_| true).unwrap();
        }
        assert_eq!(topics.appended.len(), before, "after {done} batches");
        for batch in &batches()[done..] {
            drive_batch(&mut taken_over, &mut topics, batch.clone(), |_| true).unwrap();
        }
        assert_eq!(read(&topics).states, read(&expected).states);
        let mut seen = BTreeSet::new();
        for output in &topics.appended {
            if let Output::State(key, record) = output {
                let is_new = seen.insert((key.clone(), record.version()));
                assert!(is_new, "{key} twice at version {}", record.version());
            }
        }
    }
}

/// By itself, and together with what came meanwhile.
#[test]
fn outputs_that_were_not_acknowledged_are_appended_again() {
    let expected = undisturbed();
    for failed in 0..batches().len() {
        for (arrive, is_alone) in [(0, true), (1, true), (100, true), (0, false), (1, false)] {
            let mut topics = Topics::default();
            let mut task = open(MemoryStore::default(), &topics);
            for (place, batch) in batches().into_iter().enumerate() {
                if place == failed {
                    topics.fails_after = Some(arrive);
                    let refused = drive_batch(&mut task, &mut topics, batch, |_| true);
                    assert!(matches!(refused, Err(Halt::Log(LogError::Retry(_)))));
                    if is_alone {
                        drive(&mut task, &mut topics, |_| true).unwrap();
                    }
                } else {
                    drive_batch(&mut task, &mut topics, batch, |_| true).unwrap();
                }
            }
            drive(&mut task, &mut topics, |_| true).unwrap();
            assert_eq!(read(&topics), read(&expected), "batch {failed}, {arrive}");
            assert_eq!(topics.committed, expected.committed);
        }
    }
}

#[test]
fn the_groups_offset_never_goes_back_nor_past_what_was_emitted_again() {
    let events: Vec<Input> = batches().into_iter().flatten().collect();
    for committed in 0..=events.len() as i64 {
        for stored in [0, events.len()] {
            let folder = tempfile::tempdir().unwrap();
            let store = || DiskStore::open(&folder.path().join("states.redb")).unwrap();
            let mut topics = Topics::default();
            let mut task = open(store(), &topics);
            drive_batch(&mut task, &mut topics, events[..stored].to_vec(), |_| true).unwrap();
            drop(task);
            topics.committed = Some(committed);
            let mut task = open(store(), &topics);
            let from = task.start_offset() as usize;
            for input in &events[from..] {
                let done = (input.offset + 1).max(committed);
                drive_batch(&mut task, &mut topics, vec![input.clone()], |_| true).unwrap();
                assert_eq!(topics.committed, Some(done), "{committed} {stored}");
            }
        }
    }
}

/// What lay between may be on the topic: an earlier life appended it in a shorter batch and died.
#[test]
fn what_a_batch_changes_and_takes_back_is_emitted() {
    let mut topics = Topics::default();
    let mut task = open(MemoryStore::default(), &topics);
    let said = |offset: i64, title: &str| (version(EPOCH, offset), title.to_owned());
    let mut expected = vec![said(0, "x")];
    for (batch, more) in [
        (vec![titled(0, "x")], None),
        (vec![titled(1, "y"), titled(2, "x")], Some(said(2, "x"))),
        (vec![titled(3, "x"), titled(4, "x")], None),
        (vec![titled(5, "x"), titled(6, "y")], Some(said(6, "y"))),
    ] {
        drive_batch(&mut task, &mut topics, batch, |_| true).unwrap();
        expected.extend(more);
        assert_eq!(said_of_the_first_issue(&topics), expected);
    }
}

/// The same, where what lay between is the acknowledged output of the partition's last owner.
#[test]
fn what_a_batch_takes_back_of_what_was_acknowledged_is_emitted() {
    for (committed, expected) in [(3, None), (2, Some("x")), (1, Some("x"))] {
        let mut topics = Topics {
            committed: Some(committed),
            ..Topics::default()
        };
        let mut task = open(MemoryStore::default(), &topics);
        let batch = vec![titled(0, "x"), titled(1, "y"), titled(2, "x")];
        drive_batch(&mut task, &mut topics, batch, |_| true).unwrap();
        let expected = expected.map(|title| (version(EPOCH, 2), title.to_owned()));
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(said_of_the_first_issue(&topics), expected, "{committed}");
    }
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_and_stops_nothing() {
    let topics = undisturbed();
    let letters = topics.appended.iter().filter_map(|output| match output {
        Output::DeadLetter(_, letter) => Some((letter.offset, letter.reason.as_str())),
        _ => None,
    });
    assert_eq!(
        letters.collect::<Vec<_>>(),
        [(3, "envelope"), (5, "payload")]
    );
    let last = batches().into_iter().flatten().last().unwrap().offset;
    assert_eq!(topics.committed, Some(last + 1));
    let of_the_last = topics.appended.iter().any(|output| match output {
        Output::State(_, record) => record.version() == version(EPOCH, last),
        _ => false,
    });
    assert!(of_the_last, "the last event's states are appended");
}

#[test]
fn dead_letters_are_counted_by_reason_and_those_of_an_earlier_life_are_not() {
    for (acknowledged, envelopes, payloads) in [(0, 1, 1), (4, 0, 1), (6, 0, 0)] {
        let counts = DeadLetterCounts::default();
        let mut topics = Topics {
            committed: Some(acknowledged),
            ..Topics::default()
        };
        let mut task = open(MemoryStore::default(), &topics);
        for batch in batches() {
            drive_batch(&mut task, &mut topics, batch, |_| true).unwrap();
        }
        counts.add(&topics.appended);
        assert_eq!(counts.count(Reason::Envelope), envelopes);
        assert_eq!(counts.count(Reason::Payload), payloads);
    }
}

#[test]
fn a_command_names_the_repository_though_its_batch_tells_nothing_of_it() {
    let mut topics = Topics::default();
    let mut task = open(MemoryStore::default(), &topics);
    let named = json!({"repository": {"id": 5, "full_name": "o/r", "updated_at": time(1)}});
    let named = webhook(10, &serde_json::to_vec(&named).unwrap());
    let unreadable = webhook(11, b"{\"issue\": 7");
    let of_another = webhook_of(6, 120, b"{}");
    for (offset, mut input) in (0..).zip([named, unreadable, of_another]) {
        input.offset = offset;
        drive_batch(&mut task, &mut topics, vec![input], |_| true).unwrap();
    }
    let names = topics.appended.iter().filter_map(|output| match output {
        Output::Refetch(command) => command.repository.as_deref(),
        Output::Event(opened) => opened.repository.as_deref(),
        _ => None,
    });
    assert_eq!(names.collect::<Vec<_>>(), ["o/r", "o/r"]);
}

#[test]
fn a_record_is_outdated_if_a_task_that_has_caught_up_knows_more_and_says_something_else() {
    let mut topics = Topics::default();
    let mut task = open(MemoryStore::default(), &topics);
    for batch in batches() {
        drive_batch(&mut task, &mut topics, batch, |_| true).unwrap();
    }
    let of_the_first_issue = |output: &Output| match output {
        Output::State(key, record) if key.to_string() == "issues/github.com/5/1" => {
            Some((key.clone(), record.as_ref().clone()))
        }
        _ => None,
    };
    let said: Vec<_> = topics
        .appended
        .iter()
        .filter_map(of_the_first_issue)
        .collect();
    let [(key, open_first), .., (_, latest)] = said.as_slice() else {
        panic!("{said:?}")
    };
    let codec = Codec::embedded();
    let is_outdated = |record: gapless_core::Record| {
        let value = record.encode(&codec).unwrap();
        task.is_outdated(key, Some(&value)).unwrap()
    };
    let known = version(EPOCH, task.next_offset() - 1);
    assert!(is_outdated(open_first.clone()));
    assert!(!is_outdated(latest.clone()), "it says what the task says");
    let earlier = version(EPOCH - 1, 1 << 40);
    assert!(is_outdated(open_first.clone().under(earlier)));
    assert!(is_outdated(open_first.clone().under(known - 1)));
    assert!(!is_outdated(open_first.clone().under(known)));
    assert!(!is_outdated(
        open_first.clone().under(version(EPOCH + 1, 0))
    ));
    let judge = |key: &Key, value| task.is_outdated(key, value).unwrap();
    assert!(judge(key, None), "a tombstone hides what the task knows");
    assert!(!judge(key, Some(b"of a newer release")));
    let nobodys = Key {
        name: "99".to_owned(),
        ..key.clone()
    };
    assert!(!judge(&nobodys, None));
    let undone = task.undo(key).unwrap();
    assert_eq!(
        undone.as_ref().and_then(of_the_first_issue).unwrap().1,
        latest.clone().under(known)
    );

    let behind = open(MemoryStore::default(), &topics);
    assert!(task.has_caught_up() && !behind.has_caught_up());
}

/// What the stores hold after a life that leaves something of each kind: states of every entity and
/// watches. Where this fails, the form of a stored value changed: raise `FORM`, so that stores of the form
/// before are replayed instead of being misread, and put both here.
const STORED: (u32, &str) = (9, "f869105ab6482a8935b3fa2586b42de5");

#[test]
fn a_form_of_what_is_stored_has_a_number_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states.redb");
    let mut topics = Topics::default();
    let mut task = open(DiskStore::open(&path).unwrap(), &topics);
    for batch in batches() {
        drive_batch(&mut task, &mut topics, batch, |_| true).unwrap();
    }
    let pull = json!({"action": "opened", "pull_request": {"id": 90, "number": 9, "state": "open",
        "title": "t", "user": {"id": 1, "login": "a"}, "labels": [{"id": 3, "name": "l"}],
        "assignees": [], "requested_reviewers": [{"id": 2, "login": "b"}], "requested_teams": [],
        "created_at": time(1), "updated_at": time(2), "merged": false, "draft": false,
        "head": {"ref": "h", "sha": "1"}, "base": {"ref": "main"}, "commits": 1, "additions": 1,
        "deletions": 0, "changed_files": 1},
        "repository": {"id": 5, "name": "r", "full_name": "o/r", "owner": {"id": 1, "login": "o"},
            "private": false, "archived": false, "default_branch": "main", "created_at": time(0),
            "updated_at": time(1)}});
    let pull = Event {
        kind: "pull_request".to_owned(),
        host: "github.com".to_owned(),
        repository: Some("o/r".to_owned()),
        repository_id: Some(5),
        number: Some(9),
        received_at: Timestamp::from_seconds(START_SECONDS + 90_000),
        payload: serde_json::to_vec(&pull).unwrap(),
        ..Event::bare()
    };
    let gaps = topics.appended.iter().filter_map(|output| match output {
        Output::Event(event) => Some(event.as_ref().clone()),
        _ => None,
    });
    let events: Vec<Event> = gaps.chain([pull]).collect();
    for event in events {
        let value = Codec::embedded().encode(&event).unwrap();
        let offset = task.next_offset();
        let input = Input::read(&Codec::embedded(), offset, &value, &mut None);
        drive_batch(&mut task, &mut topics, vec![input], |_| true).unwrap();
    }
    drop(task);
    let store = DiskStore::open(&path).unwrap();
    let mut kinds = BTreeSet::new();
    let mut digest = String::new();
    for column in [Column::State, Column::Watch] {
        for (key, bytes) in store.scan(column).unwrap() {
            digest = ids::webhook_event_id(&digest, &key, &bytes);
            let kind = Key::parse(&key).unwrap().kind;
            kinds.insert((column == Column::Watch, kind));
        }
    }
    let states = kinds.iter().filter(|(is_watch, _)| !is_watch);
    assert_eq!(states.count(), Kind::ALL.len(), "{kinds:?}");
    assert!(kinds.iter().any(|(is_watch, _)| *is_watch));
    assert_eq!((FORM, digest.as_str()), STORED);
}
