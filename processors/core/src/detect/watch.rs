use super::patience::LONGEST_UNQUIET;
use super::{Asked, Patience};
use gapless_schemas::{GapEvent, Question, Timestamp, Urgency, ids};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the detectors remember of one entity: since when each question stands, and which gaps are
/// open. It is derived from the log alone (questions from states, gaps from gap events), so a
/// replay finds it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    pub(super) standing: Vec<Standing>,
    /// How many gaps of each question were closed, by the id of its first: part of the next one's
    /// identity, so that the same loss a second time is a gap of its own.
    pub(super) closed: BTreeMap<String, u32>,
    /// Gaps that were closed, but whose closing was not read back from the log yet: neither was
    /// their opening, perhaps, and it must not open them again.
    pub(super) closing: BTreeSet<String>,
}

/// A question that was asked, and is asked still as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    question: Question,
    noticed_at: Timestamp,
    /// When something is to be done about it next.
    pub(super) due_at: Timestamp,
    pub(super) urgency: Urgency,
    /// Ids of its gap, once it was opened. Nearly always one: how many gaps of the question were
    /// closed before is part of the id, and a life that died behind its opening may have cut its
    /// batches elsewhere than the next one, and so have seen the question rest in between. All are
    /// closed together; the first known asks.
    pub(super) gaps: Vec<String>,
    /// How often it was asked for.
    pub(super) attempts: u32,
}

impl Standing {
    fn new(asked: &Asked, noticed_at: Timestamp, patience: &Patience) -> Self {
        Self {
            question: asked.question.clone(),
            noticed_at,
            due_at: noticed_at.plus_seconds(patience.grace(asked.urgency)),
            urgency: asked.urgency,
            gaps: Vec::new(),
            attempts: 0,
        }
    }

    /// The id of the question's gap after so many were closed.
    pub(super) fn gap_id(&self, subject: &str, closed: u32) -> String {
        ids::gap_id(subject, &self.question, closed)
    }

    pub(super) fn is(&self, asked: &Asked) -> bool {
        self.question == asked.question
    }

    /// When an audit's item will have been quiet for long enough, if it is not yet.
    pub(super) fn quiet_at(
        &self,
        since: Timestamp,
        now: Timestamp,
        patience: &Patience,
    ) -> Option<Timestamp> {
        let after = patience.audit_after_seconds;
        let latest = self.noticed_at.plus_seconds(after * LONGEST_UNQUIET);
        let quiet_at = since.plus_seconds(after).min(latest);
        (self.urgency == Urgency::Audit && self.attempts == 0 && now < quiet_at).then_some(quiet_at)
    }
}

impl Watch {
    /// True where nothing is asked, nothing is open and nothing ever was: it need not be kept.
    pub fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// The log's time at which [`decide`](super::decide()) is due next, if nothing changes before.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.standing.iter().map(|standing| standing.due_at).min()
    }

    /// Whether exactly these questions stand already, and nothing is due about them.
    pub fn has_nothing_to_do(&self, questions: &[Asked], now: Timestamp) -> bool {
        let known = |standing: &Standing| {
            now < standing.due_at
                && questions
                    .iter()
                    .any(|asked| standing.is(asked) && standing.urgency == asked.urgency)
        };
        self.standing.len() == questions.len() && self.standing.iter().all(known)
    }

    /// Takes note of all that is asked now without deciding anything: what is decided is in the log, or
    /// will be, and is [read](Watch::read) from there. A question that rested is forgotten, as it is
    /// where it is decided, but for its gaps: only their closing ends them.
    pub fn follow(&mut self, questions: &[Asked], now: Timestamp, patience: &Patience) {
        let is_asked = |standing: &Standing| questions.iter().any(|asked| standing.is(asked));
        self.standing
            .retain(|standing| !standing.gaps.is_empty() || is_asked(standing));
        self.notice(questions, now, patience);
    }

    /// Takes note of questions.
    pub(super) fn notice(&mut self, questions: &[Asked], now: Timestamp, patience: &Patience) {
        for asked in questions {
            let mut new = Standing::new(asked, now, patience);
            let known = self.standing.iter_mut().find(|known| known.is(asked));
            match known {
                None => self.standing.push(new),
                Some(known) if known.urgency != asked.urgency => {
                    new.gaps = std::mem::take(&mut known.gaps);
                    *known = new;
                }
                Some(_) => {}
            }
        }
    }

    /// Takes note of a gap event read from the log: after a rebuild, gaps are known from the log
    /// and not detected anew.
    pub fn read(&mut self, event: &GapEvent, patience: &Patience) {
        match event {
            GapEvent::Opened {
                gap_id,
                question,
                resource,
                since,
                at,
                ..
            } => {
                if self.closing.contains(gap_id) {
                    return;
                }
                let asked = Asked {
                    question: question.clone(),
                    resource: *resource,
                    since: *since,
                    urgency: Urgency::Gap,
                };
                self.notice(std::slice::from_ref(&asked), *at, patience);
                let standing = self.standing.iter_mut().find(|known| known.is(&asked));
                if let Some(standing) = standing.filter(|known| !known.gaps.contains(gap_id)) {
                    standing.gaps.push(gap_id.clone());
                }
            }
            GapEvent::Closed {
                gap_id, subject, ..
            } => {
                self.closing.remove(gap_id);
                let is_its = |standing: &Standing| standing.gaps.contains(gap_id);
                if let Some(place) = self.standing.iter().position(is_its) {
                    let standing = &mut self.standing[place];
                    standing.gaps.retain(|known| known != gap_id);
                    let question = standing.gap_id(subject, 0);
                    if standing.gaps.is_empty() {
                        self.standing.remove(place);
                    }
                    *self.closed.entry(question).or_default() += 1;
                }
            }
        }
    }
}
