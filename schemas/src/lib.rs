//! The contract between all parts of Gapless and everybody else: the event envelope, the states,
//! ids, keys, partitions, topics, the settings of their clients, and the records' Avro form.
//!
//! Nothing here does IO, reads a clock or draws a random number.

mod catalogue;
mod client_settings;
mod codec;
mod dead_letter;
mod event;
mod event_datum;
pub mod ids;
mod named;
mod question;
mod refetch;
mod releases;
mod state;
mod time;
mod topics;

pub use catalogue::{Record, Schema, StateTopic};
pub use client_settings::{CONSUMER_DEFAULTS, client_settings};
pub use codec::{Codec, DecodeError, EncodeError, SchemaId};
pub use dead_letter::DeadLetter;
pub use event::{
    Event, GAPS_HEADER, IssuesListing, ItemSnapshot, ListingKind, PayloadForm, RepositorySnapshot,
    SnapshotKind, Source,
};
pub use question::{Contested, NoResource, Question, Resource};
pub use refetch::{Refetch, Urgency};
pub use releases::Release;
pub use state::{
    Account, Detector, Gap, GapEvent, GapOutcome, HeadChange, Issue, LedgerBlock, LedgerDay,
    NameKind, Naming, Presence, PullRequest, Repository, Review, Transition, TransitionKind,
};
pub use time::{NotATime, Timestamp};
pub use topics::{TopicSpec, Topics, version};
