//! Appends recorded API answers as snapshots.
//!
//! What is taken: answers with 200 to `GET /repos/{o}/{r}/pulls/{n}`, `/issues/{n}`, and
//! `/pulls/{n}/reviews` where one page holds them all. Each becomes an item snapshot of which
//! only that part is present; one that tells no timeline proves nothing about history.
//!
//! **Time.** A recording tells no request times. Where an answer's `Date` was recorded, it is
//! taken; else the time of the import, a millisecond later for each answer, so that they keep
//! their order. An imported answer therefore counts as asked *now*: among answers of one
//! `updated_at` the last recorded wins, as it should, but nothing may be imported that is older
//! than what the log knows from an API already.
//!
//! **Identity.** Reviews and issues tell no repository id; it is known from the deliveries and
//! pull requests of the same sequence, by name. An answer before any of these is left out.

use super::line::{Exchange, Line};
use super::reader::{Progress, Recording, RecordingError};
use crate::clock::Clock;
use crate::github::{Answer, path_of};
use crate::log::EventLog;
use crate::source::PUBLIC_HOST;
use gapless_schemas::{Event, ItemSnapshot, PayloadForm, SnapshotKind, Source, Timestamp, ids};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// What an import came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Snapshots of pull requests.
    pub pull_requests: u64,
    /// Snapshots of issues.
    pub issues: u64,
    /// Snapshots of reviews.
    pub reviews: u64,
    /// Lines that tell nothing of an item, or of one in an unknown repository.
    pub left_out: u64,
}

/// Imports every answer in `path` that tells something of an item, telling `progress` after each
/// line.
///
/// # Errors
/// Where the file cannot be read, or the log does not take an event. Importing all of it again is
/// harmless.
pub async fn import(
    path: &Path,
    log: &impl EventLog,
    clock: &impl Clock,
    mut progress: impl FnMut(Progress),
) -> Result<ImportReport, RecordingError> {
    let mut recording = Recording::open(path).await?;
    let mut report = ImportReport::default();
    let mut names = Names::default();
    let mut last = Timestamp::default();
    while let Some(line) = recording.next().await? {
        match line {
            Line::Sequence => names = Names::default(),
            Line::Webhook(delivery) => names.learn_from_delivery(&delivery.body),
            Line::Api(exchange) => {
                let now = clock.now().max(last.plus_millis(1));
                match snapshot(exchange, &mut names, now) {
                    Some((part, event)) => {
                        last = now;
                        log.append(event).await?;
                        *match part {
                            Part::PullRequest => &mut report.pull_requests,
                            Part::Issue => &mut report.issues,
                            Part::Reviews => &mut report.reviews,
                        } += 1;
                    }
                    None => report.left_out += 1,
                }
            }
            Line::Other => report.left_out += 1,
        }
        progress(recording.progress());
    }
    Ok(report)
}

/// What an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    PullRequest,
    Issue,
    Reviews,
}

/// Repository ids by full name, within one sequence.
#[derive(Default)]
struct Names(HashMap<String, i64>);

#[derive(Deserialize)]
struct RepositoryLook {
    id: i64,
    full_name: String,
}

#[derive(Deserialize)]
struct DeliveryLook {
    repository: Option<RepositoryLook>,
}

#[derive(Deserialize)]
struct ItemLook {
    updated_at: Option<String>,
    base: Option<BaseLook>,
}

#[derive(Deserialize)]
struct BaseLook {
    repo: Option<RepositoryLook>,
}

impl Names {
    fn learn(&mut self, repository: RepositoryLook) {
        self.0.insert(repository.full_name, repository.id);
    }

    fn learn_from_delivery(&mut self, body: &RawValue) {
        let look = serde_json::from_str::<DeliveryLook>(body.get());
        if let Some(repository) = look.ok().and_then(|look| look.repository) {
            self.learn(repository);
        }
    }
}

