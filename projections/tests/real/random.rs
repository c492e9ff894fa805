//! Random histories: however they are batched, repeated and interrupted, figures are those of the
//! last states alone.

use crate::history::{
    Fact, account, at, block, event, execute, gap, issue, numbered, pull_request, review, steps,
    transition,
};
use crate::rollups::{figures, in_memory, stores};
use gapless_projections::catalogue::ROLLUPS;
use gapless_projections::sink::{Memory, Store};
use gapless_schemas::{Detector, Presence, TransitionKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestRng, TestRunner};

/// A history, and how it is worked through.
#[derive(Clone, Debug)]
struct Case {
    facts: Vec<Fact>,
    /// Sizes of the batches; and where each is interrupted for the first time, in steps.
    batches: Vec<(usize, usize)>,
}

fn presence() -> impl Strategy<Value = Presence> {
    prop_oneof![
        4 => Just(Presence::Alive),
        1 => Just(Presence::Gone),
        1 => Just(Presence::Unreachable),
        1 => Just(Presence::Moved),
    ]
}

fn transitions() -> impl Strategy<Value = Vec<(TransitionKind, i32)>> {
    let kind = prop_oneof![
        Just(TransitionKind::Closed),
        Just(TransitionKind::Reopened),
        Just(TransitionKind::ReadyForReview),
        Just(TransitionKind::ConvertedToDraft),
    ];
    vec((kind, 0..40), 0..5).prop_map(|mut transitions| {
        transitions.sort_by_key(|&(_, day)| day);
        transitions
    })
}

fn fact() -> impl Strategy<Value = Fact> {
    let told = || (1..5_i64, 0..3_i64, presence(), transitions());
    let pull_request = (told(), any::<bool>(), proptest::option::of(0..40)).prop_map(
        |((number, author, presence, transitions), is_draft, merged_on)| {
            let mut state = pull_request(number);
            state.author =
                (author > 0).then(|| account(author, ["", "ann", "bot[bot]"][author as usize]));
            state.presence = presence;
            state.draft = Some(is_draft);
            state.merged_at = merged_on.map(|day| at(day, 3));
            state.reviews = vec![review(
                1,
                account(7, "bob"),
                "approved",
                at(number as i32, 2),
            )];
            let told = transitions.into_iter();
            state
                .transitions
                .extend(told.map(|(kind, day)| transition(kind, at(day, 1))));
            Fact::PullRequest(state)
        },
    );
    let issue = told().prop_map(|(number, author, presence, transitions)| {
        let mut state = issue(number);
        state.author = (author > 0).then(|| account(author, ["", "ann", "bob"][author as usize]));
        state.presence = presence;
        let told = transitions.into_iter();
        state
            .transitions
            .extend(told.map(|(kind, day)| transition(kind, at(day, 1))));
        Fact::Issue(state)
    });
    let days = vec((0..4_i32, 0..9_i64, 0..9_i64), 0..4).prop_map(|mut days| {
        days.sort_unstable();
        days.dedup_by_key(|(day, _, _)| *day);
        Fact::Block(block(&days))
    });
    let gaps = (0..4_u8, 0..4, any::<bool>(), any::<bool>()).prop_map(
        |(id, day, is_number, is_closed)| {
            let detector = if is_number {
                Detector::NumberSpace
            } else {
                Detector::Clock
            };
            let mut state = gap(&format!("g{id}"), detector, at(day, 0));
            state.closed_at = is_closed.then(|| at(9, 0));
            Fact::Gap(state)
        },
    );
    // An event's id decides its day, as a hash over its payload does.
    let events = (0..20_i32).prop_map(|id| {
        let occurred_at = (id % 5 > 0).then(|| at(id % 5, 1));
        Fact::Event(event(&format!("e{id}"), occurred_at))
    });
    prop_oneof![4 => pull_request, 2 => issue, 1 => days, 2 => gaps, 2 => events]
}

fn case() -> impl Strategy<Value = Case> {
    (vec(fact(), 1..40), vec((1..9_usize, 0..12_usize), 1..12))
        .prop_map(|(facts, batches)| Case { facts, batches })
}

/// Facts at their offsets, with versions.
fn at_offsets(facts: &[Fact]) -> Vec<(i64, Fact)> {
    let at = |(offset, fact): (i64, &Fact)| (offset, fact.clone().at_version(offset));
    (0..).zip(facts).map(at).collect()
}

/// Works through a case: each batch is interrupted after some steps, then done as a whole.
async fn work_through<S: Store>(store: &S, case: &Case) {
    let facts = at_offsets(&case.facts);
    let mut rest = &facts[..];
    for &(size, interrupted) in case.batches.iter().cycle() {
        let (batch, later) = rest.split_at(size.min(rest.len()));
        let all = steps(batch);
        execute(store, &all[..interrupted.min(all.len())]).await;
        execute(store, &all).await;
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
}

/// Only the last fact about each thing.
fn last_facts(facts: &[Fact]) -> Vec<Fact> {
    let mut last = std::collections::BTreeMap::new();
    for fact in facts {
        last.insert(fact.subject(), fact.clone());
    }
    last.into_values().collect()
}

fn all_in_memory(memory: &Memory) -> Vec<Vec<String>> {
    let tables = ROLLUPS.iter().map(|rollup| &rollup.table);
    tables.map(|table| in_memory(memory, table)).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn figures_are_those_of_the_last_states_alone(case in case()) {
        let (lived, recounted) = (Memory::new(), Memory::new());
        runtime().block_on(async {
            work_through(&lived, &case).await;
            let facts = numbered(last_facts(&case.facts));
            execute(&recounted, &steps(&facts)).await;
        });
        prop_assert_eq!(all_in_memory(&lived), all_in_memory(&recounted));
    }

    #[test]
    fn what_is_open_is_never_less_than_nothing(case in case()) {
        let memory = Memory::new();
        runtime().block_on(work_through(&memory, &case));
        for rollup in ROLLUPS {
            for figure in ["open_delta", "awaiting_10_delta", "awaiting_30_delta"] {
                let mut sum = 0;
                let mut days: Vec<_> = memory.rows(&rollup.table);
                days.sort_by_key(|row| row["day"].clone());
                let days: Vec<_> = days.chunk_by(|a, b| a["day"] == b["day"]).collect();
                for day in days {
                    for row in day {
                        if let Some(gapless_projections::table::Cell::Int(delta)) = row.get(figure) {
                            sum += delta;
                        }
                    }
                    prop_assert!(sum >= 0, "{} {figure}", rollup.table.name);
                }
            }
        }
    }
}

#[tokio::test]
async fn clickhouse_and_memory_agree_on_random_histories() {
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    for _ in 0..6 {
        let case = case().new_tree(&mut runner).unwrap().current();
        let Some((options, clickhouse, memory)) = stores().await else {
            return;
        };
        work_through(&clickhouse, &case).await;
        work_through(&memory, &case).await;
        figures(&options, &memory).await;
    }
}
