//! Every figure beside the simulator's own truth.
//!
//! The views that dashboards read, row by row and column by column: a row that one side has and the
//! other lacks is a difference too, and NULL is neither 0 nor false nor an empty text. What is not
//! compared stands in [`EXCLUDED`]; and of open items, `open_seconds` counts until now. What the
//! simulated world never changes (a lock) is compared, but that proves little. Whose something was is
//! unknown on both sides where the account was deleted before anything received showed it
//! ([`Truth::know_only`]).

mod rows;

use crate::query::Reader;
use crate::system::Places;
use anyhow::{Context, Result};
use gapless_engine::kafka::Access;
use gapless_projections::catalogue::VIEWS;
use gapless_projections::table::{Column, Type};
use gapless_simulator::truth::Received;
use gapless_simulator::{Oddity, Truth};
use rows::{Row, Shown, shown};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Columns that are not compared, whichever view has them, and why.
const EXCLUDED: [(&[&str], &str); 4] = [
    (
        &["version", "topic", "partition", "offset"],
        "where the row was made of, which is no fact of GitHub's",
    ),
    (
        &["first_seen_at", "listed_until"],
        "when Gapless looked, which is no fact of GitHub's",
    ),
    (
        &["html_url"],
        "items of a renamed repository keep the address that they were last shown with, and GitHub redirects it",
    ),
    (
        &["head_changes", "review_cycles"],
        "of a push whose delivery was lost, GitHub tells the commits but not when they became the head",
    ),
];

/// What came of the comparison.
pub(super) struct Compared {
    pub(super) figures: usize,
    /// Authors and reviewers whom nobody can know.
    pub(super) unknown: usize,
    /// Differing figures, in words.
    pub(super) wrong: Vec<String>,
    /// Share of known facts, 1 where nothing lacks.
    pub(super) completeness: f64,
    /// How often the simulated GitHub did what it does now and then.
    pub(super) oddities: BTreeMap<Oddity, usize>,
}

/// Gaps of one detector.
#[derive(Deserialize)]
pub(super) struct DetectorGaps {
    pub(super) detector: String,
    pub(super) outcome: Option<String>,
    pub(super) gaps: u64,
}

pub(super) async fn with_truth(
    places: &Places,
    access: &Access,
    mut truth: Truth,
) -> Result<Compared> {
    let reader = Reader::new(places)?;
    let unknown = truth.know_only(&received(access, &truth.gone()).await?);
    let mut compared = Compared {
        figures: 0,
        unknown,
        wrong: Vec::new(),
        completeness: reader
            .rows("SELECT sum(known) / sum(known + lacking) AS completeness FROM gapless.completeness")
            .await?
            .first()
            .and_then(|row| row["completeness"].as_f64())
            .unwrap_or(0.0),
        oddities: truth.oddities.clone(),
    };
    for shown in shown(&truth) {
        let columns = compared_columns(shown.view);
        let ours = reader.rows(&query(shown.view, &columns)).await?;
        let ours = ours.into_iter().filter_map(|row| match row {
            Value::Object(row) => Some(row),
            _ => None,
        });
        compared.add(shown, &columns, ours.collect());
    }
    Ok(compared)
}

