//! One partition's task: joins batches of events in memory and says what to write where.
//!
//! It does no IO but reads of its own store, and knows no time but the log's.

mod attention;
mod input;
mod late;
mod touched;

pub use input::{Input, Reason};

use crate::store::{Column, Position, Store, StoreError, Write};
use attention::Attention;
use gapless_core::detect::{Decision, Patience};
use gapless_core::{Key, Kind, Record, State};
use gapless_schemas::{
    Codec, DeadLetter, Event, GapEvent, PayloadForm, Refetch, Source, Timestamp, ids, version,
};
use input::Unreadable;
use std::collections::{BTreeMap, HashMap};
use touched::Touched;

/// Something to append, before the store knows of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A state, on its entity's topic.
    State(Key, Box<Record>),
    /// A gap event, on the events topic.
    Event(Box<Event>),
    /// A command.
    Refetch(Refetch),
    /// What could not be processed, and its record key: `topic/partition/offset` of its origin, and
    /// of a listing's row also its place in there.
    DeadLetter(String, DeadLetter),
}

/// What a task is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the events topic, for the origin of dead letters.
    pub events_topic: String,
    /// The log's epoch.
    pub epoch: u16,
    /// Whether this is the generation that acts. One that begins to act must not be ahead of the one
    /// before it: of what that one never processed, no dead letter would be written.
    pub acts: bool,
    /// How long detectors wait.
    pub patience: Patience,
    /// Reads events, and what an earlier life wrote.
    pub codec: Codec,
}

/// What a batch did so far: its events are joined as they are read, while they are in the CPU's cache.
#[derive(Default)]
struct Batch {
    touched: Touched,
    /// Names of repositories, by host and id, as the last event of each told.
    repositories: BTreeMap<(String, i64), String>,
    letters: Vec<Output>,
}

/// What a batch leaves: what to append, and what to store once that is acknowledged.
#[derive(Default)]
struct Prepared {
    outputs: Vec<Output>,
    writes: Vec<Write>,
}

/// The task of one partition. See the module.
pub struct Task<S> {
    partition: i32,
    settings: Settings,
    store: S,
    position: Position,
    /// The group's offset when the task started: outputs for what is before it were acknowledged.
    acknowledged: i64,
    /// The store's offset then: what is before it was joined in an earlier life.
    joined: i64,
    /// Everything before it is stored, its outputs acknowledged.
    stored: i64,
    /// What the group is told: what is before it was read in this life, and never less than it knew.
    done: i64,
    states: HashMap<Key, State, FastHash>,
    attention: Attention,
    /// Nothing where no event was joined since the last was prepared.
    batch: Option<Batch>,
    /// Nothing where all that was prepared is stored.
    prepared: Option<Prepared>,
}

/// Keys are GitHub's own ids under hosts that we asked: nobody makes them collide. Every event looks
/// up several, and SipHash cost a microsecond of its 28.
type FastHash = foldhash::fast::RandomState;

/// Decoded states kept from one batch to the next; at the bound all are dropped and read again from
/// the store.
const CACHED_STATES: usize = 500;

/// Entities whose detectors are looked at in one batch because their time has come; the rest wait
/// for the next batch.
const DUE_PER_BATCH: usize = 1_000;

/// How far one event moves the log's clock at most. An event received while the machine's clock was
/// years ahead would otherwise hold it there, and no question would ever be due again.
const CLOCK_STEP_SECONDS: i64 = 86_400;

/// The log's clock before any event.
const BEFORE_ALL: Timestamp = Timestamp::from_millis(i64::MIN);

/// The log's clock after an event received at `received_at`.
fn moved(now: Timestamp, received_at: Timestamp) -> Timestamp {
    if now == BEFORE_ALL {
        return received_at;
    }
    let furthest = now.plus_seconds(CLOCK_STEP_SECONDS);
    received_at.min(furthest).max(now)
}

impl<S: Store> Task<S> {
    /// A task for `partition`, whose group stands at `committed` (none: a new group).
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn open(
        partition: i32,
        settings: Settings,
        store: S,
        committed: Option<i64>,
    ) -> Result<Self, StoreError> {
        let stored = store.position()?;
        let position = stored.unwrap_or(Position {
            next_offset: 0,
            now: BEFORE_ALL,
        });
        let attention = Attention::load(&store, &settings.patience)?;
        Ok(Self {
            partition,
            settings,
            store,
            position,
            acknowledged: committed.unwrap_or(0),
            joined: position.next_offset,
            stored: position.next_offset,
            done: committed.unwrap_or(0),
            states: HashMap::default(),
            attention,
            batch: None,
            prepared: None,
        })
    }

