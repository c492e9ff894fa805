//! What the views must show: the simulator's truth, in their columns.

use gapless_ingest::PUBLIC_HOST;
use gapless_schemas::Timestamp;
use gapless_simulator::Truth;
use gapless_simulator::truth::{DayKey, IssueTruth, ItemTruth, PullRequestTruth, RepositoryTruth};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A row of a view by column, as the truth has it.
pub(super) type Row = Map<String, Value>;

/// What a view must show.
pub(super) struct Shown {
    pub(super) view: &'static str,
    /// The columns that tell one row from another.
    pub(super) key: &'static [&'static str],
    pub(super) rows: Vec<Row>,
}

/// What the compared views must show, all but their excluded columns.
pub(super) fn shown(truth: &Truth) -> [Shown; 5] {
    let repositories: BTreeMap<u64, &RepositoryTruth> =
        truth.repositories.iter().map(|it| (it.id, it)).collect();
    let item_key = &["repository_id", "number"];
    let day_key = &["repository_id", "day", "author", "author_is_bot"];
    let day = |key: &DayKey, counts: Vec<(&'static str, i64)>, durations: &[Durations<'_>]| {
        let mut row = day_row(key, repositories[&key.repository_id]);
        row.extend(
            counts
                .into_iter()
                .map(|(name, count)| (name.to_owned(), count.into())),
        );
        for (count, seconds, all) in durations {
            row.insert((*count).to_owned(), all.len().into());
            row.insert((*seconds).to_owned(), percentiles(all));
        }
        row
    };
    [
        Shown {
            view: "repositories",
            key: &["repository_id"],
            rows: truth.repositories.iter().map(repository_row).collect(),
        },
        Shown {
            view: "pull_requests",
            key: item_key,
            rows: (truth.pull_requests.iter())
                .map(|pull| pull_request_row(pull, repositories[&pull.item.repository_id]))
                .collect(),
        },
        Shown {
            view: "issues",
            key: item_key,
            rows: (truth.issues.iter())
                .map(|issue| issue_row(issue, repositories[&issue.item.repository_id]))
                .collect(),
        },
        Shown {
            view: "pull_requests_daily",
            key: day_key,
            rows: (truth.pull_requests_daily().iter())
                .map(|(key, row)| day(key, row.counts(), &row.durations()))
                .collect(),
        },
        Shown {
            view: "issues_daily",
            key: day_key,
            rows: (truth.issues_daily().iter())
                .map(|(key, row)| day(key, row.counts(), &row.durations()))
                .collect(),
        },
    ]
}

