//! What is known of each table, and which are to be written again: pure.

use super::judge::{Damage, Found, Seen, judge};
use crate::catalogue::{ROLLUPS, TABLES};
use crate::rollup::Rollup;
use crate::table::Table;
use std::collections::BTreeMap;

/// A table that is to be written again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rebuild {
    /// Why.
    pub(crate) reason: String,
    /// Since when, in milliseconds since 1970.
    pub(crate) since_millis: i64,
    /// Of a table of rows: the next offset of each partition of its topic, all before which is written
    /// again; from the beginning where it is empty.
    pub(crate) positions: Vec<i64>,
}

/// What is known of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What was last seen of it.
    pub(crate) seen: Seen,
    /// Set from when it is found damaged until it is whole again.
    pub(crate) rebuild: Option<Rebuild>,
    /// When the last rebuild began and ended, in milliseconds since 1970.
    pub(crate) last_rebuild_millis: Option<(i64, i64)>,
}

/// What is known of each table, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    /// Tables that nobody has looked at yet are missing.
    pub(crate) entries: BTreeMap<String, Entry>,
}

/// One thing that makes damaged tables whole again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mend {
    /// Write a table's rows from its topic.
    Rows(&'static Table),
    /// Write an index from the rows.
    Index(&'static Rollup),
    /// Compute every figure from the rows.
    Figures(&'static Rollup),
}

impl Mend {
    /// The table that it makes whole.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Rows(table) => table.name,
            Self::Index(rollup) => rollup.index.as_ref().map_or("", |index| index.name),
            Self::Figures(rollup) => rollup.table.name,
        }
    }
}

impl Inventory {
    /// Takes in what is found `now_millis`; names the tables that are damaged anew, each with what
    /// follows from it. `has_read` where records were read before: without any, a table that nobody
    /// knows is a new one.
    pub(crate) fn look(
        &mut self,
        found: &BTreeMap<String, Found>,
        has_read: bool,
        now_millis: i64,
    ) -> Vec<String> {
        let mut damaged = Vec::new();
        for (name, found) in found {
            let damage = match self.entries.get(name) {
                Some(entry) => judge(&entry.seen, found),
                None => has_read.then_some(Damage::Unknown),
            };
            let entry = self.entries.entry(name.clone()).or_default();
            entry.seen = found.seen.clone();
            if let Some(damage) = damage {
                self.begin(name, &damage.to_string(), now_millis, &mut damaged);
            }
        }
        damaged
    }

    fn begin(&mut self, name: &str, reason: &str, now_millis: i64, damaged: &mut Vec<String>) {
        let entry = self.entries.entry(name.to_owned()).or_default();
        let rebuild = entry.rebuild.get_or_insert_with(|| Rebuild {
            reason: reason.to_owned(),
            since_millis: now_millis,
            positions: Vec::new(),
        });
        rebuild.positions.clear();
        if !damaged.iter().any(|known| known == name) {
            damaged.push(name.to_owned());
        }
        for follows in following(name) {
            self.begin(
                follows,
                &format!("{name} is written again"),
                now_millis,
                damaged,
            );
        }
    }

    /// All before `positions` is written again into `name`.
    pub(crate) fn advance(&mut self, name: &str, positions: Vec<i64>) {
        let entry = self.entries.get_mut(name);
        if let Some(rebuild) = entry.and_then(|entry| entry.rebuild.as_mut()) {
            rebuild.positions = positions;
        }
    }

    /// `name` is whole again.
    pub(crate) fn end(&mut self, name: &str, now_millis: i64) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        if let Some(rebuild) = entry.rebuild.take() {
            entry.last_rebuild_millis = Some((rebuild.since_millis, now_millis));
        }
    }

    /// What to do next, if anything is damaged: small tables first, and of each the rows, what finds
    /// them, and what is computed from both.
    pub(crate) fn next(&self) -> Option<Mend> {
        let is_damaged = |mend: &Mend| {
            let entry = self.entries.get(mend.table());
            entry.is_some_and(|entry| entry.rebuild.is_some())
        };
        // Events are by far the most.
        let (first, last) = TABLES.split_at(1);
        let tables = last.iter().chain(first);
        tables.flat_map(|table| family(table)).find(is_damaged)
    }
}

