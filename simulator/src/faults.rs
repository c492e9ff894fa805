//! What happens to deliveries between GitHub and the receiver.
//!
//! [`FaultyChannel`] is given deliveries in the order GitHub attempts them and gives them back in
//! the order they arrive: lost ones never, doubled ones twice, delayed ones late, reordered ones
//! right after the next delivery of their repository. It has a stream of randomness of its own, so
//! that one world can be watched through several channels.

use crate::chance::{Chance, Stream};
use crate::delivery::Delivery;
use crate::options::Faults;
use crate::world::World;
use gapless_schemas::Timestamp;
use std::collections::BTreeMap;

/// A delivery as it arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultyDelivery {
    /// When it arrives, in simulated time.
    pub deliver_at: Timestamp,
    /// What happened to it.
    pub fate: Fate,
    /// What arrives.
    pub delivery: Delivery,
}

/// What happened to a delivery that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Undisturbed,
    /// It is the second copy.
    Doubled,
    /// It comes late.
    Delayed,
    /// It was overtaken by the next delivery of its repository.
    Reordered,
}

/// A delivery that never arrives: for diagnosis only, no detector may look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostDelivery {
    /// Its GUID.
    pub guid: String,
    /// Its kind of event.
    pub event: &'static str,
    /// Its action.
    pub action: Option<&'static str>,
    /// Its repository.
    pub repository_id: Option<u64>,
    /// Its issue or pull request.
    pub number: Option<u32>,
    /// When the change behind it was made.
    pub changed_at: Timestamp,
}

/// What the channel did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultReport {
    /// Deliveries given to the channel.
    pub sent: u64,
    /// Deliveries that never arrive.
    pub lost: u64,
    /// Deliveries that arrive twice.
    pub doubled: u64,
    /// Deliveries that come late, those that nothing overtook among them.
    pub delayed: u64,
    /// Deliveries that were overtaken.
    pub reordered: u64,
    /// The lost ones, in the order of sending.
    pub losses: Vec<LostDelivery>,
}

/// Loses, doubles, delays and reorders.
#[derive(Debug)]
pub struct FaultyChannel {
    faults: Faults,
    chance: Chance,
    on_the_way: BTreeMap<(Timestamp, u64), (Fate, Delivery)>,
    accepted: u64,
    /// By repository, the deliveries that wait to be overtaken.
    held: BTreeMap<Option<u64>, Vec<(Timestamp, u64)>>,
    report: FaultReport,
}

/// How long a delivery waits to be overtaken before it arrives in its turn after all, and then
/// counts as delayed.
const HELD_AT_MOST_SECONDS: i64 = 6 * 3_600;
const LEAST_DELAY_SECONDS: f64 = 2.0;
const GREATEST_DELAY_SECONDS: f64 = 4.0 * 3_600.0;
const GREATEST_DOUBLE_SECONDS: f64 = 600.0;

