//! What GitHub does now and then happens in every life, and is told as GitHub tells it.

use gapless_simulator::truth::{ItemTruth, Truth};
use gapless_simulator::{Delivery, Oddity, Options, PayloadForm, Request, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn options(seed: u64, changes: usize, repositories: usize, span_days: u32) -> Options {
    Options {
        seed,
        changes,
        repositories,
        span_days,
        oddities: &Oddity::ALL,
        payload: PayloadForm::Compact,
        requests_per_hour: u32::MAX,
        ..Options::default()
    }
}

fn small(seed: u64) -> World {
    World::new(options(seed, 1_500, 3, 365))
}

fn live(world: &mut World) -> Vec<(Delivery, Value)> {
    let steps = std::iter::from_fn(|| world.step());
    let deliveries = steps.flat_map(|step| step.deliveries);
    deliveries
        .map(|delivery| {
            let body = serde_json::from_slice(&delivery.body).unwrap();
            (delivery, body)
        })
        .collect()
}

fn get(world: &mut World, path: &str) -> (u16, Value) {
    let response = world.answer(&Request::get(path, world.now()));
    let body = serde_json::from_slice(&response.body).unwrap();
    (response.status, body)
}

#[test]
fn every_life_meets_each_of_them() {
    for (changes, repositories, span_days, seeds) in
        [(300, 3, 10, 200), (600, 4, 60, 40), (1_500, 3, 365, 20)]
    {
        for seed in 1..=seeds {
            let mut world = World::new(options(seed, changes, repositories, span_days));
            while world.step().is_some() {}
            let happened = world.truth().oddities;
            let missing = Oddity::ALL.iter().filter(|it| !happened.contains_key(it));
            let missing: Vec<_> = missing.collect();
            assert!(
                missing.is_empty(),
                "{changes} changes, seed {seed}: {missing:?}"
            );
        }
    }
}

fn items(truth: &Truth) -> impl Iterator<Item = &ItemTruth> {
    let pulls = truth.pull_requests.iter().map(|pull| &pull.item);
    pulls.chain(truth.issues.iter().map(|issue| &issue.item))
}

#[test]
fn a_converted_issue_is_a_pull_request_with_its_past_and_no_issue() {
    let mut world = small(1);
    let mut issues = BTreeMap::new();
    let mut converted = Vec::new();
    for (delivery, body) in live(&mut world) {
        let key = (delivery.repository_id, delivery.number);
        match delivery.event {
            "issues" => {
                assert!(!converted.contains(&key), "{key:?} is told of as an issue");
                issues.insert(key, body["issue"].clone());
            }
            "pull_request" if delivery.action == Some("opened") && issues.contains_key(&key) => {
                let (issue, pull) = (&issues[&key], &body["pull_request"]);
                assert_eq!(issue["created_at"], pull["created_at"]);
                assert_eq!(issue["user"], pull["user"]);
                assert_ne!(issue["id"], pull["id"]);
                converted.push(key);
            }
            "issue_comment" => {
                let is_pull_request = body["issue"].get("pull_request").is_some();
                assert!(is_pull_request || !converted.contains(&key), "{key:?}");
            }
            _ => {}
        }
    }
    assert!(!converted.is_empty());
    for (repository, number) in converted {
        let (repository, number) = (repository.unwrap(), number.unwrap());
        let path = format!("/repositories/{repository}/issues/{number}");
        let (status, issue) = get(&mut world, &path);
        assert_eq!(status, 200);
        assert!(issue.get("pull_request").is_some());
        assert_eq!(issue["id"], issues[&(Some(repository), Some(number))]["id"]);
        let there = |item: &ItemTruth| (item.repository_id, item.number) == (repository, number);
        let truth = world.truth();
        assert!(truth.pull_requests.iter().any(|pull| there(&pull.item)));
        assert!(!truth.issues.iter().any(|issue| there(&issue.item)));
    }
}

#[test]
fn a_deleted_repository_is_unknown_and_silent_until_it_is_there_again_under_its_id() {
    let mut world = small(2);
    let organisation = world.options().organisation_login.clone();
    let (mut deleted, mut was_unknown) = (None, false);
    while let Some(step) = world.step() {
        let is_restored = !world.truth().oddities.is_empty()
            && world
                .truth()
                .oddities
                .contains_key(&Oddity::RepositoryRestored);
        for delivery in step.deliveries {
            if delivery.event == "repository" && delivery.action == Some("deleted") {
                deleted = delivery.repository_id;
                continue;
            }
            let is_of_it = deleted.is_some() && delivery.repository_id == deleted;
            assert!(is_restored || !is_of_it, "it tells {}", delivery.event);
        }
        let Some(id) = deleted else { continue };
        let (status, _) = get(&mut world, &format!("/repositories/{id}"));
        assert_eq!(status, if is_restored { 200 } else { 404 });
        let (item_status, _) = get(&mut world, &format!("/repositories/{id}/issues/1/timeline"));
        assert_eq!(item_status == 404, !is_restored);
        let list = format!("/orgs/{organisation}/repos?per_page=100");
        let (_, listed) = get(&mut world, &list);
        let ids: Vec<_> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_u64())
            .collect();
        assert_eq!(ids.contains(&deleted), is_restored);
        was_unknown |= !is_restored;
        if is_restored {
            break;
        }
    }
    assert!(was_unknown);
}

