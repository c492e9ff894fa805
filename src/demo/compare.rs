//! Every figure beside the simulator's own truth.
//!
//! Both sides are written as names and values ("pull request 12/34 title" → text), the system's
//! from the views that dashboards read; what one side has and the other lacks is a difference too.

use crate::query::Reader;
use crate::system::Places;
use anyhow::{Context, Result};
use gapless_simulator::Truth;
use gapless_simulator::truth::ItemTruth;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Names of figures and their values; zeros and nothings are left out on both sides.
type Figures = BTreeMap<String, String>;

/// What came of the comparison.
pub(super) struct Compared {
    pub(super) figures: usize,
    /// Differing figures, in words.
    pub(super) wrong: Vec<String>,
    /// Share of known facts, 1 where nothing lacks.
    pub(super) completeness: f64,
}

/// Gaps of one detector.
#[derive(Deserialize)]
pub(super) struct DetectorGaps {
    pub(super) detector: String,
    pub(super) outcome: Option<String>,
    pub(super) gaps: u64,
}

pub(super) async fn with_truth(places: &Places, truth: &Truth) -> Result<Compared> {
    let reader = Reader::new(places)?;
    let ours = system_figures(&reader).await?;
    let theirs = truth_figures(truth);
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let wrong = names.iter().filter_map(|name| {
        let (ours, theirs) = (ours.get(*name), theirs.get(*name));
        let show = |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
        (ours != theirs).then(|| {
            format!(
                "{name}: Gapless says {}, the truth is {}",
                show(ours),
                show(theirs)
            )
        })
    });
    let wrong = wrong.collect();
    let completeness = reader
        .rows("SELECT sum(known) / sum(known + lacking) AS completeness FROM gapless.completeness")
        .await?
        .first()
        .and_then(|row| row["completeness"].as_f64())
        .unwrap_or(0.0);
    Ok(Compared {
        figures: names.len(),
        wrong,
        completeness,
    })
}

pub(super) async fn gaps(places: &Places) -> Result<Vec<DetectorGaps>> {
    let sql = "SELECT detector, outcome, toUInt32(count()) AS gaps FROM gapless.gaps \
               GROUP BY detector, outcome ORDER BY detector, outcome";
    let rows = Reader::new(places)?.rows(sql).await?;
    Ok(rows
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()?)
}

/// How many answers the fetcher appended, and on whose behalf.
#[derive(Debug, Deserialize)]
pub(super) struct Answers {
    /// Asked for by a gap.
    pub(super) to_gaps: u64,
    /// Asked for because nothing proved that an item's history was whole.
    pub(super) to_audits: u64,
}

pub(super) async fn answers(places: &Places) -> Result<Answers> {
    let sql = "WITH (SELECT groupArray(gap_id) FROM gapless.gaps) AS gap_ids \
               SELECT toUInt32(countIf(for_gap)) AS to_gaps, toUInt32(countIf(NOT for_gap)) AS to_audits \
               FROM (SELECT hasAny(gap_ids, splitByChar(',', headers['gapless-gaps'])) AS for_gap \
                     FROM gapless.events WHERE source = 'snapshot' AND kind = 'item')";
    let rows = Reader::new(places)?.rows(sql).await?;
    let row = rows.into_iter().next().context("a count has one row")?;
    Ok(serde_json::from_value(row)?)
}

async fn system_figures(reader: &Reader) -> Result<Figures> {
    let mut figures = Figures::new();
    let pull_requests = "SELECT repository_id, number, title, state, author, labels, assignees, toString(comments) AS comments, \
        toUnixTimestamp(created_at) AS created_at, toUnixTimestamp(closed_at) AS closed_at, \
        toString(draft) AS draft, toString(merged) AS merged, toUnixTimestamp(merged_at) AS merged_at, \
        base_ref, head_ref, head_sha, requested_reviewers, toString(additions) AS additions, \
        toString(deletions) AS deletions, toString(changed_files) AS changed_files, toString(commits) AS commits \
        FROM gapless.pull_requests";
    add_rows(
        &mut figures,
        "pull request",
        &["repository_id", "number"],
        reader.rows(pull_requests).await?,
    );
    let issues = "SELECT repository_id, number, title, state, author, labels, assignees, toString(comments) AS comments, \
        toUnixTimestamp(created_at) AS created_at, toUnixTimestamp(closed_at) AS closed_at FROM gapless.issues";
    add_rows(
        &mut figures,
        "issue",
        &["repository_id", "number"],
        reader.rows(issues).await?,
    );
    let repositories = "SELECT repository_id, repository AS full_name, toString(archived) AS archived, default_branch \
        FROM gapless.repositories";
    add_rows(
        &mut figures,
        "repository",
        &["repository_id"],
        reader.rows(repositories).await?,
    );
    let pull_requests_daily = "SELECT repository_id, toString(day) AS day, sum(opened) AS opened, sum(merged) AS merged, \
        sum(closed_unmerged) AS closed_unmerged, sum(reopened) AS reopened, sum(open_delta) AS open_delta \
        FROM gapless.pull_requests_daily GROUP BY repository_id, day";
    add_rows(
        &mut figures,
        "pull requests daily",
        &["repository_id", "day"],
        reader.rows(pull_requests_daily).await?,
    );
    let issues_daily = "SELECT repository_id, toString(day) AS day, sum(opened) AS opened, sum(closed) AS closed, \
        sum(reopened) AS reopened, sum(open_delta) AS open_delta FROM gapless.issues_daily GROUP BY repository_id, day";
    add_rows(
        &mut figures,
        "issues daily",
        &["repository_id", "day"],
        reader.rows(issues_daily).await?,
    );
    Ok(figures)
}

