//! Signs recorded deliveries and posts them to a webhook, as GitHub would.

use super::line::{Delivery, Line};
use super::reader::{Progress, Recording, RecordingError};
use crate::source::{PUBLIC_HOST, Secret};
use crate::webhook::sign;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How to send.
#[derive(Clone, Debug)]
pub struct SendOptions {
    /// The webhook's address, `http://127.0.0.1:8080/webhook`.
    pub url: String,
    /// What to sign with. A secret speaks for its source's owner only: a delivery that is refused for
    /// that is signed with the next one.
    pub secrets: Vec<Secret>,
    /// The host that the deliveries are from; a GHES is named in a header.
    pub host: String,
    /// Deliveries a second at most; none: as fast as they are taken.
    pub rate: Option<f64>,
    /// Deliveries under way at a time; 1 keeps their order.
    pub concurrent_max: usize,
    /// Whether a proxy that the environment names stands between us and the webhook.
    pub through_proxy: bool,
}

impl SendOptions {
    /// Deliveries of the public host, in order, as fast as they are taken, through a proxy where the
    /// environment names one.
    pub fn new(url: String, secrets: Vec<Secret>) -> Self {
        Self {
            url,
            secrets,
            host: PUBLIC_HOST.to_owned(),
            rate: None,
            concurrent_max: 1,
            through_proxy: true,
        }
    }
}

/// What sending came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Deliveries that were answered for good.
    pub sent: u64,
    /// Their number by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Attempts that were answered with 503 or not at all, and made again.
    pub retried: u64,
    /// Lines that are no deliveries.
    pub left_out: u64,
}

/// Attempts for one delivery before sending stops.
const ATTEMPTS_MAX: u32 = 30;
/// Time for one attempt; GitHub gives up after ten seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Wait after an attempt that was not answered, or where `Retry-After` is not told.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest wait that a `Retry-After` is believed.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Sending ended before the recording did. Reaction: stop, with the sentence that this prints, and
/// what was sent. Sending all of it again is harmless.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct CutShort {
    /// What was sent until then, all that was under way included.
    pub report: SendReport,
    /// Why.
    pub error: RecordingError,
}

/// Sends every delivery in `path`, telling `progress` after each line.
///
/// # Errors
/// Where the file cannot be read, or the webhook answers a delivery with 503 or not at all for
/// thirty attempts. What was under way then is waited for first.
pub async fn send(
    path: &Path,
    options: &SendOptions,
    mut progress: impl FnMut(Progress),
) -> Result<SendReport, CutShort> {
    let mut report = SendReport::default();
    let mut under_way = JoinSet::new();
    let started = start(path, options, &mut progress, &mut under_way, &mut report);
    let mut ended = started.await;
    while !under_way.is_empty() {
        ended = ended.and(report.add(under_way.join_next().await));
    }
    match ended {
        Ok(()) => Ok(report),
        Err(error) => Err(CutShort { report, error }),
    }
}

/// Starts to send one delivery after the other, and adds those to `report` that give way to others.
async fn start(
    path: &Path,
    options: &SendOptions,
    progress: &mut impl FnMut(Progress),
    under_way: &mut JoinSet<Answered>,
    report: &mut SendReport,
) -> Result<(), RecordingError> {
    let mut recording = Recording::open(path).await?;
    let sender = Arc::new(Sender::new(options)?);
    let interval = options
        .rate
        .filter(|rate| *rate > 0.0)
        .map(|rate| Duration::from_secs_f64(1.0 / rate));
    let mut next_at = Instant::now();
    while let Some(line) = recording.next().await? {
        progress(recording.progress());
        let Line::Webhook(delivery) = line else {
            report.left_out += 1;
            continue;
        };
        while under_way.len() >= options.concurrent_max.max(1) {
            report.add(under_way.join_next().await)?;
        }
        if let Some(interval) = interval {
            sleep_until(next_at).await;
            // A delay is not made up for by a burst.
            next_at = Instant::now().max(next_at + interval);
        }
        let sender = Arc::clone(&sender);
        under_way.spawn(async move { sender.send(&delivery).await });
    }
    progress(recording.progress());
    Ok(())
}

/// A delivery that was answered for good: the status, and how many attempts were in vain.
type Answered = Result<(u16, u32), RecordingError>;

impl SendReport {
    fn add(
        &mut self,
        ended: Option<Result<Answered, tokio::task::JoinError>>,
    ) -> Result<(), RecordingError> {
        // A task that panicked is counted as sent with no status; none does.
        let (status, retried) = match ended {
            Some(Ok(answered)) => answered?,
            Some(Err(_)) | None => (0, 0),
        };
        self.sent += 1;
        self.retried += u64::from(retried);
        *self.by_status.entry(status).or_default() += 1;
        Ok(())
    }
}

struct Sender {
    client: reqwest::Client,
    /// Place of the secret that was accepted last.
    last: AtomicUsize,
    options: SendOptions,
}

impl Sender {
    fn new(options: &SendOptions) -> Result<Self, RecordingError> {
        let mut client = reqwest::Client::builder()
            .connect_timeout(ATTEMPT_TIMEOUT)
            .timeout(ATTEMPT_TIMEOUT)
            .user_agent("GitHub-Hookshot/gapless");
        if !options.through_proxy {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| RecordingError::Webhook {
            url: options.url.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            client,
            last: AtomicUsize::new(0),
            options: options.clone(),
        })
    }

    async fn send(&self, delivery: &Delivery) -> Answered {
        let mut reason = String::new();
        for retried in 0..ATTEMPTS_MAX {
            let pause = match self.attempts(delivery).await {
                Ok(response) if response.status() == http::StatusCode::SERVICE_UNAVAILABLE => {
                    reason = "it answers 503".to_owned();
                    let seconds = response.headers().get(http::header::RETRY_AFTER);
                    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
                    seconds.map_or(PAUSE, Duration::from_secs).min(PAUSE_MAX)
                }
                Ok(response) => return Ok((response.status().as_u16(), retried)),
                Err(error) => {
                    reason = error.to_string();
                    PAUSE
                }
            };
            sleep(pause).await;
        }
        Err(RecordingError::Webhook {
            url: self.options.url.clone(),
            reason,
        })
    }

    /// One attempt with each secret until one speaks for the delivery's owner, beginning with the one
    /// that last did.
    async fn attempts(&self, delivery: &Delivery) -> Result<reqwest::Response, reqwest::Error> {
        let secrets = &self.options.secrets;
        let mut place = self.last.load(Relaxed);
        for _ in 1..secrets.len() {
            let response = self.attempt(delivery, &secrets[place]).await?;
            if response.status() != http::StatusCode::FORBIDDEN {
                self.last.store(place, Relaxed);
                return Ok(response);
            }
            place = (place + 1) % secrets.len();
        }
        self.attempt(delivery, &secrets[place]).await
    }

    async fn attempt(
        &self,
        delivery: &Delivery,
        secret: &Secret,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let body = delivery.body.get();
        let mut request = self
            .client
            .post(&self.options.url)
            .header("Content-Type", "application/json")
            .header("X-GitHub-Event", &delivery.event)
            .header("X-GitHub-Delivery", delivery.guid())
            .header("X-Hub-Signature-256", sign(secret, body.as_bytes()));
        if self.options.host != PUBLIC_HOST {
            request = request.header("X-GitHub-Enterprise-Host", &self.options.host);
        }
        request.body(body.to_owned()).send().await
    }
}
