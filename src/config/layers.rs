//! Flags, environment and file as one: whoever asks for a key gets the value of the first that
//! tells it, and where that stands.

use super::section::Section;
use super::{Problems, suggestion};
use gapless_ingest::Secret;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file that is read where none is named.
const FILE: &str = "gapless.toml";

/// Every variable that some command or part of Gapless reads. A command takes all of them for known:
/// one environment serves `up` and `demo`.
const VARIABLES: &[&str] = &[
    "GAPLESS_API_BASE_URL",
    "GAPLESS_CACHE_DIR",
    "GAPLESS_CLICKHOUSE_READER_PASSWORD",
    "GAPLESS_CLICKHOUSE_READER_PASSWORD_FILE",
    "GAPLESS_CLICKHOUSE_READER_USER",
    "GAPLESS_CLICKHOUSE_URL",
    "GAPLESS_CLICKHOUSE_WRITER_PASSWORD",
    "GAPLESS_CLICKHOUSE_WRITER_PASSWORD_FILE",
    "GAPLESS_CLICKHOUSE_WRITER_USER",
    "GAPLESS_CONFIG",
    "GAPLESS_CRASH_AT",
    "GAPLESS_DATA_DIR",
    "GAPLESS_EMBEDDED_PART",
    "GAPLESS_GITHUB_TOKEN",
    "GAPLESS_GITHUB_TOKEN_FILE",
    "GAPLESS_HOST",
    "GAPLESS_KAFKA_BOOTSTRAP",
    "GAPLESS_LOG",
    "GAPLESS_OPERATOR_LISTEN",
    "GAPLESS_OWNER",
    "GAPLESS_PARTITIONS",
    "GAPLESS_REGISTRY_URL",
    "GAPLESS_SHARED_DIR",
    "GAPLESS_WEBHOOK_LISTEN",
    "GAPLESS_WEBHOOK_SECRET",
    "GAPLESS_WEBHOOK_SECRET_FILE",
];

/// What a command was given from outside. Not to be printed: the environment holds secrets.
#[derive(Clone, Default)]
pub(crate) struct Given {
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// Flags with their values.
    pub(crate) flags: BTreeMap<&'static str, String>,
    /// Variables that begin with `GAPLESS_`, and those that a `token_env` may name.
    pub(crate) environment: BTreeMap<String, String>,
    /// Variables that begin with `GAPLESS_` and hold something else than text.
    pub(crate) unreadable: Vec<String>,
}

/// One setting: where it stands in each layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Section and name in the file; an empty section is the file's top.
    in_file: Option<(&'static str, &'static str)>,
    variable: &'static str,
    flag: Option<&'static str>,
}

impl Key {
    pub(super) const fn new(
        section: &'static str,
        name: &'static str,
        variable: &'static str,
    ) -> Self {
        Self {
            in_file: Some((section, name)),
            variable,
            flag: None,
        }
    }

    /// A setting that the file tells elsewhere, in a list.
    pub(super) const fn variable(variable: &'static str) -> Self {
        Self {
            in_file: None,
            variable,
            flag: None,
        }
    }

    pub(super) const fn or_flag(self, flag: &'static str) -> Self {
        Self {
            flag: Some(flag),
            ..self
        }
    }

    /// How a person names it.
    pub(super) fn in_words(&self) -> String {
        match self.in_file {
            Some((section, name)) => format!("{} (or [{section}] {name})", self.variable),
            None => self.variable.to_owned(),
        }
    }
}

/// A value and where it stands.
pub(super) struct Found {
    pub(super) text: String,
    pub(super) place: String,
    /// What relative paths in it are relative to.
    base: PathBuf,
}

/// The three layers, and the faults found so far.
pub(super) struct Layers {
    given: Given,
    file_name: String,
    folder: PathBuf,
    top: Section,
    sections: BTreeMap<String, Section>,
    /// Every `[[sources]]`.
    pub(super) sources: Vec<Section>,
    known_sections: Vec<&'static str>,
    pub(super) problems: Problems,
}