    /// Its partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The offset to read from: the earlier of the group's and the store's.
    pub fn start_offset(&self) -> i64 {
        self.acknowledged.min(self.joined)
    }

    /// Offset of the next event to process.
    pub fn next_offset(&self) -> i64 {
        self.position.next_offset
    }

    /// Offset of the first event whose outputs are not known to be appended.
    pub fn stored_offset(&self) -> i64 {
        self.stored
    }

    /// Whether the task is live at the event at `offset`, or rebuilding: then it emits states and nothing
    /// that acts, no gap event, no command, no dead letter. All that such an event asked for is in the
    /// log or will be, from an earlier life or from the generation that acts.
    fn is_live_at(&self, offset: i64) -> bool {
        self.settings.acts && offset >= self.acknowledged
    }

    /// Entities whose state asks something that GitHub has not answered yet.
    pub fn asking(&self) -> usize {
        self.attention.asking()
    }

    /// The log's clock.
    pub fn now(&self) -> Timestamp {
        self.position.now
    }

    /// Joins one event in memory, as part of the batch that [`Task::prepare`] ends.
    ///
    /// # Errors
    /// Where the store cannot be read. Reaction: drop the task.
    pub fn join(&mut self, input: Input) -> Result<(), StoreError> {
        if input.offset < self.start_offset() {
            return Ok(());
        }
        let is_first = self.batch.is_none() && self.prepared.is_none();
        if is_first && self.states.len() > CACHED_STATES {
            self.states.clear();
        }
        let next_offset = input.offset + 1;
        let mut batch = self.batch.take().unwrap_or_default();
        self.take(input, &mut batch)?;
        self.batch = Some(batch);
        self.position.next_offset = self.position.next_offset.max(next_offset);
        self.done = self.done.max(next_offset);
        Ok(())
    }

    /// Decides what the batch that was joined writes: [`Task::outputs`], and once these are
    /// acknowledged what [`Task::store`] stores. Where an earlier batch was not stored yet, it becomes
    /// one with this.
    ///
    /// # Errors
    /// Where the store cannot be read. Reaction: drop the task.
    pub fn prepare(&mut self) -> Result<(), StoreError> {
        let Some(Batch {
            mut touched,
            repositories,
            letters,
        }) = self.batch.take()
        else {
            return Ok(());
        };
        let mut prepared = self.prepared.take().unwrap_or_default();
        let outputs = &mut prepared.outputs;
        outputs.extend(letters);
        self.emit(&mut touched, outputs);
        self.detect(&mut touched, &repositories, outputs)?;
        // Of two writes of one key the later one stays.
        prepared.writes.extend(self.writes(&touched)?);
        self.prepared = Some(prepared);
        Ok(())
    }

    /// What is to be appended before [`Task::store`]; nothing where all that was joined is stored.
    pub fn outputs(&self) -> Option<&[Output]> {
        self.prepared.as_ref().map(|it| it.outputs.as_slice())
    }

    /// Stores what was joined, whose outputs are acknowledged, in one atomic step, and returns the
    /// offset to commit: never one before the group's, which a replay has yet to reach, and none beyond
    /// what was read in this life, though the store may be ahead of that, as the events in between
    /// are yet to be emitted again.
    ///
    /// # Errors
    /// Where the store cannot be written, or a batch was joined and not [prepared](Task::prepare), which
    /// the position would pass over. Reaction: drop the task.
    pub fn store(&mut self) -> Result<i64, StoreError> {
        if self.batch.is_some() {
            return Err(StoreError("a batch was joined and not prepared".to_owned()));
        }
        if let Some(prepared) = self.prepared.take() {
            self.store.commit(&prepared.writes, self.position)?;
            self.stored = self.position.next_offset;
        }
        Ok(self.done)
    }

