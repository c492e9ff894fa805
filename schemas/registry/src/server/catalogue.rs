//! What is served: each subject with every version of its schema.

use super::answer::Refusal;
use crate::subjects;
use gapless_schemas::{Release, SchemaId, Topics};
use serde_json::Value;

/// A version of a subject's schema.
pub(super) struct Entry {
    pub(super) subject: String,
    pub(super) id: SchemaId,
    pub(super) version: u32,
    pub(super) text: &'static str,
    pub(super) parsed: Value,
}

/// All of them, in the order of their ids, which is also that of a subject's versions.
pub(super) struct Catalogue(Vec<Entry>);

impl Catalogue {
    /// `releases` are in the order of their ids.
    pub(super) fn of(releases: &[Release], topics: &Topics) -> Self {
        let subjects = subjects(topics);
        let entry = |release: &Release| {
            let mut of_schema = subjects.iter().filter(|s| s.schema == release.schema);
            let subject = of_schema
                .next()
                .expect("every schema has a topic, as a test of the subjects holds");
            Entry {
                subject: subject.name.clone(),
                id: release.id,
                version: release.version,
                text: release.text,
                parsed: serde_json::from_str(release.text).expect("a released text is JSON"),
            }
        };
        Self(releases.iter().map(entry).collect())
    }

    /// The subjects' names.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &str> {
        let firsts = self.0.iter().filter(|entry| entry.version == 1);
        firsts.map(|entry| entry.subject.as_str())
    }

    /// A subject's versions, oldest first; at least one.
    pub(super) fn versions(&self, subject: &str) -> Result<Vec<&Entry>, Refusal> {
        let of_subject = self.0.iter().filter(|entry| entry.subject == subject);
        let versions: Vec<&Entry> = of_subject.collect();
        if versions.is_empty() {
            return Err(Refusal::SubjectNotFound(subject.to_owned()));
        }
        Ok(versions)
    }

    /// `version` as a client writes it: a number from 1, `latest`, or its older form `-1`.
    pub(super) fn version(&self, subject: &str, version: &str) -> Result<&Entry, Refusal> {
        let versions = self.versions(subject)?;
        let found = match version {
            "latest" | "-1" => versions.last(),
            _ => {
                let number = version
                    .parse::<u32>()
                    .ok()
                    .filter(|number| (1..=i32::MAX.cast_unsigned()).contains(number))
                    .ok_or_else(|| Refusal::InvalidVersion(version.to_owned()))?;
                versions.iter().find(|entry| entry.version == number)
            }
        };
        found
            .copied()
            .ok_or_else(|| Refusal::VersionNotFound(version.to_owned()))
    }

    /// The subject's version with this text.
    pub(super) fn text(&self, subject: &str, asked: &Value) -> Result<&Entry, Refusal> {
        self.versions(subject)?
            .into_iter()
            .find(|entry| entry.parsed == *asked)
            .ok_or(Refusal::SchemaNotFound)
    }

    pub(super) fn id(&self, id: &str) -> Result<&Entry, Refusal> {
        self.0
            .iter()
            .find(|entry| id.parse() == Ok(entry.id))
            .ok_or(Refusal::SchemaNotFound)
    }
}
