//! Many seeds, each a whole life of an organisation; and bugs that some seed must find.
//!
//! `GAPLESS_SEED=7` runs that seed alone and prints what happened, with `GAPLESS_ITEM=5/3` also every
//! event about item 3 of repository 5; `GAPLESS_SEEDS=10000` runs more of them.

use gapless_simulation::{Counts, Outcome, Planted, simulate};
use gapless_simulator::Oddity;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds of a run where nothing else is said.
const SEEDS: u64 = 1_000;
/// Differences that are printed of each failing seed.
const SHOWN: usize = 12;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

/// Runs the seeds from 1 to `last` on all processors, in order; each outcome goes to `see`, which
/// ends the run by returning false.
fn run(last: u64, planted: Option<Planted>, see: impl Fn(u64, Outcome) -> bool + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed > last {
                        return;
                    }
                    if !see(seed, simulate(seed, planted)) {
                        next.store(last + 1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
}

fn shown(seed: u64, outcome: &Outcome) -> String {
    let wrong = outcome.wrong.iter().take(SHOWN);
    let lines: Vec<String> = wrong.map(|line| format!("  {line}")).collect();
    format!(
        "seed {seed} has {} differences; GAPLESS_SEED={seed} cargo test -p gapless-simulation replays it:\n{}",
        outcome.wrong.len(),
        lines.join("\n")
    )
}

#[test]
fn every_state_and_every_bucket_of_every_seed_equals_the_truth() {
    if let Some(seed) = number("GAPLESS_SEED") {
        let outcome = simulate(seed, None);
        eprintln!("{}", outcome.counts);
        for line in &outcome.wrong {
            eprintln!("{line}");
        }
        let item = std::env::var("GAPLESS_ITEM").unwrap_or_default();
        if let Some((repository, number)) = item.split_once('/') {
            let parse = |text: &str| text.parse().expect("GAPLESS_ITEM is REPOSITORY/NUMBER");
            for line in outcome.history(parse(repository), parse(number)) {
                eprintln!("{line}");
            }
        }
        assert!(outcome.wrong.is_empty(), "{}", shown(seed, &outcome));
        return;
    }
    let seeds = number("GAPLESS_SEEDS").unwrap_or(SEEDS);
    let (counts, failed) = (Mutex::new(Counts::default()), Mutex::new(Vec::new()));
    run(seeds, None, |seed, outcome| {
        counts.lock().unwrap().merge(&outcome.counts);
        for oddity in Oddity::ALL {
            let times = outcome.counts.of(&format!("oddity {oddity:?}"));
            assert!(times > 0, "seed {seed} has no {oddity:?}");
        }
        if !outcome.wrong.is_empty() {
            let shown = shown(seed, &outcome);
            eprintln!("{shown}");
            failed.lock().unwrap().push(shown);
        }
        true
    });
    let (counts, mut failed) = (counts.into_inner().unwrap(), failed.into_inner().unwrap());
    failed.sort();
    eprintln!("over {seeds} seeds:\n{counts}");
    assert!(
        failed.is_empty(),
        "{} of {seeds} seeds fail:\n{}",
        failed.len(),
        failed[..failed.len().min(20)].join("\n")
    );
    assert!(counts.of("deliveries sent") >= 300 * seeds);
    // The exception that it is.
    assert!(counts.of("accounts that nobody can know") <= 2 + seeds / 20);
    for kind in [
        "crash of a worker",
        "rebalance to",
        "zombies",
        "late writes undone",
    ] {
        assert!(counts.of_all(kind) >= seeds, "{kind}: too rare");
    }
}

#[test]
fn a_seed_replays_exactly() {
    let (first, again) = (simulate(3, None), simulate(3, None));
    assert_eq!(first.counts, again.counts);
    assert_eq!(first.wrong, again.wrong);
}

#[test]
fn every_planted_bug_is_found_by_some_seed() {
    if number("GAPLESS_SEED").is_some() {
        return;
    }
    let mut missed = Vec::new();
    for planted in Planted::ALL {
        let (runs, found) = (AtomicU64::new(0), Mutex::new(None));
        run(SEEDS, Some(planted), |seed, outcome| {
            runs.fetch_add(1, Ordering::SeqCst);
            let is_found = !outcome.wrong.is_empty();
            if is_found {
                found
                    .lock()
                    .unwrap()
                    .get_or_insert_with(|| shown(seed, &outcome));
            }
            !is_found
        });
        match found.into_inner().unwrap() {
            Some(found) => eprintln!("{planted:?}, after {} runs: {found}", runs.into_inner()),
            None => missed.push(planted),
        }
    }
    assert!(missed.is_empty(), "no seed up to {SEEDS} finds {missed:?}");
}
