//! What ids are called.
//!
//! A login, a label's name and a milestone's title may change hands or be changed, the id stays. So
//! states hold ids, and beside them what each was last called: every telling has a time, an answer's
//! request or else the time of what the webhook tells of, and the latest counts. A label or person
//! renamed is told by whatever mentions it next, which may be another item: records carry what their
//! item was told, with its time, and readers take the latest of all (`projections`' table `names`).

use crate::law::{Earliest, Join, Register, Stamp};
use crate::payload::{LabelObject, MilestoneObject, UserObject};
use gapless_schemas::{Account, NameKind, Naming, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What each person, label and milestone was called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names(BTreeMap<(NameKind, i64), BTreeMap<String, Told>>);

/// When an id was told with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    first: Earliest<Timestamp>,
    /// The last telling, and whether it was of a bot.
    last: Register<bool>,
}

/// What an id is called now.
struct Called<'a> {
    name: &'a str,
    bot: bool,
    since: Timestamp,
}

impl Join for Told {
    fn join(&mut self, other: Self) {
        self.first.join(other.first);
        self.last.join(other.last);
    }
}

impl Join for Names {
    fn join(&mut self, other: Self) {
        self.0.join(other.0);
    }
}

impl Names {
    fn tell(&mut self, stamp: Stamp, key: (NameKind, i64), name: &str, bot: bool) {
        let told = Told {
            first: Earliest(Some(stamp.entity_time)),
            last: Register::new(stamp, bot),
        };
        let names = self.0.entry(key).or_default();
        names.entry(name.to_owned()).or_default().join(told);
    }

    /// Notes a person's name; nothing where it stands for an account that is gone.
    pub(crate) fn tell_person(&mut self, stamp: Stamp, user: &UserObject) {
        if let Some(user) = user.person() {
            let key = (NameKind::Person, user.id);
            self.tell(stamp, key, &user.login, user.is_bot());
        }
    }

    /// Notes a label's name, where it has an id.
    pub(crate) fn tell_label(&mut self, stamp: Stamp, label: &LabelObject) {
        if let Some(id) = label.id {
            self.tell(stamp, (NameKind::Label, id), &label.name, false);
        }
    }

    /// Notes a milestone's title, where it has an id.
    pub(crate) fn tell_milestone(&mut self, stamp: Stamp, milestone: &MilestoneObject) {
        if let Some(id) = milestone.id {
            self.tell(stamp, (NameKind::Milestone, id), &milestone.title, false);
        }
    }

    fn called(&self, kind: NameKind, id: i64) -> Option<Called<'_>> {
        latest(self.0.get(&(kind, id))?)
    }

    /// What `id` was last called.
    pub(crate) fn name(&self, kind: NameKind, id: i64) -> Option<&str> {
        self.called(kind, id).map(|called| called.name)
    }

    /// The account of a person.
    pub(crate) fn account(&self, id: i64) -> Option<Account> {
        let Called { name, bot, .. } = self.called(NameKind::Person, id)?;
        Some(Account {
            id,
            login: name.to_owned(),
            bot,
        })
    }

    /// Ids with their names, in the order of the names.
    pub(crate) fn sorted(&self, kind: NameKind, ids: &[i64]) -> (Vec<String>, Vec<i64>) {
        let named = ids
            .iter()
            .filter_map(|&id| Some((self.name(kind, id)?, id)));
        sorted(named.map(|(name, id)| (name.to_owned(), id)))
    }

    /// All of them, each with the time since which it was told. That stays while nothing else is
    /// told: a listing that shows an item as it was makes no news of who is named there.
    pub(crate) fn namings(&self) -> Vec<Naming> {
        let namings = self.0.iter().filter_map(|(&(kind, id), names)| {
            let Called { name, since, .. } = latest(names)?;
            Some(Naming {
                kind,
                id,
                name: name.to_owned(),
                deleted: false,
                told_at: since,
            })
        });
        namings.collect()
    }
}

/// The name of the last telling, and since when: its first, unless another was told after that.
fn latest(names: &BTreeMap<String, Told>) -> Option<Called<'_>> {
    let told = names.iter();
    let told = told.filter_map(|(name, told)| Some((told.last.stamp()?, name, told)));
    let (_, name, told) = told.max_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)))?;
    let others = names.iter().filter(|(other, _)| *other != name);
    let before = others
        .filter_map(|(_, told)| told.last.stamp())
        .map(|stamp| stamp.entity_time.plus_millis(1))
        .max();
    Some(Called {
        name,
        bot: *told.last.get()?,
        since: told.first.0.max(before)?,
    })
}

/// Names and ids in the order of the names: GitHub's order of labels and people means nothing.
pub(crate) fn sorted(named: impl IntoIterator<Item = (String, i64)>) -> (Vec<String>, Vec<i64>) {
    let mut named: Vec<(String, i64)> = named.into_iter().collect();
    named.sort_unstable();
    named.dedup();
    named.into_iter().unzip()
}
