//! The table `names`: what people, labels and milestones were called, and when.
//!
//! A renaming is told once, by whatever mentions the person, label or milestone next: the rows of
//! items that are never touched again keep the old name for ever. So each record that tells a name
//! makes a row here, and views resolve names through it ([`RENAMED`]): of the ids that have more
//! than one name, or are deleted, the latest telling counts. They are few, so a view costs one small
//! aggregation more. Ids are counted by host, and so is what they are called.
//!
//! A row's version is its telling's time. Written twice or late, it changes nothing; and two records
//! may tell one name.

use crate::origin::{HOST, Origin, Traced, origin_columns};
use crate::table::{Mapped, Table, Type, Value, columns_of};
use gapless_schemas::Naming;
use std::sync::LazyLock;

/// A telling and its record.
pub(crate) struct NameRow {
    pub(crate) host: String,
    pub(crate) naming: Naming,
    pub(crate) origin: Origin,
}

impl Traced for NameRow {
    fn origin(&self) -> &Origin {
        &self.origin
    }
    fn version(&self) -> i64 {
        version(&self.naming)
    }
    fn is_deleted(&self) -> bool {
        false
    }
}

/// The version of a telling's row. Of tellings of one time, that of the deletion counts.
pub(crate) fn version(naming: &Naming) -> i64 {
    let told_at = naming.told_at.as_millis().max(0);
    told_at.saturating_mul(2) + i64::from(naming.deleted)
}

/// One row a name that an id was ever told with.
pub(crate) static TABLE: Table = Table {
    name: "names",
    meaning: "One row a name that a person, label or milestone was ever told with. Views show the one that was told last; its version is the time of telling, and not its record's.",
    columns: || columns_of(&MAPPING),
    key: &["host", "kind", "id", "name"],
    versioned: true,
};

type Of = Mapped<NameRow>;

/// The columns with their values.
#[rustfmt::skip]
pub(crate) static MAPPING: LazyLock<Vec<Mapped<NameRow>>> = LazyLock::new(|| {
    let mut columns = vec![
        Mapped::of(HOST, |r: &NameRow| (&r.host).into()),
        Of::column(("kind", Type::Name, "", "What bears it: person, label or milestone."), |r| r.naming.kind.name().into()),
        Of::column(("id", Type::Int, "", "Id of what bears it."), |r| r.naming.id.into()),
        Of::column(("name", Type::Text, "", "Login, name or title."), |r| (&r.naming.name).into()),
        Of::column(("deleted", Type::Bool, "", "Whether that was told with the deletion of what bore it."), |r| r.naming.deleted.into()),
        Of::column(("told_at", Type::Time, "UTC", "When that was told last."), |r| r.naming.told_at.into()),
    ];
    columns.extend(origin_columns());
    columns
});

/// In views: bearers that have had more than one name or are deleted, and what each is called now;
/// nothing where it is deleted. The last pair is nobody's: there is always one. `{g}` stands for
/// the generation's database.
pub(crate) const RENAMED: &str = "(SELECT (arrayPushBack(groupArray(bearer), toUInt64(0)), arrayPushBack(groupArray(latest), '')) FROM (SELECT cityHash64(toString(host), toString(kind), id) AS bearer, if(argMax(deleted, (version, name)), '', argMax(name, (version, name))) AS latest FROM {g}.names GROUP BY host, kind, id HAVING min(name) != max(name) OR max(deleted)))";

/// In views, what the bearer of an id is called now: `$kind`, an expression for the id (0: none),
/// and one for the name that it was told with.
macro_rules! called {
    ($kind:literal, $id:literal, $name:literal) => {
        concat!(
            "transform(cityHash64(toString(t.host), '",
            $kind,
            "', ",
            $id,
            "), tupleElement(renamed, 1), tupleElement(renamed, 2), toString(",
            $name,
            "))"
        )
    };
}

/// The same of a list of ids beside a list of names: sorted, without what is deleted.
macro_rules! all_called {
    ($kind:literal, $ids:literal, $names:literal) => {
        concat!(
            "arraySort(arrayFilter(latest -> latest != '', arrayMap((id, name) -> ",
            $crate::names::called!($kind, "id", "name"),
            ", ",
            $ids,
            ", ",
            $names,
            ")))"
        )
    };
}

pub(crate) use {all_called, called};

/// The ids of `names`, in their order; 0 where a record of before there were ids tells none.
pub(crate) fn ids<'a>(names: &[String], ids: &[i64]) -> Value<'a> {
    let known = |place| ids.get(place).copied().unwrap_or(0);
    Value::list((0..names.len()).map(known))
}

/// `author`, as it was told and as it is shown.
pub(crate) const AUTHOR: (Type, &str) = (Type::Name, called!("person", "t.author_id", "t.author"));
