//! Asks GitHub about one issue or pull request, and makes one event of the answers.
//!
//! **By id.** The repository is addressed by its id, never by its name: names are reused, and the
//! answer of another repository under the same name could not be told apart. So a renamed
//! repository needs nothing, and a 301 means that the item itself was transferred: it is recorded
//! with its `Location`, as are 404 and 410.
//!
//! **All or nothing.** If a later answer fails, nothing is returned and the whole item is asked
//! for again: half a snapshot, without saying so, would prove what it does not know.
//!
//! **Time.** `requested_at` is taken before the first request, and is no later than its answer by
//! GitHub's clock: everything that was true then is in the answers, which may show later changes
//! too. So it may lie before the time at which a command was issued, by as much as our clock is
//! ahead; nothing compares the two. Detectors compare it with GitHub's times alone.

use super::slim;
use crate::clock::Clock;
use crate::github::{Answer, GitHub, PagesError, TransportError, all_pages, requested_at};
use gapless_schemas::{Event, GAPS_HEADER, ItemSnapshot, SnapshotKind, Source, Timestamp, ids};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// Which repository to ask about, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Repository id.
    pub repository_id: i64,
    /// Its full name as last told, for the event of an answer that tells none.
    pub repository: Option<String>,
    /// The gaps that ask; none where nobody did.
    pub gap_ids: BTreeSet<String>,
}

/// Why there is no answer to record.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody answered, or with a fault of GitHub's own. Reaction: ask again, later each time.
    #[error("{0}")]
    Retry(String),
    /// The credential may not ask this. Reaction: ask again much later, and tell a person.
    #[error("{path} is denied with {status}: check the token and its rights")]
    Denied {
        /// What was asked for.
        path: String,
        /// 401, 403 or 451.
        status: u16,
    },
}

impl From<TransportError> for FetchError {
    fn from(error: TransportError) -> Self {
        Self::Retry(error.to_string())
    }
}

impl From<PagesError> for FetchError {
    fn from(error: PagesError) -> Self {
        match error {
            PagesError::Status { path, status } => Self::of_status(path, status),
            other => Self::Retry(other.to_string()),
        }
    }
}

impl FetchError {
    /// What to do about a status that answers nothing.
    pub(crate) fn of_status(path: String, status: u16) -> Self {
        match status {
            401 | 403 | 451 => Self::Denied { path, status },
            _ => Self::Retry(format!("{path} was answered with {status}")),
        }
    }
}

/// What the fetcher itself looks for in an issue object.
#[derive(Deserialize)]
struct IssueLook {
    pull_request: Option<IgnoredAny>,
    /// Whatever it is: who reads the object says what is odd about it.
    updated_at: Option<Value>,
    repository_url: Option<Value>,
}

/// A payload above this could exceed what the log takes: see [`super::slim`].
const PAYLOAD_MAX_BYTES: usize = 24 * 1024 * 1024;

/// Asks for item `number`, and where it is there, for its pull request, all reviews and the whole
/// timeline. Returns the event to append.
///
/// # Errors
/// See [`FetchError`]. 301, 404 and 410 are no errors but events.
pub async fn fetch_item(
    github: &impl GitHub,
    clock: &impl Clock,
    target: &Target,
    number: i64,
) -> Result<Event, FetchError> {
    Ok(fetch(github, clock, target, number).await?.1)
}

