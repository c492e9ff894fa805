//! Lists the repositories of an organisation or user, and probes those that are no longer listed.

use super::PollError;
use crate::clock::Clock;
use crate::fetch::repository::{self, RepositoryFound};
use crate::github::{GitHub, all_pages, requested_at};
use crate::log::EventLog;
use gapless_schemas::RepositorySnapshot;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What a poll of an owner found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnerPoll {
    /// Every repository that was listed.
    pub repositories: Vec<RepositoryFound>,
    /// Snapshots that were appended: of those that are new or changed.
    pub appended: usize,
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
        // One that does not say who it is costs itself and no more.
        let (found, updated_at) = match repository::look(&object, digest) {
            Ok(look) => look,
            Err(error) => {
                tracing::warn!(owner, %error, "a row of the list of repositories was passed over");
                continue;
            }
        };
        if known.get(&found.repository_id) != Some(&found.digest) {
            let path = format!("/repositories/{}", found.repository_id);
            let snapshot = RepositorySnapshot {
                status: 200,
                repository: Some(object),
            };
            let at = (requested_at, updated_at);
            log.append(repository::event(
                github, clock, &path, at, &found, &snapshot,
            )?)
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
    let (found, _, event) = repository::ask(github, clock, last, &BTreeSet::new()).await?;
    log.append(event).await?;
    Ok(found)
}
