//! What the webhooks and the API tell agrees with the truth, found by a fold as plain as can be.

use gapless_simulator::truth::{ItemTruth, TransitionKind, Truth};
use gapless_simulator::{Options, Request, World};
use serde_json::Value;
use std::collections::BTreeMap;

type Key = (u64, u32);

fn world(seed: u64) -> World {
    World::new(Options {
        seed,
        repositories: 7,
        changes: 5_000,
        requests_per_hour: 1_000_000,
        ..Options::default()
    })
}

/// The last payload about each item, and when which ended.
#[derive(Default)]
struct Folded {
    pulls: BTreeMap<Key, Value>,
    issues: BTreeMap<Key, Value>,
    transitions: BTreeMap<Key, Vec<(TransitionKind, String)>>,
    reviews: BTreeMap<Key, BTreeMap<u64, Value>>,
}

fn fold(world: &mut World) -> Folded {
    let mut folded = Folded::default();
    while let Some(step) = world.step() {
        for delivery in step.deliveries {
            let body: Value = serde_json::from_slice(&delivery.body).unwrap();
            let (Some(repository), Some(number)) = (delivery.repository_id, delivery.number) else {
                continue;
            };
            folded.take(
                &body,
                delivery.event,
                delivery.action.unwrap(),
                (repository, number),
            );
        }
    }
    folded
}

impl Folded {
    fn take(&mut self, body: &Value, event: &str, action: &str, key: Key) {
        if event == "pull_request_review" {
            let review = body["review"].clone();
            let id = review["id"].as_u64().unwrap();
            self.reviews.entry(key).or_default().insert(id, review);
        }
        if let (Some(pull), "pull_request" | "pull_request_review") =
            (body.get("pull_request"), event)
        {
            self.pulls
                .entry(key)
                .or_insert_with(|| Value::Object(Default::default()));
            let known = self.pulls.get_mut(&key).unwrap().as_object_mut().unwrap();
            known.extend(pull.as_object().unwrap().clone());
        }
        if event == "issues" {
            self.issues.insert(key, body["issue"].clone());
        }
        let item = body.get("pull_request").or(body.get("issue")).unwrap();
        let at = |field: &str| item[field].as_str().unwrap().to_owned();
        let transition = match (event, action) {
            (_, "closed") if item["merged"] == true => (TransitionKind::Merged, at("merged_at")),
            (_, "closed") => (TransitionKind::Closed, at("closed_at")),
            (_, "reopened") => (TransitionKind::Reopened, at("updated_at")),
            (_, "ready_for_review") => (TransitionKind::ReadyForReview, at("updated_at")),
            (_, "converted_to_draft") => (TransitionKind::ConvertedToDraft, at("updated_at")),
            ("issues", "deleted") => {
                self.issues.remove(&key);
                self.transitions.remove(&key);
                return;
            }
            ("issues", "transferred") => {
                self.issues.remove(&key);
                let to = &body["changes"];
                let to = (
                    to["new_repository"]["id"].as_u64().unwrap(),
                    to["new_issue"]["number"].as_u64().unwrap() as u32,
                );
                let moved = self.transitions.remove(&key).unwrap_or_default();
                self.transitions.insert(to, moved);
                return;
            }
            _ => return,
        };
        self.transitions.entry(key).or_default().push(transition);
    }
}

