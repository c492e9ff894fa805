//! Commands that wait to be answered: many for one item become one request.
//!
//! A command opens a window for its item; each further one lengthens it, up to a longest wait.
//! When it ends, all commands of the item leave together and are answered by one snapshot that
//! names every gap. Commands that come while an answer is under way open a new window: they may
//! have been issued after its request began, and an answer under way proves nothing about them.

use gapless_schemas::{Refetch, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Windows and waits, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct QueueTimes {
    /// How long an item's window stays open after its last command.
    pub window_millis: i64,
    /// How long its first command waits at most for the window to end.
    pub longest_wait_millis: i64,
    /// First wait after a failure; doubled with each further one.
    pub retry_min_millis: i64,
    /// Longest wait after a failure.
    pub retry_max_millis: i64,
}

impl Default for QueueTimes {
    fn default() -> Self {
        Self {
            window_millis: 300,
            longest_wait_millis: 2_000,
            retry_min_millis: 1_000,
            retry_max_millis: 300_000,
        }
    }
}

/// How long a batch waits that could not be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A moment at first: the fault may be over.
    Growing,
    /// The longest: it will not be over soon.
    Long,
}

/// The item that commands are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemKey {
    /// GitHub host.
    pub host: String,
    /// Repository id.
    pub repository_id: i64,
    /// Number of the issue or pull request.
    pub number: i64,
}

/// A command, and where in its topic it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The command.
    pub command: Refetch,
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in it.
    pub offset: i64,
}

/// Commands of one item, to be answered by one snapshot. Never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The item.
    pub key: ItemKey,
    /// The commands, in the order in which they came.
    pub commands: Vec<Placed>,
    /// How many times answering them has failed.
    pub failures: u32,
}

#[derive(Clone, Debug)]
struct Waiting {
    first_at: Timestamp,
    due_at: Timestamp,
    commands: Vec<Placed>,
    failures: u32,
}

/// The waiting commands. Bounded by whoever adds: it stops reading while [`Queue::len`] is high.
#[derive(Debug, Default)]
pub struct Queue {
    times: QueueTimes,
    waiting: BTreeMap<ItemKey, Waiting>,
}

impl Queue {
    /// An empty queue.
    pub fn new(times: QueueTimes) -> Self {
        Self {
            times,
            waiting: BTreeMap::new(),
        }
    }

    /// Commands that wait.
    pub fn len(&self) -> usize {
        self.waiting.values().map(|item| item.commands.len()).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a command. One that waits already is given back: it needs no answer of its own.
    pub fn add(&mut self, placed: Placed, now: Timestamp) -> Option<Placed> {
        let key = ItemKey {
            host: placed.command.host.clone(),
            repository_id: placed.command.repository_id,
            number: placed.command.number,
        };
        // An answer must be requested after the command was issued, by whatever clock.
        let issued_at = placed.command.issued_at.plus_millis(1);
        let times = self.times;
        let item = self.waiting.entry(key).or_insert_with(|| Waiting {
            first_at: now,
            due_at: now,
            commands: Vec::new(),
            failures: 0,
        });
        let id = &placed.command.command_id;
        if item
            .commands
            .iter()
            .any(|known| known.command.command_id == *id)
        {
            return Some(placed);
        }
        item.commands.push(placed);
        let window_end = now
            .plus_millis(times.window_millis)
            .min(item.first_at.plus_millis(times.longest_wait_millis));
        item.due_at = item.due_at.max(window_end).max(issued_at);
        None
    }

    /// Takes out a command whose tombstone was read: somebody answered it.
    pub fn answered(&mut self, command_id: &str) -> Option<Placed> {
        let is_it = |placed: &Placed| placed.command.command_id == command_id;
        let key = self
            .waiting
            .iter()
            .find(|(_, item)| item.commands.iter().any(is_it))
            .map(|(key, _)| key.clone())?;
        let item = self.waiting.get_mut(&key)?;
        let place = item.commands.iter().position(is_it)?;
        let placed = item.commands.remove(place);
        if item.commands.is_empty() {
            self.waiting.remove(&key);
        }
        Some(placed)
    }

    /// Takes out the items whose windows have ended, the longest waiting first, at most `count`.
    pub fn due(&mut self, now: Timestamp, count: usize) -> Vec<Batch> {
        let ended = self.waiting.iter().filter(|(_, item)| item.due_at <= now);
        let mut keys: Vec<(Timestamp, ItemKey)> = ended
            .map(|(key, item)| (item.due_at, key.clone()))
            .collect();
        keys.sort();
        keys.truncate(count);
        keys.into_iter()
            .filter_map(|(_, key)| {
                let item = self.waiting.remove(&key)?;
                Some(Batch {
                    key,
                    commands: item.commands,
                    failures: item.failures,
                })
            })
            .collect()
    }

    /// When the next window ends.
    pub fn next_due_at(&self) -> Option<Timestamp> {
        self.waiting.values().map(|item| item.due_at).min()
    }

    /// Puts a batch back whose answer failed. It waits longer each time, or at once the longest
    /// where `patience` says that a person must act first. Commands that came meanwhile join it; of
    /// one that came a second time meanwhile, the first is given back.
    pub fn put_back(&mut self, batch: Batch, patience: Patience, now: Timestamp) -> Vec<Placed> {
        let failures = batch.failures + 1;
        let wait = match patience {
            Patience::Long => self.times.retry_max_millis,
            Patience::Growing => self
                .times
                .retry_min_millis
                .saturating_mul(1 << batch.failures.min(20))
                .min(self.times.retry_max_millis),
        };
        let mut repeated = Vec::new();
        for placed in batch.commands {
            repeated.extend(self.add(placed, now));
        }
        if let Some(item) = self.waiting.get_mut(&batch.key) {
            item.failures = failures;
            item.due_at = now.plus_millis(wait);
        }
        repeated
    }
}

impl Batch {
    /// The gaps that ask.
    pub fn gap_ids(&self) -> BTreeSet<String> {
        let ids = self.commands.iter().map(|placed| &placed.command.gap_id);
        ids.cloned().collect()
    }

