//! What the webhooks and the API tell agrees with the truth, found by a fold as plain as can be.

use gapless_simulator::truth::{ItemTruth, TransitionKind, Truth};
use gapless_simulator::{Oddity, Options, Request, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Key = (u64, u32);

fn world(seed: u64) -> World {
    World::new(Options {
        seed,
        repositories: 7,
        changes: 5_000,
        requests_per_hour: 1_000_000,
        oddities: &Oddity::ALL,
        ..Options::default()
    })
}

/// The last payload about each item, when which ended, and what of them was told once for all.
#[derive(Default)]
struct Folded {
    names: Names,
    pulls: BTreeMap<Key, Value>,
    issues: BTreeMap<Key, Value>,
    transitions: BTreeMap<Key, Vec<(TransitionKind, String)>>,
    reviews: BTreeMap<Key, BTreeMap<u64, Value>>,
}

/// The last names told for an id, and what was deleted.
#[derive(Default)]
struct Names {
    logins: BTreeMap<u64, String>,
    labels: BTreeMap<u64, String>,
    milestones: BTreeMap<u64, String>,
    deleted: BTreeSet<u64>,
}

impl Names {
    fn take(&mut self, body: &Value, event: &str, action: Option<&str>) {
        let named = |object: &Value, name: &str| {
            let name = object[name].as_str().unwrap().to_owned();
            (object["id"].as_u64().unwrap(), name)
        };
        let (known, object) = match event {
            "label" => (&mut self.labels, named(&body["label"], "name")),
            "milestone" => (&mut self.milestones, named(&body["milestone"], "title")),
            _ => return self.take_logins(body),
        };
        if action == Some("deleted") {
            self.deleted.insert(object.0);
        }
        known.insert(object.0, object.1);
    }

    fn take_logins(&mut self, value: &Value) {
        if let (Some(login), Some(id)) = (value["login"].as_str(), value["id"].as_u64()) {
            self.logins.insert(id, login.to_owned());
        }
        match value {
            Value::Object(members) => members.values().for_each(|it| self.take_logins(it)),
            Value::Array(elements) => elements.iter().for_each(|it| self.take_logins(it)),
            _ => {}
        }
    }

    /// The names that the objects have now, sorted; `name` is the key of the one they had.
    fn sorted(&self, objects: &Value, name: &str) -> Vec<String> {
        let of_now = |object: &Value| {
            let id = object["id"].as_u64().unwrap();
            let had = object[name].as_str().unwrap().to_owned();
            let kinds = [&self.logins, &self.labels, &self.milestones];
            let now = kinds.iter().find_map(|names| names.get(&id));
            (!self.deleted.contains(&id)).then(|| now.cloned().unwrap_or(had))
        };
        let mut names: Vec<String> = objects
            .as_array()
            .unwrap()
            .iter()
            .filter_map(of_now)
            .collect();
        names.sort();
        names
    }
}

fn fold(world: &mut World) -> Folded {
    let mut folded = Folded::default();
    while let Some(step) = world.step() {
        for delivery in step.deliveries {
            let body: Value = serde_json::from_slice(&delivery.body).unwrap();
            folded.names.take(&body, delivery.event, delivery.action);
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
            // One number, one item.
            self.issues.remove(&key);
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

const GHOST: u64 = 10_137;

/// An account that was deleted is shown as nobody or as the ghost.
fn assert_account(names: &Names, told: &Value, id: u64, login: &str) {
    if !told.is_null() && told["id"] != GHOST {
        assert_eq!(told["id"], id);
        let one = Value::Array(vec![told.clone()]);
        assert_eq!(names.sorted(&one, "login"), [login]);
    }
}

fn assert_item(names: &Names, told: &Value, item: &ItemTruth) {
    let number = item.number;
    assert_eq!(told["state"], item.state.name(), "#{number}");
    assert_eq!(told["title"], item.title, "#{number}");
    assert_account(names, &told["user"], item.author_id, &item.author);
    assert_eq!(told["created_at"], item.created_at.to_string(), "#{number}");
    let closed_at = item
        .closed_at
        .map_or(Value::Null, |at| at.to_string().into());
    assert_eq!(told["closed_at"], closed_at, "#{number}");
    let milestones: Vec<Value> = [told["milestone"].clone()]
        .into_iter()
        .filter(|milestone| !milestone.is_null())
        .collect();
    for (objects, name, expected) in [
        (told["labels"].clone(), "name", item.labels.clone()),
        (told["assignees"].clone(), "login", item.assignees.clone()),
        (
            milestones.into(),
            "title",
            item.milestone.iter().cloned().collect(),
        ),
    ] {
        assert_eq!(names.sorted(&objects, name), expected, "#{number}");
    }
}

fn assert_pull_requests(names: &Names, truth: &Truth, mut told: impl FnMut(Key) -> Value) {
    for pull in &truth.pull_requests {
        let told = told((pull.item.repository_id, pull.item.number));
        assert_item(names, &told, &pull.item);
        let number = pull.item.number;
        assert_eq!(told["id"], pull.id);
        assert_eq!(told["draft"], pull.draft, "#{number}");
        assert_eq!(told["merged"], pull.merged(), "#{number}");
        assert_eq!(told["head"]["sha"], pull.head_sha, "#{number}");
        assert_eq!(told["base"]["ref"], pull.base_ref, "#{number}");
        assert_eq!(told["additions"], pull.additions, "#{number}");
        assert_eq!(
            names.sorted(&told["requested_reviewers"], "login"),
            pull.requested_reviewers
        );
        assert_eq!(
            names.sorted(&told["requested_teams"], "slug"),
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
        let names = &folded.names;
        assert_pull_requests(names, &truth, |key| folded.pulls[&key].clone());
        assert_eq!(folded.issues.len(), truth.issues.len());
        for issue in &truth.issues {
            let told = &folded.issues[&(issue.item.repository_id, issue.item.number)];
            assert_item(names, told, &issue.item);
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
            assert_account(&folded.names, &told["user"], review.user_id, &review.user);
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
    let names = Names::default();
    assert_pull_requests(&names, &truth, |(repository, number)| {
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
        assert_item(&names, &told, &issue.item);
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