fn sorted(values: &Value, field: &str) -> Vec<String> {
    let values = values.as_array().unwrap().iter();
    let mut names: Vec<String> = values
        .map(|v| v[field].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn assert_item(told: &Value, item: &ItemTruth) {
    let number = item.number;
    assert_eq!(told["state"], item.state.name(), "#{number}");
    assert_eq!(told["title"], item.title, "#{number}");
    assert_eq!(told["user"]["login"], item.author, "#{number}");
    assert_eq!(told["created_at"], item.created_at.to_string(), "#{number}");
    let closed_at = item
        .closed_at
        .map_or(Value::Null, |at| at.to_string().into());
    assert_eq!(told["closed_at"], closed_at, "#{number}");
    assert_eq!(sorted(&told["labels"], "name"), item.labels, "#{number}");
    assert_eq!(
        sorted(&told["assignees"], "login"),
        item.assignees,
        "#{number}"
    );
}

fn assert_pull_requests(truth: &Truth, mut told: impl FnMut(Key) -> Value) {
    for pull in &truth.pull_requests {
        let told = told((pull.item.repository_id, pull.item.number));
        assert_item(&told, &pull.item);
        let number = pull.item.number;
        assert_eq!(told["id"], pull.id);
        assert_eq!(told["draft"], pull.draft, "#{number}");
        assert_eq!(told["merged"], pull.merged(), "#{number}");
        assert_eq!(told["head"]["sha"], pull.head_sha, "#{number}");
        assert_eq!(told["base"]["ref"], pull.base_ref, "#{number}");
        assert_eq!(told["additions"], pull.additions, "#{number}");
        assert_eq!(
            sorted(&told["requested_reviewers"], "login"),
            pull.requested_reviewers
        );
        assert_eq!(
            sorted(&told["requested_teams"], "slug"),
            pull.requested_teams
        );
    }
}

#[test]
fn undisturbed_webhooks_folded_in_order_give_the_true_final_states() {
    for seed in 1..=3 {
        let mut world = world(seed);
        let folded = fold(&mut world);
        let truth = world.truth();
        assert_eq!(folded.pulls.len(), truth.pull_requests.len());
        assert_pull_requests(&truth, |key| folded.pulls[&key].clone());
        assert_eq!(folded.issues.len(), truth.issues.len());
        for issue in &truth.issues {
            let told = &folded.issues[&(issue.item.repository_id, issue.item.number)];
            assert_item(told, &issue.item);
            assert_eq!(told["id"], issue.id);
            let reason = issue.state_reason.map_or(Value::Null, Value::from);
            assert_eq!(told["state_reason"], reason);
        }
    }
}

#[test]
fn undisturbed_webhooks_tell_every_transition_at_its_true_time() {
    let mut world = world(4);
    let folded = fold(&mut world);
    let truth = world.truth();
    let pulls = truth.pull_requests.iter().map(|pull| &pull.item);
    let items = pulls.chain(truth.issues.iter().map(|issue| &issue.item));
    let none = Vec::new();
    for item in items {
        let key = (item.repository_id, item.number);
        let expected: Vec<_> = item
            .transitions
            .iter()
            .map(|transition| (transition.kind, transition.at.to_string()))
            .collect();
        assert_eq!(
            folded.transitions.get(&key).unwrap_or(&none),
            &expected,
            "{key:?}"
        );
    }
}

#[test]
fn undisturbed_webhooks_tell_every_review() {
    let mut world = world(5);
    let folded = fold(&mut world);
    for pull in &world.truth().pull_requests {
        let told = folded
            .reviews
            .get(&(pull.item.repository_id, pull.item.number));
        assert_eq!(told.map_or(0, BTreeMap::len), pull.reviews.len());
        for review in &pull.reviews {
            let told = &told.unwrap()[&review.id];
            assert_eq!(told["state"], review.state);
            assert_eq!(told["user"]["login"], review.user);
            assert_eq!(told["submitted_at"], review.submitted_at.to_string());
        }
    }
}

fn get(world: &mut World, path: &str) -> Value {
    let response = world.answer(&Request::get(path, world.now()));
    assert_eq!(response.status, 200, "{path}");
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn the_api_alone_tells_the_true_final_states() {
    let mut world = world(6);
    fold(&mut world);
    let truth = world.truth();
    assert_pull_requests(&truth, |(repository, number)| {
        get(
            &mut world,
            &format!("/repositories/{repository}/pulls/{number}"),
        )
    });
    for issue in &truth.issues {
        let (repository, number) = (issue.item.repository_id, issue.item.number);
        let told = get(
            &mut world,
            &format!("/repositories/{repository}/issues/{number}"),
        );
        assert_item(&told, &issue.item);
    }
}

/// Timeline, item and nothing else: what a refetch has where all webhooks were lost.
#[test]
fn the_timeline_and_the_item_tell_every_transition_within_a_second_and_on_its_day() {
    let mut world = world(7);
    fold(&mut world);
    let truth = world.truth();
    let pulls = truth.pull_requests.iter().map(|pull| &pull.item);
    let items: Vec<_> = pulls
        .chain(truth.issues.iter().map(|issue| &issue.item))
        .collect();
    let (mut apart, mut omitted, mut closings) = (0, 0, 0);
    for item in items {
        let (repository, number) = (item.repository_id, item.number);
        let timeline = get(
            &mut world,
            &format!("/repositories/{repository}/issues/{number}/timeline?per_page=100"),
        );
        let told: Vec<(&str, &str)> = timeline
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|entry| Some((entry["event"].as_str()?, entry["created_at"].as_str()?)))
            .collect();
        let mut left = told.into_iter().peekable();
        for transition in &item.transitions {
            let name = match transition.kind {
                TransitionKind::Closed => "closed",
                TransitionKind::Merged => "merged",
                TransitionKind::Reopened => "reopened",
                TransitionKind::ReadyForReview => "ready_for_review",
                TransitionKind::ConvertedToDraft => "convert_to_draft",
            };
            closings += usize::from(name == "closed");
            match left.find(|(event, _)| *event == name) {
                Some((_, at)) => {
                    let at: gapless_schemas::Timestamp = at.parse().unwrap();
                    let difference = at.millis_since(transition.at).abs();
                    assert!(difference <= 1_000, "{name} of #{number}");
                    assert_eq!(at.day(), transition.at.day());
                    apart += usize::from(difference > 0);
                }
                None => {
                    assert_eq!(name, "closed");
                    assert_eq!(item.closed_at, Some(transition.at));
                    omitted += 1;
                }
            }
        }
    }
    println!("{closings} closings, {apart} told apart, {omitted} omitted");
    assert!(apart > 0 && omitted > 0 && closings > 50);
}
