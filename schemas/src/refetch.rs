use crate::named::named;
use crate::{Resource, Timestamp};
use serde::{Deserialize, Serialize};

named! {
    /// What becomes of a question that stands, and how soon its command is answered.
    pub enum Urgency {
        /// Something is missing: a gap is opened, and lowers completeness until it is closed.
        Gap = "gap",
        /// Nothing shows that something is missing, but nothing proves that nothing is: GitHub is
        /// asked when there is room, and no gap is opened.
        Audit = "audit",
    }
}

/// A command: ask GitHub (`schemas/avro/refetch.avsc`). Issuing it twice is harmless: its id names
/// the gap and the attempt. It is kept on its topic until a tombstone says that its answer is in
/// the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refetch {
    /// See [`crate::ids::command_id`]; the record key.
    pub command_id: String,
    /// The gap that asks.
    pub gap_id: String,
    /// GitHub host.
    pub host: String,
    /// Repository id.
    pub repository_id: i64,
    /// Repository's full name as last told; the fetcher asks by id where a name no longer answers.
    pub repository: Option<String>,
    /// What to fetch.
    pub resource: Resource,
    /// Why, in words.
    pub reason: String,
    /// When it was issued, by the log's clock: an answer must have been requested after this.
    pub issued_at: Timestamp,
    /// Which attempt for this gap, from 1.
    pub attempt: i32,
    /// How soon it is answered: gaps before audits.
    pub urgency: Urgency,
}
