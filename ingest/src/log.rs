//! The log, as narrow as those who append to it need it.

use gapless_schemas::Event;
use std::sync::Arc;

/// Where an event landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Partition of the events topic.
    pub partition: i32,
    /// Offset in that partition.
    pub offset: i64,
}

/// Why an event is not known to be in the log, named by what the caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The log is slow, full or unreachable. The caller asks its source to try again later. The
    /// event may still be appended: its id is deterministic, so a second append is harmless.
    #[error("the log did not acknowledge in time: {0}")]
    Retry(String),
    /// The log will never take this event (it is too large, say). The caller refuses it.
    #[error("the log refuses the event: {0}")]
    Refuse(String),
    /// Nothing can be appended until a person acts (no rights, no such topic). The caller reports
    /// itself as not ready.
    #[error("the log cannot be written: {0}")]
    Stop(String),
}

/// An append-only log of events.
///
/// `Ok` means that all in-sync replicas have the event: it may be acknowledged to GitHub. An
/// error means that it may or may not be there. Implementations bound their memory and the time
/// that a call takes (under 5 s); at the bound they answer [`AppendError::Retry`].
pub trait EventLog: Send + Sync {
    /// Appends `event` and waits until it is durable.
    fn append(&self, event: Event) -> impl Future<Output = Result<Appended, AppendError>> + Send;
}

impl<L: EventLog + ?Sized> EventLog for Arc<L> {
    fn append(&self, event: Event) -> impl Future<Output = Result<Appended, AppendError>> + Send {
        (**self).append(event)
    }
}
