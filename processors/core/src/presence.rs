//! Whether something is there, ordered by evidence.
//!
//! Of each thing that can be said (it is there, it was deleted, it lives elsewhere, it cannot be
//! seen) the latest time at which it was true is kept, and presence follows from the four:
//!
//! - what left is there again only where something later shows it: GitHub answers 200 for what was
//!   restored, and an answer asked for before the deletion was told proves nothing;
//! - a 404 after a deletion changes nothing: it says less than is known already;
//! - a 404 hides what was there until something later shows it.
//!
//! One register of the last thing said would not do: the 404 that follows a deletion would make
//! "gone" "unreachable", which may only mean that a credential lost its access.

use crate::law::{Join, Latest, join_fields};
use gapless_schemas::{Presence, Timestamp};
use serde::{Deserialize, Serialize};

/// Later than all that can be told: for what never comes back, such as an issue's number.
pub(crate) const FOR_EVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// When each was last true. See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PresenceEvidence {
    alive: Latest<Timestamp>,
    gone: Latest<Timestamp>,
    moved: Latest<Timestamp>,
    unreachable: Latest<Timestamp>,
}

join_fields!(PresenceEvidence {
    alive,
    gone,
    moved,
    unreachable,
});

impl PresenceEvidence {
    /// That `presence` was true at `at`.
    pub(crate) fn of(presence: Presence, at: Timestamp) -> Self {
        let mut evidence = Self::default();
        evidence.tell(presence, at);
        evidence
    }

    /// Notes that `presence` was true at `at`.
    pub(crate) fn tell(&mut self, presence: Presence, at: Timestamp) {
        let told = match presence {
            Presence::Alive => &mut self.alive,
            Presence::Gone => &mut self.gone,
            Presence::Moved => &mut self.moved,
            Presence::Unreachable => &mut self.unreachable,
        };
        told.join(Latest(Some(at)));
    }

    /// What follows. What nothing was said of is there: something told of it.
    pub(crate) fn presence(&self) -> Presence {
        let left = self.gone.0.max(self.moved.0);
        if left.is_some() && left >= self.alive.0 {
            if self.gone.0 >= self.moved.0 {
                Presence::Gone
            } else {
                Presence::Moved
            }
        } else if self.unreachable.0.is_some() && self.unreachable.0 >= self.alive.0 {
            Presence::Unreachable
        } else {
            Presence::Alive
        }
    }
}
