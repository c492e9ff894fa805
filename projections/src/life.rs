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
    /// When it was first no draft.
    pub(crate) ready_at: Option<Timestamp>,
}

/// When a life began: with its creation; where that is out of range, with the first that is known of it,
/// since it was closed all the same.
pub(crate) fn began_at(
    created_at: Option<Timestamp>,
    transitions: &[Transition],
    merged_at: Option<Timestamp>,
) -> Option<Timestamp> {
    let first = transitions.first().map(|transition| transition.at);
    created_at.or(first).or(merged_at)
}

impl Life {
    /// The life of what was opened at `created_at`; `began_as_draft` says as what.
    pub(crate) fn walk(
        created_at: Timestamp,
        transitions: &[Transition],
        merged_at: Option<Timestamp>,
        began_as_draft: bool,
    ) -> Self {
        let merge = merged_at.and_then(|merged_at| merge_closing(transitions, merged_at));
        let mut walker = Walker::new(created_at, began_as_draft);
        for (place, transition) in transitions.iter().enumerate() {
            let is_later = merged_at.is_some_and(|merged_at| transition.at > merged_at);
            if Some(place) != merge && !is_later {
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

/// Which transition is the closing that GitHub tells beside a merge, where it is told at a time not
/// after the merge's: the last one, since nothing reopens what is merged.
fn merge_closing(transitions: &[Transition], merged_at: Timestamp) -> Option<usize> {
    let kind = |place: usize| transitions[place].kind;
    let turns = (0..transitions.len()).filter(|&place| {
        matches!(
            kind(place),
            TransitionKind::Closed | TransitionKind::Reopened
        )
    });
    let (before, after): (Vec<usize>, Vec<usize>) =
        turns.partition(|&place| transitions[place].at <= merged_at);
    match after.first() {
        // Told a moment later: those before are others.
        Some(&later) if kind(later) == TransitionKind::Closed => None,
        _ => before
            .last()
            .copied()
            .filter(|&last| kind(last) == TransitionKind::Closed),
    }
}

/// Whether it was opened as a draft: where its opening was not seen, its first change between draft
/// and ready tells, else what it is now.
pub(crate) fn began_as_draft(
    opened_draft: Option<bool>,
    transitions: &[Transition],
    draft: bool,
) -> bool {
    let first = || {
        transitions
            .iter()
            .find_map(|transition| match transition.kind {
                TransitionKind::ReadyForReview => Some(true),
                TransitionKind::ConvertedToDraft => Some(false),
                _ => None,
            })
    };
    opened_draft.or_else(first).unwrap_or(draft)
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
                ready_at: (!draft).then_some(created_at),
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
                self.life.ready_at.get_or_insert(now);
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

#[cfg(test)]
mod tests {
    use super::*;
    use TransitionKind::{Closed, ConvertedToDraft, Opened, ReadyForReview, Reopened};

    fn day(day: i64) -> Timestamp {
        Timestamp::from_seconds(day * 86_400 + 3_600)
    }

    fn walk(transitions: &[(TransitionKind, i64)], merged: Option<i64>, draft: bool) -> Life {
        let transitions: Vec<Transition> = transitions
            .iter()
            .map(|&(kind, on)| Transition {
                kind,
                at: day(on),
                actor: None,
                actor_id: None,
            })
            .collect();
        let draft = began_as_draft(None, &transitions, draft);
        Life::walk(day(0), &transitions, merged.map(day), draft)
    }

    /// Turns and waits by day.
    fn told(life: &Life) -> String {
        let on = |at: Timestamp| at.day();
        let turns = life
            .turns
            .iter()
            .map(|&(turn, at)| format!("{turn:?} {}", on(at)));
        let waits = life.waits.iter().map(|wait| match wait.until {
            Some(until) => format!("waits {}-{}", on(wait.from), on(until)),
            None => format!("waits {}-", on(wait.from)),
        });
        turns.chain(waits).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_life_is_what_its_transitions_changed() {
        for (what, transitions, merged, draft, expected) in [
            (
                "open",
                &[(Opened, 0)][..],
                None,
                false,
                "Opened 0, waits 0-",
            ),
            (
                "nothing told but the creation",
                &[],
                None,
                false,
                "Opened 0, waits 0-",
            ),
            (
                "closed",
                &[(Opened, 0), (Closed, 2)],
                None,
                false,
                "Opened 0, Closed 2, waits 0-2",
            ),
            (
                "reopened",
                &[(Closed, 2), (Reopened, 5)],
                None,
                false,
                "Opened 0, Closed 2, Reopened 5, waits 0-2, waits 5-",
            ),
            (
                "merged: the closing beside the merge is not another one",
                &[(Opened, 0), (Closed, 3)],
                Some(3),
                false,
                "Opened 0, Merged 3, waits 0-3",
            ),
            (
                "merged, and nothing told the closing",
                &[(Opened, 0)],
                Some(3),
                false,
                "Opened 0, Merged 3, waits 0-3",
            ),
            (
                "closed, reopened, merged",
                &[(Closed, 1), (Reopened, 2), (Closed, 4)],
                Some(4),
                false,
                "Opened 0, Closed 1, Reopened 2, Merged 4, waits 0-1, waits 2-4",
            ),
            (
                "closed twice: the reopening between was lost",
                &[(Closed, 1), (Closed, 4)],
                None,
                false,
                "Opened 0, Closed 1, waits 0-1",
            ),
            (
                "reopened while open: the closing was lost",
                &[(Reopened, 4)],
                None,
                false,
                "Opened 0, waits 0-",
            ),
            (
                "closed and merged: the reopening between was lost",
                &[(Closed, 1), (Closed, 4)],
                Some(4),
                false,
                "Opened 0, Closed 1, Merged 4, waits 0-1",
            ),
            (
                "what is told after a merge changes nothing",
                &[(Closed, 1), (Reopened, 2), (Closed, 4), (Reopened, 6)],
                Some(4),
                false,
                "Opened 0, Closed 1, Reopened 2, Merged 4, waits 0-1, waits 2-4",
            ),
            (
                "the closing beside the merge is told a moment later",
                &[(Closed, 1), (Closed, 5)],
                Some(4),
                false,
                "Opened 0, Closed 1, Merged 4, waits 0-1",
            ),
            ("a draft waits for nobody", &[], None, true, "Opened 0"),
            (
                "a draft that became ready",
                &[(ReadyForReview, 3)],
                None,
                false,
                "Opened 0, waits 3-",
            ),
            (
                "converted to a draft and back",
                &[(ConvertedToDraft, 1), (ReadyForReview, 4), (Closed, 6)],
                None,
                false,
                "Opened 0, Closed 6, waits 0-1, waits 4-6",
            ),
            (
                "ready while closed",
                &[(Closed, 1), (ReadyForReview, 2), (Reopened, 3)],
                None,
                false,
                "Opened 0, Closed 1, Reopened 3, waits 3-",
            ),
            (
                "a clock that runs behind moves nothing before the creation",
                &[(Closed, -2), (Reopened, 1)],
                None,
                false,
                "Opened 0, Closed 0, Reopened 1, waits 0-0, waits 1-",
            ),
        ] {
            assert_eq!(told(&walk(transitions, merged, draft)), expected, "{what}");
        }
    }

    #[test]
    fn a_wait_counts_from_the_day_that_it_has_lasted_so_long_until_it_ends() {
        for (what, transitions, expected) in [
            (
                "still waiting",
                &[][..],
                "10:+10 30:+30 60:+60 90:+90 365:+365",
            ),
            ("ended before the tenth day", &[(Closed, 9)], ""),
            ("ended on the tenth day", &[(Closed, 10)], ""),
            ("ended on the day after", &[(Closed, 11)], "10:+10 10:-11"),
            (
                "ended after 61 days",
                &[(Closed, 61)],
                "10:+10 30:+30 60:+60 10:-61 30:-61 60:-61",
            ),
            (
                "the wait begins anew with a reopening",
                &[(Closed, 9), (Reopened, 10), (Closed, 25)],
                "10:+20 10:-25",
            ),
        ] {
            let deltas = walk(transitions, None, false).waiting_deltas();
            let told: Vec<String> = deltas
                .into_iter()
                .flat_map(|(day, deltas)| {
                    let sign = |delta| if delta > 0 { '+' } else { '-' };
                    WAITING_DAYS
                        .into_iter()
                        .zip(deltas)
                        .filter(|&(_, delta)| delta != 0)
                        .map(move |(waited, delta)| format!("{waited}:{}{day}", sign(delta)))
                })
                .collect();
            assert_eq!(told.join(" "), expected, "{what}");
        }
    }
}
