//! One batch of commands, answered: fetch, then append.

use super::item::{self, FetchError, Target, owner_of};
use super::queue::{Batch, Patience};
use super::repository;
use crate::clock::Clock;
use crate::github::GitHub;
use crate::log::{AppendError, Appended, EventLog};
use gapless_schemas::Resource;

/// Why a batch is not answered yet. Its commands stay.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// GitHub's side.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The log's side.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// No source is configured for the host. Reaction: as for a denial.
    #[error("no source is configured for {0}")]
    NoClient(String),
}

impl AnswerError {
    /// How long to wait before the batch is tried again.
    pub fn patience(&self) -> Patience {
        match self {
            Self::Fetch(FetchError::Retry(_)) | Self::Append(AppendError::Retry(_)) => {
                Patience::Growing
            }
            Self::Fetch(FetchError::Denied { .. }) | Self::Append(_) | Self::NoClient(_) => {
                Patience::Long
            }
        }
    }
}

/// Asks GitHub what `batch` wants to know and appends the answer, naming all gaps that ask.
///
/// The clients are asked one after another until one answers something else than 404, which says
/// only what its credential can see: an item that is private to another owner is no missing one. So
/// a 404 is recorded where all say it, and one that cannot say anything leaves the batch unanswered.
///
/// # Errors
/// See [`AnswerError`]; then nothing is known to be appended, and doing it again is harmless.
pub async fn answer<G: GitHub>(
    clients: &[&G],
    clock: &impl Clock,
    log: &impl EventLog,
    batch: &Batch,
) -> Result<Appended, AnswerError> {
    let target = Target {
        repository_id: batch.key.repository_id,
        repository: batch.repository().map(str::to_owned),
        gap_ids: batch.gap_ids(),
    };
    let (mut unseen, mut failed) = (None, None);
    for github in clients {
        let fetched = match batch.key.resource {
            Resource::Repository => repository::fetch(*github, clock, &target).await,
            Resource::Item { number } => item::fetch(*github, clock, &target, number).await,
        };
        match fetched {
            Ok((404, event)) => drop(unseen.get_or_insert(event)),
            Ok((_, event)) => return Ok(log.append(event).await?),
            Err(error) => drop(failed.get_or_insert(error)),
        }
    }
    match (failed, unseen) {
        (Some(error), _) => Err(error.into()),
        (None, Some(event)) => Ok(log.append(event).await?),
        (None, None) => Err(AnswerError::NoClient(batch.key.host.clone())),
    }
}

/// The clients of all sources.
pub struct Clients<G>(Vec<(Option<String>, G)>);

impl<G: GitHub> Clients<G> {
    /// Clients, each with the owner that its source is configured for.
    pub fn new(clients: impl IntoIterator<Item = (Option<String>, G)>) -> Self {
        Self(clients.into_iter().collect())
    }

    /// The clients to ask about a repository: its owner's, or where none is configured or the name
    /// is not known, all of its host. Nobody guesses which of these may see it.
    pub fn of(&self, host: &str, repository: Option<&str>) -> Vec<&G> {
        let places = self.places_of(host, repository).into_iter();
        places.map(|place| &self.0[place].1).collect()
    }

    /// How many lanes there are: one for each client, for each that is the first of its host one for
    /// what all of that host are asked one after another, and one for what is no client's.
    pub(super) fn lanes(&self) -> usize {
        2 * self.0.len() + 1
    }

    /// The lane of what is asked about a repository.
    pub(super) fn lane_of(&self, host: &str, repository: Option<&str>) -> usize {
        match self.places_of(host, repository)[..] {
            [only] => only,
            [first, ..] => self.0.len() + first,
            [] => 2 * self.0.len(),
        }
    }

    fn places_of(&self, host: &str, repository: Option<&str>) -> Vec<usize> {
        let owner = owner_of(repository);
        let same = |configured: &Option<String>| match (configured, &owner) {
            (Some(configured), Some(owner)) => configured.eq_ignore_ascii_case(owner),
            _ => false,
        };
        let all = self.0.iter().enumerate();
        let of_host = all.filter(|(_, (_, github))| github.host() == host);
        let mut places = Vec::new();
        for (place, (configured, _)) in of_host {
            if same(configured) {
                return vec![place];
            }
            places.push(place);
        }
        places
    }
}
