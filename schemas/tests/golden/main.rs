//! Every released version of every schema is read for ever.
//!
//! A release of a schema is an entry of `Release::ALL` (`schemas/src/releases.rs` says how one is
//! made) and two files in `schemas/golden/`: `<name>.v<N>.avsc`, its text then, and
//! `<name>.v<N>.json`, examples of it as they lie in Kafka and what was read from them. They are
//! never changed. With `GAPLESS_RELEASE_SCHEMAS` set, these tests write the next version's files
//! where a schema was changed and gets on with all that were released before.

mod example;

use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use gapless_schemas::{
    Codec, DeadLetter, Event, Gap, Issue, LedgerBlock, PullRequest, Record, Refetch, Release,
    Repository, Schema, SchemaId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// The id that stands in the files, in the place of the release's own: who writes them does not
/// know it yet.
const FILES_ID: SchemaId = 7_000;

/// One example of a released version.
#[derive(Serialize, Deserialize)]
struct Golden {
    /// The record's value in Kafka, in hexadecimal, under schema id [`FILES_ID`].
    wire: String,
    /// What is read from it, as JSON.
    reads: Value,
}

/// The files of one released version of a schema.
struct Files {
    version: usize,
    text: String,
    examples: Vec<Golden>,
}

#[test]
fn events_of_every_released_version_are_read() {
    hold::<Event>("event");
}

#[test]
fn pull_requests_of_every_released_version_are_read() {
    hold::<PullRequest>("pull_request");
}

#[test]
fn issues_of_every_released_version_are_read() {
    hold::<Issue>("issue");
}

#[test]
fn repositories_of_every_released_version_are_read() {
    hold::<Repository>("repository");
}

#[test]
fn ledger_blocks_of_every_released_version_are_read() {
    hold::<LedgerBlock>("ledger_block");
}

#[test]
fn gaps_of_every_released_version_are_read() {
    hold::<Gap>("gap");
}

#[test]
fn refetches_of_every_released_version_are_read() {
    hold::<Refetch>("refetch");
}

#[test]
fn dead_letters_of_every_released_version_are_read() {
    hold::<DeadLetter>("dead_letter");
}

#[test]
fn every_schema_is_held_by_a_test_above() {
    if releasing() {
        return; // the other tests are writing the files
    }
    let names: std::collections::HashSet<String> = std::fs::read_dir(folder())
        .expect("the golden files are there")
        .map(|entry| entry.expect("a folder's entry is read").file_name())
        .filter_map(|file| Some(file.to_str()?.split_once('.')?.0.to_owned()))
        .collect();
    assert_eq!(names.len(), Schema::ALL.len(), "{names:?}");
}

fn hold<R: Record>(name: &str) {
    let text = R::SCHEMA.text();
    let files = files(name);
    let next = files.len() + 1;
    for files in &files {
        let compatible = SchemaCompatibility::mutual_read(&parsed(&files.text), &parsed(text));
        assert!(
            matches!(compatible, Ok(Compatibility::Full)),
            "{name}.avsc does not get on both ways with its version {}: {compatible:?}",
            files.version
        );
    }
    if files.last().is_none_or(|newest| newest.text != text) {
        assert!(
            releasing(),
            "{name}.avsc is not the text of its newest release: if it is meant to change, see \
             schemas/src/releases.rs for how to release it"
        );
        release::<R>(name, next);
        panic!(
            "version {next} is written; append {}",
            entry::<R>(name, next)
        );
    }
    let releases: Vec<&Release> = Release::ALL
        .iter()
        .filter(|release| release.schema == R::SCHEMA)
        .collect();
    for files in &files {
        assert!(
            releases
                .get(files.version - 1)
                .is_some_and(|release| release.text == files.text),
            "not released: append {}",
            entry::<R>(name, files.version)
        );
    }
    for (files, release) in files.iter().zip(&releases) {
        assert_eq!(release.version as usize, files.version, "of {name}");
        for (number, golden) in files.examples.iter().enumerate() {
            let read = read::<R>(&Codec::embedded(), release.id, &golden.wire);
            assert!(
                contains(&read, &golden.reads),
                "example {number} of {name} version {} was read as\n{}\nand is now read as\n{read}",
                files.version,
                golden.reads
            );
        }
    }
    assert_eq!(releases.len(), files.len(), "{name} lacks golden files");
    let newest = releases.last().expect("every schema is released");
    assert_eq!(Codec::embedded().id(R::SCHEMA), newest.id, "of {name}");
}

fn releasing() -> bool {
    std::env::var_os("GAPLESS_RELEASE_SCHEMAS").is_some()
}

/// What makes files a release.
fn entry<R: Record>(name: &str, version: usize) -> String {
    format!(
        "`{} {:?} {version} \"{name}.v{version}.avsc\";` to the list in schemas/src/releases.rs \
         (where several schemas changed, each takes the next id)",
        Release::ALL.len() + 1,
        R::SCHEMA
    )
}

/// Reads an example of the files as a record written under `id`, as JSON.
fn read<R: Record>(codec: &Codec, id: SchemaId, wire: &str) -> Value {
    let mut bytes = hex::decode(wire).expect("a golden file is hexadecimal");
    bytes[1..5].copy_from_slice(&id.to_be_bytes());
    let record: R = codec.decode(&bytes).expect("what was released is read");
    serde_json::to_value(record).expect("a record is plain data")
}

/// Whether `read` says at least what `expected` says: later versions may know more of a record,
/// never less.
fn contains(read: &Value, expected: &Value) -> bool {
    match (read, expected) {
        (Value::Object(read), Value::Object(expected)) => expected
            .iter()
            .all(|(name, expected)| read.get(name).is_some_and(|read| contains(read, expected))),
        (Value::Array(read), Value::Array(expected)) => {
            read.len() == expected.len()
                && read
                    .iter()
                    .zip(expected)
                    .all(|(read, expected)| contains(read, expected))
        }
        _ => read == expected,
    }
}

/// Writes the files of a new version.
fn release<R: Record>(name: &str, version: usize) {
    let text = R::SCHEMA.text();
    let codec = Codec::with_ids(|_| FILES_ID);
    let examples: Vec<Golden> = example::wires(&parsed(text), FILES_ID)
        .into_iter()
        .map(|wire| Golden {
            reads: read::<R>(&codec, FILES_ID, &wire),
            wire,
        })
        .collect();
    let json = serde_json::to_string_pretty(&examples).expect("examples are plain data");
    let path = |extension: &str| folder().join(format!("{name}.v{version}.{extension}"));
    std::fs::write(path("avsc"), text).expect("the golden folder is written");
    std::fs::write(path("json"), json + "\n").expect("the golden folder is written");
}

/// The files of all released versions, oldest first.
fn files(name: &str) -> Vec<Files> {
    let path =
        |version: usize, extension: &str| folder().join(format!("{name}.v{version}.{extension}"));
    (1..)
        .map_while(|version| {
            let text = std::fs::read_to_string(path(version, "avsc")).ok()?;
            let json = std::fs::read(path(version, "json")).expect("a version has its examples");
            Some(Files {
                version,
                text,
                examples: serde_json::from_slice(&json).expect("a golden file is JSON"),
            })
        })
        .collect()
}

fn parsed(text: &str) -> apache_avro::Schema {
    apache_avro::Schema::parse_str(text).expect("a schema of ours is valid")
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}
