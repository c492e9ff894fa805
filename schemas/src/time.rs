//! Instants, as values: nothing in the pure parts reads a clock.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An instant in milliseconds since 1970-01-01T00:00:00Z, leap seconds left out, as Kafka and
/// ClickHouse count them. GitHub's own times have a resolution of one second.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 instant. Reaction: the payload that holds it goes to the dead letters.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not an RFC 3339 time")]
pub struct NotATime {
    text: String,
}

const SECOND_MILLIS: i64 = 1_000;
const DAY_MILLIS: i64 = 86_400_000;

impl Timestamp {
    /// The instant `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The instant `seconds` seconds after 1970-01-01T00:00:00Z.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND_MILLIS))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(SECOND_MILLIS)
    }

    /// Days since 1970-01-01 of the UTC day that holds this instant.
    pub const fn day(self) -> i32 {
        self.0.div_euclid(DAY_MILLIS) as i32
    }

    /// This instant moved by `millis` (negative: earlier), held at the ends of the range.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This instant moved by `seconds` (negative: earlier), held at the ends of the range.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_millis(seconds.saturating_mul(SECOND_MILLIS))
    }

    /// Milliseconds from `earlier` to this instant (negative where `earlier` is later).
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC: to the second, as GitHub writes it, with milliseconds where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        jiff::Timestamp::from_str(text)
            .map(|instant| Self(instant.as_millisecond()))
            .map_err(|_| NotATime {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_github_time_keeps_its_text() {
        let text = "2020-03-28T17:06:26Z";
        let time: Timestamp = text.parse().unwrap();
        assert_eq!(time.as_seconds(), 1_585_415_186);
        assert_eq!(time.to_string(), text);
    }

    #[test]
    fn an_offset_is_converted_to_utc() {
        let time: Timestamp = "2020-03-28T19:06:26+02:00".parse().unwrap();
        assert_eq!(time.to_string(), "2020-03-28T17:06:26Z");
    }

    #[test]
    fn a_day_begins_at_midnight_also_before_1970() {
        assert_eq!(Timestamp::from_millis(86_399_999).day(), 0);
        assert_eq!(Timestamp::from_millis(86_400_000).day(), 1);
        assert_eq!(Timestamp::from_millis(-1).day(), -1);
    }

    #[test]
    fn a_text_that_is_no_time_is_named_in_the_error() {
        let error = "yesterday".parse::<Timestamp>().unwrap_err();
        assert_eq!(error.to_string(), "\"yesterday\" is not an RFC 3339 time");
    }
}
