//! The channel does what its rates say, and nothing else.

use gapless_simulator::{Fate, Faults, Feed, Options, World, sign};
use std::collections::{BTreeMap, BTreeSet};

fn feed(faults: Faults) -> Feed {
    Feed::new(World::new(Options {
        seed: 11,
        repositories: 5,
        changes: 6_000,
        faults,
        ..Options::default()
    }))
}

fn about(count: u64, of: u64, rate: f64) -> bool {
    let share = count as f64 / of as f64;
    (rate * 0.75..rate * 1.25).contains(&share)
}

#[test]
fn without_faults_everything_arrives_once_in_the_order_of_sending() {
    let arrived: Vec<_> = feed(Faults::default())
        .map(|arrival| arrival.delivery)
        .collect();
    let mut world = World::new(feed(Faults::default()).world.options().clone());
    let sent: Vec<_> = std::iter::from_fn(|| world.step())
        .flat_map(|step| step.deliveries)
        .collect();
    assert_eq!(arrived, sent);
}

#[test]
fn each_fault_comes_about_as_often_as_told() {
    let mut feed = feed(Faults {
        lost: 0.05,
        doubled: 0.10,
        delayed: 0.08,
        reordered: 0.10,
    });
    let arrivals: Vec<_> = feed.by_ref().collect();
    let report = feed.channel.report().clone();
    assert_eq!(report.sent as usize, feed.world.sent());
    assert!(about(report.lost, report.sent, 0.05), "{}", report.lost);
    assert!(
        about(report.doubled, report.sent, 0.095),
        "{}",
        report.doubled
    );
    assert!(
        about(report.reordered, report.sent, 0.08),
        "{}",
        report.reordered
    );
    assert!(
        about(report.delayed, report.sent, 0.09),
        "{}",
        report.delayed
    );
    assert_eq!(
        arrivals.len() as u64,
        report.sent - report.lost + report.doubled
    );
    let mut copies: BTreeMap<&str, u64> = BTreeMap::new();
    for arrival in &arrivals {
        *copies.entry(&arrival.delivery.guid).or_default() += 1;
    }
    let twice = copies.values().filter(|count| **count == 2).count() as u64;
    assert_eq!(twice, report.doubled);
    assert_eq!(report.losses.len() as u64, report.lost);
    for loss in &report.losses {
        assert!(!copies.contains_key(loss.guid.as_str()));
    }
}

#[test]
fn arrivals_come_in_the_order_of_their_times_and_never_before_they_were_sent() {
    let mut feed = feed(Faults {
        lost: 0.05,
        doubled: 0.10,
        delayed: 0.08,
        reordered: 0.10,
    });
    let mut last = feed.world.now();
    while let Some(arrival) = feed.next() {
        assert!(arrival.deliver_at >= last);
        assert!(arrival.deliver_at >= arrival.delivery.attempted_at);
        assert!(
            feed.world
                .next_at()
                .is_none_or(|at| at > arrival.deliver_at)
        );
        last = arrival.deliver_at;
    }
}

#[test]
fn a_reordered_delivery_arrives_after_a_later_one_of_its_repository() {
    let mut seen: BTreeMap<Option<u64>, BTreeSet<_>> = BTreeMap::new();
    let mut reordered = 0;
    for arrival in feed(Faults {
        reordered: 0.2,
        ..Faults::default()
    }) {
        let delivery = arrival.delivery;
        let earlier = seen.entry(delivery.repository_id).or_default();
        if arrival.fate == Fate::Reordered {
            reordered += 1;
            assert!(earlier.iter().any(|at| *at > delivery.attempted_at));
        }
        earlier.insert(delivery.attempted_at);
    }
    assert!(reordered > 500);
}

#[test]
fn every_delivery_is_signed_over_its_body() {
    let feed = feed(Faults::default());
    let secret = feed.world.options().secret.clone();
    for arrival in feed.take(200) {
        let headers: BTreeMap<_, _> = arrival.delivery.headers(&secret).into_iter().collect();
        assert_eq!(
            headers["X-Hub-Signature-256"],
            sign(&secret, &arrival.delivery.body)
        );
        assert_eq!(headers["X-GitHub-Event"], arrival.delivery.event);
        assert_eq!(headers["X-GitHub-Delivery"].len(), 36);
        assert!(headers["User-Agent"].starts_with("GitHub-Hookshot/"));
    }
}

#[test]
fn what_arrives_after_some_were_skipped_is_what_would_have_arrived_then() {
    let faults = Faults {
        lost: 0.05,
        doubled: 0.10,
        delayed: 0.08,
        reordered: 0.10,
    };
    let mut whole = feed(faults);
    for _ in 0..2_000 {
        let at = whole.next_at().unwrap();
        // As an API answer between two arrivals does.
        whole.change_until(at);
        whole.pop_due(at);
    }
    let mut resumed = feed(faults);
    resumed.skip_arrivals(whole.arrivals());
    assert_eq!(resumed.arrivals(), whole.arrivals());
    assert!(resumed.arrivals() > 500);
    assert!(resumed.by_ref().eq(whole.by_ref()));
    assert_eq!(resumed.channel.report(), whole.channel.report());
}
