//! The transitions of an issue or pull request, told by several witnesses.
//!
//! A webhook, `closed_at` and the timeline tell the same closing with times that differ by a
//! second or so (`closed_at` differs from `updated_at` in 10 of 83 recorded closings, from
//! `merged_at` in 6 of 70): a union of them would close twice. So what webhooks and objects told is
//! kept apart from what the last complete timeline told, and [`Lifecycle::transitions`] derives one
//! sequence from both, each time anew:
//!
//! 1. the timeline's transitions;
//! 2. of the others, those that match none of the timeline's: later ones, and those that the
//!    timeline omits (it omits some closings that the object's `closed_at` told).
//!
//! Storing merged runs instead would lose: "closed at 1" and "closed at 9" merged into one, then
//! "reopened at 5" arrives late, and nobody knows that it was closed again.

use crate::law::{Join, Register, Stamp, settles};
use crate::payload::TimelineEvent;
use gapless_schemas::{Event, Timestamp, Transition, TransitionKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Witnesses of one transition differ by at most this.
const SAME_WITHIN_MILLIS: u64 = 5_000;

/// What is known of an item's transitions. See the module for the argument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lifecycle {
    /// Told by webhooks, or by an object's `closed_at`; the value is who did it, where told.
    told: BTreeMap<(TransitionKind, Timestamp), Actor>,
    /// The last complete timeline; its stamp's time is the request's start.
    timeline: Register<Vec<Transition>>,
    /// What could be read of the last timeline of which something could not: it stands in for a
    /// complete one, and proves nothing.
    partial_timeline: Register<Vec<Transition>>,
}

/// Who did it, the least login where witnesses differ (they do not, but the law must hold).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Actor(Option<String>);

impl Join for Actor {
    fn join(&mut self, other: Self) {
        if let Some(theirs) = other.0
            && self.0.as_ref().is_none_or(|mine| theirs < *mine)
        {
            self.0 = Some(theirs);
        }
    }
}

impl Join for Lifecycle {
    fn join(&mut self, other: Self) {
        self.told.join(other.told);
        self.timeline.join(other.timeline);
        self.partial_timeline.join(other.partial_timeline);
    }
}

impl Lifecycle {
    /// Notes a transition that a webhook or an object tells.
    pub(crate) fn tell(&mut self, kind: TransitionKind, at: Timestamp, actor: Option<&str>) {
        self.told
            .entry((kind, at))
            .or_default()
            .join(Actor(actor.map(str::to_owned)));
    }

    /// Notes a complete timeline that `event` brought.
    pub(crate) fn tell_timeline(&mut self, event: &Event, entries: &[TimelineEvent]) {
        self.timeline.join(Self::of_timeline(event, entries));
    }

    /// Notes what could be read of a timeline.
    pub(crate) fn tell_partial_timeline(&mut self, event: &Event, entries: &[TimelineEvent]) {
        self.partial_timeline
            .join(Self::of_timeline(event, entries));
    }

    fn of_timeline(event: &Event, entries: &[TimelineEvent]) -> Register<Vec<Transition>> {
        let mut transitions: Vec<Transition> = entries
            .iter()
            .filter_map(|entry| {
                let kind = match entry.event.as_str() {
                    "closed" => TransitionKind::Closed,
                    "reopened" => TransitionKind::Reopened,
                    "ready_for_review" => TransitionKind::ReadyForReview,
                    "convert_to_draft" => TransitionKind::ConvertedToDraft,
                    _ => return None,
                };
                let actor = entry.actor.as_ref().map(|user| user.login.clone());
                Some(Transition {
                    kind,
                    at: entry.created_at?,
                    actor,
                })
            })
            .collect();
        transitions.sort_by_key(|transition| transition.at);
        Register::new(Stamp::undated(event), transitions)
    }

