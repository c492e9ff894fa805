//! What happened in a run, counted by name.

use std::collections::BTreeMap;
use std::fmt;

/// Counts by name; names of one kind begin alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// One more of `name`.
    pub(crate) fn add(&mut self, name: impl Into<String>) {
        self.add_many(name, 1);
    }

    pub(crate) fn add_many(&mut self, name: impl Into<String>, many: u64) {
        *self.0.entry(name.into()).or_default() += many;
    }

    /// How many of `name`.
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// How many of all names that begin with `prefix`.
    pub fn of_all(&self, prefix: &str) -> u64 {
        let all = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        all.map(|(_, many)| many).sum()
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: &Self) {
        for (name, many) in &other.0 {
            self.add_many(name.clone(), *many);
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, many) in &self.0 {
            writeln!(f, "{many:>12}  {name}")?;
        }
        Ok(())
    }
}
