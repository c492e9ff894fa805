//! Commands that wait to be answered: many for one item become one request.
//!
//! A command opens a window for its item; each further one lengthens it, up to a longest wait.
//! When it ends, all commands of the item leave together and are answered by one snapshot that
//! names every gap. Commands that come while an answer is under way open a new window: they may
//! have been issued after its request began, and an answer under way proves nothing about them.
//! A gap that asks again while it waits joins its earlier command and lengthens nothing.
//!
//! **Order**: items that a gap asks for leave before those that only audits ask for, and the
//! longest waiting first among each.
//!
//! **At the bound** (`items_max` items, however many commands each has) an audit gives way: one
//! that comes is dropped, and a gap that comes takes the place of the audit that is due last. A
//! dropped audit loses nothing but time: its question stands, and its detector asks again by
//! itself, waiting twice as long each time. Gaps are never dropped: where only gaps wait,
//! [`Queue::has_room`] says that no more are to be read, and they stay on their topic.
//!
//! Every operation takes a time that grows with the logarithm of what waits, and with the number
//! of commands of the one item that it touches.

use gapless_schemas::{Refetch, Resource, Timestamp, Urgency};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// Windows and waits, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct QueueTimes {
    /// How long an item's window stays open after its last command.
    pub window_millis: i64,
    /// How long its first command waits at most for the window to end.
    pub longest_wait_millis: i64,
    /// First wait after a failure; doubled with each further one.
    pub retry_min_millis: i64,
    /// Longest wait after a failure, and first wait after a denial; doubled with each further one.
    pub retry_max_millis: i64,
    /// Longest wait after a denial.
    pub denied_max_millis: i64,
}

impl Default for QueueTimes {
    fn default() -> Self {
        Self {
            window_millis: 300,
            longest_wait_millis: 2_000,
            retry_min_millis: 1_000,
            retry_max_millis: 300_000,
            denied_max_millis: 86_400_000,
        }
    }
}

/// How long a batch waits that could not be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A moment at first: the fault may be over.
    Growing,
    /// Minutes at first, and up to a day: it will not be over before a person acts.
    Long,
}

/// The resource that commands ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceKey {
    /// GitHub host.
    pub host: String,
    /// Repository id.
    pub repository_id: i64,
    /// What is asked for.
    pub resource: Resource,
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
    pub key: ResourceKey,
    /// The commands, in the order in which they came.
    pub commands: Vec<Placed>,
    /// How long it waited after the last time that answering failed, in milliseconds; 0: it has
    /// not failed.
    pub waited_millis: i64,
}

/// A command that the queue gives back unanswered. Its place in the topic is done with.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    /// The same command waits under another place: its answer is that one's.
    Repeated(Placed),
    /// An audit for which there is no room: it is buried, and its detector asks again.
    Dropped(Placed),
}

impl Left {
    /// The command.
    pub fn placed(&self) -> &Placed {
        match self {
            Self::Repeated(placed) | Self::Dropped(placed) => placed,
        }
    }
}

#[derive(Clone, Debug)]
struct Waiting {
    first_at: Timestamp,
    due_at: Timestamp,
    commands: Vec<Placed>,
    waited_millis: i64,
}

impl Waiting {
    /// An item that any gap asks for is urgent.
    fn urgency(&self) -> Urgency {
        let all = self.commands.iter().map(|placed| placed.command.urgency);
        all.min().unwrap_or(Urgency::Audit)
    }
}

/// The waiting commands.
#[derive(Debug)]
pub struct Queue {
    times: QueueTimes,
    items_max: usize,
    waiting: BTreeMap<ResourceKey, Waiting>,
    /// The items that a gap asks for, by when they are due.
    gaps: BTreeSet<(Timestamp, ResourceKey)>,
    /// The others.
    audits: BTreeSet<(Timestamp, ResourceKey)>,
    /// The item of each command that waits, by the command's id.
    items: HashMap<String, ResourceKey>,
}

impl Queue {
    /// An empty queue for about `items_max` items.
    pub fn new(times: QueueTimes, items_max: usize) -> Self {
        Self {
            times,
            items_max,
            waiting: BTreeMap::new(),
            gaps: BTreeSet::new(),
            audits: BTreeSet::new(),
            items: HashMap::new(),
        }
    }