impl FaultyChannel {
    /// A channel with the given rates. Equal seeds give equal fates.
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self {
            faults,
            chance: Chance::new(seed, Stream::Channel),
            on_the_way: BTreeMap::new(),
            accepted: 0,
            held: BTreeMap::new(),
            report: FaultReport::default(),
        }
    }

    /// Decides the fate of a delivery. To be called in the order of `attempted_at`.
    pub fn send(&mut self, delivery: Delivery) {
        self.report.sent += 1;
        // All drawn for each delivery, so that one rate does not shift the draws of another.
        let lost = self.chance.happens(self.faults.lost);
        let doubled = self.chance.happens(self.faults.doubled);
        let delayed = self.chance.happens(self.faults.delayed);
        let reordered = self.chance.happens(self.faults.reordered);
        let delay = self
            .chance
            .log_even(LEAST_DELAY_SECONDS, GREATEST_DELAY_SECONDS);
        let double_after = self.chance.log_even(1.0, GREATEST_DOUBLE_SECONDS);
        let at = delivery.attempted_at;
        if lost {
            return self.lose(&delivery);
        }
        if doubled {
            self.report.doubled += 1;
            let late = at.plus_millis((double_after * 1_000.0) as i64);
            self.put(late, Fate::Doubled, delivery.clone());
        }
        if delayed {
            self.report.delayed += 1;
            let late = at.plus_millis((delay * 1_000.0) as i64);
            self.put(late, Fate::Delayed, delivery);
        } else if reordered {
            let repository = delivery.repository_id;
            let latest = at.plus_seconds(HELD_AT_MOST_SECONDS);
            let key = self.put(latest, Fate::Delayed, delivery);
            self.held.entry(repository).or_default().push(key);
        } else {
            self.release_overtaken_by(&delivery);
            self.put(at, Fate::Undisturbed, delivery);
        }
    }

    /// When the next delivery arrives; `None`: none is on its way.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.on_the_way.keys().next().map(|(at, _)| *at)
    }

    /// The next delivery that has arrived by `now`.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<FaultyDelivery> {
        if self.next_at()? > now {
            return None;
        }
        let ((deliver_at, order), (fate, delivery)) = self.on_the_way.pop_first()?;
        if let Some(held) = self.held.get_mut(&delivery.repository_id) {
            let waiting = held.len();
            held.retain(|key| *key != (deliver_at, order));
            self.report.delayed += (waiting - held.len()) as u64;
        }
        Some(FaultyDelivery {
            deliver_at,
            fate,
            delivery,
        })
    }

    /// What the channel did so far.
    pub fn report(&self) -> &FaultReport {
        &self.report
    }

    fn put(&mut self, at: Timestamp, fate: Fate, delivery: Delivery) -> (Timestamp, u64) {
        self.accepted += 1;
        let key = (at, self.accepted);
        self.on_the_way.insert(key, (fate, delivery));
        key
    }

    fn release_overtaken_by(&mut self, delivery: &Delivery) {
        let after = delivery.attempted_at.plus_millis(1);
        for key in self
            .held
            .remove(&delivery.repository_id)
            .unwrap_or_default()
        {
            if let Some((_, held)) = self.on_the_way.remove(&key) {
                self.report.reordered += 1;
                self.put(after, Fate::Reordered, held);
            }
        }
    }

    fn lose(&mut self, delivery: &Delivery) {
        self.report.lost += 1;
        self.report.losses.push(LostDelivery::of(delivery));
    }
}

impl LostDelivery {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        Self {
            guid: delivery.guid.clone(),
            event: delivery.event,
            action: delivery.action,
            repository_id: delivery.repository_id,
            number: delivery.number,
            changed_at: delivery.changed_at,
        }
    }
}

/// A world seen through a channel: what arrives, in the order of arrival.
#[derive(Debug)]
pub struct Feed {
    /// The world. Whenever a delivery is handed out, all changes up to its arrival are made.
    pub world: World,
    /// What deliveries go through.
    pub channel: FaultyChannel,
    arrivals: u64,
}

impl Feed {
    /// The world's feed through a channel of the seed and rates in its options.
    pub fn new(world: World) -> Self {
        let options = world.options();
        Self {
            channel: FaultyChannel::new(options.seed, options.faults),
            world,
            arrivals: 0,
        }
    }

    /// How many arrivals were handed out.
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// Lets time pass until `count` arrivals in all have come, and hands none of them out: where
    /// another process with a feed of equal options has posted them.
    pub fn skip_arrivals(&mut self, count: u64) {
        while self.arrivals < count && self.next().is_some() {}
    }

    /// When something happens next, a change or an arrival; `None`: all has arrived and the world
    /// is at rest.
    pub fn next_at(&self) -> Option<Timestamp> {
        let times = [self.world.next_at(), self.channel.next_at()];
        times.into_iter().flatten().min()
    }

    /// Makes all changes up to `now`.
    pub fn change_until(&mut self, now: Timestamp) {
        while self.world.next_at().is_some_and(|at| at <= now) {
            self.change();
        }
    }

    /// The next delivery that has arrived by `now`, with all changes up to its arrival made; `None`
    /// where none has, with all changes up to `now` made.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<FaultyDelivery> {
        while let Some(change) = self.world.next_at().filter(|at| *at <= now) {
            if self.channel.next_at().is_some_and(|at| at < change) {
                break;
            }
            self.change();
        }
        self.arrive(now)
    }

    fn arrive(&mut self, now: Timestamp) -> Option<FaultyDelivery> {
        let arrival = self.channel.pop_due(now)?;
        self.arrivals += 1;
        Some(arrival)
    }

    fn change(&mut self) {
        if let Some(step) = self.world.step() {
            for delivery in step.deliveries {
                self.channel.send(delivery);
            }
        }
    }
}

impl Iterator for Feed {
    type Item = FaultyDelivery;

    /// The next arrival, however far away.
    fn next(&mut self) -> Option<FaultyDelivery> {
        loop {
            let arrival = self.channel.next_at();
            match self.world.next_at() {
                Some(change) if arrival.is_none_or(|arrival| change <= arrival) => self.change(),
                _ => return self.arrive(arrival?),
            }
        }
    }
}
