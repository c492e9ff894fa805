//! The transitions of an issue or pull request, told by several witnesses.
//!
//! A webhook, `closed_at` and the timeline tell the same closing with times that differ by a
//! second or so (`closed_at` differs from `updated_at` in 10 of 83 recorded closings, from
//! `merged_at` in 6 of 70): a union of them would close twice. And a bot closes, reopens and closes
//! again within a second: whoever takes two closings within some seconds for one loses the second.
//! So what each witness told is kept apart, as it was told, and [`Lifecycle::turns`] derives one
//! sequence from all of them, each time anew; how, [`matching`] says.
//!
//! Storing merged runs instead would lose: "closed at 1" and "closed at 9" merged into one, then
//! "reopened at 5" arrives late, and nobody knows that it was closed again.
//!
//! **How many there were in a second** is what one hook told under different GUIDs, at the most that
//! any hook did: a redelivery has the GUID of the first attempt, and two hooks tell one change under
//! two GUIDs. Hooks are told apart by `X-GitHub-Hook-ID`, or by what they are installed on; of
//! deliveries without either, each GUID is a transition.

mod matching;

use crate::law::{Earliest, Join, Register, Stamp, settles};
use crate::payload::TimelineEvent;
use gapless_schemas::{Event, Question, Timestamp, TransitionKind};
use matching::Witnesses;
pub(crate) use matching::is_same;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of an item's transitions. See the module for the argument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lifecycle {
    /// What webhooks told, each with the id of who did it; one event tells one actor.
    told: BTreeMap<Telling, Option<i64>>,
    /// What objects showed as `closed_at`.
    closings: BTreeSet<Timestamp>,
    /// The last complete timeline; its stamp's time is the request's start.
    timeline: Register<Vec<Turn>>,
    /// What could be read of the last timeline of which something could not: it stands in for a
    /// complete one, and proves nothing.
    partial_timeline: Register<Vec<Turn>>,
    /// The best look at how it was opened: whether it is only one at the first second, when it was,
    /// and whether it showed a draft.
    opened_draft: Earliest<(bool, Timestamp, bool)>,
}

/// A transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    pub(crate) kind: TransitionKind,
    pub(crate) at: Timestamp,
    /// Id of who did it, where known.
    pub(crate) actor: Option<i64>,
}

/// That a delivery told a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Telling {
    /// `updated_at`: one clock for all that webhooks tell of an item.
    at: Timestamp,
    kind: TransitionKind,
    /// Which hook; 0 where nothing tells.
    hook: i64,
    /// First 64 bits of the event's id.
    event: u64,
}

/// What an object shows now, where nothing contests it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) closed: Option<bool>,
    /// Since when, where it is.
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) draft: Option<bool>,
}

impl Join for Lifecycle {
    fn join(&mut self, other: Self) {
        let Self {
            told,
            closings,
            timeline,
            partial_timeline,
            opened_draft,
        } = other;
        for (telling, actor) in told {
            let known = self.told.entry(telling).or_default();
            *known = (*known).max(actor);
        }
        self.closings.join(closings);
        self.timeline.join(timeline);
        self.partial_timeline.join(partial_timeline);
        self.opened_draft.join(opened_draft);
    }
}

/// Which hook `event` came through.
fn hook(event: &Event) -> i64 {
    let id = event.headers.get("x-github-hook-id");
    let id = id.and_then(|id| id.parse().ok());
    id.or(event.hook_target_id).unwrap_or(0)
}

impl Lifecycle {
    /// Notes a transition that a webhook tells; `at` is the `updated_at` that it shows, or the
    /// `closed_at` of a closing that is told long after it happened.
    pub(crate) fn tell(
        &mut self,
        event: &Event,
        kind: TransitionKind,
        at: Timestamp,
        actor: Option<i64>,
    ) {
        let stamp = Stamp::new(event, at);
        let telling = Telling {
            at: event.in_range(Some(at)).unwrap_or(event.as_of()),
            kind,
            hook: hook(event),
            event: stamp.event,
        };
        self.told.insert(telling, actor);
    }

    /// Notes the `closed_at` that an object shows.
    pub(crate) fn show_closed(&mut self, at: Timestamp) {
        self.closings.insert(at);
    }

    /// Notes whether an object that shows how the item was opened, as of `at`, shows a draft:
    /// its opening's own (`is_opening`), or one of the second of its creation.
    pub(crate) fn show_opened(&mut self, is_opening: bool, at: Timestamp, draft: bool) {
        let look = Earliest(Some((!is_opening, at, draft)));
        self.opened_draft.join(look);
    }

