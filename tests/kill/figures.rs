//! Every figure, as the views tell it, without what may differ between two right runs: versions,
//! offsets, receipt times, what grows while time passes, and how many gaps came and went.
//!
//! Whether GitHub is asked about an item is a matter of time too: a question that the next delivery
//! settles within its grace is never asked. So what only an answer tells is left out: an item's
//! address after its repository was renamed, and when its first commit was made, with the times that
//! begin there.

use crate::poster::is_tick;
use crate::process::Gapless;
use std::collections::{BTreeMap, BTreeSet};

/// What is compared: a name, the length of the rows' key, and a query whose rows begin with it.
const QUERIES: &[(&str, usize, &str)] = &[
    (
        "pull request",
        2,
        "SELECT repository_id, number, * EXCEPT (version, topic, partition, offset, open_seconds, html_url, \
         first_commit_at, coding_seconds, cycle_seconds) FROM gapless.pull_requests",
    ),
    (
        "issue",
        2,
        "SELECT repository_id, number, * EXCEPT (version, topic, partition, offset, open_seconds, html_url) \
         FROM gapless.issues",
    ),
    (
        "repository",
        1,
        "SELECT repository_id, * EXCEPT (version, topic, partition, offset, first_seen_at) \
         FROM gapless.repositories",
    ),
    (
        "pull requests daily",
        4,
        "SELECT repository_id, day, author, author_is_bot, * EXCEPT (version, coding_count, coding_seconds, \
         cycle_count, cycle_seconds) \
         REPLACE (finalizeAggregation(pickup_seconds) AS pickup_seconds, \
         finalizeAggregation(rework_seconds) AS rework_seconds, \
         finalizeAggregation(merge_seconds) AS merge_seconds) \
         FROM gapless.pull_requests_daily",
    ),
    (
        "issues daily",
        4,
        "SELECT repository_id, day, author, author_is_bot, * EXCEPT (version) \
         REPLACE (finalizeAggregation(close_seconds) AS close_seconds) FROM gapless.issues_daily",
    ),
    (
        "completeness",
        2,
        "SELECT repository_id, day, existing_numbers, accounted_numbers, missing_numbers, \
         gaps_open, lacking, completeness FROM gapless.completeness WHERE existing_numbers > 0",
    ),
    (
        "event",
        1,
        "SELECT event_id, count() AS rows, delivery_id, kind, action, repository_id, number, \
         occurred_at, payload_bytes, sipHash64(payload) AS payload_hash FROM gapless.events \
         WHERE source = 'webhook' AND kind != 'watch' GROUP BY ALL",
    ),
];

const DELIVERIES: &str = "SELECT assumeNotNull(delivery_id) AS delivery_id, count() AS rows \
     FROM gapless.events WHERE source = 'webhook' GROUP BY delivery_id FORMAT TSV";

/// Differences told at most.
const TOLD: usize = 20;

pub(crate) struct Figures {
    /// Names and values.
    all: BTreeMap<String, String>,
    /// GUIDs of webhook deliveries, each with its rows.
    deliveries: BTreeMap<String, u64>,
}

/// Reads all of them; why not, where it cannot.
pub(crate) async fn read(gapless: &Gapless) -> Result<Figures, String> {
    let places = gapless.places();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let query = async |sql: &str| {
        let text = |name: &str| places[name].as_str().unwrap_or_default().to_owned();
        let request = client
            .post(text("clickhouse_url"))
            .header("X-ClickHouse-User", text("reader_user"))
            .header("X-ClickHouse-Key", text("reader_password"))
            .body(sql.to_owned());
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let is_good = answer.status().is_success();
        let body = answer.text().await.map_err(|error| error.to_string())?;
        if is_good { Ok(body) } else { Err(body) }
    };
    let mut all = BTreeMap::new();
    for (name, key_columns, sql) in QUERIES {
        let rows = query(&format!("{sql} FORMAT JSONCompactStringsEachRowWithNames")).await?;
        let rows = rows.lines().map(serde_json::from_str);
        let mut rows = rows.map(|row| row.map_err(|error: serde_json::Error| error.to_string()));
        let names: Vec<String> = rows.next().ok_or("no names of columns")??;
        for row in rows {
            let cells: Vec<String> = row?;
            let key = cells[..*key_columns].join("/");
            for (column, value) in names.iter().zip(cells).skip(*key_columns) {
                all.insert(format!("{name} {key} {column}"), value);
            }
        }
    }
    let deliveries = query(DELIVERIES).await?;
    let deliveries = deliveries.lines().filter_map(|line| {
        let (guid, rows) = line.split_once('\t')?;
        Some((guid.to_owned(), rows.parse().ok()?))
    });
    Ok(Figures {
        all,
        deliveries: deliveries.collect(),
    })
}

impl Figures {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Figures that are not as `expected`, in words.
    pub(crate) fn unlike(&self, expected: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.all.keys().chain(expected.all.keys()).collect();
        let unlike = names.into_iter().filter_map(|name| {
            let (ours, theirs) = (self.all.get(name), expected.all.get(name));
            (ours != theirs).then(|| format!("{name}: {ours:?}, and {theirs:?} undisturbed"))
        });
        unlike.take(TOLD).collect()
    }

    /// Acknowledged deliveries that are not there exactly once, and others that are there.
    pub(crate) fn unlike_acknowledged(&self, acknowledged: &BTreeSet<String>) -> Vec<String> {
        let lost = acknowledged
            .iter()
            .filter(|guid| self.deliveries.get(*guid) != Some(&1))
            .map(|guid| {
                format!(
                    "{guid} was acknowledged and is there {:?} times",
                    self.deliveries.get(guid)
                )
            });
        // A tick may be in the log although its acknowledgement was lost: it is not sent again.
        let unasked = self
            .deliveries
            .keys()
            .filter(|guid| !acknowledged.contains(*guid) && !is_tick(guid))
            .map(|guid| format!("{guid} is there, and was never acknowledged"));
        lost.chain(unasked).take(TOLD).collect()
    }
}
