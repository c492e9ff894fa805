//! Ids of deliveries that were appended a moment ago, so that a prompt repetition costs the log
//! nothing. Forgetting one is harmless: appending an event twice changes no state.

use std::collections::{HashSet, VecDeque};

/// A bounded set that forgets the oldest first.
pub(super) struct Recent {
    known: HashSet<u128>,
    order: VecDeque<u128>,
    entries_max: usize,
}

impl Recent {
    /// Remembers up to `entries_max` ids, about 60 bytes each.
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            known: HashSet::new(),
            order: VecDeque::new(),
            entries_max,
        }
    }

    /// Whether `event_id` is remembered.
    pub(super) fn contains(&self, event_id: &str) -> bool {
        key(event_id).is_some_and(|key| self.known.contains(&key))
    }

    /// Remembers `event_id`, forgetting the oldest at the bound.
    pub(super) fn insert(&mut self, event_id: &str) {
        let Some(key) = key(event_id) else { return };
        if !self.known.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.entries_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// An event id as a number: 32 hex digits are 128 bits.
fn key(event_id: &str) -> Option<u128> {
    u128::from_str_radix(event_id, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_at_the_bound() {
        let mut recent = Recent::new(2);
        for id in ["0a", "0b", "0a", "0c"] {
            recent.insert(id);
        }
        assert!(!recent.contains("0a"));
        assert!(recent.contains("0b") && recent.contains("0c"));
    }
}
