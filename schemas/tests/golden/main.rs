//! Every released version of every schema is read for ever.
//!
//! A release of a schema is two files in `schemas/golden/`: `<name>.v<N>.avsc`, its text then, and
//! `<name>.v<N>.json`, examples of it as they lie in Kafka and what was read from them. They are
//! never changed. Whoever changes a schema runs
//!
//! ```text
//! GAPLESS_RELEASE_SCHEMAS=1 cargo test -p gapless-schemas --test golden
//! ```
//!
//! which writes the next version's files, if it gets on with all that were released before.

mod example;

use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use gapless_schemas::{
    Codec, DeadLetter, Event, Gap, Issue, LedgerBlock, PullRequest, Record, Refetch, Repository,
    Schema,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// An id that no schema of the reading codec has: what was released is read by its own text.
const RELEASED_ID: u32 = 7_000;

/// One example of a released version.
#[derive(Serialize, Deserialize)]
struct Golden {
    /// The record's value in Kafka, in hexadecimal, under schema id [`RELEASED_ID`].
    wire: String,
    /// What is read from it, as JSON.
    reads: Value,
}

/// One released version of a schema.
struct Release {
    version: u32,
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
    let mut releases = releases(name);
    if releases.last().is_none_or(|newest| newest.text != text) {
        assert!(
            releasing(),
            "{name}.avsc is not the text of its newest release: if it is meant to change, see the \
             head of this file for how to release it"
        );
        releases.push(release::<R>(name, releases.len() as u32 + 1));
    }
    for release in &releases {
        for (number, golden) in release.examples.iter().enumerate() {
            let read = serde_json::to_value(read::<R>(&release.text, &golden.wire))
                .expect("a record is plain data");
            assert!(
                contains(&read, &golden.reads),
                "example {number} of {name} version {} was read as\n{}\nand is now read as\n{read}",
                release.version,
                golden.reads
            );
        }
        let compatible = SchemaCompatibility::mutual_read(&parsed(&release.text), &parsed(text));
        assert!(
            matches!(compatible, Ok(Compatibility::Full)),
            "{name}.avsc does not get on both ways with its version {}: {compatible:?}",
            release.version
        );
    }
}

fn releasing() -> bool {
    std::env::var_os("GAPLESS_RELEASE_SCHEMAS").is_some()
}

/// Reads a released record as a process does that never saw its version: by the text that a
/// registry holds.
fn read<R: Record>(released: &str, wire: &str) -> R {
    let mut codec = Codec::embedded();
    codec
        .learn(RELEASED_ID, released)
        .expect("a released schema is valid");
    let bytes = hex::decode(wire).expect("a golden file is hexadecimal");
    codec.decode(&bytes).expect("what was released is read")
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
fn release<R: Record>(name: &str, version: u32) -> Release {
    let text = R::SCHEMA.text();
    let examples: Vec<Golden> = example::wires(&parsed(text), RELEASED_ID)
        .into_iter()
        .map(|wire| Golden {
            reads: serde_json::to_value(read::<R>(text, &wire)).expect("a record is plain data"),
            wire,
        })
        .collect();
    let json = serde_json::to_string_pretty(&examples).expect("examples are plain data");
    let path = |extension: &str| folder().join(format!("{name}.v{version}.{extension}"));
    std::fs::write(path("avsc"), text).expect("the golden folder is written");
    std::fs::write(path("json"), json + "\n").expect("the golden folder is written");
    Release {
        version,
        text: text.to_owned(),
        examples,
    }
}

/// All released versions, oldest first.
fn releases(name: &str) -> Vec<Release> {
    let path =
        |version: u32, extension: &str| folder().join(format!("{name}.v{version}.{extension}"));
    (1..)
        .map_while(|version| {
            let text = std::fs::read_to_string(path(version, "avsc")).ok()?;
            let json = std::fs::read(path(version, "json")).expect("a version has its examples");
            Some(Release {
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
