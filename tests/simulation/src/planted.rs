//! Bugs planted into the simulation's own wiring, to show that the oracle finds them.
//!
//! No production code carries a switch: a bug is a drive in another order, a log that lies, a
//! reader that takes the wrong record, or a distortion of events before anything is lifted, each
//! with the effect that the bug named would have.

use gapless_schemas::{
    Codec, Event, Issue, Naming, PullRequest, Record, Repository, Source, StateTopic, Timestamp,
    Transition, TransitionKind,
};
use serde_json::Value;

/// Later than all that a life tells: 2100-01-01.
const LONG_AFTER_SECONDS: i64 = 4_102_444_800;
/// Turns that one of the bugs takes for one are at most this far apart.
const CLOSE_MILLIS: i64 = 5_000;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// What arrived last counts as the newest, whatever the entity's own time says.
    ArrivalOrderDecides,
    /// The group's offset is committed before the outputs are appended.
    CommitBeforeOutputs,
    /// A batch whose outputs were not acknowledged is stored all the same, and read again: it changes
    /// nothing then, so that nothing is emitted.
    EmitOnlyOnChange,
    /// What says that an item is gone is older than everything that shows it.
    TombstoneLoses,
    /// Each witness of a closing counts as a closing of its own.
    UnionOfWitnesses,
    /// A field that a payload lacks is taken for null.
    AbsenceIsNull,
    /// The store is written before the outputs are appended.
    StoreBeforeOutputs,
    /// Figures are computed again only for where an entity counts now, not for where it ever did.
    RollupForgets,
    /// An answer counts as asked for when it arrives, not when its request began.
    AnswerCountsOnArrival,
    /// The clocks' detector never fires: listings are not read.
    DetectorNeverFires,
    /// The last record of a key counts, not the greatest version, and nobody undoes a zombie's late
    /// write. (Where it is undone, the last record is right in the end.)
    LastRecordWins,
    /// Nobody looks at what a predecessor writes late.
    NothingIsUndone,
    /// Of the names that an id was told with, the last in the alphabet counts.
    AlphabetDecides,
    /// A review after the merge counts as if it had come in time.
    LateReviewsCount,
    /// A repository that was deleted is gone for ever: whatever shows life later is not believed.
    GoneForEver,
    /// A pull request that shows an author whose account is gone forgets who that was.
    GhostForgetsAuthor,
    /// Transitions of one kind within five seconds are one.
    CloseTurnsAreOne,
    /// A generation that is rebuilt beside the live one acts as if it were live.
    RebuildActs,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::ArrivalOrderDecides,
        Self::CommitBeforeOutputs,
        Self::EmitOnlyOnChange,
        Self::TombstoneLoses,
        Self::UnionOfWitnesses,
        Self::AbsenceIsNull,
        Self::StoreBeforeOutputs,
        Self::RollupForgets,
        Self::AnswerCountsOnArrival,
        Self::DetectorNeverFires,
        Self::LastRecordWins,
        Self::NothingIsUndone,
        Self::AlphabetDecides,
        Self::LateReviewsCount,
        Self::GoneForEver,
        Self::GhostForgetsAuthor,
        Self::CloseTurnsAreOne,
        Self::RebuildActs,
    ];

    /// Whether owners do not look at what others write to their output partitions.
    pub(crate) fn undoes_nothing(self) -> bool {
        matches!(self, Self::LastRecordWins | Self::NothingIsUndone)
    }

    /// What becomes of an event on its way into the log.
    pub(crate) fn distort(self, event: &mut Event) {
        match self {
            Self::ArrivalOrderDecides if event.source == Source::Webhook => {
                let received_at = Value::from(whole_second(event.received_at).to_string());
                edit(event, |payload| {
                    for object in ["pull_request", "issue"] {
                        let object = payload.get_mut(object).and_then(Value::as_object_mut);
                        if let Some(updated_at) = object.and_then(|it| it.get_mut("updated_at")) {
                            *updated_at = received_at.clone();
                        }
                    }
                });
            }
            Self::TombstoneLoses if speaks_of_leaving(event) => {
                event.first_delivered_at = Some(Timestamp::from_millis(0));
                event.requested_at = event.requested_at.map(|_| Timestamp::from_millis(0));
            }
            Self::GoneForEver if is_deletion_of_a_repository(event) => {
                event.first_delivered_at = Some(Timestamp::from_seconds(LONG_AFTER_SECONDS));
            }
            Self::AbsenceIsNull if event.source == Source::Listing => edit(event, |payload| {
                let items = payload.get_mut("items").and_then(Value::as_array_mut);
                for item in items.into_iter().flatten() {
                    let link = item.get_mut("pull_request").and_then(Value::as_object_mut);
                    if let Some(link) = link {
                        link.entry("merged_at").or_insert(Value::Null);
                    }
                }
            }),
            Self::AnswerCountsOnArrival => {
                event.requested_at = event.requested_at.map(|_| event.received_at);
            }
            Self::DetectorNeverFires if event.source == Source::Listing => edit(event, |payload| {
                if let Some(items) = payload.get_mut("items") {
                    *items = Value::Array(Vec::new());
                }
            }),
            _ => {}
        }
    }

    /// What a reader makes of a state's record.
    pub(crate) fn misread(
        self,
        codec: &Codec,
        topic: StateTopic,
        offset: i64,
        value: Vec<u8>,
    ) -> Vec<u8> {
        let changed = match topic {
            StateTopic::PullRequests => changed(codec, &value, |state: &mut PullRequest| {
                self.misread_pull_request(state, offset)
            }),
            StateTopic::Issues => changed(codec, &value, |state: &mut Issue| {
                self.misread_issue(state, offset)
            }),
            StateTopic::Repositories => changed(codec, &value, |state: &mut Repository| {
                self.misread_namings(&mut state.namings)
            }),
            _ => None,
        };
        changed.unwrap_or(value)
    }

    /// Whether it changed anything; so the others.
    fn misread_pull_request(self, state: &mut PullRequest, offset: i64) -> bool {
        match self {
            Self::UnionOfWitnesses => {
                let witnesses = [state.closed_at, state.merged_at];
                add_closings(&mut state.transitions, &witnesses);
            }
            Self::LastRecordWins => state.version = offset,
            Self::GhostForgetsAuthor => {
                if !state.author_gone {
                    return false;
                }
                state.author = None;
            }
            Self::CloseTurnsAreOne => keep_the_first_of_close_ones(&mut state.transitions),
            Self::LateReviewsCount => {
                let Some(merged_at) = state.merged_at else {
                    return false;
                };
                for review in &mut state.reviews {
                    review.submitted_at = review.submitted_at.min(merged_at);
                }
            }
            _ => return self.misread_namings(&mut state.namings),
        }
        true
    }

    fn misread_issue(self, state: &mut Issue, offset: i64) -> bool {
        match self {
            Self::UnionOfWitnesses => add_closings(&mut state.transitions, &[state.closed_at]),
            Self::LastRecordWins => state.version = offset,
            Self::CloseTurnsAreOne => keep_the_first_of_close_ones(&mut state.transitions),
            _ => return self.misread_namings(&mut state.namings),
        }
        true
    }

    fn misread_namings(self, namings: &mut [Naming]) -> bool {
        if self != Self::AlphabetDecides {
            return false;
        }
        for naming in namings {
            naming.told_at = Timestamp::from_millis(0);
        }
        true
    }
}

