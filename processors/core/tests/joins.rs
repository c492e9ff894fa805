//! The law, for each building block and each entity: a join is idempotent, commutative and
//! associative. Entities are tried through lifts of generated events, whose seconds, request times
//! and ids collide on purpose.

mod events;

use events::{event, fold};
use gapless_core::law::{Earliest, Join, Latest, Register, Stamp};
use gapless_core::{Key, Kind, State};
use gapless_schemas::{Event, Timestamp};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::Config;
use std::collections::BTreeMap;
use std::fmt::Debug;

const CASES: u32 = 10_000;

fn config() -> Config {
    Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    }
}

fn joined<T: Join + Clone>(left: &T, right: &T) -> T {
    let mut state = left.clone();
    state.join(right.clone());
    state
}

fn holds<T: Join + Clone + PartialEq + Debug>(a: &T, b: &T, c: &T) -> Result<(), TestCaseError> {
    prop_assert_eq!(&joined(a, a), a, "not idempotent");
    prop_assert_eq!(joined(a, b), joined(b, a), "not commutative");
    prop_assert_eq!(
        joined(&joined(a, b), c),
        joined(a, &joined(b, c)),
        "not associative"
    );
    Ok(())
}

/// A state of one entity kind, with the law that the list of entities gives it.
#[derive(Clone, Debug, PartialEq)]
struct Of(State);

impl Join for Of {
    fn join(&mut self, other: Self) {
        self.0.join(other.0);
    }
}

/// What three histories tell of each entity of `kind` obeys the law.
fn entity_holds(kind: Kind, histories: [&[Event]; 3]) -> Result<(), TestCaseError> {
    let [a, b, c] = histories.map(fold);
    let keys = a.keys().chain(b.keys()).chain(c.keys());
    let mut keys: Vec<&Key> = keys.filter(|key| key.kind == kind).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let state = |states: &BTreeMap<Key, State>| {
            Of(states.get(key).cloned().unwrap_or_else(|| kind.blank()))
        };
        holds(&state(&a), &state(&b), &state(&c))?;
    }
    Ok(())
}

/// Values with stamps that collide in all but the event, which decides the value: one event tells
/// one value.
fn register() -> impl Strategy<Value = Register<u64>> {
    let told = (0..3_i64, any::<bool>(), 0..3_i64, 0..6_u64);
    vec(told, 0..4).prop_map(|told| {
        let registers = told.into_iter().map(|(second, settled, as_of, event)| {
            let stamp = Stamp {
                entity_time: Timestamp::from_seconds(second),
                settled,
                as_of: Timestamp::from_seconds(as_of),
                event,
            };
            Register::new(stamp, event / 2)
        });
        registers.fold(Register::default(), |mut state, part| {
            state.join(part);
            state
        })
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_join_of_registers_obeys_the_law(a in register(), b in register(), c in register()) {
        holds(&a, &b, &c)?;
    }

    #[test]
    fn the_join_of_minima_obeys_the_law(a: Option<i8>, b: Option<i8>, c: Option<i8>) {
        holds(&Earliest(a), &Earliest(b), &Earliest(c))?;
    }

    #[test]
    fn the_join_of_maxima_obeys_the_law(a: Option<i8>, b: Option<i8>, c: Option<i8>) {
        holds(&Latest(a), &Latest(b), &Latest(c))?;
    }

    #[test]
    fn the_join_of_maps_obeys_the_law(
        a in btree_map(0..4_u8, register(), 0..4),
        b in btree_map(0..4_u8, register(), 0..4),
        c in btree_map(0..4_u8, register(), 0..4),
    ) {
        holds(&a, &b, &c)?;
    }

    #[test]
    fn the_join_of_sets_obeys_the_law(
        a in btree_set(0..6_u8, 0..5),
        b in btree_set(0..6_u8, 0..5),
        c in btree_set(0..6_u8, 0..5),
    ) {
        holds(&a, &b, &c)?;
    }

    #[test]
    fn the_join_of_pull_requests_obeys_the_law(
        a in vec(event(), 0..4), b in vec(event(), 0..4), c in vec(event(), 0..4),
    ) {
        entity_holds(Kind::PullRequest, [&a, &b, &c])?;
    }

    #[test]
    fn the_join_of_issues_obeys_the_law(
        a in vec(event(), 0..4), b in vec(event(), 0..4), c in vec(event(), 0..4),
    ) {
        entity_holds(Kind::Issue, [&a, &b, &c])?;
    }

    #[test]
    fn the_join_of_repositories_obeys_the_law(
        a in vec(event(), 0..4), b in vec(event(), 0..4), c in vec(event(), 0..4),
    ) {
        entity_holds(Kind::Repository, [&a, &b, &c])?;
    }

    #[test]
    fn the_join_of_ledger_blocks_obeys_the_law(
        a in vec(event(), 0..4), b in vec(event(), 0..4), c in vec(event(), 0..4),
    ) {
        entity_holds(Kind::Ledger, [&a, &b, &c])?;
    }

    #[test]
    fn the_join_of_gaps_obeys_the_law(
        a in vec(event(), 0..4), b in vec(event(), 0..4), c in vec(event(), 0..4),
    ) {
        entity_holds(Kind::Gap, [&a, &b, &c])?;
    }

    #[test]
    fn a_history_in_any_order_and_doubled_ends_in_one_state(
        mut history in vec(event(), 1..10).prop_shuffle(),
        doubled in 0..10_usize,
    ) {
        let forward = fold(&history);
        history.push(history[doubled % history.len()].clone());
        history.reverse();
        prop_assert_eq!(forward, fold(&history));
    }
}
