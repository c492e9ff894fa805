//! Repositories: identity is the id; every webhook carries the object, so names are seen to change.

mod namings;

use crate::detect::Question;
use crate::entity::{self, Entity, Key, Kind, Parts, Record};
use crate::law::{Earliest, Join, Latest, Register, Stamp};
use crate::payload::{Payload, RepositoryObject};
use gapless_schemas::{Event, Presence, Source, Timestamp};
use namings::Namings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// State of a repository. It can be deleted and restored within 90 days under its id, so presence
/// is a register and no tombstone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    identity: Register<Identity>,
    archived: Register<bool>,
    presence: Register<Presence>,
    names: BTreeSet<String>,
    created_at: Earliest<Timestamp>,
    first_seen_at: Earliest<Timestamp>,
    listed_until: Latest<Timestamp>,
    namings: Namings,
}

/// Shown together by every form of the object but the bare one of `push`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Identity {
    full_name: String,
    owner: Option<String>,
    owner_id: Option<i64>,
    private: Option<bool>,
    fork: Option<bool>,
    default_branch: Option<String>,
}

impl Join for State {
    fn join(&mut self, other: Self) {
        self.identity.join(other.identity);
        self.archived.join(other.archived);
        self.presence.join(other.presence);
        self.names.join(other.names);
        self.created_at.join(other.created_at);
        self.first_seen_at.join(other.first_seen_at);
        self.listed_until.join(other.listed_until);
        self.namings.join(other.namings);
    }
}

impl State {
    fn of(event: &Event, repository: &RepositoryObject) -> Self {
        let mut state = Self {
            names: BTreeSet::from([repository.full_name.clone()]),
            created_at: Earliest(event.in_range(repository.created_at)),
            first_seen_at: Earliest(Some(event.received_at)),
            ..Self::default()
        };
        let Some(updated_at) = repository.updated_at else {
            return state;
        };
        let stamp = Stamp::new(event, updated_at);
        let owner = repository.owner.as_ref();
        // An answer shows it as of its request, a webhook as of its last change: see `Item::of`.
        let seen = match event.source {
            Source::Webhook => stamp,
            _ => Stamp::undated(event),
        };
        state.presence = Register::new(seen, Presence::Alive);
        if let Some(archived) = repository.archived {
            state.archived = Register::new(stamp, archived);
        }
        state.identity = Register::new(
            stamp,
            Identity {
                full_name: repository.full_name.clone(),
                owner: owner.and_then(|owner| owner.login.clone().or_else(|| owner.name.clone())),
                owner_id: owner.and_then(|owner| owner.id),
                private: repository.private,
                fork: repository.fork,
                default_branch: repository.default_branch.clone(),
            },
        );
        state
    }
}

impl Entity for State {
    const KIND: Kind = Kind::Repository;

    fn lift(event: &Event, payload: &Payload, parts: &mut Parts) {
        match payload {
            Payload::Webhook(webhook) => {
                let Some(repository) = &webhook.repository else {
                    return;
                };
                let mut state = Self::of(event, repository);
                if event.kind == "repository" && event.action.as_deref() == Some("deleted") {
                    let end = Stamp::of_end(event, repository.updated_at);
                    state.presence.join(Register::new(end, Presence::Gone));
                }
                state.namings = Namings::of(event, webhook);
                parts.add(event, "", state);
            }
            Payload::Repository(answer) => {
                let mut state = answer
                    .repository
                    .as_ref()
                    .map(|found| Self::of(event, found))
                    .unwrap_or_default();
                let presence = match answer.status {
                    404 => Some(Presence::Unreachable),
                    410 => Some(Presence::Gone),
                    _ => None,
                };
                if let Some(presence) = presence {
                    state.presence = Register::new(Stamp::undated(event), presence);
                }
                parts.add(event, "", state);
            }
            Payload::Listing(listing) if listing.complete && event.source == Source::Listing => {
                let state = Self {
                    listed_until: Latest(event.requested_at),
                    ..Self::default()
                };
                parts.add(event, "", state);
            }
            Payload::Listing(_) | Payload::Item(_) | Payload::Gap(_) | Payload::Unread => {}
        }
    }

    fn view(&self, key: &Key, version: i64) -> Option<Record> {
        let identity = self.identity.get();
        self.first_seen_at.0?;
        Some(Record::Repository(Box::new(gapless_schemas::Repository {
            host: key.host.clone(),
            repository_id: key.repository_id,
            version,
            presence: self.presence.get().copied().unwrap_or(Presence::Alive),
            full_name: identity.map(|found| found.full_name.clone()),
            owner: identity.and_then(|found| found.owner.clone()),
            owner_id: identity.and_then(|found| found.owner_id),
            private: identity.and_then(|found| found.private),
            archived: self.archived.get().copied(),
            fork: identity.and_then(|found| found.fork),
            default_branch: identity.and_then(|found| found.default_branch.clone()),
            created_at: self.created_at.0,
            names: self.names.iter().cloned().collect(),
            first_seen_at: self.first_seen_at.0,
            listed_until: self.listed_until.0,
            namings: self.namings.latest(),
        })))
    }

    fn questions(&self, _: &Key) -> Vec<Question> {
        Vec::new()
    }

    fn into_state(self) -> entity::State {
        entity::State::Repository(Box::new(self))
    }
}
