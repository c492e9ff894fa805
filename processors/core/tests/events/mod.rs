//! Generated events: small payloads of every form that a lift reads, with fields that lack or are
//! null, about few numbers, in few seconds.

use gapless_core::{Key, State, lift, lift_unreadable};
use gapless_schemas::{Event, GapEvent, Question, Resource, Source, Timestamp, ids};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const START_SECONDS: i64 = 1_600_000_000;

/// What the events tell, joined in the order given.
pub(crate) fn fold(events: &[Event]) -> BTreeMap<Key, State> {
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

/// An event of any form.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    let told = prop_oneof![
        5 => pull_request_webhook(),
        2 => review_webhook(),
        3 => issue_webhook(),
        2 => comment_webhook(),
        1 => repository_webhook(),
        2 => naming_webhook(),
        4 => item(),
        1 => repository_answer(),
        2 => listing(),
        1 => unreadable(),
        2 => gap(),
    ];
    (told, 0..4_i64, 0..4_i64, any::<bool>())
        .prop_map(|(told, asked, received, first)| told.into_event(asked, received, first))
}

/// An event before it gets its times.
#[derive(Clone, Debug)]
struct Told {
    source: Source,
    kind: &'static str,
    action: Option<&'static str>,
    number: Option<i64>,
    gaps: &'static str,
    payload: Value,
}

impl Told {
    fn webhook(kind: &'static str, action: &'static str, mut payload: Value) -> Self {
        payload["action"] = action.into();
        payload["sender"] = user(1);
        Self {
            source: Source::Webhook,
            kind,
            action: Some(action),
            number: None,
            gaps: "",
            payload,
        }
    }

    fn into_event(self, asked: i64, received: i64, knows_first_attempt: bool) -> Event {
        let payload = serde_json::to_vec(&self.payload).expect("a JSON value has a text");
        // Some near the items' own seconds, some long after: settled.
        let requested_at = Timestamp::from_seconds(START_SECONDS + asked * 8);
        let received_at = Timestamp::from_seconds(START_SECONDS + 30 + received);
        let is_answer = matches!(self.source, Source::Snapshot | Source::Listing);
        let event_id = match self.source {
            Source::Webhook => ids::webhook_event_id("github.com", "guid", &payload),
            _ => ids::answer_event_id("github.com", self.kind, requested_at, &payload),
        };
        let gaps = ("gapless-gaps".to_owned(), self.gaps.to_owned());
        Event {
            event_id,
            source: self.source,
            kind: self.kind.to_owned(),
            action: self.action.map(str::to_owned),
            host: "github.com".to_owned(),
            repository: Some("o/r".to_owned()),
            repository_id: Some(5),
            number: self.number,
            first_delivered_at: (knows_first_attempt && !is_answer).then_some(requested_at),
            requested_at: is_answer.then_some(requested_at),
            received_at,
            headers: BTreeMap::from([gaps]),
            payload,
            ..Event::bare()
        }
    }
}

fn second() -> impl Strategy<Value = Value> {
    (0..8_i64).prop_map(|second| time(second).into())
}

fn time(second: i64) -> String {
    Timestamp::from_seconds(START_SECONDS + second).to_string()
}

/// Null or a time.
fn nullable_second() -> impl Strategy<Value = Value> {
    option::of(second()).prop_map(|second| second.unwrap_or(Value::Null))
}

fn user(id: i64) -> Value {
    json!({"id": id, "login": format!("u{id}"), "type": "User"})
}

/// A user under one of two logins, or what GitHub shows of an account that is gone.
fn any_user() -> impl Strategy<Value = Value> {
    let login = prop_oneof![Just("u"), Just("renamed-u")];
    prop_oneof![
        6 => (1..4_i64, login).prop_map(|(id, login)| {
            json!({"id": id, "login": format!("{login}{id}"), "type": "User"})
        }),
        1 => Just(json!({"id": 10_137, "login": "ghost", "type": "User"})),
    ]
}

