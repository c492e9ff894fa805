use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// What could not be processed, with all that is needed to look at it and to append it again
/// (`schemas/avro/dead_letter.avsc`). The record key is `topic/partition/offset` of its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// What was refused, as a closed word: `envelope` (the value is no event) or `payload` (the
    /// event's payload cannot be lifted).
    pub reason: String,
    /// The error in words.
    pub error: String,
    /// Topic that it came from.
    pub topic: String,
    /// Partition that it came from.
    pub partition: i32,
    /// Offset that it came from.
    pub offset: i64,
    /// When it was refused, by the log's clock.
    pub at: Timestamp,
    /// The record's value, untouched.
    #[serde(with = "apache_avro::serde::bytes")]
    pub value: Vec<u8>,
}
