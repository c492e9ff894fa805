//! From records to steps: pure, in the design's order of writing.
//!
//! Pairs, rows, figures, commit. A table's pairs go before its rows; figures come after every row
//! that they are computed from. Rows may be taken several times before figures are, each table's
//! when they are many enough ([`Bounds`]): then figures follow for all of them at once, and of an
//! entity that changed meanwhile only the last row is written, which is what makes catching up
//! cheap. What was read is committed only after its figures, so that a crash before that reads it
//! again.

use super::buffer::{Append, Place, Target};
use super::of_state::Waiting;
use super::step::Step;
use super::tellings::Tellings;
use crate::catalogue::of_states;
use crate::events::{self, EventRow};
use crate::origin::Origin;
use gapless_schemas::{Codec, DecodeError, Event, SchemaId, StateTopic, Topics, version};
use std::collections::{BTreeMap, HashMap};

/// A record as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its value; none for a tombstone.
    pub value: Option<&'a [u8]>,
}

/// A record that no row can be made of. Reaction: count it, log it, go on, but for
/// [`Refused::NewerState`].
///
/// An *event* that cannot be read is passed over: the processors put it among the dead letters, and
/// a replay appends it again, to be read then. A *state* that cannot be read has no such second
/// life: its row would stay as it was, without a word, until its entity changes again. Only our own
/// processors write states, so one under an unknown schema is a newer release's: the sink waits,
/// with all its offsets before that record, for the release that can read it. A state that does not
/// follow its known schema is a defect, which no waiting mends, so it is counted.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A state that another release wrote. Reaction: wait, and read it again.
    #[error(
        "a state has the schema id {0}, which this release does not know: run the release that \
         wrote it; nothing is passed over meanwhile"
    )]
    NewerState(SchemaId),
    /// It came from a topic that nobody subscribed to.
    #[error("{0} is no topic of this installation")]
    Topic(String),
    /// It cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Next offset by topic and partition: what may be committed once the steps are done.
pub type Offsets = BTreeMap<(String, i32), i64>;

/// A whole batch.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// What to commit after that.
    pub offsets: Offsets,
}

/// How much of one table waits, at most (and one record more), before it is full.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of events.
    pub events_bytes: usize,
    /// Entities, of each other table.
    pub entities: usize,
}

#[derive(Clone, Copy)]
enum Input {
    Events,
    State(StateTopic),
}

/// Turns records into steps.
pub struct Projector {
    codec: Codec,
    epoch: u16,
    inputs: HashMap<String, Input>,
    events: Append<EventRow>,
    states: Vec<(StateTopic, Box<dyn Waiting>)>,
    names: Tellings,
    offsets: Offsets,
    /// The last event, in whose buffers the next is read.
    spare: Option<Event>,
}

impl Projector {
    /// A projector of these topics.
    pub fn new(codec: Codec, topics: &Topics) -> Self {
        let states = StateTopic::ALL.map(|topic| (topics.state(topic), Input::State(topic)));
        let mut inputs = HashMap::from(states);
        inputs.insert(topics.events(), Input::Events);
        Self {
            codec,
            epoch: topics.epoch,
            inputs,
            events: Append::new(Target::new(
                &events::TABLE,
                &events::MAPPING,
                Some(&events::ROLLUP),
            )),
            states: of_states()
                .map(|view| (view.topic, (view.waiting)()))
                .into(),
            names: Tellings::default(),
            offsets: Offsets::new(),
            spare: None,
        }
    }

    /// Names of the topics that it reads.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.inputs.keys().map(String::as_str)
    }

    /// Takes in a record. Refused or not, it counts as read.
    ///
    /// # Errors
    /// See [`Refused`] for the reaction.
    pub fn push(&mut self, record: Record<'_>) -> Result<(), Refused> {
        let Some(&input) = self.inputs.get(record.topic) else {
            return Err(Refused::Topic(record.topic.to_owned()));
        };
        let accepted = match record.value {
            Some(value) => self.accept(input, record, value),
            // States say themselves that something is gone; a tombstone only frees space.
            None => Ok(()),
        };
        if let (Input::State(_), Err(Refused::Decode(DecodeError::UnknownId(id)))) =
            (input, &accepted)
        {
            return Err(Refused::NewerState(*id));
        }
        let read = (record.topic.to_owned(), record.partition);
        self.offsets.insert(read, record.offset + 1);
        accepted
    }

    fn accept(&mut self, input: Input, record: Record<'_>, value: &[u8]) -> Result<(), Refused> {
        let origin = Origin {
            topic: record.topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
        };
        let place = |host: &str, repository_id| Place {
            host: host.to_owned(),
            repository_id,
            partition: record.partition,
            version: version(self.epoch, record.offset),
        };
        match input {
            Input::Events => {
                let event = self.codec.decode_event(value, self.spare.take())?;
                let place = place(&event.host, event.repository_id.unwrap_or(0));
                let version = place.version;
                let row = EventRow::new(event, origin, version);
                // All that tell no day would make one bucket, counted anew with every batch.
                let counts = row.counted_on().is_some();
                self.events.push(&row, &place, counts);
                self.spare = Some(row.event);
            }
            Input::State(topic) => {
                let mut views = self.states.iter_mut();
                if let Some((_, view)) = views.find(|(of, _)| *of == topic) {
                    view.take(&self.codec, value, origin, &place, &mut self.names)?;
                }
            }
        }
        Ok(())
    }

    /// Whether some table is full.
    pub fn is_full(&self, bounds: &Bounds) -> bool {
        let entities = self.states.iter().map(|(_, view)| view.len());
        let mut entities = entities.chain([self.names.len()]);
        self.events.size_bytes() >= bounds.events_bytes
            || entities.any(|count| count >= bounds.entities)
    }

    /// The steps that store what was taken in of every table that is full: pairs, then rows.
    pub fn take_full(&mut self, bounds: &Bounds) -> Vec<Step> {
        let (mut steps, mut rows) = (Vec::new(), Vec::new());
        if self.events.size_bytes() >= bounds.events_bytes {
            self.events.take_rows(&mut rows);
        }
        if self.names.len() >= bounds.entities {
            self.names.take_rows(&mut rows);
        }
        for (_, view) in &mut self.states {
            if view.len() >= bounds.entities {
                view.take_rows(&mut steps, &mut rows);
            }
        }
        steps.extend(rows);
        steps
    }

    /// The figures that follow from all rows taken since the last call, and what may be committed
    /// after them.
    pub fn take_figures(&mut self) -> Batch {
        let mut steps = self.take_full(&Bounds {
            events_bytes: 0,
            entities: 0,
        });
        self.events.take_figures(&mut steps);
        for (_, view) in &mut self.states {
            view.take_figures(&mut steps);
        }
        Batch {
            steps,
            offsets: std::mem::take(&mut self.offsets),
        }
    }

    /// Forgets all that was taken in and not committed: its partitions may be another's now.
    pub fn clear(&mut self) {
        drop(self.take_figures());
    }
}
