//! The webhook: from a signed delivery to an event that is durable, or to a refusal that says why.
//!
//! A delivery is acknowledged (202) only when the log has it on all in-sync replicas; whatever
//! else happens, GitHub lists the delivery as failed and the detectors find it. A 503 can be
//! followed by the event appearing in the log after all (its acknowledgement was late): harmless,
//! because the event's id comes from host, GUID and body, so a redelivery is the same event.
//!
//! Checks stand in this order, and the first that fails gives the answer (tests hold the order):
//!
//! | # | check | status |
//! |---|---|---|
//! | 1 | method is POST | 405 |
//! | 2 | one `X-GitHub-Event`, one `X-GitHub-Delivery`: 1 to 128 visible ASCII characters | 400 |
//! | 3 | no `Content-Encoding` | 415 |
//! | 4 | content type is JSON or a form | 415 |
//! | 5 | declared length at most 25 MB | 413 |
//! | 6 | a source is configured for the host (`X-GitHub-Enterprise-Host`, else `github.com`) | 401 |
//! | 7 | one `X-Hub-Signature-256`, well formed; SHA-1 alone does not do | 401 |
//! | 8 | body arrives in time (408), whole (400), within 25 MB (413) and memory (503) | |
//! | 9 | signature holds, over the raw body, under one of the host's secrets | 401 |
//! | 10 | a form has its `payload`; the payload is UTF-8, JSON not deeper than 127, an object | 400 |
//! | 11 | the payload can be read in one way only | 400 |
//! | 12 | the secret's source speaks for the owner that the payload names (see `scope`) | 403 |
//! | 13 | the log acknowledges in time | 503, `Retry-After` |
//!
//! Nothing else refuses: unknown kinds, missing fields and fields of other types are kept as they
//! came. Everything that an unauthenticated sender can make us hold is bounded: header bytes and
//! time, body bytes and time, bytes of all bodies together, the time until an answer is taken,
//! connections ([`Limits`]).

mod body;
mod descriptors;
mod envelope;
mod form;
mod json;
mod metrics;
mod outcome;
mod recent;
mod request;
mod scope;
mod server;
mod signature;
mod write_limit;

pub use metrics::WebhookMetrics;
pub use outcome::Outcome;
pub use request::BODY_MAX_BYTES;
pub use server::{serve, webhook_router};
pub use signature::sign;

use crate::clock::Clock;
use crate::log::{AppendError, EventLog};
use crate::source::SourceConfig;
use gapless_schemas::Event;
use http::{HeaderMap, Method};
use metrics::InFlight;
use prometheus_client::registry::Registry;
use recent::Recent;
use request::Preflight;
use signature::Keys;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Bounds of the webhook and of its connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; at the bound new ones wait in the kernel's queue until one ends.
    /// Fewer where the process may not open so many files.
    pub connections_max: usize,
    /// Time for a request's headers, and how long a connection may stay idle between requests.
    pub head_timeout: Duration,
    /// Time for a request's body. GitHub itself gives up after 10 s.
    pub body_timeout: Duration,
    /// Time in which a client must take an answer. Without it, one that sends requests and reads no
    /// answers would hold its connection for ever.
    pub write_timeout: Duration,
    /// Size of a request's headers.
    pub head_max_bytes: usize,
    /// Bytes of all bodies being read or appended; at the bound deliveries get 503. An appended
    /// payload is held up to three times for a moment: as read, encoded, and by the producer.
    pub in_flight_max_bytes: usize,
    /// Ids of recent deliveries to remember.
    pub recent_max: usize,
    /// Time that requests under way get to end when the server stops.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 2_000,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            head_max_bytes: 64 * 1024,
            in_flight_max_bytes: 128 * 1024 * 1024,
            recent_max: 65_536,
            stop_timeout: Duration::from_secs(10),
        }
    }
}

/// The webhook's state: what is needed to judge and append deliveries.
pub struct Webhook<L, C> {
    log: L,
    clock: C,
    keys: Keys,
    limits: Limits,
    budget: Arc<Semaphore>,
    recent: Mutex<Recent>,
    metrics: WebhookMetrics,
}