/// The same, with the status that the event tells.
pub(super) async fn fetch(
    github: &impl GitHub,
    clock: &impl Clock,
    target: &Target,
    number: i64,
) -> Result<(u16, Event), FetchError> {
    let id = target.repository_id;
    let path = format!("/repositories/{id}/issues/{number}");
    let began_at = clock.now();
    let answer = github.get(&path).await?;
    let requested_at = requested_at(began_at, answer.date());
    let mut snapshot = ItemSnapshot {
        status: answer.status,
        location: answer.header("location").map(str::to_owned),
        issue: None,
        pull_request: None,
        reviews: None,
        timeline: None,
    };
    let mut look = None;
    match answer.status {
        200 => {
            let issue = object(&path, &answer)?;
            let found: IssueLook = serde_json::from_str(issue.get())
                .map_err(|error| FetchError::Retry(format!("{path}: {error}")))?;
            snapshot.issue = Some(issue);
            if found.pull_request.is_some() {
                let path = format!("/repositories/{id}/pulls/{number}");
                let answer = github.get(&path).await?;
                if answer.status != 200 {
                    return Err(FetchError::of_status(path, answer.status));
                }
                snapshot.pull_request = Some(object(&path, &answer)?);
                let path = format!("{path}/reviews?per_page=100");
                snapshot.reviews = Some(all_pages(github, path).await?.items);
            }
            let path = format!("{path}/timeline?per_page=100");
            snapshot.timeline = Some(all_pages(github, path).await?.items);
            look = Some(found);
        }
        301 | 404 | 410 => {}
        status => return Err(FetchError::of_status(path, status)),
    }
    let event = event(
        github,
        clock,
        (target, number),
        &path,
        requested_at,
        &answer,
        snapshot,
        look,
    )?;
    Ok((answer.status, event))
}

#[allow(clippy::too_many_arguments, reason = "the last step of one function")]
fn event(
    github: &impl GitHub,
    clock: &impl Clock,
    (target, number): (&Target, i64),
    path: &str,
    requested_at: Timestamp,
    answer: &Answer,
    mut snapshot: ItemSnapshot,
    look: Option<IssueLook>,
) -> Result<Event, FetchError> {
    let (payload, payload_form) = slim::encode(&mut snapshot, PAYLOAD_MAX_BYTES)
        .map_err(|error| FetchError::Retry(error.to_string()))?;
    let (updated_at, repository_url) =
        look.map_or((None, None), |look| (look.updated_at, look.repository_url));
    let text = |value: &Option<Value>| Some(value.as_ref()?.as_str()?.to_owned());
    let (updated_at, repository_url) = (text(&updated_at), text(&repository_url));
    let repository = repository_url
        .as_deref()
        .and_then(full_name)
        .or_else(|| target.repository.clone());
    let gap_ids: Vec<&str> = target.gap_ids.iter().map(String::as_str).collect();
    let mut headers = BTreeMap::new();
    if !gap_ids.is_empty() {
        headers.insert(GAPS_HEADER.to_owned(), gap_ids.join(","));
    }
    if let Some(date) = answer.header("date") {
        headers.insert("date".to_owned(), date.to_owned());
    }
    Ok(Event {
        event_id: ids::answer_event_id(github.host(), path, requested_at, &payload),
        source: Source::Snapshot,
        kind: SnapshotKind::Item.name().to_owned(),
        action: None,
        host: github.host().to_owned(),
        owner: owner_of(repository.as_deref()),
        owner_id: None,
        repository,
        repository_id: Some(target.repository_id),
        number: Some(number),
        hook_target_id: None,
        occurred_at: updated_at.and_then(|text| text.parse().ok()),
        first_delivered_at: None,
        requested_at: Some(requested_at),
        received_at: clock.now(),
        credential_kind: Some(github.credential_kind().to_owned()),
        headers,
        payload_form,
        payload,
    })
}

/// The login in a full name.
pub(crate) fn owner_of(full_name: Option<&str>) -> Option<String> {
    let (owner, _) = full_name?.split_once('/')?;
    Some(owner.to_owned())
}

/// The full name at the end of an address like `https://api.github.com/repos/o/r`.
fn full_name(address: &str) -> Option<String> {
    let (_, name) = address.rsplit_once("/repos/")?;
    (name.split('/').count() == 2).then(|| name.to_owned())
}

fn object(path: &str, answer: &Answer) -> Result<Box<RawValue>, FetchError> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| FetchError::Retry(format!("{path} was answered with no JSON: {error}")))
}
