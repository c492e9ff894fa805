//! One table of the file: keys are taken out by name, and what nobody took is a fault.

use super::{Problems, suggestion};

/// A table, and where it stands in words.
#[derive(Debug, Default)]
pub(super) struct Section {
    place: String,
    table: toml::Table,
    known: Vec<&'static str>,
}

impl Section {
    pub(super) fn new(place: String, table: toml::Table) -> Self {
        Self {
            place,
            table,
            known: Vec::new(),
        }
    }

    /// Where a key stands, in words.
    pub(super) fn place_of(&self, key: &str) -> String {
        format!("{} {key}", self.place)
    }

    /// Where the section stands, in words.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Drops a key that nobody can use; says whether it was there.
    pub(super) fn discard(&mut self, key: &str) -> bool {
        self.table.remove(key).is_some()
    }

    fn take(&mut self, key: &'static str) -> Option<toml::Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// A scalar as text, and its place.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<(String, String)> {
        let value = self.take(key)?;
        let place = self.place_of(key);
        let text = scalar(&value);
        match text.as_deref() {
            None => problems.add(format!("{place} must be a single text or number")),
            Some("") => problems.add(format!(
                "{place} is empty: write a value, or leave the key out"
            )),
            Some(_) => {}
        }
        Some((text.filter(|text| !text.is_empty())?, place))
    }

    /// A list of texts; one text counts as a list of one.
    pub(super) fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<String> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let texts = match &value {
            toml::Value::Array(values) => values
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect(),
            toml::Value::String(text) => Some(vec![text.clone()]),
            _ => None,
        };
        texts
            .filter(|texts| texts.iter().all(|text| !text.is_empty()))
            .unwrap_or_else(|| {
                problems.add(format!(
                    "{} must be a list of texts, none of them empty",
                    self.place_of(key)
                ));
                Vec::new()
            })
    }

    /// A whole number of seconds above zero.
    pub(super) fn seconds(&mut self, key: &'static str, problems: &mut Problems) -> Option<i64> {
        let value = self.take(key)?;
        let seconds = value.as_integer().filter(|seconds| *seconds > 0);
        if seconds.is_none() {
            problems.add(format!(
                "{} must be a whole number of seconds above 0",
                self.place_of(key)
            ));
        }
        seconds
    }

    /// A table within.
    pub(super) fn table(&mut self, key: &'static str, problems: &mut Problems) -> toml::Table {
        match self.take(key) {
            Some(toml::Value::Table(table)) => table,
            Some(_) => {
                problems.add(format!("{} must be a table", self.place_of(key)));
                toml::Table::new()
            }
            None => toml::Table::new(),
        }
    }

    pub(super) fn complain_of_unknown(&self, problems: &mut Problems) {
        for key in self.table.keys() {
            let hint = suggestion::hint(key, &self.known);
            problems.add(format!(
                "{} is no key of Gapless: {hint}",
                self.place_of(key)
            ));
        }
    }
}

/// A text, number or truth value as text.
pub(super) fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}
