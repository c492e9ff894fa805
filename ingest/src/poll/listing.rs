//! Lists the issues and pull requests of one repository.

use super::{PollError, RepositoryFound};
use crate::clock::Clock;
use crate::github::{self, GitHub, Pages};
use crate::log::EventLog;
use gapless_schemas::{Event, IssuesListing, ListingKind, PayloadForm, Source, Timestamp, ids};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What a poll of a repository came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Start of its first request, by our clock.
    pub began_at: Timestamp,
    /// The same by the earlier of our clock and GitHub's: the next `since` counts from here, so
    /// that a clock of ours that is ahead skips nothing.
    pub asked_until: Timestamp,
    /// Issues and pull requests.
    pub items: usize,
    /// Events that were appended.
    pub events: u32,
}

/// Items are gathered into one event up to this size; a longer listing is split.
const PART_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Lists what changed since `since`, or everything, and appends it. Parts are appended as they
/// fill, so memory does not grow with the repository; the last one alone says that every page
/// answered.
///
/// # Errors
/// See [`PollError`]. Parts that were appended by then are true as far as they go.
pub async fn poll_repository(
    github: &impl GitHub,
    clock: &impl Clock,
    log: &impl EventLog,
    repository: &RepositoryFound,
    since: Option<Timestamp>,
) -> Result<Listed, PollError> {
    let since = since.map(|since| Timestamp::from_seconds(since.as_seconds()));
    let order = match since {
        Some(_) => "sort=updated&direction=desc",
        None => "sort=created&direction=asc",
    };
    let id = repository.repository_id;
    let mut path = format!("/repositories/{id}/issues?state=all&{order}&per_page=100");
    if let Some(since) = since {
        path.push_str(&format!("&since={since}"));
    }
    let began_at = clock.now();
    let mut part = Part {
        repository,
        path: path.clone(),
        since,
        requested_at: began_at,
        number: 0,
        bytes: 0,
        items: Vec::new(),
    };
    let mut pages = Pages::new(github, path);
    let mut items = 0;
    let mut numbers = Vec::new();
    while let Some(page) = pages.next().await? {
        part.requested_at = github::requested_at(began_at, pages.first_answered_at());
        items += page.len();
        for item in page {
            // A row without a number is kept all the same: who reads it says what is odd about it.
            let look = serde_json::from_str::<Numbered>(item.get());
            numbers.extend(look.ok().map(|look| look.number));
            if part.bytes + item.get().len() > PART_MAX_BYTES && !part.items.is_empty() {
                log.append(part.event(github, clock, None)?).await?;
            }
            part.bytes += item.get().len();
            part.items.push(item);
        }
    }
    numbers.sort_unstable();
    log.append(part.event(github, clock, Some(numbers))?)
        .await?;
    let github_time = pages.first_answered_at().unwrap_or(began_at);
    Ok(Listed {
        began_at,
        asked_until: began_at.min(github_time),
        items,
        events: part.number,
    })
}

/// The one field of an item that a listing reads itself.
#[derive(Deserialize)]
struct Numbered {
    number: i64,
}

/// The event that is being filled.
struct Part<'a> {
    repository: &'a RepositoryFound,
    path: String,
    since: Option<Timestamp>,
    requested_at: Timestamp,
    number: u32,
    bytes: usize,
    items: Vec<Box<RawValue>>,
}

impl Part<'_> {
    /// Empties the part into an event; the last one names the numbers of all.
    fn event(
        &mut self,
        github: &impl GitHub,
        clock: &impl Clock,
        all_numbers: Option<Vec<i64>>,
    ) -> Result<Event, PollError> {
        let listing = IssuesListing {
            since: self.since,
            complete: all_numbers.is_some(),
            numbers: all_numbers.filter(|_| self.since.is_none()),
            part: self.number,
            items: std::mem::take(&mut self.items),
        };
        self.number += 1;
        self.bytes = 0;
        let payload = crate::fetch::repository::encode(&listing)?;
        let host = github.host();
        Ok(Event {
            event_id: ids::answer_event_id(host, &self.path, self.requested_at, &payload),
            source: Source::Listing,
            kind: ListingKind::Issues.name().to_owned(),
            action: None,
            host: host.to_owned(),
            owner: self.repository.owner.clone(),
            owner_id: self.repository.owner_id,
            repository: Some(self.repository.full_name.clone()),
            repository_id: Some(self.repository.repository_id),
            number: None,
            hook_target_id: None,
            occurred_at: None,
            first_delivered_at: None,
            requested_at: Some(self.requested_at),
            received_at: clock.now(),
            credential_kind: Some(github.credential_kind().to_owned()),
            headers: BTreeMap::new(),
            payload_form: PayloadForm::Raw,
            payload,
        })
    }
}
