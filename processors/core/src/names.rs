//! What ids are called.
//!
//! A login, a label's name and a milestone's title may change hands or be changed, the id stays. So
//! states hold ids, and beside them what each was last called: every telling has a time, an answer's
//! request or else the time of what the webhook tells of, and the latest counts. A label or person
//! renamed is told by whatever mentions it next, which may be another item: records carry what their
//! item was told, with its time, and readers take the latest of all (`projections`' table `names`).

use crate::law::{Earliest, Join, Register, Stamp};
use crate::payload::{LabelObject, MilestoneObject, UserObject};
use compact_str::CompactString;
use gapless_schemas::{Account, NameKind, Naming, Timestamp};
use serde::{Deserialize, Serialize};

/// What each person, label and milestone was called.
///
/// One row of memory, in the order of bearers and names, and no map of maps; and names that are short,
/// as nearly all are, stand in there and nowhere else: a dozen of them come with every payload (2 µs of
/// 49 for an event replayed).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names(Vec<Told>);

/// When an id was told with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    kind: NameKind,
    id: i64,
    name: CompactString,
    first: Earliest<Timestamp>,
    /// The last telling, and whether it was of a bot.
    last: Register<bool>,
}

impl Told {
    fn bearer(&self) -> (NameKind, i64) {
        (self.kind, self.id)
    }

    fn key(&self) -> (NameKind, i64, &str) {
        (self.kind, self.id, &self.name)
    }
}

/// What an id is called now.
struct Called<'a> {
    name: &'a str,
    bot: bool,
    since: Timestamp,
}

impl Join for Names {
    fn join(&mut self, other: Self) {
        if self.0.is_empty() {
            *self = other;
            return;
        }
        for told in other.0 {
            self.join_one(told);
        }
    }
}

impl Names {
    fn join_one(&mut self, told: Told) {
        match self.0.binary_search_by(|it| it.key().cmp(&told.key())) {
            Ok(place) => {
                self.0[place].first.join(told.first);
                self.0[place].last.join(told.last);
            }
            Err(place) => self.0.insert(place, told),
        }
    }

    fn tell(&mut self, stamp: Stamp, (kind, id): (NameKind, i64), name: &CompactString, bot: bool) {
        self.join_one(Told {
            kind,
            id,
            name: name.clone(),
            first: Earliest(Some(stamp.entity_time)),
            last: Register::new(stamp, bot),
        });
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
        let from = self.0.partition_point(|told| told.bearer() < (kind, id));
        let names = &self.0[from..];
        let count = names.partition_point(|told| told.bearer() == (kind, id));
        latest(&names[..count])
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
        let by_bearer = self.0.chunk_by(|one, next| one.bearer() == next.bearer());
        let namings = by_bearer.filter_map(|names| {
            let Called { name, since, .. } = latest(names)?;
            let (kind, id) = names[0].bearer();
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
fn latest(names: &[Told]) -> Option<Called<'_>> {
    let told = names.iter();
    let told = told.filter_map(|told| Some((told.last.stamp()?, &told.name, told)));
    let (_, _, told) = told.max_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)))?;
    let others = names.iter().filter(|other| other.name != told.name);
    let before = others
        .filter_map(|told| told.last.stamp())
        .map(|stamp| stamp.entity_time.plus_millis(1))
        .max();
    Some(Called {
        name: &told.name,
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
