//! The simulated organisation as ingest's GitHub: each request takes time, in which the world goes
//! on changing.

use crate::chance::Chance;
use crate::clock::VirtualClock;
use gapless_ingest::github::{Answer, GitHub, KEPT_HEADERS, TransportError};
use gapless_simulator::{Feed, Request, Transport};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The world and what is on its way, shared by the webhook's and the API's side.
pub(crate) type SharedFeed = Arc<Mutex<Feed>>;

/// Locks the feed; after a panic elsewhere its value is still whole.
pub(crate) fn lock(feed: &SharedFeed) -> MutexGuard<'_, Feed> {
    feed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// GitHub's REST API over the simulated world.
pub(crate) struct SimulatedGitHub {
    feed: SharedFeed,
    clock: VirtualClock,
    host: String,
    /// An old host: its issue objects do not tell when a pull request was merged.
    is_old: bool,
    chance: Mutex<Chance>,
}

impl SimulatedGitHub {
    pub(crate) fn new(
        feed: SharedFeed,
        clock: VirtualClock,
        host: String,
        is_old: bool,
        chance: Chance,
    ) -> Self {
        Self {
            feed,
            clock,
            host,
            is_old,
            chance: Mutex::new(chance),
        }
    }

    fn time_passes(&self) {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = chance.between(20, 900);
        let now = self.clock.0.now().plus_millis(millis);
        self.clock.0.advance_to(now);
    }
}

impl GitHub for SimulatedGitHub {
    async fn get(&self, path_and_query: &str) -> Result<Answer, TransportError> {
        self.time_passes();
        let now = self.clock.0.now();
        let response = {
            let mut feed = lock(&self.feed);
            feed.change_until(now);
            feed.world.answer(&Request::get(path_and_query, now))
        };
        if response.transport != Transport::Complete {
            return Err(TransportError("the connection ended".to_owned()));
        }
        let kept = response
            .headers
            .into_iter()
            .filter(|(name, _)| KEPT_HEADERS.contains(name));
        let headers = kept.map(|(name, value)| (name.to_owned(), value)).collect();
        let body = if self.is_old && path_and_query.contains("/issues") {
            without_merged_at(&response.body)
        } else {
            response.body
        };
        Ok(Answer {
            status: response.status,
            headers,
            body: body.into(),
        })
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn credential_kind(&self) -> &'static str {
        "token"
    }
}

/// Takes `merged_at` out of the link to the pull request in one or many issue objects.
fn without_merged_at(body: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return body.to_vec();
    };
    let strip = |issue: &mut Value| {
        let link = issue.get_mut("pull_request").and_then(Value::as_object_mut);
        link.and_then(|link| link.remove("merged_at"));
    };
    match &mut value {
        Value::Array(issues) => issues.iter_mut().for_each(strip),
        issue => strip(issue),
    }
    serde_json::to_vec(&value).unwrap_or_else(|_| body.to_vec())
}