pub(super) fn row<const N: usize>(columns: [(&str, Value); N]) -> Row {
    let columns = columns.into_iter();
    columns
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn repository_row(repository: &RepositoryTruth) -> Row {
    let former = repository.former_names.iter();
    let names: BTreeSet<String> = former
        .map(|name| format!("{}/{name}", repository.owner))
        .chain([repository.full_name.clone()])
        .collect();
    row([
        ("host", PUBLIC_HOST.into()),
        ("repository_id", repository.id.into()),
        ("repository", repository.full_name.clone().into()),
        ("owner", repository.owner.clone().into()),
        ("owner_id", repository.owner_id.into()),
        ("private", (repository.visibility == "private").into()),
        ("archived", repository.archived.into()),
        // The simulated organisation forks nothing, and restores what it deleted.
        ("fork", false.into()),
        ("presence", "alive".into()),
        ("default_branch", repository.default_branch.clone().into()),
        ("created_at", time(repository.created_at)),
        ("names", list(names)),
    ])
}

fn item_row(item: &ItemTruth, repository: &RepositoryTruth) -> Row {
    row([
        ("host", PUBLIC_HOST.into()),
        ("repository_id", item.repository_id.into()),
        ("repository", repository.full_name.clone().into()),
        ("owner", repository.owner.clone().into()),
        ("owner_id", repository.owner_id.into()),
        (
            "repository_private",
            (repository.visibility == "private").into(),
        ),
        ("repository_presence", "alive".into()),
        ("number", item.number.into()),
        ("title", item.title.clone().into()),
        ("state", item.state.name().into()),
        ("author", item.author.clone().into()),
        (
            "author_id",
            Some(item.author_id).filter(|id| *id != 0).into(),
        ),
        ("author_is_bot", item.author_is_bot.into()),
        ("labels", list(&item.labels)),
        ("assignees", list(&item.assignees)),
        // Nothing is out of sight in the end, or locked, in the simulated organisation.
        ("presence", "alive".into()),
        ("milestone", item.milestone.clone().into()),
        ("locked", false.into()),
        ("comments", item.comments.into()),
        ("created_at", item.known_created_at().map(time).into()),
        ("updated_at", time(item.updated_at)),
        ("closed_at", item.closed_at.map(time).into()),
        ("closed_count", item.closed_count().into()),
        ("reopened_count", item.reopened_count().into()),
        ("open_seconds", item.open_seconds().into()),
    ])
}

fn pull_request_row(pull: &PullRequestTruth, repository: &RepositoryTruth) -> Row {
    let mut columns = item_row(&pull.item, repository);
    columns.extend(row([
        ("pull_request_id", pull.id.into()),
        ("draft", pull.draft.into()),
        ("merged", pull.merged().into()),
        ("merged_by", pull.merged_by.clone().into()),
        ("merged_by_id", pull.merged_by_id.into()),
        ("base_ref", pull.base_ref.clone().into()),
        ("head_ref", pull.head_ref.clone().into()),
        ("head_sha", pull.head_sha.clone().into()),
        ("requested_reviewers", list(&pull.requested_reviewers)),
        ("requested_teams", list(&pull.requested_teams)),
        ("merged_at", pull.merged_at.map(time).into()),
        ("first_commit_at", pull.first_commit_at.map(time).into()),
        ("additions", pull.additions.into()),
        ("deletions", pull.deletions.into()),
        ("changed_files", pull.changed_files.into()),
        ("commits", pull.commits.into()),
        // Nobody comments on a diff in the simulated organisation.
        ("review_comments", 0.into()),
        ("outcome", pull.outcome().into()),
        ("size", pull.size().into()),
        ("lines", pull.lines().into()),
        ("ready_at", pull.ready_at().map(time).into()),
        ("first_review_at", pull.first_review_at().map(time).into()),
        (
            "first_approved_at",
            pull.first_approved_at().map(time).into(),
        ),
        ("last_approved_at", pull.last_approved_at().map(time).into()),
        ("coding_seconds", pull.coding_seconds().into()),
        ("pickup_seconds", pull.pickup_seconds().into()),
        ("rework_seconds", pull.rework_seconds().into()),
        ("merge_seconds", pull.merge_seconds().into()),
        ("cycle_seconds", pull.cycle_seconds().into()),
        ("review_count", pull.review_count().into()),
        ("reviewers", list(pull.reviewers())),
        ("review_decision", pull.review_decision().into()),
        ("waiting_for", pull.waiting_for().into()),
        ("waiting_since", day(pull.waiting_since())),
    ]));
    columns
}

fn issue_row(issue: &IssueTruth, repository: &RepositoryTruth) -> Row {
    let mut columns = item_row(&issue.item, repository);
    columns.extend(row([
        ("issue_id", issue.id.into()),
        ("state_reason", issue.state_reason.into()),
        ("close_seconds", issue.close_seconds().into()),
        ("waiting_since", day(issue.waiting_since())),
    ]));
    columns
}

fn day_row(key: &DayKey, repository: &RepositoryTruth) -> Row {
    row([
        ("host", PUBLIC_HOST.into()),
        ("repository_id", key.repository_id.into()),
        ("day", crate::demo::day_text(key.day).into()),
        ("author", key.author.clone().into()),
        ("author_is_bot", key.author_is_bot.into()),
        ("repository", repository.full_name.clone().into()),
        ("owner", repository.owner.clone().into()),
        ("repository_presence", "alive".into()),
    ])
}

fn day(day: Option<i32>) -> Value {
    day.map(crate::demo::day_text).into()
}

fn time(at: Timestamp) -> Value {
    at.as_millis().into()
}

fn list<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Value {
    let values = values.into_iter();
    values.map(|value| Value::String(value.into())).collect()
}

/// The name of their count, their own name, and durations.
type Durations<'a> = (&'static str, &'static str, &'a [i64]);

/// What ClickHouse's `quantilesBFloat16(0.5, 0.75, 0.9, 0.95)` says of durations: the one at each
/// level, to the eight digits that a `BFloat16` has.
fn percentiles(durations: &[i64]) -> Value {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let at = |level: f64| {
        let place = (level * sorted.len() as f64).ceil() as usize;
        let duration = sorted.get(place.checked_sub(1)?)?;
        let bits = (*duration as f32).to_bits() & 0xffff_0000;
        Some(f32::from_bits(bits) as i64)
    };
    [0.5, 0.75, 0.9, 0.95].map(at).into_iter().collect()
}
