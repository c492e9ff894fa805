//! Reads a body under three bounds: its size, the time it takes, and the bytes that all requests
//! together may hold.

use super::Outcome;
use super::request::BODY_MAX_BYTES;
use axum::body::Body;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// A body in memory, with its share of the budget, which is given back when this is dropped.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) share: Option<OwnedSemaphorePermit>,
}

/// Reads the whole body. Bytes are taken from `budget` as they arrive, never by what a header
/// promises, so that promises alone can't exhaust it.
pub(super) async fn read(
    body: Body,
    budget: &Arc<Semaphore>,
    limit: Duration,
) -> Result<Held, Outcome> {
    let mut held = Held {
        bytes: Vec::new(),
        share: None,
    };
    let deadline = Instant::now() + limit;
    let mut body = body;
    loop {
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Outcome::BodyTimeout),
            Ok(None) => return Ok(held),
            Ok(Some(Err(_))) => return Err(Outcome::BodyBroken),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        let refused = if held.bytes.len() + chunk.len() > BODY_MAX_BYTES {
            Some(Outcome::TooLarge)
        } else {
            held.take(budget, chunk.len())
        };
        if let Some(outcome) = refused {
            drop(held);
            discard(body, deadline).await;
            return Err(outcome);
        }
        held.bytes.extend_from_slice(&chunk);
    }
}

impl Held {
    /// Takes `bytes` from the budget; at the bound the delivery is refused at once, since waiting
    /// would hold what others need to finish.
    fn take(&mut self, budget: &Arc<Semaphore>, bytes: usize) -> Option<Outcome> {
        let permits = u32::try_from(bytes).ok()?;
        let Ok(share) = Arc::clone(budget).try_acquire_many_owned(permits) else {
            return Some(Outcome::Busy);
        };
        match &mut self.share {
            Some(held) => held.merge(share),
            None => self.share = Some(share),
        }
        None
    }
}

/// Reads and drops what a refused request still sends, up to the size and time that an accepted
/// one may take: a client that gets its connection reset while it writes never sees the answer.
pub(super) async fn drain(body: Body, limit: Duration) {
    discard(body, Instant::now() + limit).await;
}

async fn discard(mut body: Body, deadline: Instant) {
    let mut bytes = 0;
    while bytes <= BODY_MAX_BYTES {
        match tokio::time::timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => bytes += frame.data_ref().map_or(0, |data| data.len()),
            _ => return,
        }
    }
}
