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

/// No issue tracker, and no repository that GitHub tells of, is older than this: 1990-01-01.
const FIRST_SECONDS: i64 = 631_152_000;

/// How far an entity's time may lie behind the receipt of its telling: clocks differ by minutes, and
/// by hours where a time zone is forgotten.
const AHEAD_SECONDS: i64 = 86_400;

impl Timestamp {
    /// This instant, where something that was told at `received_at` can have happened then: not
    /// before 1990, and not later than a day after. What else imports and wrong clocks tell (1970,
    /// 2150, 9999) is a date out of range: it is shown as unknown, and counts on no day.
    pub fn in_range(self, received_at: Self) -> Option<Self> {
        let is_old = self < Self::from_seconds(FIRST_SECONDS);
        (!is_old && !self.is_ahead_of(received_at)).then_some(self)
    }

    /// Whether it is later than anything that can have been told at `received_at`.
    pub fn is_ahead_of(self, received_at: Self) -> bool {
        self > received_at.plus_seconds(AHEAD_SECONDS)
    }

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

/// Where instants are counted from.
const EPOCH: jiff::civil::DateTime = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);

/// An instant of the first or last hours of the years that RFC 3339 has: jiff's instants end early
/// enough there for every time zone, its calendar does not.
fn at_the_ends(text: &str) -> Option<Timestamp> {
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset()?;
    let since = pieces
        .date()
        .to_datetime(pieces.time()?)
        .duration_since(EPOCH);
    let millis = i64::try_from(since.as_millis()).ok()?;
    Some(Timestamp(millis).plus_seconds(-i64::from(offset.seconds())))
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC: to the second, as GitHub writes it, with milliseconds where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(instant) = jiff::Timestamp::from_millisecond(self.0) {
            return instant.fmt(f);
        }
        match EPOCH.checked_add(jiff::SignedDuration::from_millis(self.0)) {
            Ok(civil) => write!(f, "{civil}Z"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        jiff::Timestamp::from_str(text)
            .map(|instant| Self(instant.as_millisecond()))
            .ok()
            .or_else(|| at_the_ends(text))
            .ok_or_else(|| NotATime {
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
    fn every_rfc_3339_time_is_one_and_keeps_its_text() {
        for text in [
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2150-01-01T00:00:00Z",
            "9999-12-30T23:59:59Z",
            "9999-12-31T23:59:59Z",
        ] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(time.to_string(), text);
        }
        let east: Timestamp = "9999-12-31T23:59:59+02:00".parse().unwrap();
        assert_eq!(east.to_string(), "9999-12-31T21:59:59Z");
        for text in ["9999-12-31T23:59:59", "9999-13-31T23:59:59Z", "10000-01-01"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_lies_before_1990_or_more_than_a_day_ahead_is_out_of_range() {
        let received_at: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        for (text, is_in_range) in [
            ("1969-12-31T23:59:59Z", false),
            ("1970-01-01T00:00:00Z", false),
            ("1989-12-31T23:59:59Z", false),
            ("1990-01-01T00:00:00Z", true),
            ("2026-11-29T13:00:00Z", true),
            ("2026-11-30T12:00:00Z", true),
            ("2026-11-30T12:00:01Z", false),
            ("2150-01-01T00:00:00Z", false),
            ("9999-12-31T23:59:59Z", false),
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(at.in_range(received_at).is_some(), is_in_range, "{text}");
        }
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