    /// Joins what one record tells. What could not be read goes to the dead letters.
    fn take(&mut self, input: Input, batch: &mut Batch) -> Result<(), StoreError> {
        let touched = &mut batch.touched;
        if let Some(told) = &input.told {
            self.position.now = moved(self.position.now, told.received_at);
        }
        for mut unreadable in input.unreadable {
            let note = unreadable.row.as_mut().and_then(|row| row.note.take());
            if let Some((key, note)) = note {
                if self.knows(&key, &note)? {
                    continue;
                }
                self.join_part(touched, &key, note, input.offset)?;
            }
            batch
                .letters
                .extend(self.dead_letter(input.offset, unreadable));
        }
        let Some(told) = input.told else {
            return Ok(());
        };
        if let Some(gap) = &told.gap
            && let Some(subject) = Key::parse(gap.subject())
        {
            self.attention.read(&subject, gap);
            touched.look_at(&subject);
        }
        for (key, part) in told.parts {
            self.join_part(touched, &key, part, input.offset)?;
        }
        batch.repositories.extend(told.repository);
        Ok(())
    }

    /// A dead letter; none where it was acknowledged in an earlier life, or is another generation's.
    fn dead_letter(&self, offset: i64, unreadable: Unreadable) -> Option<Output> {
        let Unreadable {
            reason,
            error,
            value,
            row,
        } = unreadable;
        self.is_live_at(offset).then(|| {
            tracing::warn!(
                partition = self.partition,
                offset,
                reason = reason.name(),
                error,
                "sent to the dead letters"
            );
            let topic = self.settings.events_topic.clone();
            let mut key = format!("{topic}/{}/{offset}", self.partition);
            if let Some(row) = row {
                key.push_str(&format!("/{}", row.place));
            }
            let letter = DeadLetter {
                reason: reason.name().to_owned(),
                error,
                topic,
                partition: self.partition,
                offset,
                at: self.position.now,
                value,
            };
            Output::DeadLetter(key, letter)
        })
    }

    fn join_part(
        &mut self,
        touched: &mut Touched,
        key: &Key,
        part: State,
        offset: i64,
    ) -> Result<(), StoreError> {
        self.load(key)?;
        let before = self.states.get(key);
        let is_new = before.is_none();
        let told_before = before.is_some_and(State::tells_counterpart);
        let tells = self.join_one(touched, key, part, offset);
        if !tells && !is_new {
            return Ok(());
        }
        let Some(counterpart) = key.counterpart() else {
            return Ok(());
        };
        // See `State::tells_counterpart`: both directions, each where it can be news; once more after a
        // crash, as what was stored then may not have been acknowledged; and into a counterpart in
        // memory always, as the store may be ahead of it where another process wrote there.
        let is_news = !told_before || offset < self.joined;
        if tells {
            if is_news {
                self.load(&counterpart)?;
            }
            if self.states.contains_key(&counterpart) {
                self.join_one(touched, &counterpart, State::of_counterpart(), offset);
            }
        } else {
            self.load(&counterpart)?;
            let other = self.states.get(&counterpart);
            if other.is_some_and(State::tells_counterpart) {
                self.join_one(touched, key, State::of_counterpart(), offset);
            }
        }
        Ok(())
    }

    /// Whether the state tells something of its counterpart then.
    fn join_one(&mut self, touched: &mut Touched, key: &Key, part: State, offset: i64) -> bool {
        let emission = (offset >= self.acknowledged).then_some(offset < self.joined);
        // Looked up before inserting: nearly always it is there, and the key need not be cloned.
        let state = match self.states.get_mut(key) {
            Some(state) => state,
            None => self
                .states
                .entry(key.clone())
                .or_insert_with(|| key.kind.blank()),
        };
        touched.join(key, offset, emission, state);
        state.join(part);
        state.tells_counterpart()
    }

    /// Whether joining `part` into the state of `key` would change nothing.
    fn knows(&mut self, key: &Key, part: &State) -> Result<bool, StoreError> {
        self.load(key)?;
        Ok(self.states.get(key).is_some_and(|known| {
            let mut joined = known.clone();
            joined.join(part.clone());
            joined == *known
        }))
    }

    /// Brings the state of `key` into memory, where the store has one.
    fn load(&mut self, key: &Key) -> Result<(), StoreError> {
        if !self.states.contains_key(key)
            && let Some(state) = self.stored(key)?
        {
            self.states.insert(key.clone(), state);
        }
        Ok(())
    }

    /// States that an event changed, and those that an earlier life may have failed to append.
    fn emit(&self, touched: &mut Touched, outputs: &mut Vec<Output>) {
        for (key, offset, emission) in touched.take_emissions() {
            let version = version(self.settings.epoch, offset);
            let state = self.states.get(key);
            let record = state.and_then(|state| state.view(key, version));
            if let Some(record) = record.filter(|record| emission.must_append(record)) {
                outputs.push(Output::State(key.clone(), Box::new(record)));
            }
        }
    }

