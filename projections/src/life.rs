//! The life of an issue or pull request, as figures see it: when it was open, and when somebody
//! was waited for.
//!
//! It is walked along its transitions. A transition that changes nothing (closed while closed: a
//! reopening between was lost) is left out, so that what is open never falls below zero; and none
//! happens before the one before it, whatever the clocks of different witnesses say.

use gapless_schemas::{Timestamp, Transition, TransitionKind};
use std::collections::BTreeMap;

/// How many days a wait must last to be counted, one figure each.
pub(crate) const WAITING_DAYS: [i32; 5] = [10, 30, 60, 90, 365];

/// What happened, as far as it changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Opened,
    Closed,
    Reopened,
    Merged,
}

/// A stretch of time in which an entity was open and no draft; without an end, it still is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

/// A life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) turns: Vec<(Turn, Timestamp)>,
    pub(crate) waits: Vec<Wait>,
}

impl Life {
    /// The life of what was opened at `created_at`. `draft` says whether it is a draft now.
    pub(crate) fn walk(
        created_at: Timestamp,
        transitions: &[Transition],
        merged_at: Option<Timestamp>,
        draft: bool,
    ) -> Self {
        let merge = merged_at.and_then(|_| merge_closing(transitions));
        let mut walker = Walker::new(created_at, began_as_draft(transitions, draft));
        for (place, transition) in transitions.iter().enumerate() {
            if Some(place) != merge {
                walker.go(transition.kind, transition.at);
            }
        }
        if let Some(merged_at) = merged_at {
            walker.end(Turn::Merged, merged_at.max(created_at));
        }
        walker.finish()
    }

    /// When it was last closed (or merged), where nothing opened it again.
    pub(crate) fn closed_at(&self) -> Option<Timestamp> {
        self.turns
            .last()
            .filter(|(turn, _)| matches!(turn, Turn::Closed | Turn::Merged))
            .map(|&(_, at)| at)
    }

    /// How often `turn` was taken.
    pub(crate) fn count(&self, turn: Turn) -> i64 {
        self.turns.iter().filter(|(is, _)| *is == turn).count() as i64
    }

    /// By day, what each of [`WAITING_DAYS`] gains and loses.
    pub(crate) fn waiting_deltas(&self) -> BTreeMap<i32, [i64; WAITING_DAYS.len()]> {
        let mut days = BTreeMap::<i32, [i64; WAITING_DAYS.len()]>::new();
        for wait in &self.waits {
            for (place, waited) in WAITING_DAYS.into_iter().enumerate() {
                let reached = wait.from.day() + waited;
                match wait.until.map(Timestamp::day) {
                    Some(end) if end <= reached => {}
                    end => {
                        days.entry(reached).or_default()[place] += 1;
                        if let Some(end) = end {
                            days.entry(end).or_default()[place] -= 1;
                        }
                    }
                }
            }
        }
        days
    }
}

/// Which transition is the closing that GitHub tells beside a merge: the last one, since nothing
/// reopens what is merged.
fn merge_closing(transitions: &[Transition]) -> Option<usize> {
    let last = transitions.iter().rposition(|transition| {
        matches!(
            transition.kind,
            TransitionKind::Closed | TransitionKind::Reopened
        )
    })?;
    (transitions[last].kind == TransitionKind::Closed).then_some(last)
}

/// Whether it was opened as a draft: its first change between draft and ready tells, else what it
/// is now.
pub(crate) fn began_as_draft(transitions: &[Transition], draft: bool) -> bool {
    transitions
        .iter()
        .find_map(|transition| match transition.kind {
            TransitionKind::ReadyForReview => Some(true),
            TransitionKind::ConvertedToDraft => Some(false),
            _ => None,
        })
        .unwrap_or(draft)
}

struct Walker {
    life: Life,
    open: bool,
    draft: bool,
    waiting_since: Option<Timestamp>,
    now: Timestamp,
}

impl Walker {
    fn new(created_at: Timestamp, draft: bool) -> Self {
        Self {
            life: Life {
                turns: vec![(Turn::Opened, created_at)],
                waits: Vec::new(),
            },
            open: true,
            draft,
            waiting_since: (!draft).then_some(created_at),
            now: created_at,
        }
    }

    fn go(&mut self, kind: TransitionKind, at: Timestamp) {
        self.now = self.now.max(at);
        let now = self.now;
        match kind {
            TransitionKind::Closed if self.open => self.end(Turn::Closed, now),
            TransitionKind::Reopened if !self.open => {
                self.open = true;
                self.life.turns.push((Turn::Reopened, now));
                self.waiting_since = (!self.draft).then_some(now);
            }
            TransitionKind::ReadyForReview if self.draft => {
                self.draft = false;
                self.waiting_since = self.open.then_some(now);
            }
            TransitionKind::ConvertedToDraft if !self.draft => {
                self.draft = true;
                self.stop_waiting(now);
            }
            _ => {}
        }
    }

    /// Closes it for good or until it is reopened. A merge of what is closed already (a reopening
    /// was lost) is a merge all the same.
    fn end(&mut self, turn: Turn, at: Timestamp) {
        self.open = false;
        self.life.turns.push((turn, at));
        self.stop_waiting(at);
    }

    fn stop_waiting(&mut self, at: Timestamp) {
        if let Some(from) = self.waiting_since.take() {
            self.life.waits.push(Wait {
                from,
                until: Some(at),
            });
        }
    }

    fn finish(mut self) -> Life {
        if let Some(from) = self.waiting_since.take() {
            self.life.waits.push(Wait { from, until: None });
        }
        self.life
    }
}