/// Everything that belongs to a table of rows, in the order in which it is made whole.
fn family(table: &'static Table) -> Vec<Mend> {
    let mut all = vec![Mend::Rows(table)];
    for rollup in rollups_of(table.name) {
        all.extend(rollup.index.is_some().then_some(Mend::Index(rollup)));
        all.push(Mend::Figures(rollup));
    }
    all
}

fn rollups_of(rows: &str) -> impl Iterator<Item = &'static Rollup> {
    let rollups = ROLLUPS.into_iter();
    rollups.filter(move |rollup| rollup.rows.name == rows)
}

/// Tables whose rows may be wrong where those of `name` are lacking.
fn following(name: &str) -> Vec<&'static str> {
    let depends = |rollup: &&Rollup| {
        let index = rollup.index.as_ref().map(|index| index.name);
        rollup.rows.name == name || index == Some(name)
    };
    let rollups = ROLLUPS.into_iter().filter(depends);
    rollups.map(|rollup| rollup.table.name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::part::Part;
    use super::*;
    use crate::catalogue::tables;

    fn whole() -> BTreeMap<String, Found> {
        let found = |name: &str| Found {
            seen: Seen {
                uuid: name.to_owned(),
                parts: vec![Part {
                    name: "all_1_1_0".to_owned(),
                    hash: String::new(),
                    rows: 1,
                }],
            },
            ..Found::default()
        };
        let tables = tables().into_iter();
        tables
            .map(|table| (table.name.to_owned(), found(table.name)))
            .collect()
    }

    /// What is done until nothing is left to do.
    fn mended(inventory: &mut Inventory) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(mend) = inventory.next() {
            done.push(mend.table().to_owned());
            inventory.end(mend.table(), 2);
        }
        done
    }

    #[test]
    fn tables_of_a_new_installation_are_whole_and_unknown_ones_are_not() {
        let mut new = Inventory::default();
        assert!(new.look(&whole(), false, 1).is_empty());
        assert!(new.next().is_none());
        let mut lost = Inventory::default();
        assert_eq!(lost.look(&whole(), true, 1).len(), tables().len());
        assert_eq!(mended(&mut lost).len(), tables().len());
    }

    /// Of each table of the catalogue: it and what follows from it is mended, once, and nothing else.
    #[test]
    fn a_damaged_table_is_mended_with_what_follows_from_it_and_nothing_else() {
        for table in tables() {
            let mut inventory = Inventory::default();
            inventory.look(&whole(), false, 1);
            let mut found = whole();
            found.get_mut(table.name).unwrap().seen.parts.clear();
            let mut damaged = inventory.look(&found, true, 1);
            let mut expected = vec![table.name];
            expected.extend(following(table.name));
            assert_eq!(damaged, expected);
            assert!(inventory.look(&found, true, 1).is_empty(), "noticed once");
            let mended = mended(&mut inventory);
            damaged.sort();
            let mut sorted = mended.clone();
            sorted.sort();
            assert_eq!(sorted, damaged);
            assert_eq!(mended[0], table.name, "what others follow from comes first");
            assert_eq!(
                inventory.entries[table.name].last_rebuild_millis,
                Some((1, 2))
            );
        }
    }

    #[test]
    fn a_rebuild_that_is_damaged_again_begins_anew_and_keeps_its_first_reason() {
        let mut inventory = Inventory::default();
        inventory.look(&whole(), false, 1);
        let mut found = whole();
        found.get_mut("issues").unwrap().seen.uuid = "other".to_owned();
        assert_eq!(inventory.look(&found, true, 1), ["issues", "issues_daily"]);
        inventory.advance("issues", vec![7]);
        found.get_mut("issues").unwrap().seen.parts.clear();
        assert_eq!(inventory.look(&found, true, 9), ["issues", "issues_daily"]);
        let rebuild = inventory.entries["issues"].rebuild.clone().unwrap();
        let expected = Rebuild {
            reason: "it was dropped".to_owned(),
            since_millis: 1,
            positions: Vec::new(),
        };
        assert_eq!(rebuild, expected);
    }
}
