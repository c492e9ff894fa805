//! The world keeps GitHub's rules, and its truth adds up.

use gapless_simulator::truth::{
    DayKey, Explanation, ItemState, ItemTruth, TransitionKind, WAITING_DAYS,
};
use gapless_simulator::{Delivery, Options, PayloadForm, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn options(seed: u64) -> Options {
    Options {
        seed,
        repositories: 8,
        changes: 4_000,
        ..Options::default()
    }
}

fn run(world: &mut World) -> Vec<Delivery> {
    std::iter::from_fn(|| world.step())
        .flat_map(|step| step.deliveries)
        .collect()
}

#[test]
fn one_seed_gives_the_same_deliveries_to_the_last_byte() {
    let (mut one, mut other) = (World::new(options(7)), World::new(options(7)));
    assert_eq!(run(&mut one), run(&mut other));
    assert_eq!(one.truth(), other.truth());
}

#[test]
fn another_seed_gives_another_world() {
    let (mut one, mut other) = (World::new(options(1)), World::new(options(2)));
    run(&mut one);
    run(&mut other);
    assert_ne!(one.truth().pull_requests, other.truth().pull_requests);
}

#[test]
fn the_wanted_number_of_deliveries_comes_within_about_the_span() {
    for seed in 1..=3 {
        let mut world = World::new(options(seed));
        let deliveries = run(&mut world);
        assert!((4_000..4_010).contains(&deliveries.len()));
        let days = world.now().millis_since(world.options().start) / 86_400_000;
        println!(
            "{days} days, truth: {} pulls, {} issues",
            world.truth().pull_requests.len(),
            world.truth().issues.len()
        );
        assert!((330..=400).contains(&days), "{days} days");
    }
}

#[test]
fn every_number_is_taken_once_by_issue_pull_request_or_explanation() {
    let mut world = World::new(options(3));
    run(&mut world);
    let truth = world.truth();
    let mut taken = BTreeSet::new();
    let items = truth.pull_requests.iter().map(|pull| &pull.item);
    let items = items.chain(truth.issues.iter().map(|issue| &issue.item));
    let numbers = items.map(|item| (item.repository_id, item.number));
    let explained = truth.explained.iter().map(|e| (e.repository_id, e.number));
    for number in numbers.chain(explained) {
        assert!(taken.insert(number), "{number:?} is taken twice");
    }
    let highest: u32 = truth.repositories.iter().map(|r| r.highest_number).sum();
    assert_eq!(taken.len(), highest as usize);
}

#[test]
fn all_kinds_of_life_happen() {
    let mut world = World::new(Options {
        changes: 20_000,
        ..options(4)
    });
    let deliveries = run(&mut world);
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for delivery in &deliveries {
        *seen
            .entry((delivery.event, delivery.action.unwrap_or("")))
            .or_default() += 1;
    }
    println!("{seen:#?}");
    for (event, actions) in [
        (
            "pull_request",
            "opened closed reopened labeled unlabeled assigned unassigned edited synchronize review_requested review_request_removed ready_for_review converted_to_draft",
        ),
        ("pull_request_review", "submitted edited dismissed"),
        (
            "issues",
            "opened closed reopened labeled unlabeled assigned unassigned edited deleted transferred",
        ),
        ("repository", "created edited renamed archived"),
        ("issue_comment", "created"),
    ] {
        for action in actions.split(' ') {
            assert!(seen.contains_key(&(event, action)), "no {event}.{action}");
        }
    }
    for event in ["push", "ping"] {
        assert!(seen.contains_key(&(event, "")), "no {event}");
    }
    let truth = world.truth();
    let count = |wanted: fn(&Explanation) -> bool| {
        truth
            .explained
            .iter()
            .filter(|number| wanted(&number.why))
            .count()
    };
    assert!(count(|why| matches!(why, Explanation::Discussion)) >= 2);
    assert!(count(|why| matches!(why, Explanation::Deleted { .. })) >= 5);
    assert!(count(|why| matches!(why, Explanation::Transferred { .. })) >= 5);
    assert!(
        truth
            .repositories
            .iter()
            .any(|repository| repository.archived)
    );
    assert!(
        truth
            .pull_requests
            .iter()
            .any(|pull| pull.item.author_is_bot)
    );
    let reopened_often = truth.pull_requests.iter().filter(|pull| {
        let reopenings = pull.item.transitions.iter();
        reopenings
            .filter(|t| t.kind == TransitionKind::Reopened)
            .count()
            >= 2
    });
    assert!(reopened_often.count() >= 3);
}

#[test]
fn what_is_open_is_the_sum_of_all_deltas() {
    let mut world = World::new(options(5));
    run(&mut world);
    let truth = world.truth();
    for repository in &truth.repositories {
        let pulls = truth.pull_requests.iter().map(|pull| &pull.item);
        let issues = truth.issues.iter().map(|issue| &issue.item);
        let open_pulls = pulls
            .filter(|item| item.repository_id == repository.id && item.state == ItemState::Open)
            .count() as i64;
        let open_issues = issues
            .filter(|item| item.repository_id == repository.id && item.state == ItemState::Open)
            .count() as i64;
        let pulls = truth.pull_requests_daily();
        let pulls = pulls
            .iter()
            .filter(|(key, _)| key.repository_id == repository.id);
        assert_eq!(
            pulls.map(|(_, row)| row.open_delta).sum::<i64>(),
            open_pulls
        );
        let issues = truth.issues_daily();
        let issues = issues
            .iter()
            .filter(|(key, _)| key.repository_id == repository.id);
        assert_eq!(
            issues.map(|(_, row)| row.open_delta).sum::<i64>(),
            open_issues
        );
        assert_eq!(repository.open_items, open_pulls + open_issues);
    }
}

#[test]
fn enough_changes_share_a_second_with_another_of_their_item() {
    let mut world = World::new(options(6));
    let mut by_second: BTreeMap<(u64, u32, String), usize> = BTreeMap::new();
    for delivery in run(&mut world) {
        let (Some(repository), Some(number)) = (delivery.repository_id, delivery.number) else {
            continue;
        };
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        let item = body.get("pull_request").or(body.get("issue")).unwrap();
        let updated_at = item["updated_at"].as_str().unwrap().to_owned();
        *by_second
            .entry((repository, number, updated_at))
            .or_default() += 1;
    }
    let all: usize = by_second.values().sum();
    let shared: usize = by_second.values().filter(|count| **count > 1).sum();
    let share = shared as f64 / all as f64;
    println!("share {share:.3}");
    assert!((0.08..0.25).contains(&share), "{share}");
}

#[test]
fn closings_are_told_with_githubs_skew() {
    let mut world = World::new(options(8));
    let (mut closings, mut mergings, mut before_updated, mut before_closed) = (0, 0, 0, 0);
    for delivery in run(&mut world) {
        if delivery.event != "pull_request" || delivery.action != Some("closed") {
            continue;
        }
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        let pull = &body["pull_request"];
        closings += 1;
        before_updated += usize::from(pull["closed_at"] != pull["updated_at"]);
        if pull["merged"] == true {
            mergings += 1;
            before_closed += usize::from(pull["closed_at"] != pull["merged_at"]);
        }
    }
    let (updated, closed) = (
        before_updated as f64 / closings as f64,
        before_closed as f64 / mergings as f64,
    );
    println!("{closings} closings {updated:.3} {mergings} mergings {closed:.3}");
    assert!((0.06..0.18).contains(&updated));
    assert!((0.03..0.14).contains(&closed));
}

#[test]
fn bodies_have_githubs_size_and_the_compact_form_is_much_smaller() {
    let mean = |payload| {
        let mut world = World::new(Options {
            changes: 1_000,
            payload,
            ..options(9)
        });
        let deliveries = run(&mut world);
        deliveries
            .iter()
            .map(|delivery| delivery.body.len())
            .sum::<usize>()
            / deliveries.len()
    };
    let (complete, compact) = (mean(PayloadForm::Complete), mean(PayloadForm::Compact));
    println!("complete {complete} compact {compact}");
    assert!((12_000..30_000).contains(&complete));
    assert!(compact * 3 < complete);
}

/// Since when an item is open and no draft at the day's end, and whether it is open at all; found
/// by looking at that day alone, not by walking from day to day.
fn at_end(item: &ItemTruth, opened_as_draft: bool, day: i32) -> (bool, Option<i32>) {
    if item.created_at.day() > day {
        return (false, None);
    }
    let (mut open, mut draft, mut since) = (true, opened_as_draft, item.created_at.day());
    for transition in item.transitions.iter().filter(|t| t.at.day() <= day) {
        match transition.kind {
            TransitionKind::Closed | TransitionKind::Merged => open = false,
            TransitionKind::Reopened => (open, since) = (true, transition.at.day()),
            TransitionKind::ReadyForReview => (draft, since) = (false, transition.at.day()),
            TransitionKind::ConvertedToDraft => draft = true,
        }
    }
    (open, (open && !draft).then_some(since))
}

/// Beside the sums of deltas up to a day, of one repository and author: what its items say.
fn assert_sums(deltas: &[(&DayKey, i64, [i64; WAITING_DAYS.len()])], items: &[(&ItemTruth, bool)]) {
    for (key, ..) in deltas {
        let same =
            |repository: u64, author: &str| repository == key.repository_id && author == key.author;
        let items = items
            .iter()
            .filter(|(item, _)| same(item.repository_id, &item.author))
            .map(|(item, draft)| at_end(item, *draft, key.day));
        let (mut open, mut awaiting) = (0, [0; WAITING_DAYS.len()]);
        for (is_open, since) in items {
            open += i64::from(is_open);
            for (days, awaiting) in WAITING_DAYS.iter().zip(&mut awaiting) {
                *awaiting += i64::from(since.is_some_and(|since| key.day - since >= *days));
            }
        }
        let (mut open_sum, mut awaiting_sum) = (0, [0; WAITING_DAYS.len()]);
        let until = deltas
            .iter()
            .filter(|(other, ..)| same(other.repository_id, &other.author) && other.day <= key.day);
        for (_, delta, deltas) in until {
            open_sum += delta;
            for (sum, delta) in awaiting_sum.iter_mut().zip(deltas) {
                *sum += delta;
            }
        }
        assert_eq!((open_sum, awaiting_sum), (open, awaiting), "{key:?}");
    }
}

#[test]
fn what_is_open_and_waits_at_a_days_end_is_the_sum_of_all_deltas_up_to_it() {
    let mut world = World::new(options(10));
    run(&mut world);
    let truth = world.truth();
    let rows = truth.pull_requests_daily();
    let deltas: Vec<_> = rows
        .iter()
        .map(|(key, row)| (key, row.open_delta, row.awaiting_delta))
        .collect();
    let pulls = truth.pull_requests.iter();
    let items: Vec<_> = pulls
        .map(|pull| (&pull.item, pull.opened_as_draft))
        .collect();
    assert_sums(&deltas, &items);
    let rows = truth.issues_daily();
    let deltas: Vec<_> = rows
        .iter()
        .map(|(key, row)| (key, row.open_delta, row.awaiting_delta))
        .collect();
    let issues = truth.issues.iter();
    let items: Vec<_> = issues.map(|issue| (&issue.item, false)).collect();
    assert_sums(&deltas, &items);
}

#[test]
fn a_ghes_names_itself_in_the_headers() {
    let host = "github.example.org".to_owned();
    let mut world = World::new(Options {
        host,
        changes: 10,
        ..options(1)
    });
    let headers: BTreeMap<_, _> = run(&mut world)[0].headers("s").into_iter().collect();
    assert_eq!(headers["X-GitHub-Enterprise-Host"], "github.example.org");
    let plain = run(&mut World::new(Options {
        changes: 10,
        ..options(1)
    }));
    let headers: BTreeMap<_, _> = plain[0].headers("s").into_iter().collect();
    assert!(!headers.contains_key("X-GitHub-Enterprise-Host"));
}