/// All account objects of a payload.
fn accounts(value: &Value, found: &mut Vec<(u64, String)>) {
    if let (Some(login), Some(id)) = (value["login"].as_str(), value["id"].as_u64()) {
        found.push((id, login.to_owned()));
    }
    match value {
        Value::Object(members) => members.values().for_each(|it| accounts(it, found)),
        Value::Array(elements) => elements.iter().for_each(|it| accounts(it, found)),
        _ => {}
    }
}

#[test]
fn a_login_changes_for_all_that_its_account_did_and_another_account_takes_the_old_one() {
    let mut world = small(3);
    let (mut logins, mut owners) = (BTreeMap::new(), BTreeMap::new());
    for (_, body) in live(&mut world) {
        let mut found = Vec::new();
        accounts(&body, &mut found);
        let of_one: BTreeMap<_, BTreeSet<_>> = found.iter().fold(BTreeMap::new(), |mut all, it| {
            all.entry(it.0).or_insert_with(BTreeSet::new).insert(&it.1);
            all
        });
        assert!(of_one.values().all(|names| names.len() == 1), "{of_one:?}");
        for (id, login) in found {
            let all: &mut Vec<String> = logins.entry(id).or_default();
            if all.last() != Some(&login) {
                all.push(login.clone());
            }
            owners.entry(login).or_insert_with(BTreeSet::new).insert(id);
        }
    }
    assert!(
        logins
            .values()
            .all(|all| all.iter().collect::<BTreeSet<_>>().len() == all.len())
    );
    assert!(
        logins.values().any(|all| all.len() > 1),
        "nobody was renamed"
    );
    assert!(
        owners.values().any(|ids| ids.len() > 1),
        "no login was reused"
    );
    let truth = world.truth();
    for pull in &truth.pull_requests {
        for review in &pull.reviews {
            let last = logins.get(&review.user_id).and_then(|all| all.last());
            assert_eq!(last, Some(&review.user));
        }
    }
}

