//! Appends recorded API answers as snapshots.
//!
//! What is taken: answers with 200 to `GET /repos/{o}/{r}/pulls/{n}`, `/issues/{n}`, and
//! `/pulls/{n}/reviews` where one page holds them all; and every row of `/pulls` and `/issues`, of
//! whatever page and query. Each becomes an item snapshot of which only that part is present; one
//! that tells no timeline proves nothing about history, and a page of a listing nothing about what
//! it lacks.
//!
//! **Time.** A recording tells no request times. Where an answer's `Date` was recorded, it is
//! taken; else nobody knows when it was asked for, and the event says so. Such an answer counts
//! least ([`Event::as_of`]): it settles no second, and of one `updated_at` whatever is dated wins;
//! among its like the last recorded does. To keep their order they are received a millisecond
//! apart.
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
                let told = snapshots(exchange, &mut names, now);
                report.left_out += u64::from(told.is_empty());
                for (part, event) in told {
                    last = event.received_at;
                    log.append(event).await?;
                    *match part {
                        Part::PullRequest => &mut report.pull_requests,
                        Part::Issue => &mut report.issues,
                        Part::Reviews => &mut report.reviews,
                    } += 1;
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
    number: i64,
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

/// The events of an exchange that tells something of items, received a millisecond apart from `now`
/// on: one, or one for each row of a listing.
fn snapshots(exchange: Exchange, names: &mut Names, now: Timestamp) -> Vec<(Part, Event)> {
    if exchange.method != "GET" || exchange.status != 200 {
        return Vec::new();
    }
    let resource = path_of(&exchange.uri).and_then(resource);
    let (Some(resource), Some(body)) = (resource, exchange.body) else {
        return Vec::new();
    };
    let answer = Answer {
        headers: exchange.headers,
        ..Answer::default()
    };
    let told: Vec<Told> = match resource.number {
        Some(number) if resource.part == Part::Reviews => {
            let is_whole = answer.header("link").is_none();
            let reviews = serde_json::from_str(body.get()).ok();
            let told = reviews.filter(|_| is_whole).map(|reviews| Told {
                number,
                occurred_at: None,
                snapshot: ItemSnapshot {
                    reviews: Some(reviews),
                    ..nothing()
                },
            });
            told.into_iter().collect()
        }
        Some(_) => Told::of(resource.part, body, names).into_iter().collect(),
        None => {
            let rows: Vec<Box<RawValue>> = serde_json::from_str(body.get()).unwrap_or_default();
            let rows = rows.into_iter();
            rows.filter_map(|row| Told::of(resource.part, row, names))
                .collect()
        }
    };
    let Some(&repository_id) = names.0.get(resource.repository) else {
        return Vec::new();
    };
    let host = host_of(&exchange.uri);
    let requested_at = answer.date();
    let events = told.into_iter().zip(0..).filter_map(|(told, place)| {
        let received_at = now.plus_millis(place);
        let payload = serde_json::to_vec(&told.snapshot).ok()?;
        let path = format!("{}#{}", resource.path, told.number);
        let asked_at = requested_at.unwrap_or(received_at);
        let event = Event {
            event_id: ids::answer_event_id(&host, &path, asked_at, &payload),
            source: Source::Snapshot,
            kind: SnapshotKind::Item.name().to_owned(),
            action: None,
            host: host.clone(),
            owner: resource.repository.split('/').next().map(str::to_owned),
            owner_id: None,
            repository: Some(resource.repository.to_owned()),
            repository_id: Some(repository_id),
            number: Some(told.number),
            hook_target_id: None,
            occurred_at: told.occurred_at,
            first_delivered_at: None,
            requested_at,
            received_at,
            credential_kind: None,
            headers: BTreeMap::from([("gapless-recorded".to_owned(), "true".to_owned())]),
            payload_form: PayloadForm::Raw,
            payload,
        };
        Some((resource.part, event))
    });
    events.collect()
}

/// What an answer, or a row of one, tells of an item.
struct Told {
    number: i64,
    occurred_at: Option<Timestamp>,
    snapshot: ItemSnapshot,
}

/// A snapshot of which no part is present.
const fn nothing() -> ItemSnapshot {
    ItemSnapshot {
        status: 200,
        location: None,
        issue: None,
        pull_request: None,
        reviews: None,
        timeline: None,
    }
}

impl Told {
    /// What the object of a pull request or issue tells; nothing where it does not say which.
    fn of(part: Part, object: Box<RawValue>, names: &mut Names) -> Option<Self> {
        let look: ItemLook = serde_json::from_str(object.get()).ok()?;
        if let Some(repository) = look.base.and_then(|base| base.repo) {
            names.learn(repository);
        }
        let mut snapshot = nothing();
        match part {
            Part::PullRequest => snapshot.pull_request = Some(object),
            Part::Issue | Part::Reviews => snapshot.issue = Some(object),
        }
        Some(Self {
            number: look.number,
            occurred_at: look.updated_at.and_then(|text| text.parse().ok()),
            snapshot,
        })
    }
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
struct Resource<'a> {
    path: &'a str,
    part: Part,
    /// The repository's full name.
    repository: &'a str,
    /// The item's number; none: a listing.
    number: Option<i64>,
}

fn resource(path: &str) -> Option<Resource<'_>> {
    let below = path.strip_prefix("/repos/")?;
    let name_end = below.match_indices('/').nth(1)?.0;
    let (repository, rest) = below.split_at(name_end);
    let segments: Vec<&str> = rest[1..].split('/').collect();
    let (part, number) = match segments[..] {
        ["pulls", number] => (Part::PullRequest, Some(number)),
        ["issues", number] => (Part::Issue, Some(number)),
        ["pulls", number, "reviews"] => (Part::Reviews, Some(number)),
        [list] => match list.split('?').next()? {
            "pulls" => (Part::PullRequest, None),
            "issues" => (Part::Issue, None),
            _ => return None,
        },
        _ => return None,
    };
    let number = number.map(str::parse).transpose().ok()?;
    Some(Resource {
        path,
        part,
        repository,
        number,
    })
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
    fn only_paths_of_items_are_taken() {
        let table = [
            ("/repos/o/r/pulls/7", Some((Part::PullRequest, Some(7)))),
            ("/repos/o/r/issues/8", Some((Part::Issue, Some(8)))),
            ("/repos/o/r/pulls/7/reviews", Some((Part::Reviews, Some(7)))),
            ("/repos/o/r/pulls/7/reviews?page=2", None),
            ("/repos/o/r/pulls", Some((Part::PullRequest, None))),
            (
                "/repos/o/r/pulls?state=all&page=2",
                Some((Part::PullRequest, None)),
            ),
            ("/repos/o/r/issues?state=all", Some((Part::Issue, None))),
            ("/repos/o/r/pulls/x", None),
            ("/repos/o/r/pulls/7/files", None),
            ("/repos/o/r/labels", None),
            ("/repos/o/r", None),
            ("/orgs/o", None),
        ];
        for (path, expected) in table {
            let found = resource(path);
            if let Some(found) = &found {
                assert_eq!(found.repository, "o/r", "{path}");
            }
            let found = found.map(|found| (found.part, found.number));
            assert_eq!(found, expected, "{path}");
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
