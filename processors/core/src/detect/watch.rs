use super::{Question, Urgency};
use gapless_schemas::{Detector, GapEvent, Timestamp, ids};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long detectors wait, by the log's clock.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Late is not lost: how long a question stands before it becomes a gap, in seconds.
    pub grace_seconds: i64,
    /// How long an item is quiet before its history is audited, in seconds.
    pub audit_after_seconds: i64,
    /// How long an answer is awaited before it is asked for again, in seconds.
    pub retry_after_seconds: i64,
}

impl Default for Patience {
    /// For a real GitHub: deliveries are late by under 60 s (p95) on a normal day; ten minutes
    /// leave room, and are as long as a poll's interval.
    fn default() -> Self {
        Self {
            grace_seconds: 600,
            audit_after_seconds: 86_400,
            retry_after_seconds: 1_800,
        }
    }
}

/// What the detectors remember of one entity: since when each question stands, and which gaps are
/// open. It is derived from the log alone (questions from states, gaps from gap events), so a
/// replay finds it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    standing: BTreeMap<QuestionId, Standing>,
    /// How often the same question was closed before.
    closed: BTreeMap<QuestionId, u32>,
}

type QuestionId = (Detector, String);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    noticed_at: Timestamp,
    number: Option<i64>,
    since: Timestamp,
    gap: Option<OpenGap>,
    audit: bool,
    asked: Option<(Timestamp, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OpenGap {
    gap_id: String,
    opened_at: Timestamp,
}

/// What a detector decided; the task turns it into events and commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Append this gap event.
    Append(GapEvent),
    /// Issue a command to fetch item `number`.
    Ask {
        /// See [`gapless_schemas::Refetch::command_id`].
        command_id: String,
        /// The gap, or the audit's own id.
        gap_id: String,
        /// Which item.
        number: i64,
        /// Why, in words.
        reason: String,
        /// From 1.
        attempt: u32,
    },
}

impl Watch {
    /// True where nothing is asked, nothing is open and nothing ever was: it need not be kept.
    pub fn is_blank(&self) -> bool {
        self.standing.is_empty() && self.closed.is_empty()
    }

    /// The log's time at which [`decide`] is due next, if nothing changes before.
    pub fn due_at(&self, patience: &Patience) -> Option<Timestamp> {
        self.standing
            .values()
            .map(|standing| match (standing.asked, standing.audit) {
                (Some((at, _)), _) => at.plus_seconds(patience.retry_after_seconds),
                (None, true) => standing
                    .noticed_at
                    .plus_seconds(patience.audit_after_seconds),
                (None, false) => standing.noticed_at.plus_seconds(patience.grace_seconds),
            })
            .min()
    }

    /// Takes note of a gap event read from the log: after a rebuild, gaps are known from the log
    /// and not detected anew.
    pub fn read(&mut self, event: &GapEvent) {
        match event {
            GapEvent::Opened {
                gap_id,
                detector,
                number,
                evidence,
                since,
                at,
                ..
            } => {
                let standing = self
                    .standing
                    .entry((*detector, evidence.clone()))
                    .or_insert(Standing {
                        noticed_at: *at,
                        number: *number,
                        since: *since,
                        gap: None,
                        audit: false,
                        asked: None,
                    });
                standing.gap.get_or_insert(OpenGap {
                    gap_id: gap_id.clone(),
                    opened_at: *at,
                });
            }
            GapEvent::Closed { gap_id, .. } => {
                let closed = self.standing.iter().find_map(|(id, standing)| {
                    standing
                        .gap
                        .as_ref()
                        .is_some_and(|gap| gap.gap_id == *gap_id)
                        .then(|| id.clone())
                });
                if let Some(id) = closed {
                    self.standing.remove(&id);
                    *self.closed.entry(id).or_default() += 1;
                }
            }
        }
    }
}

/// Decides what to do about the questions of one entity.
///
/// `subject` is the entity's key, `questions` are all that its state asks at `now`.
///
/// A gap closes only when its question no longer stands. Since questions are asked of the joined
/// state, that is so when the missing fact came, or when an answer requested later covers it: an
/// answer already under way when the change happened carries an older time and leaves the question
/// standing.
pub fn decide(
    watch: &mut Watch,
    subject: &str,
    questions: &[Question],
    now: Timestamp,
    patience: &Patience,
) -> Vec<Decision> {
    let mut decisions = Vec::new();
    let id_of = |question: &Question| (question.detector, question.evidence.clone());
    let asked: std::collections::BTreeSet<QuestionId> = questions.iter().map(id_of).collect();
    let over: Vec<QuestionId> = watch
        .standing
        .keys()
        .filter(|id| !asked.contains(id))
        .cloned()
        .collect();
    for id in over {
        let Some(standing) = watch.standing.remove(&id) else {
            continue;
        };
        if let Some(gap) = standing.gap {
            *watch.closed.entry(id).or_default() += 1;
            decisions.push(Decision::Append(GapEvent::Closed {
                gap_id: gap.gap_id,
                subject: subject.to_owned(),
                at: now,
            }));
        }
    }
    for question in questions {
        let id = id_of(question);
        let occurrence = watch.closed.get(&id).copied().unwrap_or(0);
        let audit = question.urgency == Urgency::Audit;
        let standing = watch.standing.entry(id).or_insert_with(|| Standing {
            noticed_at: now,
            number: question.number,
            since: question.since,
            gap: None,
            audit,
            asked: None,
        });
        let wait = if audit {
            patience.audit_after_seconds
        } else {
            patience.grace_seconds
        };
        if now < standing.noticed_at.plus_seconds(wait) {
            continue;
        }
        let gap_id = match &standing.gap {
            Some(gap) => gap.gap_id.clone(),
            None => ids::gap_id(
                question.detector.name(),
                subject,
                &question.evidence,
                occurrence,
            ),
        };
        if standing.gap.is_none() && !audit {
            standing.gap = Some(OpenGap {
                gap_id: gap_id.clone(),
                opened_at: now,
            });
            decisions.push(Decision::Append(GapEvent::Opened {
                gap_id: gap_id.clone(),
                subject: subject.to_owned(),
                detector: question.detector,
                number: question.number,
                evidence: question.evidence.clone(),
                since: question.since,
                at: now,
            }));
        }
        let due = standing
            .asked
            .is_none_or(|(at, _)| now >= at.plus_seconds(patience.retry_after_seconds));
        if due && let Some(number) = question.number {
            let attempt = standing.asked.map_or(0, |(_, attempt)| attempt) + 1;
            standing.asked = Some((now, attempt));
            decisions.push(Decision::Ask {
                command_id: ids::command_id(&gap_id, attempt),
                gap_id,
                number,
                reason: format!("{}: {}", question.detector.name(), question.evidence),
                attempt,
            });
        }
    }
    decisions
}
