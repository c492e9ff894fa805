use crate::law::Stamp;
use gapless_schemas::{Contested, Question, Resource, Timestamp, Urgency};

/// A question, as a state asks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is asked: its identity, together with who asks.
    pub question: Question,
    /// What would answer it.
    pub resource: Resource,
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

/// The questions that one resource would answer.
#[derive(Debug)]
pub(crate) struct Questions {
    resource: Resource,
    asked: Vec<Asked>,
}

impl Questions {
    pub(crate) fn about(resource: Resource) -> Self {
        Self {
            resource,
            asked: Vec::new(),
        }
    }

    /// Something is missing.
    pub(crate) fn ask(&mut self, since: Timestamp, question: Question) {
        self.add(since, question, Urgency::Gap);
    }

    /// The first of these registers in which deliveries of one second differ.
    pub(crate) fn ask_contested(&mut self, registers: &[(Contested, Option<Stamp>)]) {
        let mut contested = registers
            .iter()
            .filter_map(|(what, stamp)| Some((*what, (*stamp)?.entity_time)));
        if let Some((what, at)) = contested.next() {
            self.ask(at, Question::Contested { what, at });
        }
    }

    /// Nothing shows that something is missing. Not asked beside other questions: their answer
    /// answers this too.
    pub(crate) fn audit(&mut self, since: Timestamp, question: Question) {
        if self.asked.is_empty() {
            self.add(since, question, Urgency::Audit);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Asked> {
        self.asked
    }

    fn add(&mut self, since: Timestamp, question: Question, urgency: Urgency) {
        self.asked.push(Asked {
            question,
            resource: self.resource,
            since,
            urgency,
        });
    }
}
