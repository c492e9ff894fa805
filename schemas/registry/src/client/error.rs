//! Errors, named by the reaction.

/// What kept us from the registry, as one sentence for an operator; no credentials in it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, or not now: ask again.
    #[error("{0}; is it running?")]
    Retry(String),
    /// It refuses, and will again: a human has to change something.
    #[error("{0}")]
    Stop(String),
}