impl Layers {
    /// Reads the file that is named, or `gapless.toml` where it exists.
    pub(super) fn read(given: Given) -> Result<Self, Problems> {
        let named = given.config.clone().or_else(|| {
            let named = given.environment.get("GAPLESS_CONFIG");
            named.filter(|path| !path.is_empty()).map(PathBuf::from)
        });
        let path = named.clone().unwrap_or_else(|| FILE.into());
        let mut layers = Self::without_file(given);
        layers.file_name = path.display().to_string();
        layers.folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let fault = |sentence| Err(Problems(vec![sentence]));
        match std::fs::read_to_string(&path) {
            Ok(text) => match text.parse::<toml::Table>() {
                Ok(table) => layers.take_in(table),
                Err(error) => {
                    let line = error
                        .span()
                        .map(|span| text[..span.start].matches('\n').count() + 1);
                    let line = line.map_or_else(String::new, |line| format!(", line {line}"));
                    return fault(format!(
                        "{}{line}: this is no TOML ({}): correct it",
                        layers.file_name,
                        error.message().replace('\n', ", ")
                    ));
                }
            },
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return fault(format!(
                    "{} is no text in UTF-8: save it as such",
                    layers.file_name
                ));
            }
            Err(error) => {
                return fault(format!(
                    "{} cannot be read ({error}): correct --config or the file's permissions",
                    layers.file_name
                ));
            }
        }
        Ok(layers)
    }

    /// Flags and the environment alone.
    pub(super) fn without_file(given: Given) -> Self {
        Self {
            given,
            file_name: FILE.to_owned(),
            folder: PathBuf::new(),
            top: Section::default(),
            sections: BTreeMap::new(),
            sources: Vec::new(),
            known_sections: vec!["sources"],
            problems: Problems::default(),
        }
    }

    fn take_in(&mut self, table: toml::Table) {
        let mut top = toml::Table::new();
        for (name, value) in table {
            match value {
                toml::Value::Table(_) if name == "sources" => self.problems.add(format!(
                    "{}: [sources] is a list: write [[sources]] above each of them",
                    self.file_name
                )),
                toml::Value::Table(table) => {
                    let place = format!("{}: [{name}]", self.file_name);
                    self.sections.insert(name, Section::new(place, table));
                }
                toml::Value::Array(entries) if name == "sources" => {
                    for (index, entry) in entries.into_iter().enumerate() {
                        let place = format!("{}: [[sources]] {}", self.file_name, index + 1);
                        match entry {
                            toml::Value::Table(table) => {
                                self.sources.push(Section::new(place, table));
                            }
                            _ => self.problems.add(format!(
                                "{place} is no table: write [[sources]] above its keys"
                            )),
                        }
                    }
                }
                value => {
                    top.insert(name, value);
                }
            }
        }
        self.top = Section::new(format!("{}:", self.file_name), top);
    }

    /// A whole section, for keys that stand in no other layer.
    pub(super) fn section(&mut self, name: &'static str) -> &mut Section {
        self.known_sections.push(name);
        self.sections.entry(name.to_owned()).or_default()
    }

    /// The value of `key` in the first layer that tells it; an empty text tells nothing.
    pub(super) fn find(&mut self, key: &Key) -> Option<Found> {
        debug_assert!(VARIABLES.contains(&key.variable), "{}", key.variable);
        let in_file = key.in_file.and_then(|(section, name)| {
            let section = match section {
                "" => &mut self.top,
                section => {
                    self.known_sections.push(section);
                    self.sections.entry(section.to_owned()).or_default()
                }
            };
            section.text(name, &mut self.problems)
        });
        let outside = |text: &String, place: &str| Found {
            text: text.clone(),
            place: place.to_owned(),
            base: PathBuf::new(),
        };
        let flag = key
            .flag
            .and_then(|flag| Some((flag, self.given.flags.get(flag)?)));
        let variable = self.given.environment.get(key.variable);
        flag.map(|(flag, text)| outside(text, flag))
            .or_else(|| variable.map(|text| outside(text, key.variable)))
            .filter(|found| !found.text.is_empty())
            .or_else(|| {
                in_file.map(|(text, place)| Found {
                    text,
                    place,
                    base: self.folder.clone(),
                })
            })
    }

    /// The value as `check` reads it; `wanted` says what it should be.
    pub(super) fn checked<T>(
        &mut self,
        key: &Key,
        wanted: &str,
        check: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let found = self.find(key)?;
        let value = check(&found.text);
        if value.is_none() {
            self.problems.add(format!(
                "{}: {:?} is not {wanted}: correct it",
                found.place, found.text
            ));
        }
        value
    }

    pub(super) fn parsed<T: std::str::FromStr>(&mut self, key: &Key, wanted: &str) -> Option<T> {
        self.checked(key, wanted, |text| text.parse().ok())
    }

    /// A path; in the file it is relative to the file's folder.
    pub(super) fn path(&mut self, key: &Key) -> Option<PathBuf> {
        let found = self.find(key)?;
        Some(found.base.join(found.text))
    }

    /// A secret that stands in `direct`, or in the file that `in_file` names.
    pub(super) fn secret(&mut self, direct: &Key, in_file: &Key) -> Option<Secret> {
        let direct_found = self.find(direct);
        let file_found = self.find(in_file);
        match (direct_found, file_found) {
            (Some(a), Some(b)) => {
                self.problems.add(format!(
                    "{} and {} both tell the same secret: leave one out",
                    a.place, b.place
                ));
                None
            }
            (Some(found), None) => Some(Secret::new(found.text)),
            (None, Some(found)) => {
                let path = found.base.join(found.text);
                self.read_secret(&path, &found.place)
            }
            (None, None) => None,
        }
    }

    /// A secret in a file that the configuration's file names, relative to its own folder.
    pub(super) fn secret_file(&mut self, path: &Path, place: &str) -> Option<Secret> {
        let path = self.folder.join(path);
        self.read_secret(&path, place)
    }

    fn read_secret(&mut self, path: &Path, place: &str) -> Option<Secret> {
        match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => Some(Secret::new(text.trim())),
            Ok(_) => {
                self.problems.add(format!(
                    "{place}: {} is empty: write the secret into it",
                    path.display()
                ));
                None
            }
            Err(error) => {
                self.problems.add(format!(
                    "{place}: {} cannot be read ({error}): correct the path or its permissions",
                    path.display()
                ));
                None
            }
        }
    }

    /// A variable that the configuration names itself.
    pub(super) fn variable(&self, name: &str) -> Option<&String> {
        let value = self.given.environment.get(name)?;
        Some(value).filter(|value| !value.is_empty())
    }

    /// What was asked for is known; what is left over is a fault.
    pub(super) fn finish(mut self) -> Result<(), Problems> {
        let problems = &mut self.problems;
        for name in &self.given.unreadable {
            problems.add(format!(
                "{name} in the environment is no text in UTF-8: correct it"
            ));
        }
        self.known_sections.sort_unstable();
        self.known_sections.dedup();
        for name in &self.known_sections {
            if self.top.discard(name) {
                let (left, right) = match *name {
                    "sources" => ("[[", "]] above the keys of each of them"),
                    _ => ("[", "] once, above its keys"),
                };
                problems.add(format!(
                    "{}: {name} must be a section: write {left}{name}{right}",
                    self.file_name
                ));
            }
        }
        let is_known = |name: &String| self.known_sections.contains(&name.as_str());
        for name in self.sections.keys().filter(|name| !is_known(name)) {
            let hint = suggestion::hint(name, &self.known_sections);
            problems.add(format!(
                "{}: there is no section [{name}]: {hint}",
                self.file_name
            ));
        }
        let known = self.sections.iter().filter(|(name, _)| is_known(name));
        for section in known
            .map(|(_, section)| section)
            .chain(&self.sources)
            .chain([&self.top])
        {
            section.complain_of_unknown(problems);
        }
        for name in self.given.environment.keys() {
            if name.starts_with("GAPLESS_") && !VARIABLES.contains(&name.as_str()) {
                // Others may use the prefix too; what is nearly ours is a slip.
                match suggestion::nearest(name, VARIABLES) {
                    Some(nearest) => problems.add(format!(
                        "{name} in the environment is no variable of Gapless: did you mean {nearest}?"
                    )),
                    None => tracing::warn!("{name} in the environment is no variable of Gapless"),
                }
            }
        }
        if problems.sentences().is_empty() {
            Ok(())
        } else {
            Err(self.problems)
        }
    }
}
