//! What a repository's labels and milestones were edited to, and which were deleted.
//!
//! GitHub tells such a change once, in an event of its own, and none for the items that bear the
//! label or milestone; their `updated_at` does not move either. The event of a label has no time but
//! its first attempt's, and a redelivery whose first attempt nobody listed would pass for news: so
//! every event counts as of the first time that it was told, and stays, lest it should come again.
//! They are few.

use crate::law::{Join, Stamp};
use crate::payload::Webhook;
use gapless_schemas::{Event, NameKind, Naming, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// By bearer and event, what was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Namings(BTreeMap<(NameKind, i64), BTreeMap<u64, Telling>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Telling {
    at: Timestamp,
    name: String,
    deleted: bool,
}

impl Join for Telling {
    /// One event tells one thing, at the first time that it does.
    fn join(&mut self, other: Self) {
        if other < *self {
            *self = other;
        }
    }
}

impl Join for Namings {
    fn join(&mut self, other: Self) {
        self.0.join(other.0);
    }
}

impl Namings {
    /// What `event` tells.
    pub(super) fn of(event: &Event, webhook: &Webhook) -> Self {
        let deleted = match event.action.as_deref() {
            Some("edited") => false,
            Some("deleted") => true,
            _ => return Self::default(),
        };
        let (kind, id, name, updated_at) = match (event.kind.as_str(), webhook) {
            (
                "label",
                Webhook {
                    label: Some(it), ..
                },
            ) => (NameKind::Label, it.id, &it.name, None),
            (
                "milestone",
                Webhook {
                    milestone: Some(it),
                    ..
                },
            ) => (NameKind::Milestone, it.id, &it.title, it.updated_at),
            _ => return Self::default(),
        };
        let Some(id) = id else { return Self::default() };
        // A deletion is no change of what is deleted: that keeps the time of the last one.
        let stamp = Stamp::of_names(event, updated_at.filter(|_| !deleted));
        let telling = Telling {
            at: stamp.entity_time,
            name: name.to_string(),
            deleted,
        };
        Self(BTreeMap::from([(
            (kind, id),
            BTreeMap::from([(stamp.event, telling)]),
        )]))
    }

    /// The last telling of each.
    pub(super) fn latest(&self) -> Vec<Naming> {
        let latest = self.0.iter().filter_map(|(&(kind, id), tellings)| {
            let (_, telling) = tellings
                .iter()
                .max_by_key(|(event, telling)| (telling.at, telling.deleted, **event))?;
            Some(Naming {
                kind,
                id,
                name: telling.name.clone(),
                deleted: telling.deleted,
                told_at: telling.at,
            })
        });
        latest.collect()
    }
}
