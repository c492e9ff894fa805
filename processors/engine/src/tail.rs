//! Late writes of a predecessor, and how an owner undoes them.
//!
//! A *zombie* is a task that goes on after its partition was given to another: a process that slept
//! and does not know it yet. The group refuses its commits, but its states still reach the state
//! topics, behind those of the new owner and with lower versions. Readers keep the greatest version
//! of a key, so no figure changes; but compaction keeps the *last* record of a key, and who reads
//! the topic from its start after that would know the old state only. So an owner looks at what
//! others write to its output partitions, and writes again what is outdated.
//!
//! # What is looked at
//! Every offset of an output partition is either acknowledged to this owner as its own, or is read
//! and judged. In ordinary times all are its own, one after another, and **nothing is read back**:
//! what is asked now and then is where the partitions end. Whoever wrote a record that is not known
//! to be our own does not matter (a zombie, the owner before us, ourselves in an earlier life or
//! where an acknowledgement was lost): it is judged by what it says, so records need no writer's
//! name.
//!
//! # What is undone
//! Let `n` be the offset of the owner's next event. A record of version `v` is *outdated* if
//! `v < version(n − 1)` and it says something else than the owner's state. The owner then writes its
//! state under `version(n − 1)`. That is not lower than any version it wrote before, and is a right
//! one: a record of version `v` says what all events up to `v` say, whoever wrote it. A record with
//! `v ≥ version(n − 1)` is of somebody who knows no less than we do, and is left alone; therefore two
//! who both believe to be the owner never undo each other for ever.
//!
//! # Why the last record of a key is right in the end
//! Let `o` be the last event that changes the state of a key, and the last record of the key one
//! that its owner has read and judged.
//!
//! - Outdated: the owner's own record follows. It was not the last.
//! - Not outdated, and `o < n`: either it says the same as the owner's state, which is right; or
//!   `v ≥ version(n − 1)`, and it knew `o` as well.
//! - Not outdated, and `o ≥ n`: the owner processes `o` later and emits every key that an event
//!   changed. It was not the last.
//!
//! The last step needs an owner who emits all that it has not processed yet, so nothing is judged
//! before the task has caught up with the group's offset (below it, it joins in silence). And it
//! needs a look at every event, not at the two ends of a batch: where one event changes what a key
//! says and the next one takes that back, the batch ends as it began, and the record that was judged
//! may say what lay between, appended by somebody who died or slept there. So such a key is emitted
//! too, and so is one that events above the group's offset bring back to what it said far below it.
//!
//! # Where it begins
//! Behind every batch the group's commit carries, as its metadata, up to where all was judged and
//! undone; the next owner goes on from there. It may not begin at the end of the partition, for what
//! a zombie wrote after the old owner's last look would never be seen. What the old owner wrote
//! itself since its last commit is judged once more, which finds nothing. Without metadata (a new
//! group, a release that did not write it) everything is read, once, from the **beginning**: in a
//! new installation there is nothing there, and in any other nobody can say since when nobody looked.
//!
//! # At the bounds
//! Keys of outdated records wait until everything is read, because most are followed by a newer
//! record of their key; at [`MOST_OUTDATED`] they wait no longer, and some are written in vain. Own
//! offsets are kept as ranges, so their number grows with foreign records among them only; at
//! [`MOST_RANGES`] the oldest is forgotten, and read and judged like another's.

use gapless_core::Key;
use gapless_schemas::StateTopic;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::ops::Range;

/// Keys that wait for being undone, of one partition index: some megabytes.
const MOST_OUTDATED: usize = 20_000;
/// Ranges of own offsets that are kept of one partition of one topic.
const MOST_RANGES: usize = 10_000;
/// Keys that are undone at once.
const MOST_AT_ONCE: usize = 1_000;

/// What the owner of a partition index has seen of its output partitions. See the module.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    topics: BTreeMap<StateTopic, Seen>,
    outdated: BTreeSet<Key>,
}

/// One output partition.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Everything below is our own or was judged.
    next: i64,
    /// Our own beyond it, in order, with gaps between them.
    own: VecDeque<Range<i64>>,
    /// Where the partition ends, as far as we know.
    end: i64,
    /// Everything below needs no look of a successor.
    settled: i64,
}

