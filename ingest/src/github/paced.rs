//! A GitHub that keeps to the limits: it waits, and it never drops a request.

use super::{Answer, Budget, GitHub, Pace, TransportError, Verdict};
use crate::clock::Clock;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Waits before each request as long as the credential's budget says, and repeats a request that
/// met a limit until it is answered. A caller therefore may wait for hours; requests under way are
/// bounded by who asks. Waits are by `clock`, at the clock's own pace.
pub struct Paced<G, C> {
    github: G,
    clock: C,
    budget: Mutex<Budget>,
}

/// However long a wait is, the clock is looked at this often: it may have been set.
const SLEEP_MAX: Duration = Duration::from_secs(60);

impl<G: GitHub, C: Clock> Paced<G, C> {
    /// Paces `github` by `clock`.
    pub fn new(github: G, clock: C) -> Self {
        Self {
            github,
            clock,
            budget: Mutex::new(Budget::default()),
        }
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pace(&self) -> Option<Duration> {
        let now = self.clock.now();
        match self.budget().pace(now) {
            Pace::Go => None,
            Pace::WaitUntil(until) => Some(self.clock.sleep_before(until).min(SLEEP_MAX)),
        }
    }
}

impl<G: GitHub, C: Clock> GitHub for Paced<G, C> {
    async fn get(&self, path_and_query: &str) -> Result<Answer, TransportError> {
        loop {
            while let Some(wait) = self.pace() {
                tokio::time::sleep(wait).await;
            }
            let answer = self.github.get(path_and_query).await?;
            let (now, jitter) = (self.clock.now(), rand::random::<f64>());
            let verdict = self.budget().observe(&answer, now, jitter);
            match verdict {
                Verdict::Answered => return Ok(answer),
                Verdict::Limited => {
                    tracing::warn!(
                        host = self.host(),
                        status = answer.status,
                        "a limit was met"
                    );
                }
            }
        }
    }

    fn host(&self) -> &str {
        self.github.host()
    }

    fn credential_kind(&self) -> &'static str {
        self.github.credential_kind()
    }
}
