//! Turns within seconds: whatever number a second or five hold, and whichever witnesses tell them,
//! what is derived is what happened, or less than that and a question.

use gapless_core::{Key, Kind, Record, State, lift};
use gapless_schemas::{
    Detector, Event, Issue, PullRequest, Source, Timestamp, TransitionKind, ids,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use TransitionKind::{Closed, ConvertedToDraft, ReadyForReview, Reopened};

const START_SECONDS: i64 = 1_700_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(START_SECONDS + second)
}

/// What happened: a kind and the second, by GitHub's clock.
type Truth = [(TransitionKind, i64)];

/// How an item looks after the first `told` turns.
fn shown(truth: &Truth, told: usize, opened_draft: bool, closed_skew: i64) -> Value {
    let mut object = json!({"id": 70, "number": 7, "title": "t", "state": "open",
        "user": {"id": 1, "login": "ann"}, "created_at": at(-100).to_string(),
        "updated_at": at(-100).to_string(), "closed_at": null, "merged_at": null,
        "draft": opened_draft, "additions": 1, "deletions": 1, "changed_files": 1, "commits": 1});
    for &(kind, second) in &truth[..told] {
        object["updated_at"] = at(second).to_string().into();
        match kind {
            Closed => {
                object["state"] = "closed".into();
                object["closed_at"] = at(second + closed_skew).to_string().into();
            }
            Reopened => {
                object["state"] = "open".into();
                object["closed_at"] = Value::Null;
            }
            ReadyForReview => object["draft"] = false.into(),
            ConvertedToDraft => object["draft"] = true.into(),
            TransitionKind::Opened => {}
        }
    }
    object
}

fn event(source: Source, kind: &str, action: Option<&str>, guid: &str, payload: &Value) -> Event {
    let payload = serde_json::to_vec(payload).unwrap();
    Event {
        event_id: ids::webhook_event_id("github.com", guid, &payload),
        source,
        kind: kind.to_owned(),
        action: action.map(str::to_owned),
        host: "github.com".to_owned(),
        repository: Some("o/r".to_owned()),
        repository_id: Some(5),
        number: Some(7),
        requested_at: (source == Source::Snapshot).then_some(at(1_000)),
        received_at: at(1_000),
        payload,
        ..Event::bare()
    }
}

/// The delivery of turn `place` of `truth` through `hook`.
fn delivery(truth: &Truth, place: usize, hook: i64, opened_draft: bool, skew: i64) -> Event {
    let action = truth[place].0.name();
    let payload = json!({"action": action, "pull_request":
        shown(truth, place + 1, opened_draft, skew), "sender": {"id": 2, "login": "bob"}});
    let guid = format!("{hook}-{place}");
    let mut event = event(
        Source::Webhook,
        "pull_request",
        Some(action),
        &guid,
        &payload,
    );
    event
        .headers
        .insert("x-github-hook-id".to_owned(), hook.to_string());
    event
}

/// The delivery of the opening.
fn opening(hook: i64, opened_draft: bool) -> Event {
    let payload = json!({"action": "opened", "pull_request": shown(&[], 0, opened_draft, 0)});
    let guid = format!("{hook}-opened");
    event(
        Source::Webhook,
        "pull_request",
        Some("opened"),
        &guid,
        &payload,
    )
}

/// A snapshot; without a timeline where none is given.
fn snapshot(truth: &Truth, opened_draft: bool, skew: i64, timeline: Option<Vec<Value>>) -> Event {
    let payload = json!({"status": 200, "pull_request":
        shown(truth, truth.len(), opened_draft, skew), "timeline": timeline});
    event(Source::Snapshot, "item", None, "snapshot", &payload)
}

fn entry(kind: TransitionKind, second: i64) -> Value {
    let name = match kind {
        ConvertedToDraft => "convert_to_draft",
        kind => kind.name(),
    };
    json!({"event": name, "created_at": at(second).to_string()})
}

fn told(events: &[Event], kind: Kind) -> (Key, State) {
    let mut states: BTreeMap<Key, State> = BTreeMap::new();
    for event in events {
        for (key, part) in lift(event).unwrap().1.into_vec() {
            let blank = key.kind.blank();
            states.entry(key).or_insert(blank).join(part);
        }
    }
    let of_kind = |(key, _): &(Key, State)| key.kind == kind;
    states.into_iter().find(of_kind).unwrap()
}

fn pull_request(events: &[Event]) -> PullRequest {
    let (key, state) = told(events, Kind::PullRequest);
    match state.view(&key, 1) {
        Some(Record::PullRequest(record)) => *record,
        other => panic!("{other:?}"),
    }
}

