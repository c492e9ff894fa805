//! The log as ingest sees it: events are appended, now and then without an acknowledgement.

use crate::broker::Broker;
use crate::chance::Chance;
use crate::planted::Planted;
use gapless_ingest::{AppendError, Appended, EventLog};
use gapless_schemas::Event;
use std::sync::{Mutex, PoisonError};

/// Appends to the events topic.
pub(crate) struct Intake {
    broker: Broker,
    planted: Option<Planted>,
    /// How often the acknowledgement fails to come; half of these times the event is there.
    refusal_rate: f64,
    chance: Mutex<Chance>,
}

impl Intake {
    pub(crate) fn new(
        broker: Broker,
        planted: Option<Planted>,
        refusal_rate: f64,
        chance: Chance,
    ) -> Self {
        Self {
            broker,
            planted,
            refusal_rate,
            chance: Mutex::new(chance),
        }
    }

    /// Appends an event, whatever the log's mood.
    pub(crate) fn append_now(&self, mut event: Event) -> Appended {
        if let Some(planted) = self.planted {
            planted.distort(&mut event);
        }
        let partition = self.broker.topics.partition_of_event(&event);
        let value = self.broker.codec.encode(&event);
        let value = value.expect("an event fits its schema");
        let topic = self.broker.topics.events();
        let offset = self
            .broker
            .append(topic, partition, event.event_id, Some(value));
        Appended { partition, offset }
    }

    fn draw(&self, rate: f64) -> bool {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        chance.happens(rate)
    }
}

impl EventLog for Intake {
    async fn append(&self, event: Event) -> Result<Appended, AppendError> {
        let (refused, is_there) = (self.draw(self.refusal_rate), self.draw(0.5));
        if !refused {
            return Ok(self.append_now(event));
        }
        if is_there {
            self.append_now(event);
        }
        Err(AppendError::Retry("no acknowledgement came".to_owned()))
    }
}
