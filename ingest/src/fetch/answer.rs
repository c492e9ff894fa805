//! One batch of commands, answered: fetch, then append.

use super::item::{FetchError, Target, fetch_item, owner_of};
use super::queue::{Batch, Patience};
use crate::clock::Clock;
use crate::github::GitHub;
use crate::log::{AppendError, Appended, EventLog};

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
/// # Errors
/// See [`AnswerError`]; then nothing is known to be appended, and doing it again is harmless.
pub async fn answer(
    github: &impl GitHub,
    clock: &impl Clock,
    log: &impl EventLog,
    batch: &Batch,
) -> Result<Appended, AnswerError> {
    let target = Target {
        repository_id: batch.key.repository_id,
        repository: batch.repository().map(str::to_owned),
        number: batch.key.number,
        gap_ids: batch.gap_ids(),
    };
    let event = fetch_item(github, clock, &target).await?;
    Ok(log.append(event).await?)
}

/// The clients of all sources.
pub struct Clients<G>(Vec<(Option<String>, G)>);

impl<G: GitHub> Clients<G> {
    /// Clients, each with the owner that its source is configured for.
    pub fn new(clients: impl IntoIterator<Item = (Option<String>, G)>) -> Self {
        Self(clients.into_iter().collect())
    }

    /// The client to ask about a repository: its owner's, else any of its host.
    pub fn of(&self, host: &str, repository: Option<&str>) -> Option<&G> {
        self.place_of(host, repository)
            .and_then(|place| self.at(place))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The client at a place.
    pub(super) fn at(&self, place: usize) -> Option<&G> {
        self.0.get(place).map(|(_, github)| github)
    }

    /// The place of the client to ask about a repository.
    pub(super) fn place_of(&self, host: &str, repository: Option<&str>) -> Option<usize> {
        let owner = owner_of(repository);
        let of_host = || {
            let all = self.0.iter().enumerate();
            all.filter(|(_, (_, github))| github.host() == host)
        };
        let same = |configured: &Option<String>| match (configured, &owner) {
            (Some(configured), Some(owner)) => configured.eq_ignore_ascii_case(owner),
            _ => false,
        };
        of_host()
            .find(|(_, (configured, _))| same(configured))
            .or_else(|| of_host().next())
            .map(|(place, _)| place)
    }
}