fn users() -> impl Strategy<Value = Value> {
    vec(any_user(), 0..3).prop_map(Value::from)
}

fn sha() -> impl Strategy<Value = Value> {
    (0..4_u8).prop_map(|sha| format!("sha{sha}").into())
}

fn branch() -> impl Strategy<Value = Value> {
    ((0..2_u8), sha()).prop_map(|(name, sha)| json!({"ref": format!("b{name}"), "sha": sha}))
}

/// An object of fields that are each there or not.
fn object(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let maybe: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            option::weighted(0.85, value).prop_map(move |value| value.map(|it| (name, it)))
        })
        .collect();
    maybe
        .prop_map(|fields| {
            let fields = fields.into_iter().flatten();
            let named = fields.map(|(name, value)| (name.to_owned(), value));
            Value::Object(named.collect::<Map<_, _>>())
        })
        .boxed()
}

fn milestone() -> impl Strategy<Value = Value> {
    (1..3_i64, 0..2_u8).prop_map(|(id, name)| json!({"id": id, "title": format!("m{name}")}))
}

/// Fields that issues and pull requests share.
fn shared() -> Vec<(&'static str, BoxedStrategy<Value>)> {
    let text = |texts: &'static [&'static str]| prop::sample::select(texts).prop_map(Value::from);
    let labels = vec(0..3_u8, 0..3).prop_map(|labels| {
        let label = |label: u8| match label {
            0 => json!("plain"),
            _ => json!({"id": label, "name": format!("l{label}")}),
        };
        labels.into_iter().map(label).collect()
    });
    let author = option::of(any_user()).prop_map(|user| user.unwrap_or(Value::Null));
    vec![
        ("state", text(&["open", "closed"]).boxed()),
        ("title", text(&["x", "y"]).boxed()),
        ("locked", any::<bool>().prop_map(Value::from).boxed()),
        ("user", author.boxed()),
        ("labels", labels.boxed()),
        ("assignees", users().boxed()),
        (
            "milestone",
            option::of(milestone())
                .prop_map(|it| it.unwrap_or(Value::Null))
                .boxed(),
        ),
        ("created_at", second().boxed()),
        ("updated_at", second().boxed()),
        ("closed_at", nullable_second().boxed()),
        ("comments", (0..3_u8).prop_map(Value::from).boxed()),
    ]
}

fn with_id(object: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    // Few numbers, one of them in the ledger's next block.
    let number = prop_oneof![4 => Just(7_i64), 1 => Just(1_030_i64)];
    (object, number)
        .prop_map(|(mut object, number)| {
            object["number"] = number.into();
            object["id"] = (number * 10).into();
            object
        })
        .boxed()
}

fn pull_request() -> BoxedStrategy<Value> {
    let mut fields = shared();
    let count = || (0..3_u8).prop_map(Value::from).boxed();
    let merged_by = option::of(any_user()).prop_map(|user| user.unwrap_or(Value::Null));
    fields.extend([
        ("draft", any::<bool>().prop_map(Value::from).boxed()),
        ("merged_at", nullable_second().boxed()),
        ("merged_by", merged_by.boxed()),
        ("head", branch().boxed()),
        ("base", branch().boxed()),
        ("requested_reviewers", users().boxed()),
        ("requested_teams", Just(json!([])).boxed()),
        ("additions", count()),
        ("deletions", count()),
        ("changed_files", count()),
        ("commits", count()),
        ("review_comments", count()),
    ]);
    with_id(object(fields))
}

/// An issue object: of an issue, or of a pull request.
fn issue() -> BoxedStrategy<Value> {
    let mut fields = shared();
    let reason = option::of(prop::sample::select(&["completed", "not_planned"][..]));
    let reason = reason.prop_map(|reason| reason.map_or(Value::Null, Value::from));
    fields.push(("state_reason", reason.boxed()));
    let link = option::of(object(vec![("merged_at", nullable_second().boxed())]));
    (with_id(object(fields)), link)
        .prop_map(|(mut issue, link)| {
            if let Some(link) = link {
                issue["pull_request"] = link;
            }
            issue
        })
        .boxed()
}

