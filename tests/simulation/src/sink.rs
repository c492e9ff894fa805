//! The projections: the real projector into tables in memory, dying between its steps.

use crate::block_on::block_on;
use crate::broker::Broker;
use crate::chance::Chance;
use crate::counts::Counts;
use crate::planted::Planted;
use gapless_projections::sink::{Bounds, Memory, Projector, Record, Step, Store};
use gapless_projections::table::Cell;
use gapless_schemas::StateTopic;
use std::collections::{BTreeMap, BTreeSet};

/// The sink's consumer group.
const GROUP: &str = "sink";

/// The sink.
pub(crate) struct Sink {
    broker: Broker,
    planted: Option<Planted>,
    projector: Projector,
    inputs: Vec<(String, i32, Option<StateTopic>)>,
    read: BTreeMap<(String, i32), i64>,
    /// The tables.
    pub(crate) tables: Memory,
    chance: Chance,
    crash_rate: f64,
}

impl Sink {
    pub(crate) fn new(
        broker: Broker,
        planted: Option<Planted>,
        chance: Chance,
        crash_rate: f64,
    ) -> Self {
        let mut topics = vec![(broker.topics.events(), None)];
        let states = StateTopic::ALL.map(|topic| (broker.topics.state(topic), Some(topic)));
        topics.extend(states);
        let inputs = topics.iter().flat_map(|(topic, state)| {
            let input = move |partition| (topic.clone(), partition, *state);
            broker.partitions().map(input)
        });
        Self {
            inputs: inputs.collect(),
            projector: Projector::new(broker.codec.clone(), &broker.topics),
            broker,
            planted,
            read: BTreeMap::new(),
            tables: Memory::new(),
            chance,
            crash_rate,
        }
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        self.inputs.iter().all(|(topic, partition, _)| {
            let committed = self.broker.committed(GROUP, topic, *partition);
            committed.unwrap_or(0) >= self.broker.end(topic, *partition)
        })
    }

    /// Reads some of what waits and brings it into the tables, unless it dies on the way.
    pub(crate) fn turn(&mut self, counts: &mut Counts) {
        let parts = self.chance.between(1, 3);
        for _ in 0..parts {
            self.take_in(counts);
            let bounds = Bounds {
                events_bytes: self.chance.between(0, 20_000) as usize,
                entities: self.chance.between(0, 10) as usize,
            };
            let steps = self.projector.take_full(&bounds);
            if !self.execute(&steps, counts) {
                return;
            }
        }
        let batch = self.projector.take_figures();
        if !self.execute(&batch.steps, counts) {
            return;
        }
        for ((topic, partition), next) in batch.offsets {
            self.broker.commit(GROUP, &topic, partition, next);
        }
    }

    fn take_in(&mut self, counts: &mut Counts) {
        for (topic, partition, state) in &self.inputs {
            let place = (topic.clone(), *partition);
            let from = self.read.get(&place).copied().unwrap_or(0);
            let most = self.chance.between(0, 60) as usize;
            let records = self.broker.read(topic, *partition, from, most);
            for record in records {
                self.read.insert(place.clone(), record.offset + 1);
                let value = match (self.planted, state, record.value) {
                    (Some(planted), Some(state), Some(value)) => {
                        let codec = &self.broker.codec;
                        Some(planted.misread(codec, *state, record.offset, value))
                    }
                    (_, _, value) => value,
                };
                let record = Record {
                    topic,
                    partition: *partition,
                    offset: record.offset,
                    value: value.as_deref(),
                };
                if self.projector.push(record).is_err() {
                    counts.add("records that the sink refused");
                }
            }
        }
    }

    /// Does the steps, those of one kind in any order; false where it died among them.
    fn execute(&mut self, steps: &[Step], counts: &mut Counts) -> bool {
        let mut steps: Vec<&Step> = steps.iter().collect();
        steps.sort_by_cached_key(|step| (step.kind(), self.chance.between(0, i64::MAX)));
        for step in steps {
            if self.chance.happens(self.crash_rate) {
                counts.add("crash of the sink between steps");
                // Half of the time the step was done all the same.
                if self.chance.happens(0.5) {
                    self.execute_one(step);
                }
                self.restart();
                return false;
            }
            self.execute_one(step);
        }
        true
    }

    fn execute_one(&self, step: &Step) {
        let forgetful;
        let step = match (self.planted, step) {
            (Some(Planted::RollupForgets), Step::Recompute(recompute)) => {
                let mut recompute = recompute.clone();
                let there = self.keys_of_rows(recompute.rollup.rows);
                recompute
                    .entities
                    .retain(|entity| recompute.rollup.index.is_none() || there.contains(entity));
                forgetful = Step::Recompute(recompute);
                &forgetful
            }
            (_, step) => step,
        };
        block_on(self.tables.execute(step)).expect("tables in memory take every step");
    }

    fn keys_of_rows(&self, table: &gapless_projections::table::Table) -> BTreeSet<Vec<Cell>> {
        let rows = self.tables.rows(table).into_iter();
        rows.map(|row| table.key.iter().map(|name| row[name].clone()).collect())
            .collect()
    }

    fn restart(&mut self) {
        self.projector = Projector::new(self.broker.codec.clone(), &self.broker.topics);
        for (topic, partition, _) in &self.inputs {
            let committed = self.broker.committed(GROUP, topic, *partition);
            self.read
                .insert((topic.clone(), *partition), committed.unwrap_or(0));
        }
    }
}
