//! Lists the repositories of an organisation or user, and probes those that are no longer listed.

use super::PollError;
use crate::clock::Clock;
use crate::fetch::FetchError;
use crate::github::{GitHub, all_pages, requested_at};
use crate::log::EventLog;
use gapless_schemas::{
    Event, PayloadForm, RepositorySnapshot, SnapshotKind, Source, Timestamp, ids,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A repository as its owner's list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFound {
    /// Its id.
    pub repository_id: i64,
    /// `owner/name`.
    pub full_name: String,
    /// Login of its owner.
    pub owner: Option<String>,
    /// Id of its owner.
    pub owner_id: Option<i64>,
    /// Hash of the whole object: as long as it stays, there is nothing new to append.
    pub digest: String,
}

/// What a poll of an owner found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnerPoll {
    /// Every repository that was listed.
    pub repositories: Vec<RepositoryFound>,
    /// Snapshots that were appended: of those that are new or changed.
    pub appended: usize,
}

#[derive(Deserialize)]
struct RepositoryLook {
    id: i64,
    full_name: String,
    owner: Option<OwnerLook>,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
struct OwnerLook {
    login: Option<String>,
    id: Option<i64>,
}

/// Lists the repositories of `owner` and appends a snapshot of each whose digest is not in
/// `known` (by repository id).
///
/// # Errors
/// See [`PollError`]; an unknown owner is [`PollError::Absent`].
pub async fn poll_owner(
    github: &impl GitHub,
    clock: &impl Clock,
    log: &impl EventLog,
    owner: &str,
    known: &BTreeMap<i64, String>,
) -> Result<OwnerPoll, PollError> {
    let began_at = clock.now();
    let of_organisation = all_pages(github, format!("/orgs/{owner}/repos?per_page=100"));
    let list = match of_organisation.await.map_err(PollError::from) {
        Err(PollError::Absent { status: 404, .. }) => {
            all_pages(github, format!("/users/{owner}/repos?per_page=100")).await?
        }
        other => other?,
    };
    let requested_at = requested_at(began_at, list.first_answered_at);
    let mut poll = OwnerPoll::default();
    for object in list.items {
        let digest = hex::encode(&Sha256::digest(object.get())[..16]);
        let (found, updated_at) = look(&object, digest)?;
        if known.get(&found.repository_id) != Some(&found.digest) {
            let path = format!("/repositories/{}", found.repository_id);
            let snapshot = RepositorySnapshot {
                status: 200,
                repository: Some(object),
            };
            let at = (requested_at, updated_at);
            log.append(event(github, clock, &path, at, &found, &snapshot)?)
                .await?;
            poll.appended += 1;
        }
        poll.repositories.push(found);
    }
    Ok(poll)
}

/// Asks for one repository by its id and appends the answer, whether it is there or not. Returns
/// what was found: none for 301, 404 and 410.
///
/// # Errors
/// See [`PollError`].
pub async fn probe_repository(
    github: &impl GitHub,
    clock: &impl Clock,
    log: &impl EventLog,
    last: &RepositoryFound,
) -> Result<Option<RepositoryFound>, PollError> {
    let path = format!("/repositories/{}", last.repository_id);
    let began_at = clock.now();
    let answer = github.get(&path).await?;
    let requested_at = requested_at(began_at, answer.date());
    let (found, updated_at, object) = match answer.status {
        200 => {
            let object: Box<RawValue> = serde_json::from_slice(&answer.body)
                .map_err(|error| FetchError::Retry(format!("{path}: {error}")))?;
            // The list shows another form of the object, hence no digest to compare with.
            let (found, updated_at) = look(&object, String::new())?;
            (Some(found), updated_at, Some(object))
        }
        301 | 404 | 410 => (None, None, None),
        status => return Err(FetchError::of_status(path, status).into()),
    };
    let snapshot = RepositorySnapshot {
        status: answer.status,
        repository: object,
    };
    let at = (requested_at, updated_at);
    let of = found.as_ref().unwrap_or(last);
    log.append(event(github, clock, &path, at, of, &snapshot)?)
        .await?;
    Ok(found)
}

fn look(
    object: &RawValue,
    digest: String,
) -> Result<(RepositoryFound, Option<Timestamp>), PollError> {
    let look: RepositoryLook = serde_json::from_str(object.get())
        .map_err(|error| FetchError::Retry(format!("a repository object: {error}")))?;
    let (owner, owner_id) = look
        .owner
        .map_or((None, None), |owner| (owner.login, owner.id));
    let found = RepositoryFound {
        repository_id: look.id,
        full_name: look.full_name,
        owner,
        owner_id,
        digest,
    };
    Ok((found, look.updated_at.and_then(|text| text.parse().ok())))
}

fn event(
    github: &impl GitHub,
    clock: &impl Clock,
    path: &str,
    (requested_at, occurred_at): (Timestamp, Option<Timestamp>),
    repository: &RepositoryFound,
    snapshot: &RepositorySnapshot,
) -> Result<Event, PollError> {
    let payload = encode(snapshot)?;
    Ok(Event {
        event_id: ids::answer_event_id(github.host(), path, requested_at, &payload),
        source: Source::Snapshot,
        kind: SnapshotKind::Repository.name().to_owned(),
        action: None,
        host: github.host().to_owned(),
        owner: repository.owner.clone(),
        owner_id: repository.owner_id,
        repository: Some(repository.full_name.clone()),
        repository_id: Some(repository.repository_id),
        number: None,
        hook_target_id: None,
        occurred_at,
        first_delivered_at: None,
        requested_at: Some(requested_at),
        received_at: clock.now(),
        credential_kind: Some(github.credential_kind().to_owned()),
        headers: BTreeMap::new(),
        payload_form: PayloadForm::Raw,
        payload,
    })
}

/// JSON of a payload of ours.
pub(super) fn encode(payload: &impl Serialize) -> Result<Vec<u8>, PollError> {
    let encoded = serde_json::to_vec(payload);
    Ok(encoded.map_err(|error| FetchError::Retry(error.to_string()))?)
}