/// What was received with accounts that are gone by now: whose something of theirs was may be known to
/// nobody.
async fn received(access: &Access, gone: &BTreeSet<u64>) -> Result<Received> {
    if gone.is_empty() {
        return Ok(Received::default());
    }
    let ids: Vec<String> = gone.iter().map(u64::to_string).collect();
    let access = access.clone();
    let read = move || {
        let mut received = Received::default();
        access.each_event(|event| {
            let text = std::str::from_utf8(&event.payload).unwrap_or_default();
            let id = event.repository_id.and_then(|id| u64::try_from(id).ok());
            if let Some(repository_id) = id
                && ids.iter().any(|id| text.contains(id))
                && let Ok(payload) = serde_json::from_str(text)
            {
                received.read(repository_id, &payload);
            }
        })?;
        Ok(received)
    };
    tokio::task::spawn_blocking(read).await?
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

impl Compared {
    fn add(&mut self, shown: Shown, columns: &[Column], ours: Vec<Row>) {
        let (ours, theirs) = (by_key(shown.key, ours), by_key(shown.key, shown.rows));
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let columns = columns.iter().map(|column| column.name);
        let names: Vec<&str> = columns.filter(|name| !shown.key.contains(name)).collect();
        for (key, name) in keys
            .iter()
            .flat_map(|key| names.iter().map(move |name| (*key, *name)))
        {
            let ours = ours.get(key).and_then(|row| row.get(name));
            let theirs = theirs.get(key).and_then(|row| row.get(name));
            self.figures += 1;
            if ours != theirs {
                let (view, ours, theirs) = (shown.view, told(ours), told(theirs));
                self.wrong.push(format!(
                    "{view} {key} {name}: Gapless says {ours}, the truth is {theirs}"
                ));
            }
        }
    }
}

/// Rows under their keys; a second one of a key is a row of its own, which the truth never has.
fn by_key(key: &[&str], rows: Vec<Row>) -> BTreeMap<String, Row> {
    let mut found = BTreeMap::new();
    for row in rows {
        let parts: Vec<String> = key.iter().map(|name| told(row.get(*name))).collect();
        let mut key = parts.join("/");
        while found.contains_key(&key) {
            key.push_str(" again");
        }
        found.insert(key, row);
    }
    found
}

fn told(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// The columns of a view but the excluded ones.
fn compared_columns(view: &str) -> Vec<Column> {
    let view = VIEWS.iter().find(|known| known.name() == view);
    let mut columns = view.map(|view| view.columns()).unwrap_or_default();
    columns.retain(|column| {
        !EXCLUDED
            .iter()
            .any(|(names, _)| names.contains(&column.name))
    });
    columns
}

fn query(view: &str, columns: &[Column]) -> String {
    let columns = columns.iter().map(|column| {
        let name = column.name;
        match column.ty {
            Type::Time | Type::Nullable(&Type::Time) => {
                format!("toUnixTimestamp64Milli(v.{name}) AS {name}")
            }
            Type::Percentiles => format!("finalizeAggregation(v.{name}) AS {name}"),
            // Until now while it is open: then there is nothing to compare it with.
            _ if name == "open_seconds" => {
                format!("if(v.state = 'open', NULL, v.{name}) AS {name}")
            }
            _ => format!("v.{name}"),
        }
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    format!("SELECT {columns} FROM gapless.{view} AS v")
}

#[cfg(test)]
mod tests {
    use super::rows::row;
    use super::*;
    use gapless_simulator::{Options, World};

    #[test]
    fn a_column_of_a_compared_view_is_compared_or_excluded_with_its_reason() {
        let mut world = World::new(Options {
            repositories: 2,
            changes: 300,
            ..Options::default()
        });
        while world.step().is_some() {}
        let mut known = BTreeSet::new();
        for shown in shown(&world.truth()) {
            let view = VIEWS.iter().find(|view| view.name() == shown.view).unwrap();
            known.extend(view.columns().iter().map(|column| column.name));
            let columns = compared_columns(shown.view);
            let columns: BTreeSet<&str> = columns.iter().map(|column| column.name).collect();
            assert!(!shown.rows.is_empty(), "{}", shown.view);
            for row in &shown.rows {
                let told: BTreeSet<&str> = row.keys().map(String::as_str).collect();
                assert_eq!(told, columns, "{}", shown.view);
            }
        }
        for name in EXCLUDED.iter().flat_map(|(names, _)| *names) {
            assert!(
                known.contains(name),
                "{name} is no column of a compared view"
            );
        }
    }

    #[test]
    fn null_differs_from_nothing_zero_and_false() {
        let mut columns = compared_columns("repositories");
        columns.retain(|column| ["repository_id", "private"].contains(&column.name));
        let one = |private: Value| vec![row([("repository_id", 1.into()), ("private", private)])];
        for (what, ours, wrong) in [
            ("the same", one(Value::Null), 0),
            ("false", one(false.into()), 1),
            ("0", one(0.into()), 1),
            ("an empty text", one("".into()), 1),
            ("no row", Vec::new(), 1),
            (
                "a row twice",
                [one(Value::Null), one(Value::Null)].concat(),
                1,
            ),
        ] {
            let shown = Shown {
                view: "repositories",
                key: &["repository_id"],
                rows: one(Value::Null),
            };
            let mut compared = Compared {
                figures: 0,
                unknown: 0,
                wrong: Vec::new(),
                completeness: 1.0,
                oddities: BTreeMap::new(),
            };
            compared.add(shown, &columns, ours);
            assert_eq!(compared.wrong.len(), wrong, "{what}");
        }
    }
}