impl Seen {
    fn pass_own(&mut self) {
        while let Some(own) = self.own.pop_front_if(|own| own.start <= self.next) {
            self.next = self.next.max(own.end);
        }
    }

    fn unread(&self) -> Range<i64> {
        self.next..self.own.front().map_or(self.end, |own| own.start)
    }
}

impl Tail {
    /// Goes on where [`Tail::metadata`] says; from the beginning where it says nothing.
    pub fn resume(metadata: &str) -> Self {
        let mut tail = Self::default();
        for part in metadata.split(',') {
            if let Some((name, settled)) = part.split_once('=')
                && let Some(topic) = StateTopic::ALL.into_iter().find(|it| it.name() == name)
                && let Ok(settled) = settled.parse::<i64>()
            {
                let next = settled.max(0);
                let seen = Seen {
                    next,
                    end: next,
                    settled: next,
                    ..Seen::default()
                };
                tail.topics.insert(topic, seen);
            }
        }
        tail
    }

    /// Up to where nothing is left to be judged or undone, for the group's commit: some 20 bytes a
    /// topic (brokers take 4,096).
    pub fn metadata(&self) -> String {
        let mut text = String::new();
        for (topic, seen) in &self.topics {
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{}={}", topic.name(), seen.settled);
        }
        text
    }

    /// Our own record was acknowledged at `offset`.
    pub fn own(&mut self, topic: StateTopic, offset: i64) {
        let seen = self.topics.entry(topic).or_default();
        let after = seen.own.back().map_or(seen.next, |last| last.end);
        // Below it: a record of which we have been told late. It is judged like another's.
        if offset < after {
            return;
        }
        match seen.own.back_mut() {
            Some(last) if last.end == offset => last.end += 1,
            _ => seen.own.push_back(offset..offset + 1),
        }
        if seen.own.len() > MOST_RANGES {
            seen.own.pop_front();
        }
        seen.end = seen.end.max(offset + 1);
        seen.pass_own();
        self.settle();
    }

    /// The partition of `topic` ends before `end`. One that ends before what we have seen is another
    /// than it was, and is read from its beginning.
    pub fn ends_at(&mut self, topic: StateTopic, end: i64) {
        let seen = self.topics.entry(topic).or_default();
        if end < seen.next {
            *seen = Seen::default();
        }
        seen.end = end;
    }

    /// What is to be read next, for each topic where there is something.
    pub fn unread(&self) -> impl Iterator<Item = (StateTopic, Range<i64>)> {
        self.topics
            .iter()
            .map(|(topic, seen)| (*topic, seen.unread()))
            .filter(|(_, unread)| !unread.is_empty())
    }

    /// Reading, which began at [`Tail::unread`], has come to the record at `offset`. Whether it is to
    /// be [judged](Tail::judged); our own are not.
    pub fn arrive(&mut self, topic: StateTopic, offset: i64) -> bool {
        let seen = self.topics.entry(topic).or_default();
        if offset < seen.next {
            return false;
        }
        // What is missing in between was compacted away.
        seen.next = offset;
        seen.pass_own();
        let is_others = seen.next == offset;
        if is_others {
            seen.next += 1;
            seen.end = seen.end.max(seen.next);
            seen.pass_own();
        }
        is_others
    }

    /// The record last arrived at is one of `key`; a newer record of a key takes back what was said
    /// of an older one. Nothing: of no entity of ours.
    pub fn judged(&mut self, key: Option<Key>, is_outdated: bool) {
        match key {
            Some(key) if is_outdated => drop(self.outdated.insert(key)),
            Some(key) => drop(self.outdated.remove(&key)),
            None => {}
        }
        self.settle();
    }

    /// Keys to be written again now.
    pub fn due(&self) -> Vec<Key> {
        if self.outdated.len() < MOST_OUTDATED && self.unread().next().is_some() {
            return Vec::new();
        }
        self.outdated.iter().take(MOST_AT_ONCE).cloned().collect()
    }

    /// These keys were written again, and that is acknowledged.
    pub fn undone(&mut self, keys: &[Key]) {
        for key in keys {
            self.outdated.remove(key);
        }
        self.settle();
    }

    /// Whether everything up to the ends that are known was judged, and undone.
    pub fn is_settled(&self) -> bool {
        self.outdated.is_empty() && self.unread().next().is_none()
    }

