use serde::{Deserialize, Serialize};

/// State of 1,024 consecutive numbers of a repository (`schemas/avro/ledger_block.avsc`): block
/// `b` holds the numbers `1024·b + 1` to `1024·(b + 1)`.
///
/// Issues, pull requests and discussions share the numbers of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerBlock {
    /// GitHub host.
    pub host: String,
    /// Repository id.
    pub repository_id: i64,
    /// Repository's full name when last told.
    pub repository: Option<String>,
    /// Index of the block, from 0.
    pub block: i64,
    /// `epoch · 2^48 + input offset`.
    pub version: i64,
    /// Highest number of this block known to exist; 0 where none is.
    pub highest: i64,
    /// How many numbers are known as an issue, a pull request or a discussion.
    pub known: i64,
    /// How many numbers are explained otherwise: deleted, moved away, never visible.
    pub explained: i64,
    /// Numbers up to `highest` that are neither, ascending.
    pub missing: Vec<i64>,
    /// The same by day; ascending, days without a number are absent.
    pub days: Vec<LedgerDay>,
}

/// Numbers of one block that belong to one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerDay {
    /// Days since 1970-01-01 (UTC): of the number's creation; a missing or explained number
    /// belongs to the day of the next known number's creation.
    pub day: i32,
    /// Numbers that exist.
    pub existing: i64,
    /// Of these, known or explained.
    pub accounted: i64,
}
