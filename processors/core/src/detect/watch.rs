use super::{Question, Urgency};
use gapless_schemas::{Detector, GapEvent, Timestamp, ids};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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

fn identity(question: &Question) -> QuestionId {
    (question.detector, question.evidence.clone())
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    noticed_at: Timestamp,
    audit: bool,
    /// Id of the gap, once it was opened.
    gap: Option<String>,
    asked: Option<Asked>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    at: Timestamp,
    attempt: u32,
}

impl Standing {
    fn new(audit: bool, noticed_at: Timestamp) -> Self {
        Self {
            noticed_at,
            audit,
            gap: None,
            asked: None,
        }
    }

    fn due_at(&self, patience: &Patience) -> Timestamp {
        match (self.asked, self.audit) {
            (Some(asked), _) => asked.at.plus_seconds(patience.retry_after_seconds),
            (None, true) => self.noticed_at.plus_seconds(patience.audit_after_seconds),
            (None, false) => self.noticed_at.plus_seconds(patience.grace_seconds),
        }
    }
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
        /// Whether a gap asks, or an audit.
        urgency: Urgency,
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
            .map(|standing| standing.due_at(patience))
            .min()
    }

    /// Takes note of questions without deciding anything: for events below the group's offset, whose
    /// decisions are in the log already.
    pub fn notice(&mut self, questions: &[Question], now: Timestamp) {
        for question in questions {
            let audit = question.urgency == Urgency::Audit;
            self.standing
                .entry(identity(question))
                .or_insert_with(|| Standing::new(audit, now));
        }
    }

    /// Takes note of a gap event read from the log: after a rebuild, gaps are known from the log
    /// and not detected anew.
    pub fn read(&mut self, event: &GapEvent) {
        match event {
            GapEvent::Opened {
                gap_id,
                subject,
                detector,
                evidence,
                at,
                ..
            } => {
                let id = (*detector, evidence.clone());
                let closed = self.closed.get(&id).copied().unwrap_or(0);
                let is_this = |occurrence| {
                    ids::gap_id(detector.name(), subject, evidence, occurrence) == *gap_id
                };
                // It may have been closed before its opening was read back.
                if !(0..closed).any(is_this) {
                    let standing = self
                        .standing
                        .entry(id)
                        .or_insert_with(|| Standing::new(false, *at));
                    standing.gap.get_or_insert_with(|| gap_id.clone());
                }
            }
            GapEvent::Closed { gap_id, .. } => {
                let is_this = |standing: &Standing| standing.gap.as_ref() == Some(gap_id);
                let found = self.standing.iter().find(|(_, standing)| is_this(standing));
                if let Some(id) = found.map(|(id, _)| id.clone()) {
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
    let asked: BTreeSet<QuestionId> = questions.iter().map(identity).collect();
    let over: Vec<QuestionId> = watch
        .standing
        .keys()
        .filter(|id| !asked.contains(id))
        .cloned()
        .collect();
    for id in over {
        if let Some(gap_id) = watch.standing.remove(&id).and_then(|standing| standing.gap) {
            *watch.closed.entry(id).or_default() += 1;
            let subject = subject.to_owned();
            decisions.push(Decision::Append(GapEvent::Closed {
                gap_id,
                subject,
                at: now,
            }));
        }
    }
    watch.notice(questions, now);
    for question in questions {
        let id = identity(question);
        let occurrence = watch.closed.get(&id).copied().unwrap_or(0);
        let Some(standing) = watch
            .standing
            .get_mut(&id)
            .filter(|standing| now >= standing.due_at(patience))
        else {
            continue;
        };
        let gap_id = standing.gap.clone().unwrap_or_else(|| {
            ids::gap_id(
                question.detector.name(),
                subject,
                &question.evidence,
                occurrence,
            )
        });
        if standing.gap.is_none() && question.urgency == Urgency::Gap {
            standing.gap = Some(gap_id.clone());
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
        let attempt = standing.asked.map_or(0, |asked| asked.attempt) + 1;
        standing.asked = Some(Asked { at: now, attempt });
        if let Some(number) = question.number {
            decisions.push(Decision::Ask {
                command_id: ids::command_id(&gap_id, attempt),
                gap_id,
                number,
                reason: format!("{}: {}", question.detector.name(), question.evidence),
                attempt,
                urgency: question.urgency,
            });
        }
    }
    decisions
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        grace_seconds: 10,
        audit_after_seconds: 100,
        retry_after_seconds: 50,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn question(urgency: Urgency) -> Question {
        Question {
            detector: Detector::NumberSpace,
            number: Some(7),
            evidence: "number 7".to_owned(),
            since: at(0),
            urgency,
        }
    }

    fn opened(decisions: &[Decision]) -> Vec<String> {
        let opened = decisions.iter().filter_map(|decision| match decision {
            Decision::Append(event @ GapEvent::Opened { .. }) => Some(event.gap_id().to_owned()),
            _ => None,
        });
        opened.collect()
    }

    fn asked(decisions: &[Decision]) -> usize {
        decisions
            .iter()
            .filter(|decision| matches!(decision, Decision::Ask { .. }))
            .count()
    }

    #[test]
    fn late_is_not_lost_until_the_grace_is_over() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        assert_eq!(decide(&mut watch, "s", &questions, at(0), &PATIENCE), []);
        assert_eq!(decide(&mut watch, "s", &questions, at(9), &PATIENCE), []);
        assert_eq!(decide(&mut watch, "s", &[], at(9), &PATIENCE), []);
        decide(&mut watch, "s", &questions, at(20), &PATIENCE);
        let decisions = decide(&mut watch, "s", &questions, at(30), &PATIENCE);
        assert_eq!((opened(&decisions).len(), asked(&decisions)), (1, 1));
    }

    #[test]
    fn an_open_gap_asks_again_only_after_a_while() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        watch.notice(&questions, at(0));
        decide(&mut watch, "s", &questions, at(10), &PATIENCE);
        assert_eq!(decide(&mut watch, "s", &questions, at(59), &PATIENCE), []);
        let decisions = decide(&mut watch, "s", &questions, at(60), &PATIENCE);
        assert_eq!((opened(&decisions).len(), asked(&decisions)), (0, 1));
    }

    #[test]
    fn the_same_loss_a_second_time_is_a_gap_of_its_own() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        watch.notice(&questions, at(0));
        let first = opened(&decide(&mut watch, "s", &questions, at(10), &PATIENCE));
        let closed = decide(&mut watch, "s", &[], at(11), &PATIENCE);
        assert!(matches!(
            &closed[..],
            [Decision::Append(GapEvent::Closed { .. })]
        ));
        watch.notice(&questions, at(20));
        let second = opened(&decide(&mut watch, "s", &questions, at(30), &PATIENCE));
        assert_ne!(first, second);
    }

    #[test]
    fn deciding_again_after_a_crash_writes_the_same_ids() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        watch.notice(&questions, at(0));
        let mut after_crash = watch.clone();
        let ids = |decisions: Vec<Decision>| opened(&decisions);
        assert_eq!(
            ids(decide(&mut watch, "s", &questions, at(10), &PATIENCE)),
            ids(decide(&mut after_crash, "s", &questions, at(12), &PATIENCE))
        );
    }

    #[test]
    fn a_gap_closed_before_its_opening_was_read_back_stays_closed() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        watch.notice(&questions, at(0));
        let decisions = decide(&mut watch, "s", &questions, at(10), &PATIENCE);
        decide(&mut watch, "s", &[], at(11), &PATIENCE);
        let Decision::Append(opening) = &decisions[0] else {
            panic!("an opening")
        };
        watch.read(opening);
        assert_eq!(decide(&mut watch, "s", &[], at(12), &PATIENCE), []);
    }

    #[test]
    fn an_audit_asks_and_opens_no_gap() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Audit)]);
        watch.notice(&questions, at(0));
        assert_eq!(decide(&mut watch, "s", &questions, at(99), &PATIENCE), []);
        let decisions = decide(&mut watch, "s", &questions, at(100), &PATIENCE);
        assert_eq!((opened(&decisions).len(), asked(&decisions)), (0, 1));
    }
}