    /// Whether a complete timeline tells all that happened up to and in the second of `at`.
    ///
    /// One requested within that second, or shortly after, does not: an answer asked for at
    /// 20:29:21.4 shows a merging of 20:29:21, and not the review that follows at 20:29:21.7 under
    /// the same `updated_at`. Were it taken for proof, nobody would ask again.
    pub(crate) fn proves(&self, at: Timestamp) -> bool {
        self.timeline
            .stamp()
            .is_some_and(|stamp| settles(stamp.as_of, at))
    }

    /// When the last complete timeline was asked for.
    pub(crate) fn read_at(&self) -> Option<Timestamp> {
        self.timeline.stamp().map(|stamp| stamp.as_of)
    }

    /// The one sequence that all witnesses agree on, oldest first. `created_at` opens it.
    pub(crate) fn transitions(&self, created_at: Option<Timestamp>) -> Vec<Transition> {
        let timeline = self.timeline.get().or(self.partial_timeline.get());
        let mut found: Vec<Transition> = created_at
            .map(|at| Transition {
                kind: TransitionKind::Opened,
                at,
                actor: None,
            })
            .into_iter()
            .chain(timeline.into_iter().flatten().cloned())
            .collect();
        for (&(kind, at), Actor(actor)) in &self.told {
            let same = |known: &Transition| {
                known.kind == kind && known.at.millis_since(at).unsigned_abs() <= SAME_WITHIN_MILLIS
            };
            let actor = actor.clone();
            match found.iter_mut().find(|known| same(known)) {
                Some(known) => known.actor = known.actor.take().or(actor),
                None => found.push(Transition { kind, at, actor }),
            }
        }
        // Stable: within a second, the timeline's own order stands.
        found.sort_by_key(|transition| transition.at);
        found
    }
}

/// What cannot be, and since when.
#[derive(Debug)]
pub(crate) struct Impossibility {
    pub(crate) at: Timestamp,
    /// In words.
    pub(crate) evidence: String,
    pub(crate) rests_on: RestsOn,
}

/// What an impossibility rests on, and so what answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestsOn {
    /// Two transitions: a timeline that covers them has told what was between them.
    Sequence,
    /// The last transition and what the object shows now.
    End,
}

/// The transitions that cannot follow the ones before them, oldest first, and last, whether the
/// sequence ends in another state than the object shows.
pub(crate) fn impossibilities(
    transitions: &[Transition],
    state: &str,
    draft: Option<bool>,
) -> Vec<Impossibility> {
    let mut found = Vec::new();
    let mut closed = false;
    let mut was_draft = None;
    for Transition { kind, at, .. } in transitions {
        let wrong = match kind {
            TransitionKind::Opened => None,
            TransitionKind::Closed => closed.then_some("closed twice without a reopening"),
            TransitionKind::Reopened => (!closed).then_some("reopened without a closing"),
            TransitionKind::ReadyForReview => {
                (was_draft == Some(false)).then_some("made ready twice")
            }
            TransitionKind::ConvertedToDraft => {
                (was_draft == Some(true)).then_some("made a draft twice")
            }
        };
        found.extend(wrong.map(|wrong| Impossibility {
            at: *at,
            evidence: format!("{wrong}, at {at}"),
            rests_on: RestsOn::Sequence,
        }));
        match kind {
            TransitionKind::Opened => {}
            TransitionKind::Closed => closed = true,
            TransitionKind::Reopened => closed = false,
            TransitionKind::ReadyForReview => was_draft = Some(false),
            TransitionKind::ConvertedToDraft => was_draft = Some(true),
        }
    }
    let Some(Transition { at, .. }) = transitions.last() else {
        return found;
    };
    let end = match (state, closed, draft, was_draft) {
        ("closed", false, ..) => Some("shown as closed, but no closing is known".to_owned()),
        ("open", true, ..) => Some(format!(
            "shown as open, but no reopening is known after {at}"
        )),
        (_, _, Some(shown), Some(known)) if shown != known => Some(format!(
            "shown with draft {shown}, but its transitions end with draft {known}"
        )),
        _ => None,
    };
    found.extend(end.map(|evidence| Impossibility {
        at: *at,
        evidence,
        rests_on: RestsOn::End,
    }));
    found
}
