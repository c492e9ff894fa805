use super::{Join, Stamp};
use serde::{Deserialize, Serialize};

/// The value with the greatest stamp, and whether its second is contested.
///
/// `contested` says exactly this: among the values told with the winning `(entity_time, settled)`
/// there are at least two different ones, and no settled answer has decided between them. The join
/// keeps it exact: a winner by time or settledness brings its own flag; among equals, the flag is
/// set if either side's is, or if the two winners differ. If neither side's flag is set, each side
/// holds one value only, so comparing the winners compares them all; hence the flag is a function
/// of the *set* of values, and the join stays associative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Register<T>(Option<Told<T>>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told<T> {
    stamp: Stamp,
    contested: bool,
    value: T,
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Register<T> {
    /// A register that was told `value`.
    pub fn new(stamp: Stamp, value: T) -> Self {
        Self(Some(Told {
            stamp,
            contested: false,
            value,
        }))
    }

    /// The value, if one was ever told.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|told| &told.value)
    }

    /// The stamp of the value.
    pub fn stamp(&self) -> Option<Stamp> {
        self.0.as_ref().map(|told| told.stamp)
    }

    /// The stamp of a value whose second tells different things, with no settled answer to decide.
    pub fn contested(&self) -> Option<Stamp> {
        self.0
            .as_ref()
            .filter(|told| told.contested && !told.stamp.settled)
            .map(|told| told.stamp)
    }
}

impl<T: PartialEq> Join for Register<T> {
    fn join(&mut self, other: Self) {
        let Some(theirs) = other.0 else { return };
        let Some(mine) = &mut self.0 else {
            self.0 = Some(theirs);
            return;
        };
        let rank = |told: &Told<T>| (told.stamp.entity_time, told.stamp.settled);
        let contested = match rank(&theirs).cmp(&rank(mine)) {
            std::cmp::Ordering::Less => return,
            std::cmp::Ordering::Greater => theirs.contested,
            std::cmp::Ordering::Equal => {
                mine.contested || theirs.contested || mine.value != theirs.value
            }
        };
        if theirs.stamp > mine.stamp {
            *mine = theirs;
        }
        mine.contested = contested;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gapless_schemas::Timestamp;

    fn told(
        seconds: i64,
        settled: bool,
        as_of: i64,
        value: &'static str,
    ) -> Register<&'static str> {
        let stamp = Stamp {
            entity_time: Timestamp::from_seconds(seconds),
            settled,
            as_of: Timestamp::from_seconds(as_of),
            event: as_of as u64,
        };
        Register::new(stamp, value)
    }

    fn joined(parts: &[Register<&'static str>]) -> Register<&'static str> {
        parts
            .iter()
            .cloned()
            .fold(Register::default(), |mut state, part| {
                state.join(part);
                state
            })
    }

    #[test]
    fn the_entitys_time_decides_and_not_the_arrival() {
        let parts = [
            told(2, false, 2, "new"),
            told(1, false, 9, "old, arrived late"),
        ];
        assert_eq!(joined(&parts).get(), Some(&"new"));
    }

    #[test]
    fn two_values_of_one_second_are_contested_until_a_settled_answer() {
        let state = joined(&[told(1, false, 2, "a"), told(1, false, 3, "b")]);
        assert!(state.contested().is_some());
        let state = joined(&[state, told(1, true, 20, "a")]);
        assert_eq!((state.get(), state.contested()), (Some(&"a"), None));
    }

    #[test]
    fn the_same_value_told_twice_is_not_contested() {
        assert!(
            joined(&[told(1, false, 2, "a"), told(1, false, 3, "a")])
                .contested()
                .is_none()
        );
    }

    #[test]
    fn a_later_second_ends_the_contest() {
        let state = joined(&[
            told(1, false, 2, "a"),
            told(1, false, 3, "b"),
            told(2, false, 4, "b"),
        ]);
        assert!(state.contested().is_none());
    }

    #[test]
    fn contests_do_not_depend_on_order() {
        let parts = [
            told(1, false, 2, "a"),
            told(1, false, 3, "b"),
            told(1, false, 4, "a"),
            told(0, false, 5, "c"),
        ];
        let forward = joined(&parts);
        let mut reversed = parts.to_vec();
        reversed.reverse();
        assert_eq!(forward, joined(&reversed));
        assert_eq!(forward, joined(&[joined(&parts[..2]), joined(&parts[1..])]));
    }
}
