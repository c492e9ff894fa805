//! Asks GitHub about one repository, by its id, and makes one event of the answer.

use super::item::{FetchError, Target, owner_of};
use crate::clock::Clock;
use crate::github::{GitHub, requested_at};
use gapless_schemas::{
    Event, GAPS_HEADER, PayloadForm, RepositorySnapshot, SnapshotKind, Source, Timestamp, ids,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

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

/// What is looked for in a repository object: who it is, and when it changed last.
///
/// # Errors
/// Where it does not say who it is.
pub(crate) fn look(
    object: &RawValue,
    digest: String,
) -> Result<(RepositoryFound, Option<Timestamp>), FetchError> {
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

/// Asks for the repository that was `last` seen so, on behalf of `gap_ids`. Returns what was found
/// (none for 301, 404 and 410), the status, and the event to append.
///
/// # Errors
/// See [`FetchError`].
pub(crate) async fn ask(
    github: &impl GitHub,
    clock: &impl Clock,
    last: &RepositoryFound,
    gap_ids: &BTreeSet<String>,
) -> Result<(Option<RepositoryFound>, u16, Event), FetchError> {
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
        status => return Err(FetchError::of_status(path, status)),
    };
    let snapshot = RepositorySnapshot {
        status: answer.status,
        repository: object,
    };
    let at = (requested_at, updated_at);
    let of = found.as_ref().unwrap_or(last);
    let mut event = event(github, clock, &path, at, of, &snapshot)?;
    if !gap_ids.is_empty() {
        let gap_ids: Vec<&str> = gap_ids.iter().map(String::as_str).collect();
        event
            .headers
            .insert(GAPS_HEADER.to_owned(), gap_ids.join(","));
    }
    Ok((found, answer.status, event))
}

/// Asks for the repository itself that `target` names. Returns the status and the event to append.
///
/// # Errors
/// See [`FetchError`].
pub(super) async fn fetch(
    github: &impl GitHub,
    clock: &impl Clock,
    target: &Target,
) -> Result<(u16, Event), FetchError> {
    let last = RepositoryFound {
        repository_id: target.repository_id,
        full_name: target.repository.clone().unwrap_or_default(),
        owner: owner_of(target.repository.as_deref()),
        owner_id: None,
        digest: String::new(),
    };
    let (_, status, event) = ask(github, clock, &last, &target.gap_ids).await?;
    Ok((status, event))
}

/// The event of a snapshot of `repository`.
///
/// # Errors
/// Where the snapshot has no JSON form.
pub(crate) fn event(
    github: &impl GitHub,
    clock: &impl Clock,
    path: &str,
    (requested_at, occurred_at): (Timestamp, Option<Timestamp>),
    repository: &RepositoryFound,
    snapshot: &RepositorySnapshot,
) -> Result<Event, FetchError> {
    let payload = encode(snapshot)?;
    let name = Some(&repository.full_name).filter(|name| !name.is_empty());
    Ok(Event {
        event_id: ids::answer_event_id(github.host(), path, requested_at, &payload),
        source: Source::Snapshot,
        kind: SnapshotKind::Repository.name().to_owned(),
        action: None,
        host: github.host().to_owned(),
        owner: repository.owner.clone(),
        owner_id: repository.owner_id,
        repository: name.cloned(),
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
///
/// # Errors
/// None that is known: what was read as JSON can be written as JSON.
pub(crate) fn encode(payload: &impl Serialize) -> Result<Vec<u8>, FetchError> {
    serde_json::to_vec(payload).map_err(|error| FetchError::Retry(error.to_string()))
}