    /// The repository's name by the last command that told one.
    pub fn repository(&self) -> Option<&str> {
        let names = self.commands.iter().rev();
        names
            .filter_map(|placed| placed.command.repository.as_deref())
            .next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    fn command(id: &str, number: i64) -> Placed {
        Placed {
            command: Refetch {
                command_id: id.into(),
                gap_id: format!("gap-{id}"),
                host: "github.com".into(),
                repository_id: 1,
                repository: Some("o/r".into()),
                number,
                reason: String::new(),
                issued_at: Timestamp::from_millis(0),
                attempt: 1,
                urgency: gapless_schemas::Urgency::Gap,
            },
            partition: 0,
            offset: 0,
        }
    }

    fn ids(batches: &[Batch]) -> Vec<Vec<&str>> {
        let ids = |batch: &'_ Batch| -> Vec<usize> { (0..batch.commands.len()).collect() };
        batches
            .iter()
            .map(|batch| {
                ids(batch)
                    .into_iter()
                    .map(|index| batch.commands[index].command.command_id.as_str())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn commands_of_one_item_within_a_window_become_one_request() {
        let mut queue = Queue::default();
        queue.add(command("a", 7), at(0));
        queue.add(command("b", 7), at(200));
        queue.add(command("b", 7), at(200));
        queue.add(command("c", 8), at(200));
        assert_eq!(queue.next_due_at(), Some(at(500)));
        assert!(queue.due(at(499), 10).is_empty());
        let due = queue.due(at(500), 10);
        assert_eq!(ids(&due), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(due[0].gap_ids().len(), 2);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_steady_stream_of_commands_waits_no_longer_than_the_longest_wait() {
        let mut queue = Queue::default();
        for index in 0..20 {
            queue.add(command(&index.to_string(), 7), at(index * 200));
            if let [batch] = &queue.due(at(index * 200), 10)[..] {
                assert_eq!((index, batch.commands.len()), (10, 11));
                return;
            }
        }
        panic!("it never became due");
    }

    #[test]
    fn a_command_that_somebody_answered_is_taken_out() {
        let mut queue = Queue::default();
        queue.add(command("a", 7), at(0));
        queue.add(command("b", 7), at(0));
        assert_eq!(queue.answered("a"), Some(command("a", 7)));
        assert_eq!(queue.answered("a"), None);
        assert_eq!(queue.len(), 1);
        assert!(queue.answered("b").is_some());
        assert!(queue.is_empty());
    }

    #[test]
    fn a_failed_batch_waits_longer_each_time_and_takes_what_came_meanwhile() {
        let mut queue = Queue::default();
        queue.add(command("a", 7), at(0));
        let [first] = &queue.due(at(300), 10)[..] else {
            panic!("due")
        };
        queue.add(command("b", 7), at(400));
        queue.put_back(first.clone(), Patience::Growing, at(500));
        assert_eq!(queue.next_due_at(), Some(at(1_500)));
        let second = queue.due(at(1_500), 10);
        assert_eq!(ids(&second), [vec!["b", "a"]]);
        queue.put_back(second[0].clone(), Patience::Growing, at(2_000));
        assert_eq!(queue.next_due_at(), Some(at(4_000)));
        let third = queue.due(at(4_000), 10);
        queue.put_back(third[0].clone(), Patience::Long, at(5_000));
        assert_eq!(queue.next_due_at(), Some(at(305_000)));
    }

    #[test]
    fn an_answer_is_never_requested_before_its_command_was_issued() {
        let mut queue = Queue::default();
        let mut early = command("a", 7);
        early.command.issued_at = at(60_000);
        queue.add(early, at(0));
        assert_eq!(queue.next_due_at(), Some(at(60_001)));
    }

    #[test]
    fn no_more_leave_than_there_is_room_for() {
        let mut queue = Queue::default();
        for number in 0..5 {
            queue.add(command(&number.to_string(), number), at(number));
        }
        assert_eq!(ids(&queue.due(at(10_000), 2)), [["0"], ["1"]]);
        assert_eq!(queue.len(), 3);
    }
}
