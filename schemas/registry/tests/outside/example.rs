//! Example records: the first of each schema's golden file.

use gapless_schemas::{
    Codec, DeadLetter, Event, Gap, Issue, LedgerBlock, PullRequest, Record, Refetch, Release,
    Repository, Schema,
};
use serde_json::Value;
use std::path::Path;

/// A record as it is written, and what a reader of it must see.
pub(crate) struct Example {
    pub(crate) bytes: Vec<u8>,
    pub(crate) reads: Value,
}

/// The example of `schema`, written by `codec`.
pub(crate) fn of(schema: Schema, codec: &Codec) -> Example {
    match schema {
        Schema::Event => example::<Event>("event", codec),
        Schema::PullRequest => example::<PullRequest>("pull_request", codec),
        Schema::Issue => example::<Issue>("issue", codec),
        Schema::Repository => example::<Repository>("repository", codec),
        Schema::LedgerBlock => example::<LedgerBlock>("ledger_block", codec),
        Schema::Gap => example::<Gap>("gap", codec),
        Schema::Refetch => example::<Refetch>("refetch", codec),
        Schema::DeadLetter => example::<DeadLetter>("dead_letter", codec),
    }
}

fn example<R: Record>(name: &str, codec: &Codec) -> Example {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../golden/{name}.v1.json"));
    let golden = std::fs::read(file).expect("every schema has a first version");
    let golden: Value = serde_json::from_slice(&golden).expect("a golden file is JSON");
    let wire = golden[0]["wire"].as_str().expect("a golden record");
    let mut bytes: Vec<u8> = hex::decode(wire).expect("hexadecimal");
    let first = Release::ALL
        .iter()
        .find(|release| release.schema == R::SCHEMA)
        .expect("every schema is released");
    bytes[1..5].copy_from_slice(&first.id.to_be_bytes());
    let record: R = Codec::embedded().decode(&bytes).expect("it is read");
    Example {
        bytes: codec.encode(&record).expect("it is written"),
        reads: serde_json::to_value(&record).expect("plain data"),
    }
}