fn review() -> BoxedStrategy<Value> {
    let states = &["approved", "CHANGES_REQUESTED", "dismissed", "commented"][..];
    let user = option::of(any_user());
    let fields = (
        0..3_i64,
        user,
        prop::sample::select(states),
        second(),
        sha(),
    );
    fields
        .prop_map(|(id, user, state, submitted_at, sha)| {
            json!({"id": id, "user": user, "state": state, "submitted_at": submitted_at,
                "commit_id": sha})
        })
        .boxed()
}

fn pull_request_webhook() -> BoxedStrategy<Told> {
    const ACTIONS: &[&str] = &[
        "opened",
        "closed",
        "reopened",
        "synchronize",
        "ready_for_review",
        "converted_to_draft",
        "edited",
    ];
    (pull_request(), prop::sample::select(ACTIONS), sha(), sha())
        .prop_map(|(pull, action, before, after)| {
            let payload = json!({"pull_request": pull, "before": before, "after": after,
                "repository": repository_object(3, false)});
            Told::webhook("pull_request", action, payload)
        })
        .boxed()
}

fn review_webhook() -> BoxedStrategy<Told> {
    let actions = prop::sample::select(&["submitted", "dismissed"][..]);
    (pull_request(), review(), actions)
        .prop_map(|(pull, review, action)| {
            let payload = json!({"pull_request": pull, "review": review});
            Told::webhook("pull_request_review", action, payload)
        })
        .boxed()
}

fn issue_webhook() -> BoxedStrategy<Told> {
    const ACTIONS: &[&str] = &["opened", "closed", "reopened", "deleted", "transferred"];
    (issue(), prop::sample::select(ACTIONS))
        .prop_map(|(issue, action)| Told::webhook("issues", action, json!({"issue": issue})))
        .boxed()
}

fn comment_webhook() -> BoxedStrategy<Told> {
    issue()
        .prop_map(|issue| Told::webhook("issue_comment", "created", json!({"issue": issue})))
        .boxed()
}

fn repository_object(second: i64, archived: bool) -> Value {
    json!({"id": 5, "full_name": format!("o/r{}", second % 2), "owner": {"id": 9, "login": "o"},
        "private": false, "archived": archived, "fork": false, "default_branch": "main",
        "created_at": time(0), "updated_at": time(second)})
}

fn repository_webhook() -> BoxedStrategy<Told> {
    let actions = prop::sample::select(&["edited", "renamed", "archived", "deleted"][..]);
    (0..5_i64, any::<bool>(), actions)
        .prop_map(|(second, archived, action)| {
            let payload = json!({"repository": repository_object(second, archived)});
            Told::webhook("repository", action, payload)
        })
        .boxed()
}

/// A label or milestone that is edited or deleted.
fn naming_webhook() -> BoxedStrategy<Told> {
    let actions = prop::sample::select(&["created", "edited", "deleted"][..]);
    let label = (1..3_i64, 0..3_u8);
    (label, milestone(), second(), actions, any::<bool>())
        .prop_map(|((id, name), mut milestone, second, action, is_label)| {
            let repository = repository_object(3, false);
            if is_label {
                let label = json!({"id": id, "name": format!("l{name}")});
                let payload = json!({"label": label, "repository": repository});
                return Told::webhook("label", action, payload);
            }
            milestone["updated_at"] = second;
            let payload = json!({"milestone": milestone, "repository": repository});
            Told::webhook("milestone", action, payload)
        })
        .boxed()
}

fn repository_answer() -> BoxedStrategy<Told> {
    let statuses = prop::sample::select(&[200_u16, 200, 301, 404, 410][..]);
    (0..5_i64, any::<bool>(), statuses)
        .prop_map(|(second, archived, status)| {
            let mut payload = json!({"status": status});
            if status == 200 {
                payload["repository"] = repository_object(second, archived);
            }
            Told {
                source: Source::Snapshot,
                kind: "repository",
                action: None,
                number: None,
                gaps: "",
                payload,
            }
        })
        .boxed()
}