/// The record's value with a change to its state; nothing where there is none.
fn changed<R: Record>(
    codec: &Codec,
    value: &[u8],
    change: impl FnOnce(&mut R) -> bool,
) -> Option<Vec<u8>> {
    let mut state: R = codec.decode(value).ok()?;
    change(&mut state).then(|| codec.encode(&state).ok())?
}

fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.as_seconds())
}

fn edit(event: &mut Event, change: impl FnOnce(&mut Value)) {
    if let Ok(mut payload) = serde_json::from_slice::<Value>(&event.payload) {
        change(&mut payload);
        event.payload = serde_json::to_vec(&payload).expect("a JSON value has a text");
    }
}

fn speaks_of_leaving(event: &Event) -> bool {
    let by_webhook = event.kind == "issues"
        && matches!(event.action.as_deref(), Some("deleted" | "transferred"));
    let by_answer = event.source == Source::Snapshot
        && serde_json::from_slice::<Value>(&event.payload)
            .is_ok_and(|payload| payload["status"] != 200);
    by_webhook || by_answer
}

fn is_deletion_of_a_repository(event: &Event) -> bool {
    event.source == Source::Webhook
        && event.kind == "repository"
        && event.action.as_deref() == Some("deleted")
}

fn keep_the_first_of_close_ones(transitions: &mut Vec<Transition>) {
    let mut kept: Vec<Transition> = Vec::new();
    for transition in transitions.drain(..) {
        let is_close = |known: &Transition| {
            known.kind == transition.kind && transition.at.millis_since(known.at) <= CLOSE_MILLIS
        };
        if !kept.iter().any(is_close) {
            kept.push(transition);
        }
    }
    *transitions = kept;
}

fn add_closings(transitions: &mut Vec<Transition>, witnesses: &[Option<Timestamp>]) {
    for at in witnesses.iter().flatten() {
        let known = |known: &Transition| known.kind == TransitionKind::Closed && known.at == *at;
        if !transitions.iter().any(known) {
            transitions.push(Transition {
                kind: TransitionKind::Closed,
                at: *at,
                actor: None,
                actor_id: None,
            });
        }
    }
    transitions.sort_by_key(|transition| transition.at);
}