    fn detect(
        &mut self,
        touched: &mut Touched,
        repositories: &BTreeMap<(String, i64), String>,
        outputs: &mut Vec<Output>,
    ) -> Result<(), StoreError> {
        let is_live = self.is_live_at(self.position.next_offset - 1);
        if is_live {
            for key in self.attention.due(self.position.now, DUE_PER_BATCH) {
                touched.look_at(&key);
            }
        }
        for key in touched.keys() {
            self.load(&key)?;
            let questions = self
                .states
                .get(&key)
                .map(|state| state.questions(&key))
                .unwrap_or_default();
            let now = self.position.now;
            let decisions = self.attention.decide(&key, &questions, now, is_live);
            if decisions.is_empty() {
                continue;
            }
            let name = self.full_name(&key, repositories)?;
            for decision in decisions {
                outputs.push(self.carry_out(&key, name.clone(), decision));
            }
        }
        Ok(())
    }

    /// The name of the repository of `key`: the state's, else the last of the batch. A question is
    /// mostly due in a batch that tells nothing of its repository, and by the owner in the name the
    /// fetcher chooses the credential to ask with.
    fn full_name(
        &mut self,
        key: &Key,
        told: &BTreeMap<(String, i64), String>,
    ) -> Result<Option<String>, StoreError> {
        let repository = Key {
            kind: Kind::Repository,
            name: String::new(),
            ..key.clone()
        };
        self.load(&repository)?;
        let state = self.states.get(&repository);
        let known = match state.and_then(|state| state.view(&repository, 0)) {
            Some(Record::Repository(record)) => record.full_name,
            _ => None,
        };
        Ok(known.or_else(|| told.get(&(key.host.clone(), key.repository_id)).cloned()))
    }

    fn carry_out(&self, key: &Key, repository: Option<String>, decision: Decision) -> Output {
        match decision {
            Decision::Append(gap) => Output::Event(Box::new(Event {
                event_id: ids::gap_event_id(gap.gap_id(), gap.action()),
                source: Source::Gap,
                kind: "gap".to_owned(),
                action: Some(gap.action().to_owned()),
                host: key.host.clone(),
                owner: repository
                    .as_deref()
                    .and_then(|name| name.split_once('/'))
                    .map(|(owner, _)| owner.to_owned()),
                owner_id: None,
                repository,
                repository_id: Some(key.repository_id),
                number: match &gap {
                    GapEvent::Opened { resource, .. } => resource.number(),
                    GapEvent::Closed { .. } => None,
                },
                hook_target_id: None,
                occurred_at: None,
                first_delivered_at: None,
                requested_at: None,
                received_at: gap.at(),
                credential_kind: None,
                headers: BTreeMap::new(),
                payload_form: PayloadForm::Raw,
                payload: touched::gap_payload(&gap),
            })),
            Decision::Ask {
                command_id,
                gap_id,
                resource,
                question,
                attempt,
                urgency,
            } => Output::Refetch(Refetch {
                command_id,
                gap_id,
                host: key.host.clone(),
                repository_id: key.repository_id,
                repository,
                resource,
                reason: format!("{}: {question}", question.detector().name()),
                issued_at: self.position.now,
                attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
                urgency,
            }),
        }
    }

    fn writes(&mut self, touched: &Touched) -> Result<Vec<Write>, StoreError> {
        let mut writes = self.attention.take_writes()?;
        for key in touched.joined() {
            if let Some(state) = self.states.get(key) {
                let value = postcard::to_stdvec(state)
                    .map_err(|error| StoreError(format!("{key}: {error}")))?;
                writes.push(Write {
                    column: Column::State,
                    key: key.to_string(),
                    value: Some(value),
                });
            }
        }
        Ok(writes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_moves_the_logs_clock_by_a_day_at_most() {
        let at = Timestamp::from_seconds;
        assert_eq!(moved(BEFORE_ALL, at(100)), at(100));
        assert_eq!(moved(at(100), at(90)), at(100));
        assert_eq!(moved(at(100), at(160)), at(160));
        assert_eq!(moved(at(100), at(2_000_000_000)), at(86_500));
    }
}