    /// Items that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Commands that wait.
    pub fn commands(&self) -> usize {
        self.items.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether more may be added: not where the bound is reached by gaps alone.
    pub fn has_room(&self) -> bool {
        self.len() < self.items_max || !self.audits.is_empty()
    }

    /// Takes a command. Gives back what needs no answer any more: see [`Left`].
    pub fn add(&mut self, placed: Placed, now: Timestamp) -> Vec<Left> {
        let key = ResourceKey::of(&placed.command);
        if self.items.contains_key(&placed.command.command_id) {
            return vec![Left::Repeated(placed)];
        }
        let mut left = Vec::new();
        if self.len() >= self.items_max && !self.waiting.contains_key(&key) {
            if placed.command.urgency == Urgency::Audit {
                return vec![Left::Dropped(placed)];
            }
            left = self.drop_last_audit();
        }
        // An answer must be requested after the command was issued, by whatever clock.
        let issued_at = placed.command.issued_at.plus_millis(1);
        let times = self.times;
        self.items
            .insert(placed.command.command_id.clone(), key.clone());
        self.change(key, now, |item| {
            let gap_id = &placed.command.gap_id;
            let mut known = item.commands.iter();
            if !known.any(|known| known.command.gap_id == *gap_id) {
                let window_end = now
                    .plus_millis(times.window_millis)
                    .min(item.first_at.plus_millis(times.longest_wait_millis));
                item.due_at = item.due_at.max(window_end);
            }
            item.due_at = item.due_at.max(issued_at);
            item.commands.push(placed);
        });
        left
    }

    fn drop_last_audit(&mut self) -> Vec<Left> {
        let last = self.audits.last().map(|(_, key)| key.clone());
        let batch = last.and_then(|key| self.take(key));
        let commands = batch.into_iter().flat_map(|batch| batch.commands);
        commands.map(Left::Dropped).collect()
    }

    /// Changes an item, which is new where it does not wait yet, and keeps its place in the order.
    /// One that is left without commands is forgotten.
    fn change(&mut self, key: ResourceKey, now: Timestamp, change: impl FnOnce(&mut Waiting)) {
        let mut item = self.remove(&key).unwrap_or_else(|| Waiting {
            first_at: now,
            due_at: now,
            commands: Vec::new(),
            waited_millis: 0,
        });
        change(&mut item);
        if item.commands.is_empty() {
            return;
        }
        self.order(item.urgency())
            .insert((item.due_at, key.clone()));
        self.waiting.insert(key, item);
    }

    fn order(&mut self, urgency: Urgency) -> &mut BTreeSet<(Timestamp, ResourceKey)> {
        match urgency {
            Urgency::Gap => &mut self.gaps,
            Urgency::Audit => &mut self.audits,
        }
    }

    fn remove(&mut self, key: &ResourceKey) -> Option<Waiting> {
        let item = self.waiting.remove(key)?;
        let place = (item.due_at, key.clone());
        self.order(item.urgency()).remove(&place);
        Some(item)
    }

    /// Takes out an item with all its commands.
    fn take(&mut self, key: ResourceKey) -> Option<Batch> {
        let item = self.remove(&key)?;
        for placed in &item.commands {
            self.items.remove(&placed.command.command_id);
        }
        Some(Batch {
            key,
            commands: item.commands,
            waited_millis: item.waited_millis,
        })
    }

    /// Takes out a command whose tombstone was read: somebody answered it.
    pub fn answered(&mut self, command_id: &str) -> Option<Placed> {
        let key = self.items.remove(command_id)?;
        let mut found = None;
        let first_at = self.waiting.get(&key)?.first_at;
        self.change(key, first_at, |item| {
            let mut commands = item.commands.iter();
            let place = commands.position(|placed| placed.command.command_id == command_id);
            found = place.map(|place| item.commands.remove(place));
        });
        found
    }

    /// Takes out items whose windows have ended, at most `count`: gaps first, and the longest
    /// waiting first among each.
    pub fn due(&mut self, now: Timestamp, count: usize) -> Vec<Batch> {
        let ended = |(due_at, _): &&(Timestamp, ResourceKey)| *due_at <= now;
        let gaps = self.gaps.iter().take_while(ended);
        let audits = self.audits.iter().take_while(ended);
        let due = gaps.chain(audits).take(count);
        let keys: Vec<ResourceKey> = due.map(|(_, key)| key.clone()).collect();
        keys.into_iter().filter_map(|key| self.take(key)).collect()
    }

    /// When the next window ends.
    pub fn next_due_at(&self) -> Option<Timestamp> {
        let firsts = self.gaps.first().into_iter().chain(self.audits.first());
        firsts.map(|(due_at, _)| *due_at).min()
    }

    /// Puts a batch back whose answer failed. It waits longer each time, by `patience`. Commands
    /// that came meanwhile join it. Gives back what needs no answer any more: see [`Left`].
    pub fn put_back(&mut self, batch: Batch, patience: Patience, now: Timestamp) -> Vec<Left> {
        let (first, longest) = match patience {
            Patience::Growing => (self.times.retry_min_millis, self.times.retry_max_millis),
            Patience::Long => (self.times.retry_max_millis, self.times.denied_max_millis),
        };
        let wait = batch.waited_millis.saturating_mul(2);
        // Not `clamp`, which panics where a first wait is configured above the longest.
        let wait = wait.max(first).min(longest);
        let mut left = Vec::new();
        for placed in batch.commands {
            left.extend(self.add(placed, now));
        }
        if self.waiting.contains_key(&batch.key) {
            self.change(batch.key, now, |item| {
                item.waited_millis = wait;
                item.due_at = now.plus_millis(wait);
            });
        }
        left
    }
}

/// As logs name it: `github.com/1/item/7`, by the repository's id.
impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.host, self.repository_id, self.resource)
    }
}

impl ResourceKey {
    fn of(command: &Refetch) -> Self {
        Self {
            host: command.host.clone(),
            repository_id: command.repository_id,
            resource: command.resource,
        }
    }
}

impl Batch {
    /// The gaps that ask. An audit's id is none: an answer that named it would leave a gap's state
    /// that nobody ever opened.
    pub fn gap_ids(&self) -> BTreeSet<String> {
        let commands = self.commands.iter().map(|placed| &placed.command);
        let of_gaps = commands.filter(|command| command.urgency == Urgency::Gap);
        of_gaps.map(|command| command.gap_id.clone()).collect()
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
mod tests;
