//! Repositories: identity is the id; every webhook carries the object, so names are seen to change.

mod namings;

use crate::detect::{Asked, Questions};
use crate::entity::{self, Entity, Key, Kind, Parts, Record};
use crate::law::{Earliest, Latest, Register, Stamp, join_fields};
use crate::payload::{Payload, RepositoryObject, Webhook};
use crate::presence::PresenceEvidence;
use gapless_schemas::{Contested, Event, Presence, Resource, Source, Timestamp};
use namings::Namings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// State of a repository. It can be deleted and restored within 90 days under its id, so presence
/// is evidence in order and no tombstone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    identity: Register<Identity>,
    archived: Register<bool>,
    presence: PresenceEvidence,
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

join_fields!(State {
    identity,
    archived,
    presence,
    names,
    created_at,
    first_seen_at,
    listed_until,
    namings,
});

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
        let seen_at = match event.source {
            Source::Webhook => updated_at,
            _ => event.as_of(),
        };
        state.presence.tell(Presence::Alive, seen_at);
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

/// The last change of an issue, pull request or review that a webhook tells: a repository in which
/// something changes is there, though its own `updated_at` stays as it was.
fn changed_at(webhook: &Webhook) -> Option<Timestamp> {
    let pull = webhook.pull_request.as_ref();
    let issue = webhook.issue.as_ref();
    let review = webhook.review.as_ref();
    [
        pull.and_then(|pull| pull.updated_at),
        issue.and_then(|issue| issue.updated_at),
        review.and_then(|review| review.submitted_at),
    ]
    .into_iter()
    .max()
    .flatten()
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
                    // Nothing that was told up to then, by GitHub's clock or by ours, whichever is
                    // ahead, outlives it.
                    let at = event.as_of();
                    let at = repository
                        .updated_at
                        .map_or(at, |updated_at| at.max(updated_at));
                    state.presence.tell(Presence::Gone, at);
                } else if let Some(at) = changed_at(webhook) {
                    state.presence.tell(Presence::Alive, at);
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
                    state.presence.tell(presence, event.as_of());
                }
                parts.add(event, "", state);
            }
            // Every answered page shows that it is there, though its object stays as it was and the
            // poll appends none.
            Payload::Listing(listing) => {
                let listed_until = event.requested_at.filter(|_| listing.complete);
                let state = Self {
                    presence: PresenceEvidence::of(Presence::Alive, event.as_of()),
                    listed_until: Latest(listed_until),
                    ..Self::default()
                };
                parts.add(event, "", state);
            }
            Payload::Item(_) | Payload::Gap(_) | Payload::Unread => {}
        }
    }

    fn view(&self, key: &Key, version: i64) -> Option<Record> {
        let identity = self.identity.get();
        self.first_seen_at.0?;
        Some(Record::Repository(Box::new(gapless_schemas::Repository {
            host: key.host.clone(),
            repository_id: key.repository_id,
            version,
            presence: self.presence.presence(),
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

    fn questions(&self, _: &Key) -> Vec<Asked> {
        let mut questions = Questions::about(Resource::Repository);
        if self.presence.presence() == Presence::Alive {
            questions.ask_contested(&[
                (Contested::Repository, self.identity.contested()),
                (Contested::Archived, self.archived.contested()),
            ]);
        }
        questions.into_vec()
    }

    fn into_state(self) -> entity::State {
        entity::State::Repository(Box::new(self))
    }
}
