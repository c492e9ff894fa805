//! A queue and slots for each client, so that one that waits holds up no other.
//!
//! A request waits inside its client while GitHub's limits say so, for up to two hours. If all
//! clients shared the slots, those of one limited host would soon hold them all.

use super::queue::{Batch, Left, Patience, Placed, Queue, QueueTimes};
use gapless_schemas::Timestamp;

/// The commands of one client.
struct Lane {
    queue: Queue,
    /// Batches that left and have not ended.
    under_way: usize,
}

/// All commands that wait.
pub(super) struct Lanes {
    times: QueueTimes,
    items_max: usize,
    slots: usize,
    lanes: Vec<Lane>,
}

impl Lanes {
    /// `count` lanes; from each, at most `slots` batches are under way at a time.
    pub(super) fn new(count: usize, slots: usize, times: QueueTimes, items_max: usize) -> Self {
        let lane = || Lane {
            queue: Queue::new(times, items_max),
            under_way: 0,
        };
        Self {
            times,
            items_max,
            slots: slots.max(1),
            lanes: std::iter::repeat_with(lane).take(count).collect(),
        }
    }

    /// Forgets all that waits. What is under way ends, and holds its slots until then.
    pub(super) fn forget_waiting(&mut self) {
        for lane in &mut self.lanes {
            lane.queue = Queue::new(self.times, self.items_max);
        }
    }

    /// See [`Queue::add`].
    pub(super) fn add(&mut self, lane: usize, placed: Placed, now: Timestamp) -> Vec<Left> {
        self.lanes[lane].queue.add(placed, now)
    }

    /// See [`Queue::answered`].
    pub(super) fn answered(&mut self, command_id: &str) -> Option<Placed> {
        let mut lanes = self.lanes.iter_mut();
        lanes.find_map(|lane| lane.queue.answered(command_id))
    }

    /// Takes out what is due and has a slot, each with its lane.
    pub(super) fn begin_due(&mut self, now: Timestamp) -> Vec<(usize, Batch)> {
        let mut begun = Vec::new();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let free = self.slots.saturating_sub(lane.under_way);
            let due = lane.queue.due(now, free);
            lane.under_way += due.len();
            begun.extend(due.into_iter().map(|batch| (index, batch)));
        }
        begun
    }

    /// A batch of `lane` has ended: its slot is free.
    pub(super) fn ended(&mut self, lane: usize) {
        self.lanes[lane].under_way -= 1;
    }

    /// See [`Queue::put_back`].
    pub(super) fn put_back(
        &mut self,
        lane: usize,
        batch: Batch,
        patience: Patience,
        now: Timestamp,
    ) -> Vec<Left> {
        self.lanes[lane].queue.put_back(batch, patience, now)
    }

    /// When the next batch is due that has a slot.
    pub(super) fn next_due_at(&self) -> Option<Timestamp> {
        let lanes = self.lanes.iter();
        lanes
            .filter(|lane| lane.under_way < self.slots)
            .filter_map(|lane| lane.queue.next_due_at())
            .min()
    }

    /// Whether more may be read: not while gaps alone fill a lane, as the next may be of that lane.
    pub(super) fn has_room(&self) -> bool {
        self.lanes.iter().all(|lane| lane.queue.has_room())
    }

    /// Commands that wait, and batches that are under way.
    pub(super) fn waiting(&self) -> usize {
        let lanes = self.lanes.iter();
        lanes
            .map(|lane| lane.queue.commands() + lane.under_way)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gapless_schemas::{Refetch, Resource, Urgency};

    fn command(host: &str, number: i64) -> Placed {
        Placed {
            command: Refetch {
                command_id: format!("{host} {number}"),
                gap_id: format!("{host} {number}"),
                host: host.into(),
                repository_id: 1,
                repository: None,
                resource: Resource::Item { number },
                reason: String::new(),
                issued_at: Timestamp::from_millis(0),
                attempt: 1,
                urgency: Urgency::Gap,
            },
            partition: 0,
            offset: number,
        }
    }

    #[test]
    fn a_client_that_waits_holds_its_own_slots_and_no_others() {
        let at = |seconds: i64| Timestamp::from_seconds(1_600_000_000 + seconds);
        let mut lanes = Lanes::new(2, 2, QueueTimes::default(), 100);
        for number in 0..5 {
            lanes.add(0, command("limited", number), at(0));
        }
        let begun = lanes.begin_due(at(10));
        assert_eq!(begun.len(), 2);
        assert!(lanes.begin_due(at(10)).is_empty());
        assert_eq!(lanes.next_due_at(), None);
        lanes.add(1, command("free", 1), at(10));
        assert!(lanes.next_due_at().is_some());
        let [(1, free)] = &lanes.begin_due(at(20))[..] else {
            panic!("the free one")
        };
        assert_eq!(free.key.host, "free");
        assert_eq!(lanes.waiting(), 3 + 2 + 1);
        lanes.ended(0);
        assert_eq!(lanes.begin_due(at(20)).len(), 1);
        // What is under way holds its slots, whatever is forgotten.
        lanes.forget_waiting();
        lanes.add(0, command("limited", 9), at(30));
        assert!(lanes.begin_due(at(40)).is_empty());
    }

    #[test]
    fn an_answer_is_looked_for_in_every_lane() {
        let at = Timestamp::from_seconds(1_600_000_000);
        let mut lanes = Lanes::new(2, 1, QueueTimes::default(), 100);
        lanes.add(1, command("second", 7), at);
        assert_eq!(lanes.answered("second 7"), Some(command("second", 7)));
        assert_eq!(lanes.answered("second 7"), None);
    }
}