/// The kinds of one channel, in the order derived.
fn derived(events: &[Event], channel: [TransitionKind; 2]) -> Vec<TransitionKind> {
    let transitions = pull_request(events).transitions.into_iter();
    let kinds = transitions.map(|transition| transition.kind);
    kinds.filter(|kind| channel.contains(kind)).collect()
}

const OPENNESS: [TransitionKind; 2] = [Closed, Reopened];
const DRAFTNESS: [TransitionKind; 2] = [ConvertedToDraft, ReadyForReview];

fn of(truth: &Truth, channel: [TransitionKind; 2]) -> Vec<TransitionKind> {
    let kinds = truth.iter().map(|(kind, _)| *kind);
    kinds.filter(|kind| channel.contains(kind)).collect()
}

fn asks(events: &[Event]) -> bool {
    let (key, state) = told(events, Kind::PullRequest);
    let asked = |detector| {
        let mut questions = state.questions(&key).into_iter();
        questions.any(|asked| asked.question.detector() == detector)
    };
    asked(Detector::ImpossibleTransition) || asked(Detector::ContestedSecond)
}

#[derive(Clone, Debug)]
struct Case {
    truth: Vec<(TransitionKind, i64)>,
    opened_draft: bool,
    /// `closed_at` less `updated_at`.
    closed_skew: i64,
    /// The timeline's time of each turn less GitHub's.
    timeline_skews: Vec<i64>,
    /// Of each turn: whether the first hook, the second and the timeline tell it.
    tells: Vec<[bool; 3]>,
    order: Vec<usize>,
}

fn case() -> impl Strategy<Value = Case> {
    const LENGTH: usize = 10;
    (
        vec((any::<bool>(), 0..=5_i64), 1..LENGTH),
        any::<bool>(),
        -1..=1_i64,
        vec(-2..=2_i64, LENGTH),
        vec(any::<[bool; 3]>(), LENGTH),
        Just((0..3 * LENGTH + 4).collect::<Vec<_>>()).prop_shuffle(),
    )
        .prop_map(
            |(turns, opened_draft, closed_skew, timeline_skews, tells, order)| {
                let (mut closed, mut draft, mut second) = (false, opened_draft, 0);
                let truth = turns.into_iter().map(|(is_draft, gap)| {
                    second += gap;
                    let kind = if is_draft {
                        draft = !draft;
                        if draft {
                            ConvertedToDraft
                        } else {
                            ReadyForReview
                        }
                    } else {
                        closed = !closed;
                        if closed { Closed } else { Reopened }
                    };
                    (kind, second)
                });
                Case {
                    truth: truth.collect(),
                    opened_draft,
                    closed_skew,
                    timeline_skews,
                    tells,
                    order,
                }
            },
        )
}

impl Case {
    /// What a hook told: the opening, and the turns.
    fn deliveries(&self, hook: usize, all: bool) -> Vec<Event> {
        let hook_id = hook as i64 + 1;
        let mut events = vec![opening(hook_id, self.opened_draft)];
        let places = 0..self.truth.len();
        let told = places.filter(|&place| all || self.tells[place][hook]);
        let (draft, skew) = (self.opened_draft, self.closed_skew);
        events.extend(told.map(|place| delivery(&self.truth, place, hook_id, draft, skew)));
        events
    }

    /// The timeline, whose times never run back.
    fn timeline(&self, all: bool) -> Vec<Value> {
        let mut latest = i64::MIN;
        let skewed = self.truth.iter().zip(&self.timeline_skews);
        let skewed = skewed.map(|(&(kind, second), skew)| {
            latest = latest.max(second + skew);
            (kind, latest)
        });
        let told = skewed.zip(&self.tells);
        told.filter(|(_, tells)| all || tells[2])
            .map(|((kind, second), _)| entry(kind, second))
            .collect()
    }

    fn shuffled(&self, events: Vec<Event>) -> Vec<Event> {
        let mut events: Vec<(usize, Event)> = self.order.iter().copied().zip(events).collect();
        events.sort_by_key(|(place, _)| *place);
        events.into_iter().map(|(_, event)| event).collect()
    }

