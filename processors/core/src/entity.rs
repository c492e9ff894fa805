//! What an entity is, and the list of them: adding one is a folder and a line here.

use crate::detect::Asked;
use crate::law::Join;
use crate::payload::{Odd, OddRow, Payload};
use gapless_schemas::{
    Codec, DecodeError, EncodeError, Event, Gap, Issue, LedgerBlock, PullRequest, Repository,
    StateTopic,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Identity of an entity: the host, the repository's id, and what it is called in there (a number,
/// a block, a gap's id; the repository itself has an empty name).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Which entity.
    pub kind: Kind,
    /// GitHub host.
    pub host: String,
    /// Repository id.
    pub repository_id: i64,
    /// Name within the repository.
    pub name: String,
}

/// A key as text, `kind/host/repository/name`: key of the store and a gap's subject.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.kind.topic().name(),
            self.host,
            self.repository_id,
            self.name
        )
    }
}

impl Key {
    /// The key whose text form is `text`, or nothing where it is no key.
    pub fn parse(text: &str) -> Option<Self> {
        let (topic, record_key) = text.split_once('/')?;
        let mut topics = StateTopic::ALL.into_iter();
        Self::of_record(topics.find(|known| known.name() == topic)?, record_key)
    }

    /// The key of what has `record_key` on `topic`; nothing where it is none of ours.
    pub fn of_record(topic: StateTopic, record_key: &str) -> Option<Self> {
        let mut kinds = Kind::ALL.into_iter();
        let mut parts = record_key.splitn(3, '/');
        Some(Self {
            kind: kinds.find(|known| known.topic() == topic)?,
            host: parts.next()?.to_owned(),
            repository_id: parts.next()?.parse().ok()?,
            name: parts.next()?.to_owned(),
        })
    }

    /// The other kind of item under the same number, of an issue or pull request: the two share one
    /// number space, and an issue can become a pull request. See [`State::tells_counterpart`].
    pub fn counterpart(&self) -> Option<Self> {
        let kind = match self.kind {
            Kind::Issue => Kind::PullRequest,
            Kind::PullRequest => Kind::Issue,
            Kind::Repository | Kind::Ledger | Kind::Gap => return None,
        };
        Some(Self {
            kind,
            ..self.clone()
        })
    }

    /// Record key on its state topic: `host/repository/name`.
    pub fn record_key(&self) -> String {
        format!("{}/{}/{}", self.host, self.repository_id, self.name)
    }
}

/// The partial states that one event tells, and what could not be read of it.
#[derive(Debug, Default)]
pub struct Parts {
    told: Vec<(Key, State)>,
    odd: Vec<Odd>,
}

impl Parts {
    /// Adds a partial state of the entity called `name` in the event's repository. Events without a
    /// repository speak of no entity yet.
    pub(crate) fn add<E: Entity>(&mut self, event: &Event, name: impl fmt::Display, part: E) {
        if let Some(repository_id) = event.repository_id {
            let key = Key {
                kind: E::KIND,
                host: event.host.clone(),
                repository_id,
                name: name.to_string(),
            };
            self.told.push((key, part.into_state()));
        }
    }

    /// The parts, in the order of the entities' list.
    pub fn into_vec(self) -> Vec<(Key, State)> {
        self.told
    }

    /// What could not be read, while the rest was: each is a dead letter.
    pub fn take_odd(&mut self) -> Vec<Odd> {
        std::mem::take(&mut self.odd)
    }
}

/// An entity: its state obeys the law, is lifted from single events, and is shown as a record.
pub trait Entity: Join + Default + Sized {
    /// Its place in the list.
    const KIND: Kind;

    /// Adds the partial states that `event` tells of entities of this kind. It reads this one event
    /// and nothing else: no state, no clock, no other entity.
    fn lift(event: &Event, payload: &Payload, parts: &mut Parts);

    /// What the state topic says, or nothing while too little is known to say that it exists.
    fn view(&self, key: &Key, version: i64) -> Option<Record>;

    /// Whether it says something else than `before`, the view of an earlier state of it, that later
    /// events may take back. A view that is costly compares only what does not just grow.
    fn may_return_to(&self, key: &Key, before: &Record) -> bool {
        self.view(key, before.version()).as_ref() != Some(before)
    }

    /// What the state cannot answer.
    fn questions(&self, key: &Key) -> Vec<Asked>;

    /// This state as one of the list.
    fn into_state(self) -> State;
}

