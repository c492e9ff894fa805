//! Example records: the first of each schema's golden file.

use gapless_schemas::{
    Codec, DeadLetter, Event, Gap, Issue, LedgerBlock, PullRequest, Record, Refetch, Repository,
    Schema, SchemaId,
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden");
    let file = |extension: &str| {
        std::fs::read_to_string(folder.join(format!("{name}.v1.{extension}")))
            .expect("every schema has a first version")
    };
    let golden: Value = serde_json::from_str(&file("json")).expect("a golden file is JSON");
    let wire = golden[0]["wire"].as_str().expect("a golden record");
    let bytes: Vec<u8> = hex::decode(wire).expect("hexadecimal");
    let id = SchemaId::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
    let mut reader = Codec::embedded();
    reader.learn(id, &file("avsc")).expect("a released schema");
    let record: R = reader.decode(&bytes).expect("it is read");
    Example {
        bytes: codec.encode(&record).expect("it is written"),
        reads: serde_json::to_value(&record).expect("plain data"),
    }
}
