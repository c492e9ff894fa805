//! Names that wait to be stored.

use super::buffer::insert;
use super::step::Step;
use crate::names::{MAPPING, NameRow, TABLE, version};
use crate::origin::{Origin, Traced};
use crate::table::RowsBuilder;
use gapless_schemas::{NameKind, Naming};
use std::collections::BTreeMap;

/// The last telling of each name of each bearer. Every record tells a dozen, nearly all of which wait
/// already: so a name is looked for by its bearer's id, before a row is made of it.
#[derive(Default)]
pub(super) struct Tellings {
    latest: BTreeMap<(NameKind, i64), Vec<NameRow>>,
    len: usize,
}

impl Tellings {
    pub(super) fn push(&mut self, naming: Naming, host: &str, origin: &Origin) {
        let names = self.latest.entry((naming.kind, naming.id)).or_default();
        let is_same = |row: &&mut NameRow| row.naming.name == naming.name && row.host == host;
        match names.iter_mut().find(is_same) {
            // Of one telling the last record is noted, as where they are stored apart.
            Some(known) if known.version() > version(&naming) => {}
            Some(known) => {
                known.naming = naming;
                known.origin = origin.clone();
            }
            None => {
                names.push(NameRow {
                    host: host.to_owned(),
                    naming,
                    origin: origin.clone(),
                });
                self.len += 1;
            }
        }
    }

    /// How many rows wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn take_rows(&mut self, rows: &mut Vec<Step>) {
        let mut stored = RowsBuilder::new(&TABLE);
        for row in std::mem::take(self).latest.into_values().flatten() {
            stored.push(&MAPPING, &row);
        }
        rows.extend(insert(stored));
    }
}
