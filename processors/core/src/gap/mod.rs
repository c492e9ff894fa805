//! Gaps: what detectors opened and closed, and which answers came on their behalf.

use crate::detect::Asked;
use crate::entity::{self, Entity, Key, Kind, Parts, Record};
use crate::law::{Earliest, Latest, Register, Stamp, join_fields};
use crate::payload::Payload;
use gapless_schemas::{Event, GapEvent, GapOutcome, Question, Resource, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// State of a gap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    repository: Register<String>,
    opening: Earliest<Opening>,
    closed_at: Earliest<Timestamp>,
    /// Answers to its commands: when each was received, and the status.
    answers: BTreeMap<Timestamp, Latest<u16>>,
}

/// The earliest of several openings stands: a crash between an opening and its acknowledgement
/// opens again, under the same id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Opening {
    at: Timestamp,
    question: Question,
    resource: Resource,
    since: Timestamp,
}

join_fields!(State {
    repository,
    opening,
    closed_at,
    answers,
});

impl State {
    /// Notes an answer for every gap that asked for it.
    fn answer(event: &Event, status: u16, parts: &mut Parts) {
        for gap_id in event.gap_ids() {
            let answers = BTreeMap::from([(event.received_at, Latest(Some(status)))]);
            parts.add(
                event,
                gap_id,
                Self {
                    answers,
                    ..Self::default()
                },
            );
        }
    }

    /// How it ended: by the answers received until then, else by the missing fact itself.
    fn outcome(&self) -> Option<GapOutcome> {
        let closed_at = self.closed_at.0?;
        let last = self
            .answers
            .range(..=closed_at)
            .next_back()
            .and_then(|(_, status)| status.0);
        Some(match last {
            None => GapOutcome::Arrived,
            Some(200) => GapOutcome::Fetched,
            Some(_) => GapOutcome::Explained,
        })
    }
}

impl Entity for State {
    const KIND: Kind = Kind::Gap;

    fn lift(event: &Event, payload: &Payload, parts: &mut Parts) {
        match payload {
            Payload::Gap(GapEvent::Opened {
                gap_id,
                question,
                resource,
                since,
                at,
                ..
            }) => {
                let opening = Opening {
                    at: *at,
                    question: question.clone(),
                    resource: *resource,
                    since: *since,
                };
                let mut state = Self {
                    opening: Earliest(Some(opening)),
                    ..Self::default()
                };
                if let Some(repository) = &event.repository {
                    state.repository = Register::new(Stamp::undated(event), repository.clone());
                }
                parts.add(event, gap_id, state);
            }
            Payload::Gap(GapEvent::Closed { gap_id, at, .. }) => {
                parts.add(
                    event,
                    gap_id,
                    Self {
                        closed_at: Earliest(Some(*at)),
                        ..Self::default()
                    },
                );
            }
            Payload::Item(item) => Self::answer(event, item.status, parts),
            Payload::Repository(answer) => Self::answer(event, answer.status, parts),
            Payload::Webhook(_) | Payload::Listing(_) | Payload::Unread => {}
        }
    }

    fn view(&self, key: &Key, version: i64) -> Option<Record> {
        let opening = self.opening.0.as_ref()?;
        Some(Record::Gap(Box::new(gapless_schemas::Gap {
            host: key.host.clone(),
            repository_id: key.repository_id,
            repository: self.repository.get().cloned(),
            gap_id: key.name.clone(),
            version,
            detector: opening.question.detector(),
            number: opening.resource.number(),
            evidence: opening.question.to_string(),
            since: opening.since,
            opened_at: opening.at,
            answers: self.answers.len() as i64,
            closed_at: self.closed_at.0,
            outcome: self.outcome(),
        })))
    }

    fn questions(&self, _: &Key) -> Vec<Asked> {
        Vec::new()
    }

    fn into_state(self) -> entity::State {
        entity::State::Gap(Box::new(self))
    }
}
