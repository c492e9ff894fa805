//! How repositories, issues and pull requests live: what happens next, and when.
//!
//! An item's next change comes after a Pareto-distributed wait, so that most follow within minutes
//! and some wait for months. Part of the changes follow within the same second. No two changes of
//! state of one item lie closer than ten seconds, but for the bursts of `turns`. What would be too
//! rare to happen by chance is planned in `oddities`.

mod import;
mod issue;
mod item;
mod label;
mod oddities;
mod people;
mod pull_request;
mod repository;
mod review;
mod turns;
mod words;

use crate::json::whole_second;
use crate::repository::ItemKey;
use crate::world::{Wake, World};
use gapless_schemas::Timestamp;

pub(crate) use turns::Turn;

const DAY_SECONDS: i64 = 86_400;
/// Deliveries that an item causes in its life, on average; the pace is steered by it.
const DELIVERIES_PER_ITEM: f64 = 10.5;
/// The least distance between two changes of state of one item.
const TRANSITION_DISTANCE_MILLIS: i64 = 10_000;
/// Share of openings that are pull requests.
const PULL_REQUEST_SHARE: f64 = 0.62;
/// Share of numbers taken by a discussion.
const DISCUSSION_SHARE: f64 = 0.004;

impl World {
    pub(crate) fn wake(&mut self, wake: Wake) {
        if let Wake::Describe(index) | Wake::Rename(index) | Wake::Archive(index) = wake
            && self.repositories.get(index).is_some_and(|it| it.deleted)
        {
            return self.plan(self.now.plus_seconds(3_600), wake);
        }
        match wake {
            Wake::Hook => {
                let body = self.renderer.ping_event(self.now);
                self.send("ping", None, (None, None), body);
                self.plan(self.now.plus_seconds(60), Wake::Open);
            }
            Wake::Create => {
                self.create_repository(None);
            }
            Wake::Describe(repository) => self.describe_repository(repository),
            Wake::Rename(repository) => self.rename_repository(repository),
            Wake::ReuseName(repository) => self.reuse_name(repository),
            Wake::Archive(repository) => self.archive_repository(repository),
            Wake::Open => self.open_something(),
            Wake::Item(key) => self.item_lives(key),
            Wake::Odd(oddity) => self.happen(oddity),
            Wake::MakeUp => self.make_up(),
            Wake::Turn(key, turn) => self.turn(key, turn),
            Wake::Restore(repository) => self.restore_repository(repository),
            Wake::TakeLogin(account, key) => self.take_login(account, key),
            Wake::Leave(account) => self.leave(account),
        }
    }

    fn open_something(&mut self) {
        let next = self.pause_between_openings();
        let next = self.on_a_working_day(self.now.plus_millis(next));
        self.plan(next, Wake::Open);
        let Some(repository) = self.busy_repository() else {
            return;
        };
        if self.chance.happens(DISCUSSION_SHARE) {
            self.take_number_for_discussion(repository);
        }
        if self.chance.happens(PULL_REQUEST_SHARE) {
            self.open_pull_request(repository);
        } else {
            self.open_issue(repository);
        }
    }

    /// Milliseconds until the next opening, steered so that the wanted number of deliveries is
    /// reached about at the end of the span.
    fn pause_between_openings(&mut self) -> i64 {
        let options = self.options();
        let span = f64::from(options.span_days.max(1)) * DAY_SECONDS as f64;
        let gone = self.now.millis_since(options.start) as f64 / 1_000.0;
        let wanted = options.changes as f64 / DELIVERIES_PER_ITEM;
        let missing = options.changes.saturating_sub(self.sent()) as f64 / DELIVERIES_PER_ITEM;
        let steady = span / wanted.max(1.0);
        let steered = (span - gone) / missing.max(1.0);
        let mean = steered.clamp(steady / 4.0, steady * 2.0);
        1 + (self.chance.exponential(mean) * 1_000.0) as i64
    }

    /// Most work rests at weekends, where the span is long enough to have some.
    fn on_a_working_day(&mut self, at: Timestamp) -> Timestamp {
        let weekday = (at.day() + 3).rem_euclid(7);
        let works_anyway = self.chance.happens(0.25);
        if weekday < 5 || works_anyway || self.options().span_days < 28 {
            return at;
        }
        at.plus_seconds(i64::from(7 - weekday) * DAY_SECONDS)
    }

    /// Plans the item's next change: within this second, or after a wait.
    pub(crate) fn plan_next(&mut self, key: ItemKey) {
        let share = self.options().same_second_share.clamp(0.0, 0.95);
        let follows = self.chance.happens(1.0 - (1.0 - share).sqrt());
        let left = 999 - self.now.millis_since(whole_second(self.now));
        if follows && left > 20 {
            let after = self.chance.between(10, (left / 2).max(10));
            self.plan(self.now.plus_millis(after), Wake::Item(key));
            return;
        }
        let most = f64::from(self.options().span_days) * 0.4 * DAY_SECONDS as f64;
        let wait = self.chance.pareto(90.0, 0.55, most.max(180.0));
        let millis = (wait * 1_000.0) as i64 + self.chance.between(0, 999);
        let at = self.on_a_working_day(self.now.plus_millis(millis));
        self.plan(at, Wake::Item(key));
    }

    fn item_lives(&mut self, key: ItemKey) {
        let repository = &self.repositories[key.repository];
        if repository.archived {
            return;
        }
        if repository.deleted {
            return self.plan_next(key);
        }
        if repository.pull_request(key.number).is_some() {
            self.pull_request_lives(key);
        } else if repository.issue(key.number).is_some() {
            self.issue_lives(key);
        }
    }

    /// Whether the item may change its state now.
    pub(crate) fn may_change_state(&self, key: ItemKey) -> bool {
        self.repositories[key.repository]
            .thread(key.number)
            .is_some_and(|thread| {
                self.now.millis_since(thread.last_transition_at()) >= TRANSITION_DISTANCE_MILLIS
            })
    }
}
