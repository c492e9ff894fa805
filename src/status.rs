//! `gapless status`: how complete the figures are, what is missing, and how far behind.
//!
//! It is asked when something is wrong, so a part that does not answer is one more trouble, and what
//! that part would have told is missing.

use crate::dlq;
use crate::output::say;
use crate::query::Reader;
use crate::settings::DataDirFlags;
use crate::system::{Report, RunFile};
use anyhow::{Context, Result};
use clap::Args;
use gapless_engine::kafka::dead_letters;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::time::Duration;

/// Shows the state of a running Gapless; exits with 1 where a part cannot do its work.
#[derive(Args, Debug)]
pub(crate) struct StatusCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: DataDirFlags,
}

/// What there is to say.
#[derive(Serialize)]
struct Status {
    data_dir: String,
    webhook: String,
    page: String,
    /// Why some part cannot do its work, a sentence each.
    troubles: Vec<String>,
    #[serde(flatten)]
    figures: Figures,
    #[serde(flatten)]
    log: Log,
    /// Attempts to fetch that GitHub denied since the start: they go on until the token, or its
    /// rights, are mended.
    denied_fetches: Option<u64>,
}

/// What ClickHouse tells; nothing where it does not answer.
#[derive(Default, Serialize)]
struct Figures {
    /// Share of known facts, over all repositories; none before anything is known.
    completeness: Option<f64>,
    repositories: Option<Vec<RepositoryStatus>>,
    open_gaps: Option<Vec<OpenGaps>>,
    gaps_opened: Option<u64>,
    gaps_closed: Option<u64>,
    freshness: Option<Freshness>,
}