fn timeline_entry() -> BoxedStrategy<Value> {
    const KINDS: &[&str] = &[
        "closed",
        "reopened",
        "merged",
        "ready_for_review",
        "convert_to_draft",
        "committed",
        "labeled",
    ];
    (prop::sample::select(KINDS), second(), any_user())
        .prop_map(|(kind, at, actor)| match kind {
            "committed" => json!({"event": kind, "author": {"date": at}}),
            _ => json!({"event": kind, "created_at": at, "actor": actor}),
        })
        .boxed()
}

fn item() -> BoxedStrategy<Told> {
    let statuses = prop::sample::select(&[200_u16, 200, 200, 200, 301, 404, 410][..]);
    let parts = (
        option::of(issue()),
        option::of(pull_request()),
        option::of(vec(review(), 0..3)),
        option::of(vec(timeline_entry(), 0..5)),
    );
    let gaps = prop::sample::select(&["", "g1", "g1,g2"][..]);
    (statuses, parts, gaps)
        .prop_map(|(status, (issue, pull_request, reviews, timeline), gaps)| {
            let mut payload = json!({"status": status});
            if status == 200 {
                payload["issue"] = issue.unwrap_or(Value::Null);
                payload["pull_request"] = pull_request.unwrap_or(Value::Null);
                payload["reviews"] = reviews.map_or(Value::Null, Value::from);
                payload["timeline"] = timeline.map_or(Value::Null, Value::from);
            }
            Told {
                source: Source::Snapshot,
                kind: "item",
                action: None,
                number: Some(7),
                gaps,
                payload,
            }
        })
        .boxed()
}

fn listing() -> BoxedStrategy<Told> {
    let since = option::of(second());
    let numbers = option::of(vec(1..4_i64, 0..3));
    (vec(issue(), 0..3), any::<bool>(), since, numbers)
        .prop_map(|(items, complete, since, numbers)| {
            let mut payload = json!({"complete": complete, "items": items, "numbers": numbers});
            if let Some(since) = since {
                payload["since"] = since;
            }
            Told {
                source: Source::Listing,
                kind: "issues",
                action: None,
                number: None,
                gaps: "",
                payload,
            }
        })
        .boxed()
}

/// A webhook about an issue in a form that no lift reads.
fn unreadable() -> BoxedStrategy<Told> {
    (1..4_i64)
        .prop_map(|number| Told {
            number: Some(number),
            ..Told::webhook("issues", "edited", json!({"issue": "none"}))
        })
        .boxed()
}

fn questions() -> impl Strategy<Value = Question> {
    prop_oneof![
        (0..3_i64).prop_map(|number| Question::MissingNumber { number }),
        Just(Question::UntoldClosing),
        any::<bool>().prop_map(|shown| Question::UntoldDraft { shown }),
    ]
}

fn gap() -> BoxedStrategy<Told> {
    (0..3_i64, any::<bool>(), questions(), 0..2_u8)
        .prop_map(|(at, opens, question, gap)| {
            let (gap_id, subject) = (format!("g{gap}"), "issues/github.com/5/7".to_owned());
            let at = Timestamp::from_seconds(START_SECONDS + at);
            let event = if opens {
                GapEvent::Opened {
                    gap_id,
                    subject,
                    question,
                    resource: Resource::Item { number: 7 },
                    since: at,
                    at,
                }
            } else {
                GapEvent::Closed {
                    gap_id,
                    subject,
                    at,
                }
            };
            Told {
                source: Source::Gap,
                kind: "gap",
                action: Some(event.action()),
                number: None,
                gaps: "",
                payload: serde_json::to_value(event).expect("a gap event has a JSON form"),
            }
        })
        .boxed()
}