    /// While a key waits, a successor must look at its record again.
    fn settle(&mut self) {
        if self.outdated.is_empty() {
            for seen in self.topics.values_mut() {
                seen.settled = seen.next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUES: StateTopic = StateTopic::Issues;

    /// Start and end of what is to be read.
    fn unread(tail: &Tail) -> Option<(i64, i64)> {
        let mut unread = tail.unread();
        let first = unread.next().map(|(_, range)| (range.start, range.end));
        assert_eq!(unread.next(), None);
        first
    }

    fn key(name: &str) -> Key {
        Key::parse(&format!("issues/github.com/5/{name}")).unwrap()
    }

    #[test]
    fn what_is_our_own_is_never_read() {
        let mut tail = Tail::resume("");
        for offset in 0..1_000 {
            tail.own(ISSUES, offset);
        }
        tail.ends_at(ISSUES, 1_000);
        assert!(tail.is_settled());
        assert_eq!(tail.metadata(), "issues=1000");
    }

    #[test]
    fn what_lies_between_our_own_is_read_and_judged_once() {
        let mut tail = Tail::resume("issues=7");
        tail.own(ISSUES, 7);
        tail.own(ISSUES, 10);
        tail.own(ISSUES, 11);
        assert_eq!(unread(&tail), Some((8, 10)));
        assert_eq!(tail.metadata(), "issues=8");
        assert!(tail.arrive(ISSUES, 8));
        tail.judged(Some(key("1")), false);
        assert!(tail.arrive(ISSUES, 9));
        tail.judged(None, false);
        assert!(!tail.arrive(ISSUES, 10), "our own");
        assert!(!tail.arrive(ISSUES, 9), "judged already");
        tail.ends_at(ISSUES, 13);
        assert_eq!(unread(&tail), Some((12, 13)));
        assert_eq!(tail.metadata(), "issues=12");
    }

    #[test]
    fn an_outdated_record_holds_the_position_until_it_is_undone() {
        let mut tail = Tail::resume("issues=3,pull-requests=9");
        tail.ends_at(ISSUES, 5);
        assert!(tail.arrive(ISSUES, 3));
        tail.judged(Some(key("1")), true);
        assert_eq!(tail.due(), [], "more is to be read");
        assert!(tail.arrive(ISSUES, 4));
        tail.judged(Some(key("2")), true);
        assert_eq!(tail.metadata(), "pull-requests=9,issues=3");
        assert_eq!(tail.due(), [key("1"), key("2")]);
        tail.undone(&tail.due());
        tail.own(ISSUES, 5);
        assert!(tail.is_settled());
        assert_eq!(tail.metadata(), "pull-requests=9,issues=6");
    }

    #[test]
    fn a_newer_record_of_the_key_takes_an_outdated_one_back() {
        let mut tail = Tail::resume("");
        tail.ends_at(ISSUES, 2);
        for (offset, is_outdated) in [(0, true), (1, false)] {
            assert!(tail.arrive(ISSUES, offset));
            tail.judged(Some(key("1")), is_outdated);
        }
        assert!(tail.is_settled());
    }

    #[test]
    fn what_was_compacted_away_is_passed_over() {
        let mut tail = Tail::resume("");
        tail.own(ISSUES, 20);
        tail.ends_at(ISSUES, 40);
        assert_eq!(unread(&tail), Some((0, 20)));
        assert!(!tail.arrive(ISSUES, 20));
        assert_eq!(unread(&tail), Some((21, 40)));
        assert!(tail.arrive(ISSUES, 39));
        tail.judged(None, false);
        assert!(tail.is_settled());
    }

    #[test]
    fn a_partition_that_lost_its_end_is_read_from_its_beginning() {
        let mut tail = Tail::resume("issues=50");
        tail.ends_at(ISSUES, 10);
        assert_eq!(unread(&tail), Some((0, 10)));
    }

    #[test]
    fn metadata_of_somebody_else_tells_nothing() {
        let mut tail = Tail::resume("{\"issues\":7},issues=x,weather=3,=,");
        tail.ends_at(ISSUES, 1);
        assert_eq!(unread(&tail), Some((0, 1)));
    }
}
