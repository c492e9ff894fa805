use crate::law::Stamp;
use gapless_schemas::{Detector, Timestamp, Urgency};

/// Something that a state cannot answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who asks.
    pub detector: Detector,
    /// Number of the item in question; none: the repository itself.
    pub number: Option<i64>,
    /// What shows that something is missing. It is part of the question's identity, so it names
    /// nothing that moves while the question stands: grace would begin anew each time.
    pub evidence: String,
    /// When the missing fact happened, at the latest.
    pub since: Timestamp,
    /// What becomes of it.
    pub urgency: Urgency,
}

/// What was there this much earlier than the first word about it was there before Gapless, or
/// before its webhook. Deliveries are late by hours at most.
const HISTORY_SECONDS: i64 = 86_400;

/// Whether what was created at `created_at` belongs to the time before the first word, received at
/// `first_heard_at`: that nobody told of it is no loss.
pub(crate) fn is_history(created_at: Timestamp, first_heard_at: Timestamp) -> bool {
    created_at.plus_seconds(HISTORY_SECONDS) < first_heard_at
}

/// The questions about one item, or about a repository itself.
#[derive(Debug)]
pub(crate) struct Questions {
    number: Option<i64>,
    asked: Vec<Question>,
}

impl Questions {
    pub(crate) fn about(number: i64) -> Self {
        Self {
            number: Some(number),
            asked: Vec::new(),
        }
    }

    pub(crate) fn about_the_repository() -> Self {
        Self {
            number: None,
            asked: Vec::new(),
        }
    }

    /// Something is missing.
    pub(crate) fn ask(&mut self, detector: Detector, since: Timestamp, evidence: String) {
        self.add(detector, since, evidence, Urgency::Gap);
    }

    /// The first of these registers in which deliveries of one second differ.
    pub(crate) fn ask_contested(&mut self, registers: &[(&str, Option<Stamp>)]) {
        let contested = registers.iter();
        let mut contested = contested.filter_map(|(what, stamp)| Some((what, (*stamp)?)));
        if let Some((what, stamp)) = contested.next() {
            let at = stamp.entity_time;
            let evidence = format!("deliveries of {at} differ in {what}");
            self.ask(Detector::ContestedSecond, at, evidence);
        }
    }

    /// Nothing shows that something is missing. Not asked beside other questions: their answer
    /// answers this too.
    pub(crate) fn audit(&mut self, detector: Detector, since: Timestamp, evidence: String) {
        if self.asked.is_empty() {
            self.add(detector, since, evidence, Urgency::Audit);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Question> {
        self.asked
    }

    fn add(&mut self, detector: Detector, since: Timestamp, evidence: String, urgency: Urgency) {
        self.asked.push(Question {
            detector,
            number: self.number,
            evidence,
            since,
            urgency,
        });
    }
}
