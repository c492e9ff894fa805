//! Errors, named by the reaction.

/// What kept us from the registry, as one sentence for an operator.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, or not now: ask again.
    #[error("cannot {doing} at the schema registry {address}: {reason}; is it running?")]
    Retry {
        /// What was asked, as a verb phrase.
        doing: String,
        /// Where, without credentials.
        address: String,
        /// What happened.
        reason: String,
    },
    /// It refuses, and will again: a human has to change something.
    #[error("cannot {doing} at the schema registry {address}: {reason}")]
    Stop {
        /// What was asked, as a verb phrase.
        doing: String,
        /// Where, without credentials.
        address: String,
        /// What it said.
        reason: String,
    },
}
