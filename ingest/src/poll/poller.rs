//! Makes the polls of one owner, one at a time: a thin shell around [`Schedule`].

use super::{
    Next, Poll, PollError, PollTimes, Positions, Schedule, poll_owner, poll_repository,
    probe_repository,
};
use crate::clock::Clock;
use crate::github::GitHub;
use crate::log::EventLog;
use gapless_schemas::Timestamp;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// What a turn did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A poll succeeded.
    Polled(Poll),
    /// A poll failed and will be made again.
    Failed(Poll),
    /// Nothing is due before this instant.
    Idle(Timestamp),
}

/// Polls the repositories of one owner.
pub struct Poller<G, C, L> {
    github: G,
    clock: C,
    log: L,
    owner: String,
    schedule: Schedule,
    positions_path: Option<PathBuf>,
    stored: Positions,
}

/// How long after the last time the positions are stored again. Forgetting one costs a poll, so
/// this waits for a turn in which nothing is due; but polls that are behind are never idle, and a
/// listing of everything is dear. The file holds every repository, hence not after each poll.
fn store_after(turn: &Turn) -> Duration {
    match turn {
        Turn::Idle(_) => Duration::ZERO,
        Turn::Polled(Poll::Everything { .. }) => Duration::from_secs(5),
        Turn::Polled(_) | Turn::Failed(_) => Duration::from_secs(60),
    }
}

/// However long nothing is due, the clock is looked at this often: it may have been set.
const SLEEP_MAX: Duration = Duration::from_secs(60);

impl<G: GitHub, C: Clock, L: EventLog> Poller<G, C, L> {
    /// Polls `owner`, going on from the positions in `positions_path` where there is one.
    pub fn new(
        github: G,
        clock: C,
        log: L,
        owner: String,
        times: PollTimes,
        positions_path: Option<PathBuf>,
    ) -> Self {
        let stored = positions_path
            .as_deref()
            .map(Positions::load)
            .unwrap_or_default();
        Self {
            github,
            clock,
            log,
            owner,
            schedule: Schedule::new(times, stored.clone()),
            positions_path,
            stored,
        }
    }

    /// Makes the poll that is due, if one is. A simulation calls this at its own times.
    pub async fn turn(&mut self) -> Turn {
        let poll = match self.schedule.next(self.clock.now()) {
            Next::WaitUntil(until) => return Turn::Idle(until),
            Next::Poll(poll) => poll,
        };
        match self.make(&poll).await {
            Ok(()) => Turn::Polled(poll),
            Err(error) => {
                tracing::warn!(owner = self.owner, %poll, %error, "a poll failed");
                self.schedule.failed(&poll, self.clock.now());
                Turn::Failed(poll)
            }
        }
    }

    async fn make(&mut self, poll: &Poll) -> Result<(), PollError> {
        let (github, clock, log) = (&self.github, &self.clock, &self.log);
        let (repository, since) = match poll {
            Poll::Repositories => return self.list_repositories().await,
            Poll::Changed { repository, since } => (repository, Some(*since)),
            Poll::Everything { repository } => (repository, None),
        };
        match poll_repository(github, clock, log, repository, since).await {
            Ok(listed) => {
                tracing::debug!(
                    name = repository.full_name,
                    ?listed,
                    "a repository was polled"
                );
                self.schedule.listed(poll, listed);
                Ok(())
            }
            Err(error @ PollError::Absent { .. }) => {
                let found = probe_repository(github, clock, log, repository).await?;
                if found.is_some() {
                    return Err(error);
                }
                // No trouble: that it left is an event, and nobody polls it any more.
                tracing::info!(owner = self.owner, %poll, "the repository is not there any more");
                self.schedule.repository_left(repository.repository_id);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn list_repositories(&mut self) -> Result<(), PollError> {
        let (github, clock, log) = (&self.github, &self.clock, &self.log);
        let requested_at = clock.now();
        let known = self.schedule.digests();
        let poll = poll_owner(github, clock, log, &self.owner, &known).await?;
        let missing = self
            .schedule
            .repositories_listed(poll.repositories, requested_at);
        for last in missing {
            let found = probe_repository(github, clock, log, &last).await?;
            let is_ours = found.is_some_and(|found| found.owner_id == last.owner_id);
            if !is_ours {
                self.schedule.repository_left(last.repository_id);
            }
        }
        Ok(())
    }

    /// Stores the positions where they moved.
    async fn store(&mut self) {
        let Some(path) = self.positions_path.clone() else {
            return;
        };
        if self.stored == *self.schedule.positions() {
            return;
        }
        let positions = self.schedule.positions().clone();
        let storing =
            tokio::task::spawn_blocking(move || positions.store(&path).map(|()| positions));
        match storing.await {
            Ok(Ok(positions)) => self.stored = positions,
            Ok(Err(error)) => {
                tracing::warn!(%error, "poll positions were not stored: a restart polls more");
            }
            Err(error) => tracing::warn!(%error, "poll positions were not stored"),
        }
    }

    /// Polls until `shutdown` ends.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let polling = async {
            let mut stored_at = Instant::now();
            loop {
                let turn = self.turn().await;
                if stored_at.elapsed() >= store_after(&turn) {
                    self.store().await;
                    stored_at = Instant::now();
                }
                if let Turn::Idle(until) = turn {
                    let wait = self.clock.sleep_before(until);
                    tokio::time::sleep(wait.min(SLEEP_MAX)).await;
                }
            }
        };
        tokio::select! {
            biased;
            () = shutdown => {}
            () = polling => {}
        }
        self.store().await;
    }
}
