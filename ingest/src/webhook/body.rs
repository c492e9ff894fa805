//! Reads a body under three bounds: its size, the time it takes, and the bytes that all requests
//! together may hold.

use super::Outcome;
use super::request::BODY_MAX_BYTES;
use axum::body::Body;
use axum::body::HttpBody;
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
    body: &mut Body,
    budget: &Arc<Semaphore>,
    limit: Duration,
) -> Result<Held, Outcome> {
    let mut held = Held {
        bytes: Vec::new(),
        share: None,
    };
    let deadline = Instant::now() + limit;
    let promised = body.size_hint().exact();
    let promised = promised.and_then(|bytes| usize::try_from(bytes).ok());
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
            return Err(outcome);
        }
        held.reserve(promised, chunk.len());
        held.bytes.extend_from_slice(&chunk);
    }
}

/// Reserved for a body of which a first frame has come, where its headers promise as much or
/// nothing. Nine of ten are shorter; the connections' limit bounds what promises alone can take.
const RESERVED_MIN_BYTES: usize = 32 * 1024;

impl Held {
    /// Makes room for `arrived` bytes more: a body is moved at most once for each doubling above
    /// [`RESERVED_MIN_BYTES`], and one whose length was promised ends without room to spare.
    fn reserve(&mut self, promised: Option<usize>, arrived: usize) {
        let needed = self.bytes.len() + arrived;
        if needed <= self.bytes.capacity() {
            return;
        }
        let doubled = RESERVED_MIN_BYTES.max(2 * self.bytes.len());
        let wanted = promised.unwrap_or(usize::MAX).min(doubled).max(needed);
        self.bytes.reserve_exact(wanted - self.bytes.len());
    }

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

/// Reads and drops what a refused request still sends, beside its answer, which waits for nothing: up
/// to the size and time that an accepted one may take. A client that gets its connection reset while it
/// writes never sees the answer.
pub(super) fn drain_behind(mut body: Body, limit: Duration) {
    let draining = async move {
        let mut bytes = 0;
        while bytes <= BODY_MAX_BYTES {
            match body.frame().await {
                Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, |data| data.len()),
                _ => return,
            }
        }
    };
    tokio::spawn(tokio::time::timeout(limit, draining));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Capacities that a body goes through as its frames arrive.
    fn capacities(promised: Option<usize>, frames: &[usize]) -> Vec<usize> {
        let mut held = Held {
            bytes: Vec::new(),
            share: None,
        };
        let mut seen = Vec::new();
        for frame in frames {
            held.reserve(promised, *frame);
            held.bytes.extend(std::iter::repeat_n(0, *frame));
            if seen.last() != Some(&held.bytes.capacity()) {
                seen.push(held.bytes.capacity());
            }
        }
        seen
    }

    const KB: usize = 1024;

    #[test]
    fn a_body_of_promised_length_is_moved_seldom_and_ends_without_room_to_spare() {
        assert_eq!(capacities(Some(20 * KB), &[8 * KB, 12 * KB]), [20 * KB]);
        assert_eq!(
            capacities(Some(150 * KB), &[KB; 150]),
            [32 * KB, 64 * KB, 128 * KB, 150 * KB]
        );
        // A promise that is not kept has taken little.
        assert_eq!(capacities(Some(BODY_MAX_BYTES), &[1]), [32 * KB]);
    }

    #[test]
    fn a_body_of_unknown_length_doubles_its_room() {
        assert_eq!(capacities(None, &[KB; 100]), [32 * KB, 64 * KB, 128 * KB]);
    }
}