    /// Whether it was opened as a draft, where something told.
    pub(crate) fn opened_draft(&self) -> Option<bool> {
        self.opened_draft.0.map(|(_, _, draft)| draft)
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

    fn of_timeline(event: &Event, entries: &[TimelineEvent]) -> Register<Vec<Turn>> {
        let mut turns: Vec<Turn> = entries
            .iter()
            .filter_map(|entry| {
                let kind = match entry.event.as_str() {
                    "closed" => TransitionKind::Closed,
                    "reopened" => TransitionKind::Reopened,
                    "ready_for_review" => TransitionKind::ReadyForReview,
                    "convert_to_draft" => TransitionKind::ConvertedToDraft,
                    _ => return None,
                };
                let actor = entry.actor.as_ref().and_then(|user| user.person());
                Some(Turn {
                    kind,
                    at: event.in_range(entry.created_at)?,
                    actor: actor.map(|user| user.id),
                })
            })
            .collect();
        // Stable: within a second, the timeline's own order stands.
        turns.sort_by_key(|turn| turn.at);
        Register::new(Stamp::undated(event), turns)
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
    pub(crate) fn turns(&self, created_at: Option<Timestamp>, shown: Shown) -> Vec<Turn> {
        let webhooks = self.webhooks();
        let closings: Vec<Timestamp> = self.closings.iter().copied().collect();
        let timeline = self.timeline.get().or(self.partial_timeline.get());
        let witnesses = Witnesses {
            timeline: timeline.map_or(&[], Vec::as_slice),
            webhooks: &webhooks,
            closings: &closings,
        };
        let mut turns: Vec<Turn> = created_at
            .map(|at| Turn {
                kind: TransitionKind::Opened,
                at,
                actor: None,
            })
            .into_iter()
            .collect();
        turns.extend(witnesses.openness(shown.closed, shown.closed_at));
        turns.extend(witnesses.draftness(self.opened_draft(), shown.draft));
        turns.sort_by_key(|turn| turn.at);
        turns
    }

    /// What webhooks told, by time: of each kind and second, what the hook told that told most.
    fn webhooks(&self) -> Vec<Turn> {
        let mut turns = Vec::new();
        let mut rest = self.told.iter().peekable();
        while let Some((first, _)) = rest.peek() {
            let (at, kind) = (first.at, first.kind);
            let mut by_hook: BTreeMap<i64, Vec<Option<i64>>> = BTreeMap::new();
            while let Some((telling, actor)) =
                rest.next_if(|(telling, _)| (telling.at, telling.kind) == (at, kind))
            {
                by_hook.entry(telling.hook).or_default().push(*actor);
            }
            let most = by_hook.into_values().max_by_key(Vec::len);
            let actors = most.into_iter().flatten();
            turns.extend(actors.map(|actor| Turn { kind, at, actor }));
        }
        turns
    }
}

/// What cannot be, and since when.
#[derive(Debug)]
pub(crate) struct Impossibility {
    pub(crate) at: Timestamp,
    pub(crate) question: Question,
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
    turns: &[Turn],
    state: &str,
    draft: Option<bool>,
    opened_draft: Option<bool>,
) -> Vec<Impossibility> {
    let mut found = Vec::new();
    let mut closed = false;
    let mut was_draft = opened_draft;
    for Turn { kind, at, .. } in turns {
        let at = *at;
        let wrong = match kind {
            TransitionKind::Opened => None,
            TransitionKind::Closed => closed.then_some(Question::ClosedTwice { at }),
            TransitionKind::Reopened => (!closed).then_some(Question::ReopenedTwice { at }),
            TransitionKind::ReadyForReview => {
                (was_draft == Some(false)).then_some(Question::ReadyTwice { at })
            }
            TransitionKind::ConvertedToDraft => {
                (was_draft == Some(true)).then_some(Question::DraftTwice { at })
            }
        };
        found.extend(wrong.map(|question| Impossibility {
            at,
            question,
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
    let Some(Turn { at, .. }) = turns.last() else {
        return found;
    };
    let end = match (state, closed, draft, was_draft) {
        ("closed", false, ..) => Some(Question::UntoldClosing),
        ("open", true, ..) => Some(Question::UntoldReopening { after: *at }),
        (_, _, Some(shown), Some(known)) if shown != known => Some(Question::UntoldDraft { shown }),
        _ => None,
    };
    found.extend(end.map(|question| Impossibility {
        at: *at,
        question,
        rests_on: RestsOn::End,
    }));
    found
}