/// The event of an exchange that tells something of an item.
fn snapshot(exchange: Exchange, names: &mut Names, now: Timestamp) -> Option<(Part, Event)> {
    if exchange.method != "GET" || exchange.status != 200 {
        return None;
    }
    let path = path_of(&exchange.uri)?;
    let (part, repository, number) = resource(path)?;
    let answer = Answer {
        headers: exchange.headers,
        ..Answer::default()
    };
    let body = exchange.body?;
    let mut snapshot = ItemSnapshot {
        status: 200,
        location: None,
        issue: None,
        pull_request: None,
        reviews: None,
        timeline: None,
    };
    let mut occurred_at = None;
    if part == Part::Reviews {
        if answer.header("link").is_some() {
            return None;
        }
        snapshot.reviews = Some(serde_json::from_str(body.get()).ok()?);
    } else {
        let look: ItemLook = serde_json::from_str(body.get()).ok()?;
        occurred_at = look.updated_at.and_then(|text| text.parse().ok());
        if let Some(repository) = look.base.and_then(|base| base.repo) {
            names.learn(repository);
        }
        match part {
            Part::PullRequest => snapshot.pull_request = Some(body),
            _ => snapshot.issue = Some(body),
        }
    }
    let repository_id = *names.0.get(repository)?;
    let requested_at = answer.date().unwrap_or(now);
    let payload = serde_json::to_vec(&snapshot).ok()?;
    let host = host_of(&exchange.uri);
    let event = Event {
        event_id: ids::answer_event_id(&host, path, requested_at, &payload),
        source: Source::Snapshot,
        kind: SnapshotKind::Item.name().to_owned(),
        action: None,
        host,
        owner: repository.split('/').next().map(str::to_owned),
        owner_id: None,
        repository: Some(repository.to_owned()),
        repository_id: Some(repository_id),
        number: Some(number),
        hook_target_id: None,
        occurred_at,
        first_delivered_at: None,
        requested_at: Some(requested_at),
        received_at: now,
        credential_kind: None,
        headers: BTreeMap::from([("gapless-recorded".to_owned(), "true".to_owned())]),
        payload_form: PayloadForm::Raw,
        payload,
    };
    Some((part, event))
}

/// What a path asks for: the part, the repository's full name and the item's number.
fn resource(path: &str) -> Option<(Part, &str, i64)> {
    let below = path.strip_prefix("/repos/")?;
    let name_end = below.match_indices('/').nth(1)?.0;
    let (repository, rest) = below.split_at(name_end);
    let segments: Vec<&str> = rest[1..].split('/').collect();
    let (part, number) = match segments[..] {
        ["pulls", number] => (Part::PullRequest, number),
        ["issues", number] => (Part::Issue, number),
        ["pulls", number, "reviews"] => (Part::Reviews, number),
        _ => return None,
    };
    Some((part, repository, number.parse().ok()?))
}

/// The host whose API an address belongs to.
fn host_of(uri: &str) -> String {
    let authority = uri.split('/').nth(2).unwrap_or_default();
    match authority {
        "" | "api.github.com" => PUBLIC_HOST.to_owned(),
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_single_items_are_taken() {
        let table = [
            ("/repos/o/r/pulls/7", Some((Part::PullRequest, "o/r", 7))),
            ("/repos/o/r/issues/8", Some((Part::Issue, "o/r", 8))),
            (
                "/repos/o/r/pulls/7/reviews",
                Some((Part::Reviews, "o/r", 7)),
            ),
            ("/repos/o/r/pulls/7/reviews?page=2", None),
            ("/repos/o/r/pulls", None),
            ("/repos/o/r/pulls/x", None),
            ("/repos/o/r/pulls/7/files", None),
            ("/repos/o/r", None),
            ("/orgs/o", None),
        ];
        for (path, expected) in table {
            assert_eq!(resource(path), expected, "{path}");
        }
    }

    #[test]
    fn a_host_is_told_by_its_api() {
        assert_eq!(host_of("https://api.github.com/repos/o/r"), "github.com");
        assert_eq!(
            host_of("https://GHES.example.com/api/v3/x"),
            "ghes.example.com"
        );
    }
}
