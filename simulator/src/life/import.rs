//! Issues brought from elsewhere, with the dates that they had there.

use super::DAY_SECONDS;
use super::item::ClosingTimes;
use crate::item::{Issue, StateReason};
use crate::oddity::Oddity;
use crate::repository::{ItemKey, Slot};
use crate::truth::TransitionKind;
use crate::world::World;
use gapless_schemas::Timestamp;

/// Creations that no calendar of figures holds, in seconds: the last day of 1969, the first of 2150
/// and the last but one that RFC 3339 can write.
const OUT_OF_RANGE: [i64; 3] = [-DAY_SECONDS / 2, 5_680_281_600, 253_402_128_000];

impl World {
    pub(super) fn import_issue(&mut self, oddity: Oddity) {
        let Some(repository) = self.busy_repository() else {
            return;
        };
        let author = self.someone();
        let now = self.second();
        let mut thread = self.new_thread(repository, author);
        let days = self.chance.between(1, 20);
        let closed_at = match oddity {
            Oddity::ClosedBeforeCreated => Some(now.plus_seconds(-days * DAY_SECONDS)),
            Oddity::CreatedLongAgo => {
                let years = self.chance.between(1, 12);
                let start = self.options().start;
                thread.created_at = start.plus_seconds(-years * 365 * DAY_SECONDS);
                let was_closed = self.chance.happens(0.5);
                let closed_at = thread.created_at.plus_seconds(days * DAY_SECONDS);
                was_closed.then_some(closed_at)
            }
            _ => {
                thread.created_at = Timestamp::from_seconds(self.chance.pick(&OUT_OF_RANGE));
                None
            }
        };
        let key = ItemKey {
            repository,
            number: thread.number,
        };
        let issue = Issue {
            thread,
            state_reason: None,
            former_places: Vec::new(),
        };
        self.repositories[repository]
            .slots
            .push(Slot::Issue(Box::new(issue)));
        self.count_open_items(repository, 1);
        self.tell_item(key, "opened", author, |_, _, _| {});
        self.tell_first_labels(key);
        if let Some(closed_at) = closed_at {
            let times = ClosingTimes {
                closed_at,
                merged_at: closed_at,
                told_at: closed_at,
            };
            let reason = Some(StateReason::Completed);
            self.issue_mut(key).state_reason = reason;
            self.close(key, author, times, TransitionKind::Closed, reason);
            self.tell_item(key, "closed", author, |_, _, _| {});
        }
        self.plan_next(key);
        self.happened(oddity);
    }
}