    fn is_right(&self, what: &str, events: &[Event]) -> Result<(), TestCaseError> {
        for channel in [OPENNESS, DRAFTNESS] {
            let expected = of(&self.truth, channel);
            prop_assert_eq!(derived(events, channel), expected, "{}", what);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_all_is_told_what_is_derived_is_what_happened(case in case()) {
        let snapshot = |timeline| snapshot(&case.truth, case.opened_draft, case.closed_skew, timeline);
        let first = case.deliveries(0, true);
        case.is_right("one hook", &case.shuffled(first.clone()))?;
        let doubled = [first.clone(), case.deliveries(1, false), first.clone()].concat();
        case.is_right("two hooks, one of them with losses, and redeliveries", &case.shuffled(doubled))?;
        let shown = [first.clone(), vec![snapshot(None)]].concat();
        case.is_right("one hook, and the object", &case.shuffled(shown))?;
        let whole = snapshot(Some(case.timeline(true)));
        case.is_right("the timeline", std::slice::from_ref(&whole))?;
        let both = [case.deliveries(0, false), vec![whole.clone()]].concat();
        case.is_right("the timeline, and a hook with losses", &case.shuffled(both))?;
        let both = [first, vec![snapshot(Some(case.timeline(false)))]].concat();
        let both = case.shuffled(both);
        case.is_right("one hook, and a timeline that omits some", &both)?;
    }

    #[test]
    fn never_more_is_derived_than_happened_and_a_contradiction_asks(case in case()) {
        let lossy = snapshot(&case.truth, case.opened_draft, case.closed_skew, Some(case.timeline(false)));
        let events = [case.deliveries(0, false), case.deliveries(1, false), vec![lossy]].concat();
        let events = case.shuffled(events);
        for channel in [OPENNESS, DRAFTNESS] {
            let (found, truth) = (derived(&events, channel), of(&case.truth, channel));
            for kind in channel {
                let count = |kinds: &[TransitionKind]| kinds.iter().filter(|it| **it == kind).count();
                prop_assert!(count(&found) <= count(&truth), "{:?} of {:?}", found, truth);
            }
        }
        // The same without a timeline, which would prove itself right.
        let shown = snapshot(&case.truth, case.opened_draft, case.closed_skew, None);
        let events = [case.deliveries(0, false), vec![shown]].concat();
        let events = case.shuffled(events);
        for channel in [OPENNESS, DRAFTNESS] {
            let (found, truth) = (derived(&events, channel), of(&case.truth, channel));
            prop_assert!(found.len() <= truth.len(), "{:?} of {:?}", found, truth);
            let alternates = found.windows(2).all(|pair| pair[0] != pair[1]);
            let is_end = found.is_empty() || found.last() == truth.last();
            let starts = found.is_empty() || found.first() == truth.first();
            if !(alternates && is_end && starts) {
                prop_assert!(asks(&events), "{:?} of {:?}", found, truth);
            }
        }
    }
}

#[test]
fn whatever_number_of_turns_one_second_holds() {
    for turns in [2, 3, 4, 5, 9] {
        for channel in [OPENNESS, DRAFTNESS] {
            let truth: Vec<(TransitionKind, i64)> =
                (0..turns).map(|place| (channel[place % 2], 3)).collect();
            let mut events: Vec<Event> = (0..turns)
                .map(|place| delivery(&truth, place, 1, false, 0))
                .collect();
            assert_eq!(derived(&events, channel), of(&truth, channel), "{turns}");
            // Whichever look happens to come last.
            for _ in 0..turns {
                events.rotate_left(1);
                for (place, event) in events.iter_mut().enumerate() {
                    event.received_at = at(1_000 + place as i64);
                }
                let record = pull_request(&events);
                assert_eq!(derived(&events, channel), of(&truth, channel), "{turns}");
                if channel == OPENNESS {
                    let state = if turns % 2 == 1 { "closed" } else { "open" };
                    assert_eq!(record.state.as_deref(), Some(state), "{turns}");
                    assert_eq!(record.closed_at.is_some(), turns % 2 == 1, "{turns}");
                } else {
                    assert_eq!(record.draft, Some(turns % 2 == 1), "{turns}");
                }
            }
        }
    }
}

#[test]
fn of_deliveries_that_tell_no_hook_each_guid_within_a_second_is_a_turn() {
    let truth = [(Closed, 0), (Reopened, 0), (Closed, 0)];
    let mut events: Vec<Event> = (0..3)
        .map(|place| delivery(&truth, place, 1, false, 0))
        .collect();
    for event in &mut events {
        event.headers.clear();
    }
    assert_eq!(derived(&events, OPENNESS), of(&truth, OPENNESS));
    let once = delivery(&truth[..1], 0, 1, false, 0);
    let again = delivery(&truth[..1], 0, 2, false, 0);
    assert_eq!(derived(&[once, again], OPENNESS), [Closed]);
}

#[test]
fn a_closing_that_witnesses_tell_a_second_apart_is_one() {
    let truth = [(Closed, 10)];
    for skew in [-2, -1, 1, 2] {
        let events = [
            delivery(&truth, 0, 1, false, skew),
            snapshot(&truth, false, skew, Some(vec![entry(Closed, 11)])),
        ];
        assert_eq!(derived(&events, OPENNESS), [Closed], "{skew}");
        assert!(!asks(&events));
    }
    // Two with nothing between are one within five seconds, and a question beyond.
    let close = [
        delivery(&[(Closed, 0)], 0, 1, false, 0),
        delivery(&[(Closed, 5)], 0, 2, false, 0),
    ];
    assert_eq!(derived(&close, OPENNESS), [Closed]);
    let apart = [
        delivery(&[(Closed, 0)], 0, 1, false, 0),
        delivery(&[(Closed, 6)], 0, 2, false, 0),
    ];
    assert_eq!(derived(&apart, OPENNESS), [Closed, Closed]);
    assert!(asks(&apart));
}

#[test]
fn of_a_burst_the_closing_that_holds_is_told_by_what_is_shown_where_nothing_else_tells_it() {
    // Closed, reopened and closed, of which the timeline has the first two, and so have deliveries.
    for (gap, skew) in [(0, 0), (1, 0), (2, 1), (2, -1), (2, 2)] {
        let truth = [(Closed, 10), (Reopened, 10 + gap), (Closed, 10 + 2 * gap)];
        let timeline = truth[..2]
            .iter()
            .map(|(kind, second)| entry(*kind, *second));
        let shown = |timeline| snapshot(&truth, false, skew, timeline);
        let deliveries = [0, 1].map(|place| delivery(&truth, place, 1, false, skew));
        let with_timeline = [shown(Some(timeline.collect()))];
        let without = [&deliveries[..], &[shown(None)]].concat();
        // Of one second, deliveries alone do not tell whether the first or the last of it lacks.
        assert_eq!(asks(&without), gap == 0, "{gap} {skew}");
        let told = [&with_timeline[..], &without].into_iter();
        for events in told.filter(|events| !asks(events)) {
            assert_eq!(
                derived(events, OPENNESS),
                of(&truth, OPENNESS),
                "{gap} {skew}"
            );
        }
        assert!(!asks(&with_timeline), "{gap} {skew}");
    }
}

#[test]
fn no_closing_is_made_of_a_reopening_later_than_the_look_or_of_one_that_clocks_moved() {
    // The timeline is asked for after the object: it tells a reopening that the object does not show.
    let truth = [(Closed, 10)];
    let later = [entry(Closed, 10), entry(Reopened, 12)].to_vec();
    let events = [snapshot(&truth, false, 0, Some(later))];
    assert_eq!(derived(&events, OPENNESS), [Closed, Reopened]);
    // All closings are told, the last of them by a clock that puts it before the reopening.
    let truth = [(Closed, 10), (Reopened, 13), (Closed, 14)];
    let early = [entry(Closed, 8), entry(Closed, 12)].to_vec();
    let reopened = delivery(&truth, 1, 1, false, 0);
    let events = [reopened, snapshot(&truth, false, 0, Some(early))];
    let closed = derived(&events, OPENNESS).into_iter();
    assert!(closed.filter(|kind| *kind == Closed).count() <= 2);
}

#[test]
fn what_is_shown_without_a_time_remains_a_question() {
    // The last of each is told by nothing but what is shown.
    for kinds in [[ConvertedToDraft, ReadyForReview], [Closed, Reopened]] {
        let truth = kinds.map(|kind| (kind, 10));
        let events = [
            delivery(&truth, 0, 1, false, 0),
            snapshot(&truth, false, 0, None),
        ];
        assert!(asks(&events), "{kinds:?}");
    }
}

#[test]
fn an_issue_that_a_bot_closes_again_was_closed_twice() {
    let issue = |action: &str, second: i64, state: &str, closed_at: Value| {
        let object = json!({"id": 70, "number": 7, "title": "t", "state": state, "user": null,
            "created_at": at(-100).to_string(), "updated_at": at(second).to_string(),
            "closed_at": closed_at});
        let payload = json!({"action": action, "issue": object});
        event(
            Source::Webhook,
            "issues",
            Some(action),
            &second.to_string(),
            &payload,
        )
    };
    let events = [
        issue("closed", 0, "closed", at(0).to_string().into()),
        issue("reopened", 1, "open", Value::Null),
        issue("closed", 3, "closed", at(3).to_string().into()),
    ];
    let (key, state) = told(&events, Kind::Issue);
    let Some(Record::Issue(record)) = state.view(&key, 1) else {
        panic!("an issue")
    };
    let Issue { transitions, .. } = *record;
    let kinds: Vec<TransitionKind> = transitions.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [TransitionKind::Opened, Closed, Reopened, Closed]);
    let asked: BTreeSet<&str> = state
        .questions(&key)
        .iter()
        .map(|asked| asked.question.detector().name())
        .collect();
    assert_eq!(asked, BTreeSet::from(["unproven_history"]));
}
