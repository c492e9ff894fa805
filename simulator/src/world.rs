//! The simulated organisation: what is, and when the next change comes.
//!
//! A world is a value. [`World::step`] performs the next change at its simulated instant and
//! returns the deliveries that GitHub would send because of it; nothing in it reads a clock, and
//! all randomness comes from the seed, so equal options give equal worlds, deliveries and truths.
//! How items live stands in `life`, what the API answers in `api`.

use crate::api::ApiState;
use crate::chance::{Chance, Stream};
use crate::delivery::Delivery;
use crate::json::whole_second;
use crate::life::Turn;
use crate::oddity::Oddity;
use crate::options::Options;
use crate::render::Renderer;
use crate::repository::{ItemKey, Repository};
use gapless_schemas::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// The simulated organisation.
#[derive(Debug)]
pub struct World {
    pub(crate) renderer: Renderer,
    pub(crate) chance: Chance,
    pub(crate) now: Timestamp,
    pub(crate) repositories: Vec<Repository>,
    pub(crate) api: ApiState,
    plans: BinaryHeap<Reverse<Plan>>,
    plans_made: u64,
    /// What comes once that many deliveries have been sent, in the order of planning.
    deferred: BTreeMap<(usize, u64), Wake>,
    /// How often each oddity has happened.
    pub(crate) oddities: BTreeMap<Oddity, usize>,
    /// Logins that people left, for others to take.
    pub(crate) left_logins: Vec<String>,
    outbox: Vec<Delivery>,
    sent: usize,
    last_attempt: Timestamp,
    last_id: u64,
    enterprise_host: Option<Arc<str>>,
}

/// One change and what GitHub sends because of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When the change was made.
    pub at: Timestamp,
    /// In the order in which GitHub attempts them; empty where nothing came of it after all.
    pub deliveries: Vec<Delivery>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Plan {
    at: Timestamp,
    /// Makes the order of plans of one instant the order in which they were made.
    order: u64,
    wake: Wake,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wake {
    /// The hook is made and GitHub pings it.
    Hook,
    /// A repository is created.
    Create,
    /// A repository with that index changes its description.
    Describe(usize),
    /// A repository with that index gets a new name.
    Rename(usize),
    /// A new repository takes the former name of the one with that index.
    ReuseName(usize),
    /// A repository with that index is archived.
    Archive(usize),
    /// Someone opens an issue or pull request.
    Open,
    /// Something may happen to an issue or pull request.
    Item(ItemKey),
    /// Something that is rare happens.
    Odd(Oddity),
    /// What should have happened and could not is made to.
    MakeUp,
    /// An item changes its state, if it can.
    Turn(ItemKey, Turn),
    /// The deleted repository with that index is restored.
    Restore(usize),
    /// An account takes another login and reviews that pull request again.
    TakeLogin(usize, ItemKey),
    /// An account is deleted.
    Leave(usize),
}

/// Milliseconds between a change and the first attempt to deliver it.
const ATTEMPT_AFTER_MILLIS: i64 = 400;

impl World {
    /// The organisation at its first instant, with nothing in it yet.
    pub fn new(options: Options) -> Self {
        let mut world = Self {
            chance: Chance::new(options.seed, Stream::Life),
            api: ApiState::new(&options),
            now: options.start,
            last_attempt: options.start,
            repositories: Vec::new(),
            plans: BinaryHeap::new(),
            plans_made: 0,
            deferred: BTreeMap::new(),
            oddities: BTreeMap::new(),
            left_logins: Vec::new(),
            outbox: Vec::new(),
            sent: 0,
            last_id: 2_200_000_000,
            enterprise_host: (options.host != "github.com").then(|| options.host.as_str().into()),
            renderer: Renderer::new(options),
        };
        world.plan(world.now, Wake::Hook);
        world.plan_repositories();
        world.plan_oddities();
        world
    }

    /// What the world was made from.
    pub fn options(&self) -> &Options {
        &self.renderer.options
    }

    /// The instant of the last change.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The instant of the next change; `None`: the world is at rest for ever.
    pub fn next_at(&self) -> Option<Timestamp> {
        if self.sent >= self.options().changes {
            return None;
        }
        self.plans.peek().map(|Reverse(plan)| plan.at)
    }

    /// Performs the next change and returns what GitHub sends because of it; `None`: the world is
    /// at rest for ever.
    pub fn step(&mut self) -> Option<Step> {
        self.next_at()?;
        let Reverse(plan) = self.plans.pop()?;
        self.now = plan.at;
        self.wake(plan.wake);
        self.sent += self.outbox.len();
        self.plan_deferred();
        Some(Step {
            at: plan.at,
            deliveries: std::mem::take(&mut self.outbox),
        })
    }

    /// How many deliveries the changes so far have caused.
    pub fn sent(&self) -> usize {
        self.sent
    }

    pub(crate) fn plan(&mut self, at: Timestamp, wake: Wake) {
        self.plans_made += 1;
        self.plans.push(Reverse(Plan {
            at,
            order: self.plans_made,
            wake,
        }));
    }

    /// Lets something come once `share` (0..1) of all deliveries have been sent.
    pub(crate) fn defer(&mut self, share: f64, wake: Wake) {
        self.plans_made += 1;
        let sent = (self.options().changes as f64 * share) as usize;
        self.deferred.insert((sent, self.plans_made), wake);
    }

    /// What share of all deliveries has been sent.
    pub(crate) fn progress(&self) -> f64 {
        self.sent as f64 / self.options().changes.max(1) as f64
    }

    fn plan_deferred(&mut self) {
        while let Some(next) = self.deferred.first_entry()
            && next.key().0 <= self.sent
        {
            let wake = next.remove();
            let after = self.chance.between(1_000, 30_000);
            self.plan(self.now.plus_millis(after), wake);
        }
    }

    /// The current second: what GitHub writes into `updated_at`.
    pub(crate) fn second(&self) -> Timestamp {
        whole_second(self.now)
    }

    /// An id that nothing else has. Ids of different kinds are different too, which on GitHub they
    /// need not be.
    pub(crate) fn new_id(&mut self) -> u64 {
        self.last_id += self.chance.between(1, 97) as u64;
        self.last_id
    }

    /// Puts a payload among the deliveries of this step.
    pub(crate) fn send(
        &mut self,
        event: &'static str,
        action: Option<&'static str>,
        about: (Option<u64>, Option<u32>),
        body: String,
    ) {
        let due = self.now.plus_millis(ATTEMPT_AFTER_MILLIS);
        self.last_attempt = due.max(self.last_attempt.plus_millis(1));
        let delivery = Delivery {
            guid: self.chance.guid(),
            event,
            action,
            repository_id: about.0,
            number: about.1,
            body: body.into(),
            changed_at: self.now,
            attempted_at: self.last_attempt,
            hook_id: self.options().hook_id,
            organisation_id: self.options().organisation_id,
            enterprise_host: self.enterprise_host.clone(),
        };
        self.outbox.push(delivery);
    }
}