/// What the log tells; nothing where it does not answer.
#[derive(Default, Serialize)]
struct Log {
    /// Events that the processors have not joined and committed.
    processors_lag: Option<u64>,
    /// Records that are not yet stored with their figures.
    projections_lag: Option<u64>,
    /// Dead letters that nobody has handled.
    dead_letters: Option<usize>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The operator's port answers this from memory.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
struct RepositoryStatus {
    host: String,
    repository: String,
    completeness: f64,
    completeness_30_days: f64,
    lacking: i64,
    open_gaps: i64,
}

#[derive(Serialize, Deserialize)]
struct OpenGaps {
    detector: String,
    gaps: u64,
    oldest_seconds: i64,
}

#[derive(Serialize, Deserialize)]
struct Freshness {
    /// When the last event was received, by the clock that its Gapless goes by (a demo's is
    /// simulated); none before the first.
    last_event_received_at: Option<String>,
    /// Seconds since the last row of events was written, by ClickHouse's clock.
    last_event_stored_seconds_ago: Option<i64>,
    /// Accepted → row visible, of the last hour's webhooks, but for rows that were written again; none
    /// where there were none.
    p50_seconds: Option<f64>,
    p99_seconds: Option<f64>,
}

const REPOSITORIES: &str = "SELECT host, \
    if(name = '', concat('id ', toString(repository_id)), name) AS repository, \
    if(f = 0, 1., k / f) AS completeness, if(f_30 = 0, 1., k_30 / f_30) AS completeness_30_days, \
    toInt64(l) AS lacking, toInt64(g) AS open_gaps FROM \
    (SELECT host, repository_id, any(repository) AS name, \
     sum(known) AS k, sum(lacking) AS l, k + l AS f, sumIf(known, day > today() - 30) AS k_30, \
     k_30 + sumIf(lacking, day > today() - 30) AS f_30, sum(gaps_open) AS g \
     FROM gapless.completeness GROUP BY host, repository_id) ORDER BY completeness, repository";

const OPEN_GAPS: &str = "SELECT detector, toUInt32(count()) AS gaps, \
    toInt64(max(age_seconds)) AS oldest_seconds FROM gapless.gaps WHERE is_open \
    GROUP BY detector ORDER BY oldest_seconds DESC";

const TOTALS: &str = "SELECT toUInt32(count()) AS opened, toUInt32(countIf(NOT is_open)) AS closed, \
    (SELECT if(sum(known + lacking) = 0, NULL, sum(known) / sum(known + lacking)) \
     FROM gapless.completeness) AS completeness FROM gapless.gaps";

const FRESHNESS: &str = "SELECT if(count() = 0, NULL, formatDateTime(max(received_at), '%F %T', 'UTC')) \
    AS last_event_received_at, \
    if(count() = 0, NULL, dateDiff('second', max(stored_at), now64(3))) \
    AS last_event_stored_seconds_ago, \
    quantileIf(0.5)(seconds, is_recent) AS p50, quantileIf(0.99)(seconds, is_recent) AS p99, \
    if(isNaN(p50), NULL, p50) AS p50_seconds, if(isNaN(p99), NULL, p99) AS p99_seconds FROM \
    (SELECT received_at, stored_at, dateDiff('millisecond', received_at, stored_at) / 1000 AS seconds, \
     source = 'webhook' AND received_at > now64(3) - INTERVAL 1 HOUR AND stored_at > \
     (SELECT ifNull(max(if(is_rebuilding, now64(3), ended_at)), toDateTime64(0, 3)) FROM gapless.rebuilds \
     WHERE table = 'events') AS is_recent FROM gapless.events)";

impl StatusCommand {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let data_dir = self.place.data_dir()?;
        let run = RunFile::find(&data_dir).await?;
        let status = read(&run, data_dir.display().to_string()).await;
        if self.json {
            say!("{}", serde_json::to_string_pretty(&status)?);
        } else {
            print(&status);
        }
        Ok(if status.troubles.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

async fn read(run: &RunFile, data_dir: String) -> Status {
    let page = format!("http://{}", run.operator_url_address());
    let (health, figures, log) = tokio::join!(health(&page), figures(run), log(run));
    let mut failures = Vec::new();
    let denied_fetches = health.as_ref().ok().map(|health| health.denied_fetches);
    let health = told(health, &mut failures);
    let figures = told(figures, &mut failures);
    let mut log = told(log, &mut failures);
    // Where Kafka does not answer: what the projections knew last.
    log.projections_lag = log.projections_lag.or(health.projections_lag);
    // The group's offset stays where it is while lost states are read again: they know how far they are.
    log.processors_lag = log.processors_lag.max(health.processors_lag);
    Status {
        data_dir,
        webhook: run.webhook_url(),
        troubles: [health.troubles, failures].concat(),
        figures,
        log,
        denied_fetches,
        page,
    }
}

/// What a part tells, or why it does not, as one of `failures`.
fn told<T: Default>(part: Result<T>, failures: &mut Vec<String>) -> T {
    part.unwrap_or_else(|error| {
        failures.push(crate::sentence(&error));
        T::default()
    })
}

async fn health(page: &str) -> Result<Report> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .build()?;
    let asked = async {
        let answer = client.get(format!("{page}/health")).send().await?;
        answer.error_for_status()?.json().await
    };
    asked.await.context("the operator's port does not answer")
}

async fn log(run: &RunFile) -> Result<Log> {
    let access = dlq::access(run).await?;
    let group = access.topics.projections_group();
    let topics = gapless_projections::sink::topics(&access.topics);
    let asked = tokio::task::spawn_blocking(move || {
        let letters = dead_letters::read(&access)?;
        let open = letters.iter().filter(|letter| letter.handled.is_none());
        anyhow::Ok(Log {
            dead_letters: Some(open.count()),
            processors_lag: Some(access.processors_lag()?),
            // The sink itself does not know it while it waits for ClickHouse.
            projections_lag: Some(access.lag(&group, &topics)?),
        })
    });
    asked.await?.context("Kafka cannot be asked")
}

async fn figures(run: &RunFile) -> Result<Figures> {
    let reader = Reader::of(run)?;
    let totals = reader.rows(TOTALS).await?.pop().unwrap_or_default();
    let freshness = reader.rows(FRESHNESS).await?.pop().unwrap_or_default();
    Ok(Figures {
        completeness: totals["completeness"].as_f64(),
        repositories: Some(typed(reader.rows(REPOSITORIES).await?)?),
        open_gaps: Some(typed(reader.rows(OPEN_GAPS).await?)?),
        gaps_opened: totals["opened"].as_u64(),
        gaps_closed: totals["closed"].as_u64(),
        freshness: serde_json::from_value(freshness)?,
    })
}

fn typed<T: serde::de::DeserializeOwned>(rows: Vec<serde_json::Value>) -> Result<Vec<T>> {
    let typed = rows.into_iter().map(serde_json::from_value);
    Ok(typed.collect::<Result<_, _>>()?)
}

fn print(status: &Status) {
    say!("data folder    {}", status.data_dir);
    say!("webhook        {}", status.webhook);
    say!("page           {}", status.page);
    match status.troubles.as_slice() {
        [] => say!("parts          all work"),
        troubles => {
            for trouble in troubles {
                say!("trouble        {trouble}");
            }
        }
    }
    let Status { figures, log, .. } = status;
    print_figures(figures);
    let count = |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    say!(
        "lag            {} events to process, {} records to show",
        count(log.processors_lag),
        count(log.projections_lag)
    );
    if let Some(letters) = log.dead_letters {
        say!("dead letters   {letters}");
    }
    if let Some(denied @ 1..) = status.denied_fetches {
        say!(
            "denied         {denied} attempts to fetch since the start: give the token read access \
             to issues, pull requests and metadata of all repositories"
        );
    }
    let repositories = figures.repositories.as_deref().unwrap_or_default();
    if !repositories.is_empty() {
        say!("\ncompleteness  30 days   lacking  open gaps  repository");
    }
    for repository in repositories {
        say!(
            "{:>12}  {:>8}  {:>7}  {:>9}  {}",
            percent(repository.completeness),
            percent(repository.completeness_30_days),
            repository.lacking,
            repository.open_gaps,
            repository.repository
        );
    }
}

fn print_figures(figures: &Figures) {
    match (&figures.repositories, figures.completeness) {
        (None, _) => say!("completeness   unknown"),
        (_, Some(share)) => say!("completeness   {}", percent(share)),
        (_, None) => say!("completeness   nothing is known yet"),
    }
    if let (Some(opened), Some(closed)) = (figures.gaps_opened, figures.gaps_closed) {
        say!("gaps           {opened} opened, {closed} closed");
    }
    for gaps in figures.open_gaps.iter().flatten() {
        say!(
            "               {} open: {}, the oldest for {}",
            gaps.gaps,
            gaps.detector,
            span(gaps.oldest_seconds)
        );
    }
    let Some(freshness) = &figures.freshness else {
        return;
    };
    if let (Some(received_at), Some(seconds)) = (
        &freshness.last_event_received_at,
        freshness.last_event_stored_seconds_ago,
    ) {
        let ago = span(seconds);
        say!("last event     received {received_at} UTC, stored {ago} ago");
    }
    if let (Some(p50), Some(p99)) = (freshness.p50_seconds, freshness.p99_seconds) {
        say!("freshness      p50 {p50:.1} s, p99 {p99:.1} s over the last hour");
    }
}

/// Rounded down: what lacks anything is never shown as whole.
fn percent(share: f64) -> String {
    format!("{:.2} %", (share * 10_000.0).floor() / 100.0)
}

/// Seconds in the unit that a person would say.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_anything_is_never_shown_as_whole() {
        assert_eq!(percent(1.0), "100.00 %");
        assert_eq!(percent(0.999_999), "99.99 %");
    }
}
