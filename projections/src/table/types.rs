//! The ClickHouse types that our columns have, and the values that go into them.

use gapless_schemas::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// A column's type. A closed set: what is not here, no table of ours needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text, or bytes that need not be UTF-8.
    Text,
    /// Text of few distinct values.
    Name,
    /// True or false.
    Bool,
    /// A signed number: ids, counts that nothing may be subtracted from wrongly, deltas.
    Int,
    /// A small signed number: Kafka partitions.
    SmallInt,
    /// An unsigned number: versions.
    Unsigned,
    /// 0 or 1, as `ReplacingMergeTree` wants its deletion mark.
    Mark,
    /// A fraction.
    Float,
    /// A UTC day.
    Day,
    /// An instant in UTC, to the millisecond.
    Time,
    /// Names and values.
    Map,
    /// NULL where nothing is known.
    Nullable(&'static Type),
    /// A list.
    Array(&'static Type),
    /// A mergeable state of percentiles of seconds.
    Percentiles,
}

/// The aggregate function of [`Type::Percentiles`]: its state does not depend on the order of
/// insertion, so a recount is equal to it.
pub const PERCENTILES: &str = "quantilesBFloat16(0.5, 0.75, 0.9, 0.95)";

impl fmt::Display for Type {
    /// The type as ClickHouse names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("String"),
            Self::Name => f.write_str("LowCardinality(String)"),
            Self::Bool => f.write_str("Bool"),
            Self::Int => f.write_str("Int64"),
            Self::SmallInt => f.write_str("Int32"),
            Self::Unsigned => f.write_str("UInt64"),
            Self::Mark => f.write_str("UInt8"),
            Self::Float => f.write_str("Float64"),
            Self::Day => f.write_str("Date"),
            Self::Time => f.write_str("DateTime64(3, 'UTC')"),
            Self::Map => f.write_str("Map(LowCardinality(String), String)"),
            Self::Nullable(Self::Name) => f.write_str("LowCardinality(Nullable(String))"),
            Self::Nullable(of) => write!(f, "Nullable({of})"),
            Self::Array(of) => write!(f, "Array({of})"),
            Self::Percentiles => write!(f, "AggregateFunction({PERCENTILES}, Nullable(Int64))"),
        }
    }
}

/// Whether a [`Type::Day`] can hold this day (1970-01-01 to 2149-06-06). What lies outside counts on
/// no day: held at an end, it would count on a day on which nothing happened.
pub(crate) fn is_day(day: i32) -> bool {
    u16::try_from(day).is_ok()
}

/// The instants that a [`Type::Time`] can hold, in milliseconds: the years 1900 to 2299.
const TIMES_MILLIS: std::ops::RangeInclusive<i64> = -2_208_988_800_000..=10_413_791_999_999;

/// Whether a [`Type::Time`] can hold this instant.
pub(crate) fn is_time(time: Timestamp) -> bool {
    TIMES_MILLIS.contains(&time.as_millis())
}

/// The nearest instant that a [`Type::Time`] can hold.
pub(crate) fn held(time: Timestamp) -> Timestamp {
    let millis = time.as_millis();
    Timestamp::from_millis(millis.clamp(*TIMES_MILLIS.start(), *TIMES_MILLIS.end()))
}

/// A value of a column, borrowed from the row that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing is known.
    Null,
    /// See [`Type::Bool`].
    Bool(bool),
    /// See [`Type::Int`].
    Int(i64),
    /// See [`Type::Unsigned`].
    Unsigned(u64),
    /// See [`Type::Text`] and [`Type::Name`].
    Bytes(&'a [u8]),
    /// Days since 1970-01-01; held at the ends of what a [`Type::Day`] can be.
    Day(i32),
    /// See [`Type::Time`]; one that it cannot hold is NULL where the column can be, else held at the
    /// ends.
    Time(Timestamp),
    /// See [`Type::Map`].
    Map(&'a BTreeMap<String, String>),
    /// See [`Type::Array`].
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// A list of values.
    pub fn list<V: Into<Self>>(values: impl IntoIterator<Item = V>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(is: bool) -> Self {
        Self::Bool(is)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl<'a, V: Into<Value<'a>>> From<Option<V>> for Value<'a> {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
