//! Records of state topics: their bytes, by kind.

use gapless_core::{Key, Kind, Record};
use gapless_schemas::{Codec, DecodeError, EncodeError, StateTopic};

/// The value of `record` on its topic.
///
/// # Errors
/// See [`Codec::encode`].
pub fn encode(codec: &Codec, record: &Record) -> Result<Vec<u8>, EncodeError> {
    match record {
        Record::PullRequest(record) => codec.encode(record.as_ref()),
        Record::Issue(record) => codec.encode(record.as_ref()),
        Record::Repository(record) => codec.encode(record.as_ref()),
        Record::Ledger(record) => codec.encode(record.as_ref()),
        Record::Gap(record) => codec.encode(record.as_ref()),
    }
}

/// The record of an entity of `kind` that `value` holds.
///
/// # Errors
/// See [`Codec::decode`].
pub fn decode(codec: &Codec, kind: Kind, value: &[u8]) -> Result<Record, DecodeError> {
    Ok(match kind {
        Kind::PullRequest => Record::PullRequest(Box::new(codec.decode(value)?)),
        Kind::Issue => Record::Issue(Box::new(codec.decode(value)?)),
        Kind::Repository => Record::Repository(Box::new(codec.decode(value)?)),
        Kind::Ledger => Record::Ledger(Box::new(codec.decode(value)?)),
        Kind::Gap => Record::Gap(Box::new(codec.decode(value)?)),
    })
}

/// The entity of the record with the key `record_key` on `topic`; nothing where it is none of ours.
pub fn key(topic: StateTopic, record_key: &str) -> Option<Key> {
    Key::parse(&format!("{}/{record_key}", topic.name()))
}