#[test]
fn a_deleted_account_is_nobody_or_the_ghost_in_all_that_it_did_and_the_truth_knows_who_it_was() {
    let mut seen = BTreeSet::new();
    for seed in 1..=8 {
        let mut world = small(seed);
        live(&mut world);
        let truth = world.truth();
        let left = |login: &str| login.starts_with("contractor-");
        let pull = truth
            .pull_requests
            .iter()
            .find(|it| left(&it.item.author))
            .unwrap();
        let path = format!(
            "/repositories/{}/pulls/{}",
            pull.item.repository_id, pull.item.number
        );
        let shown = get(&mut world, &path).1["user"].clone();
        assert!(shown.is_null() || shown["id"] == 10_137, "{shown}");
        seen.insert(shown.is_null());
        let (_, reviews) = get(&mut world, &format!("{path}/reviews?per_page=100"));
        for review in pull.reviews.iter().filter(|it| left(&it.user)) {
            assert_eq!(review.user_id, pull.item.author_id);
            let mut told = reviews.as_array().unwrap().iter();
            let told = told.find(|told| told["id"] == review.id).unwrap();
            assert_eq!(told["user"], shown);
        }
        let mut others = truth
            .pull_requests
            .iter()
            .filter(|it| it.item.author_id != pull.item.author_id);
        assert!(others.any(|it| it.reviews.iter().any(|it| left(&it.user))));
        let deliveries = live(&mut small(seed));
        let last = |(delivery, _): &&(Delivery, Value)| {
            (delivery.repository_id, delivery.number)
                == (Some(pull.item.repository_id), Some(pull.item.number))
        };
        let (_, last) = deliveries.iter().rfind(last).unwrap();
        let object = last.get("pull_request").or(last.get("issue")).unwrap();
        assert_eq!(object["user"], shown, "nothing told of it since");
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn what_is_told_once_for_many_items_leaves_their_times_alone() {
    let mut world = small(4);
    let mut updated_at: BTreeMap<(u64, u32), gapless_schemas::Timestamp> = BTreeMap::new();
    let mut told = BTreeSet::new();
    while let Some(step) = world.step() {
        let of_many = |delivery: &Delivery| ["label", "milestone"].contains(&delivery.event);
        let truth = world.truth();
        if let [delivery] = &step.deliveries[..]
            && of_many(delivery)
            && delivery.action != Some("created")
        {
            told.insert((delivery.event, delivery.action.unwrap()));
            let body: Value = serde_json::from_slice(&delivery.body).unwrap();
            let object = &body[delivery.event];
            let key = if delivery.event == "label" {
                "name"
            } else {
                "title"
            };
            let name = object[key].as_str().unwrap();
            let bearers = items(&truth).filter(|item| {
                Some(item.repository_id) == delivery.repository_id
                    && (item.labels.iter().any(|it| it == name)
                        || item.milestone.as_deref() == Some(name))
            });
            let is_deleted = delivery.action == Some("deleted");
            assert_eq!(bearers.count() == 0, is_deleted, "{}", delivery.event);
            if !is_deleted {
                assert_ne!(body["changes"][key]["from"], name);
            }
            for item in items(&truth) {
                let before = updated_at[&(item.repository_id, item.number)];
                assert_eq!(item.updated_at, before);
            }
        }
        updated_at = items(&truth)
            .map(|item| ((item.repository_id, item.number), item.updated_at))
            .collect();
    }
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn a_default_branch_changes_without_moving_the_repositorys_time() {
    let mut world = small(5);
    let mut last = BTreeMap::new();
    let mut changed = 0;
    for (delivery, body) in live(&mut world) {
        let Some(id) = delivery.repository_id else {
            continue;
        };
        let repository = &body["repository"];
        if delivery.event == "repository" && body["changes"].get("default_branch").is_some() {
            changed += 1;
            assert_eq!(last.get(&id), Some(&repository["updated_at"]));
            assert_ne!(
                body["changes"]["default_branch"]["from"],
                repository["default_branch"]
            );
        }
        last.insert(id, repository["updated_at"].clone());
    }
    assert!(changed > 0);
}

#[test]
fn dates_of_imports_and_commits_are_told_as_they_are() {
    let mut created = BTreeSet::new();
    for seed in 1..=12 {
        let mut world = small(seed);
        let mut before_creation = 0;
        let mut epoch = 0;
        live(&mut world);
        let truth = world.truth();
        for item in items(&truth) {
            let path = format!(
                "/repositories/{}/issues/{}",
                item.repository_id, item.number
            );
            let (_, told) = get(&mut world, &path);
            assert_eq!(told["created_at"], item.created_at.to_string());
            created.insert(told["created_at"].as_str().unwrap()[..4].to_owned());
            before_creation +=
                usize::from(item.transitions.iter().any(|it| it.at < item.created_at));
        }
        for pull in &truth.pull_requests {
            let path = format!(
                "/repositories/{}/issues/{}",
                pull.item.repository_id, pull.item.number
            );
            let (_, told) = get(&mut world, &format!("{path}/timeline?per_page=100"));
            let dates = told
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|it| it["author"]["date"].as_str());
            epoch += dates.filter(|date| date.starts_with("1970")).count();
            assert!(
                pull.first_commit_at
                    .is_none_or(|at| at >= world.options().start)
            );
        }
        assert!(before_creation > 0 && epoch > 0);
    }
    for year in ["1969", "2150", "9999"] {
        assert!(created.contains(year), "{created:?}");
    }
}