/// From this size on, hashing a body takes long enough to hold up others on the same thread.
const LARGE_BODY_BYTES: usize = 256 * 1024;

impl<L: EventLog + 'static, C: Clock + 'static> Webhook<L, C> {
    /// A webhook for the deliveries of `sources`, appending to `log`.
    pub fn new(sources: &[SourceConfig], limits: Limits, log: L, clock: C) -> Arc<Self> {
        Arc::new(Self {
            log,
            clock,
            keys: Keys::new(sources),
            budget: Arc::new(Semaphore::new(limits.in_flight_max_bytes)),
            recent: Mutex::new(Recent::new(limits.recent_max)),
            metrics: WebhookMetrics::new(),
            limits,
        })
    }

    /// The webhook's counters.
    pub fn counters(&self) -> &WebhookMetrics {
        &self.metrics
    }

    /// Adds all that it counts to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
        registry.register_collector(Box::new(InFlight {
            budget: Arc::clone(&self.budget),
            max_bytes: self.limits.in_flight_max_bytes,
        }));
    }

    /// Judges and appends one delivery whose body is in memory: the whole webhook but for the
    /// bounds on reading. A simulation delivers through this, without sockets.
    pub async fn deliver(
        self: &Arc<Self>,
        method: &Method,
        headers: &HeaderMap,
        body: Vec<u8>,
    ) -> Outcome {
        let outcome = match request::preflight(method, headers, &self.keys) {
            Ok(preflight) => self.append(preflight, body).await,
            Err(outcome) => outcome,
        };
        self.metrics.ended(outcome);
        outcome
    }

    /// Verifies a body against what its headers promised, and appends it.
    async fn append(self: &Arc<Self>, preflight: Preflight, body: Vec<u8>) -> Outcome {
        let judged = if body.len() < LARGE_BODY_BYTES {
            self.judge(preflight, body)
        } else {
            let webhook = Arc::clone(self);
            let judging = tokio::task::spawn_blocking(move || webhook.judge(preflight, body));
            judging.await.unwrap_or(Err(Outcome::LogStopped))
        };
        let event = match judged {
            Ok(event) => event,
            Err(outcome) => return outcome,
        };
        let event_id = event.event_id.clone();
        let payload_bytes = event.payload.len();
        let acknowledged = match event.kind.as_str() {
            "ping" => Outcome::Pong,
            _ => Outcome::Accepted,
        };
        let began = Instant::now();
        match self.log.append(event).await {
            Ok(_) => {
                self.metrics.appended(began.elapsed(), payload_bytes);
                self.recent().insert(&event_id);
                acknowledged
            }
            Err(error) => {
                tracing::warn!(event_id, %error, "a delivery was not appended");
                match error {
                    AppendError::Retry(_) => Outcome::LogSlow,
                    AppendError::Refuse(_) => Outcome::LogRefused,
                    AppendError::Stop(_) => Outcome::LogStopped,
                }
            }
        }
    }

    /// Everything between a body in memory and the event to append; no IO.
    fn judge(&self, preflight: Preflight, body: Vec<u8>) -> Result<Event, Outcome> {
        let (host, signature) = (&preflight.host, preflight.signature);
        let Some(scopes) = self.keys.verify(host, &body, signature) else {
            return Err(Outcome::SignatureWrong);
        };
        let event_id = envelope::event_id(&preflight, &body);
        let (payload, look) = envelope::payload(preflight.form, body)?;
        if !scopes.iter().any(|scope| scope.covers(look.parties())) {
            return Err(Outcome::ForeignOwner);
        }
        // Last: that a delivery is there already is told to those alone who may tell it.
        if self.recent().contains(&event_id) {
            return Err(Outcome::Duplicate);
        }
        let now = self.clock.now();
        Ok(envelope::event(preflight, event_id, payload, look, now))
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        // A panic while it was held can at worst have lost a memory of one id.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
