//! What is served: each subject with its one version.

use super::answer::Refusal;
use crate::subjects;
use gapless_schemas::{Codec, SchemaId, Topics};
use serde_json::Value;

/// A subject's schema.
pub(super) struct Entry {
    pub(super) subject: String,
    pub(super) id: SchemaId,
    pub(super) version: i64,
    pub(super) text: &'static str,
    pub(super) parsed: Value,
}

/// All of them, in the order of their ids.
pub(super) struct Catalogue(Vec<Entry>);

impl Catalogue {
    pub(super) fn embedded(topics: &Topics) -> Self {
        let codec = Codec::embedded();
        let mut entries: Vec<Entry> = subjects(topics)
            .into_iter()
            .map(|subject| Entry {
                id: codec.id(subject.schema),
                version: 1,
                text: subject.schema.text(),
                parsed: serde_json::from_str(subject.schema.text())
                    .expect("an .avsc file of ours is JSON"),
                subject: subject.name,
            })
            .collect();
        entries.sort_by_key(|entry| entry.id);
        Self(entries)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    pub(super) fn subject(&self, name: &str) -> Result<&Entry, Refusal> {
        self.entries()
            .find(|entry| entry.subject == name)
            .ok_or_else(|| Refusal::SubjectNotFound(name.to_owned()))
    }

    /// `version` as a client writes it: a number from 1, `latest`, or its older form `-1`.
    pub(super) fn version(&self, subject: &str, version: &str) -> Result<&Entry, Refusal> {
        let entry = self.subject(subject)?;
        let number = match version {
            "latest" | "-1" => entry.version,
            _ => version
                .parse::<i64>()
                .ok()
                .filter(|number| (1..=i64::from(i32::MAX)).contains(number))
                .ok_or_else(|| Refusal::InvalidVersion(version.to_owned()))?,
        };
        if number == entry.version {
            Ok(entry)
        } else {
            Err(Refusal::VersionNotFound(version.to_owned()))
        }
    }

    pub(super) fn id(&self, id: &str) -> Result<&Entry, Refusal> {
        self.entries()
            .find(|entry| id.parse() == Ok(entry.id))
            .ok_or(Refusal::SchemaNotFound)
    }
}