macro_rules! entities {
    ($($(#[$doc:meta])* $name:ident: $module:ident, $record:ident, $topic:ident;)*) => {
        /// Kinds of entities.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind { $($(#[$doc])* $name),* }

        /// The state of an entity of any kind.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum State { $($(#[$doc])* $name(Box<crate::$module::State>)),* }

        /// The record that a state topic holds.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Record { $($(#[$doc])* $name(Box<$record>)),* }

        impl Kind {
            /// All kinds.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            /// The topic of its records.
            pub const fn topic(self) -> StateTopic {
                match self { $(Self::$name => StateTopic::$topic),* }
            }

            /// A state of this kind that knows nothing.
            pub fn blank(self) -> State {
                match self { $(Self::$name => State::$name(Box::default())),* }
            }
        }

        impl State {
            /// See [`Join::join`]. States of different kinds never meet: a key has one kind.
            pub fn join(&mut self, other: Self) {
                match (self, other) {
                    $((Self::$name(mine), Self::$name(theirs)) => mine.join(*theirs),)*
                    (mine, theirs) => unreachable!("{mine:?} and {theirs:?} under one key"),
                }
            }

            /// See [`Entity::view`].
            pub fn view(&self, key: &Key, version: i64) -> Option<Record> {
                match self { $(Self::$name(state) => state.view(key, version)),* }
            }

            /// See [`Entity::may_return_to`].
            pub fn may_return_to(&self, key: &Key, before: &Record) -> bool {
                match self { $(Self::$name(state) => state.may_return_to(key, before)),* }
            }

            /// See [`Entity::questions`].
            pub fn questions(&self, key: &Key) -> Vec<Asked> {
                match self { $(Self::$name(state) => state.questions(key)),* }
            }
        }

        impl Record {
            /// The version that it was written under.
            pub fn version(&self) -> i64 {
                match self { $(Self::$name(record) => record.version),* }
            }

            /// Its bytes on its topic.
            ///
            /// # Errors
            /// See [`Codec::encode`].
            pub fn encode(&self, codec: &Codec) -> Result<Vec<u8>, EncodeError> {
                match self { $(Self::$name(record) => codec.encode(record.as_ref())),* }
            }

            /// The record of an entity of `kind` that `value` holds.
            ///
            /// # Errors
            /// See [`Codec::decode`].
            pub fn decode(codec: &Codec, kind: Kind, value: &[u8]) -> Result<Self, DecodeError> {
                match kind {
                    $(Kind::$name => codec.decode(value).map(|record| Self::$name(Box::new(record)))),*
                }
            }

            /// The same under another version.
            #[must_use]
            pub fn under(mut self, version: i64) -> Self {
                match &mut self { $(Self::$name(record) => record.version = version),* }
                self
            }
        }

        /// Everything that one event tells, of all entities; its payload is parsed once. What is odd
        /// in it costs itself and no more: see [`Parts::take_odd`].
        ///
        /// # Errors
        /// Where nothing of the payload can be read. Reaction: dead-letter.
        pub fn lift(event: &Event) -> Result<(Payload, Parts), crate::payload::UnreadablePayload> {
            let (payload, odd) = Payload::read(event)?;
            let mut parts = Parts::default();
            $(crate::$module::State::lift(event, &payload, &mut parts);)*
            for odd in &odd {
                note_odd(event, odd, &mut parts);
            }
            parts.odd = odd;
            Ok((payload, parts))
        }
    };
}

entities! {
    /// A pull request.
    PullRequest: pull_request, PullRequest, PullRequests;
    /// An issue.
    Issue: issue, Issue, Issues;
    /// A repository.
    Repository: repository, Repository, Repositories;
    /// A block of a repository's numbers.
    Ledger: ledger, LedgerBlock, Ledger;
    /// A gap.
    Gap: gap, Gap, Gaps;
}

impl State {
    /// Whether this state says something of its key's [`Key::counterpart`], for ever once it does so:
    /// of the issue under a known pull request's number, that it became the pull request
    /// ([`State::of_counterpart`]).
    ///
    /// GitHub makes pull requests of issues and never the other way round, so a number is one item,
    /// of the later kind. A lift reads one event, and no event about a pull request says that an
    /// issue was there before; so this follows from the joined states of both. Whoever joins a part
    /// joins this too, *where both states exist*: into the issue's when the first part of either is
    /// joined beside the other. Which came first makes no difference, and a pull request that never
    /// was an issue costs no second state.
    pub fn tells_counterpart(&self) -> bool {
        matches!(self, Self::PullRequest(pull) if pull.is_known())
    }

    /// What a state that [tells](State::tells_counterpart) something of its counterpart says of it.
    pub fn of_counterpart() -> Self {
        Self::Issue(Box::new(crate::issue::State::became_pull_request()))
    }
}

/// Notes what could not be read of an event: its item asks for an answer that can be read. A row of a
/// listing is noted where it becomes a dead letter: see [`note_of_row`].
fn note_odd(event: &Event, odd: &Odd, parts: &mut Parts) {
    if let (Some(number), None) = (odd.number, &odd.row) {
        crate::ledger::State::note_unreadable(event, number, parts);
    }
}

/// What a row of a listing that could not be read tells: that it is there, which GitHub must be asked
/// about. Where the state of that key knows this already, it is the same row as before.
pub fn note_of_row(row: &OddRow) -> Option<(Key, State)> {
    let event = &row.event;
    let mut parts = Parts::default();
    crate::ledger::State::note_row(event, event.number?, &mut parts);
    parts.into_vec().pop()
}

/// What an event tells whose payload cannot be read, but whose envelope names an item: that
/// something happened to it, which GitHub must be asked about. One that names none tells nothing.
pub fn lift_unreadable(event: &Event) -> Parts {
    let mut parts = Parts::default();
    if let Some(number) = event.number {
        crate::ledger::State::note_unreadable(event, number, &mut parts);
    }
    parts
}