fn add_rows(figures: &mut Figures, what: &str, keys: &[&str], rows: Vec<Value>) {
    for row in rows {
        let Value::Object(fields) = row else { continue };
        let key: Vec<String> = keys.iter().map(|key| text(&fields[*key])).collect();
        let key = key.join("/");
        for (name, value) in fields
            .iter()
            .filter(|(name, _)| !keys.contains(&name.as_str()))
        {
            add(figures, what, &key, name, text(value));
        }
    }
}

fn add(figures: &mut Figures, what: &str, key: &str, name: &str, value: String) {
    if !matches!(value.as_str(), "" | "0" | "false") {
        figures.insert(format!("{what} {key} {name}"), value);
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn truth_figures(truth: &Truth) -> Figures {
    let mut figures = Figures::new();
    for pull in &truth.pull_requests {
        let key = add_item(&mut figures, "pull request", &pull.item);
        let mut reviewers = pull.requested_reviewers.clone();
        reviewers.sort_unstable();
        for (name, value) in [
            ("draft", pull.draft.to_string()),
            ("merged", pull.merged().to_string()),
            (
                "merged_at",
                pull.merged_at
                    .map(|at| at.as_seconds().to_string())
                    .unwrap_or_default(),
            ),
            ("base_ref", pull.base_ref.clone()),
            ("head_ref", pull.head_ref.clone()),
            ("head_sha", pull.head_sha.clone()),
            ("requested_reviewers", reviewers.join(",")),
            ("additions", pull.additions.to_string()),
            ("deletions", pull.deletions.to_string()),
            ("changed_files", pull.changed_files.to_string()),
            ("commits", pull.commits.to_string()),
        ] {
            add(&mut figures, "pull request", &key, name, value);
        }
    }
    for issue in &truth.issues {
        add_item(&mut figures, "issue", &issue.item);
    }
    for repository in &truth.repositories {
        let key = repository.id.to_string();
        add(
            &mut figures,
            "repository",
            &key,
            "full_name",
            repository.full_name.clone(),
        );
        add(
            &mut figures,
            "repository",
            &key,
            "archived",
            repository.archived.to_string(),
        );
        add(
            &mut figures,
            "repository",
            &key,
            "default_branch",
            repository.default_branch.clone(),
        );
    }
    for day in truth.pull_requests_daily() {
        let key = format!("{}/{}", day.repository_id, super::day_text(day.day));
        for (name, value) in [
            ("opened", day.opened.to_string()),
            ("merged", day.merged.to_string()),
            ("closed_unmerged", day.closed_unmerged.to_string()),
            ("reopened", day.reopened.to_string()),
            ("open_delta", day.open_delta.to_string()),
        ] {
            add(&mut figures, "pull requests daily", &key, name, value);
        }
    }
    for day in truth.issues_daily() {
        let key = format!("{}/{}", day.repository_id, super::day_text(day.day));
        for (name, value) in [
            ("opened", day.opened.to_string()),
            ("closed", day.closed.to_string()),
            ("reopened", day.reopened.to_string()),
            ("open_delta", day.open_delta.to_string()),
        ] {
            add(&mut figures, "issues daily", &key, name, value);
        }
    }
    figures
}

fn add_item(figures: &mut Figures, what: &str, item: &ItemTruth) -> String {
    let key = format!("{}/{}", item.repository_id, item.number);
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.join(",")
    };
    for (name, value) in [
        ("title", item.title.clone()),
        ("state", item.state.name().to_owned()),
        ("author", item.author.clone()),
        ("labels", sorted(&item.labels)),
        ("assignees", sorted(&item.assignees)),
        ("comments", item.comments.to_string()),
        ("created_at", item.created_at.as_seconds().to_string()),
        (
            "closed_at",
            item.closed_at
                .map(|at| at.as_seconds().to_string())
                .unwrap_or_default(),
        ),
    ] {
        add(figures, what, &key, name, value);
    }
    key
}
