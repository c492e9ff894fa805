//! Time ranges as Grafana writes them: `now-26w/w`, milliseconds since 1970, RFC 3339, or a date
//! with or without a time of day, both in UTC.
//!
//! Rounding is in UTC, weeks begin on Monday: days in the tables are days in UTC, and a page that
//! rounded elsewhere would show other figures than Grafana with `timezone: utc`.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Unit, Zoned};

/// A resolved range of time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Begin.
    pub from_millis: i64,
    /// End.
    pub to_millis: i64,
}

/// An expression that is no time, or a range that ends before it begins. Reaction: the one who
/// asked has to ask otherwise.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRange {
    /// Not an expression that is known.
    #[error(
        "{0:?} is no time: write now-7d, now/w, milliseconds since 1970, a date, or a date and a time"
    )]
    NoTime(String),
    /// The end lies before the begin.
    #[error("the time range ends before it begins")]
    Backwards,
}

/// Which end of a rounded unit is meant.
#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

/// Numbers of points that charts of a range aim at, for `$__interval_s`.
const POINTS: i64 = 500;
/// Intervals that people count in, in seconds.
const INTERVALS: [i64; 17] = [
    1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
];
const DAY_SECONDS: i64 = 86_400;

impl Range {
    /// Resolves two expressions at the instant `now`.
    ///
    /// # Errors
    /// See [`NoRange`].
    pub fn resolve(from: &str, to: &str, now: Timestamp) -> Result<Self, NoRange> {
        let range = Self {
            from_millis: instant(from, now, End::First)?,
            to_millis: instant(to, now, End::Last)?,
        };
        if range.to_millis < range.from_millis {
            Err(NoRange::Backwards)
        } else {
            Ok(range)
        }
    }

    /// Seconds between two points of a chart of this range. It does not depend on anybody's
    /// screen: no figure may.
    pub fn interval_seconds(self) -> i64 {
        let ideal = (self.to_millis - self.from_millis) / 1_000 / POINTS;
        INTERVALS
            .into_iter()
            .find(|seconds| *seconds >= ideal)
            .unwrap_or(DAY_SECONDS)
    }
}

fn instant(text: &str, now: Timestamp, end: End) -> Result<i64, NoRange> {
    let wrong = || NoRange::NoTime(text.chars().take(40).collect());
    if let Some(expression) = text.strip_prefix("now") {
        return relative(expression, now, end).ok_or_else(wrong);
    }
    if let Ok(millis) = text.parse::<i64>() {
        return Timestamp::from_millisecond(millis)
            .map(Timestamp::as_millisecond)
            .map_err(|_| wrong());
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant.as_millisecond());
    }
    // A date would parse from a text with a time of day as well, and drop the time.
    if text.contains(['T', 't', ' ', ':']) {
        let at = text.parse::<DateTime>().map_err(|_| wrong())?;
        let at = at.to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
        return Ok(at.timestamp().as_millisecond());
    }
    let day = text.parse::<Date>().map_err(|_| wrong())?;
    let first = day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
    round(first, 'd', end)
        .ok_or_else(wrong)
        .map(|t| t.timestamp().as_millisecond())
}

/// What follows `now`: any number of `-7d`, `+1h`, `/w`.
fn relative(mut text: &str, now: Timestamp, end: End) -> Option<i64> {
    let mut at = now.to_zoned(TimeZone::UTC);
    loop {
        let mut letters = text.chars();
        let Some(sign) = letters.next() else { break };
        let rest = letters.as_str();
        let (digits, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let mut letters = rest.chars();
        let unit = letters.next()?;
        text = letters.as_str();
        at = match sign {
            '/' if digits.is_empty() => round(at, unit, end)?,
            '-' | '+' => {
                let count: i64 = if digits.is_empty() {
                    1
                } else {
                    digits.parse().ok()?
                };
                shift(&at, if sign == '-' { -count } else { count }, unit)?
            }
            _ => return None,
        };
    }
    Some(at.timestamp().as_millisecond())
}

fn shift(at: &Zoned, count: i64, unit: char) -> Option<Zoned> {
    let span = match unit {
        's' => 1.second(),
        'm' => 1.minute(),
        'h' => 1.hour(),
        'd' => 1.day(),
        'w' => 1.week(),
        'M' => 1.month(),
        'Q' => 3.months(),
        'y' => 1.year(),
        _ => return None,
    };
    at.checked_add(span.checked_mul(count).ok()?).ok()
}

fn round(at: Zoned, unit: char, end: End) -> Option<Zoned> {
    let day = at.date();
    let first = match unit {
        's' => floor(&at, Unit::Second)?,
        'm' => floor(&at, Unit::Minute)?,
        'h' => floor(&at, Unit::Hour)?,
        'd' => at.start_of_day().ok()?,
        'w' => {
            let since_monday = i64::from(day.weekday().to_monday_zero_offset());
            day.checked_sub(since_monday.days())
                .ok()?
                .to_zoned(TimeZone::UTC)
                .ok()?
        }
        'M' => day.first_of_month().to_zoned(TimeZone::UTC).ok()?,
        'Q' => {
            let since_quarter = i64::from((day.month() - 1) % 3);
            let month = day
                .first_of_month()
                .checked_sub(since_quarter.months())
                .ok()?;
            month.to_zoned(TimeZone::UTC).ok()?
        }
        'y' => day.first_of_year().to_zoned(TimeZone::UTC).ok()?,
        _ => return None,
    };
    match end {
        End::First => Some(first),
        End::Last => shift(&first, 1, unit)?.checked_sub(1.millisecond()).ok(),
    }
}

fn floor(at: &Zoned, unit: Unit) -> Option<Zoned> {
    let mode = jiff::RoundMode::Floor;
    at.round(jiff::ZonedRound::new().smallest(unit).mode(mode))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-04T15:30:45Z".parse().unwrap()
    }

    fn resolved(from: &str, to: &str) -> (String, String) {
        let range = Range::resolve(from, to, now()).unwrap();
        let text = |millis| Timestamp::from_millisecond(millis).unwrap().to_string();
        (text(range.from_millis), text(range.to_millis))
    }

    #[test]
    fn expressions_mean_what_grafana_means() {
        for (from, to, expected) in [
            (
                "now-1h",
                "now",
                ("2026-03-04T14:30:45Z", "2026-03-04T15:30:45Z"),
            ),
            (
                "now-2w/w",
                "now/w",
                ("2026-02-16T00:00:00Z", "2026-03-08T23:59:59.999Z"),
            ),
            (
                "now-1M/M",
                "now-1M/M",
                ("2026-02-01T00:00:00Z", "2026-02-28T23:59:59.999Z"),
            ),
            (
                "now/y",
                "now+1d/d",
                ("2026-01-01T00:00:00Z", "2026-03-05T23:59:59.999Z"),
            ),
            (
                "now-1Q/Q",
                "now/Q",
                ("2025-10-01T00:00:00Z", "2026-03-31T23:59:59.999Z"),
            ),
            (
                "now/h",
                "now/m",
                ("2026-03-04T15:00:00Z", "2026-03-04T15:30:59.999Z"),
            ),
            (
                "1772582400000",
                "1772668800000",
                ("2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z"),
            ),
            (
                "2026-01-01",
                "2026-01-31",
                ("2026-01-01T00:00:00Z", "2026-01-31T23:59:59.999Z"),
            ),
            (
                "2026-01-01T12:00:00Z",
                "2026-01-02T12:00:00.5Z",
                ("2026-01-01T12:00:00Z", "2026-01-02T12:00:00.5Z"),
            ),
            (
                "2026-01-01 06:15",
                "2026-01-31T18:30:45",
                ("2026-01-01T06:15:00Z", "2026-01-31T18:30:45Z"),
            ),
            (
                "2026-01-01T06",
                "2026-01-31 00:00",
                ("2026-01-01T06:00:00Z", "2026-01-31T00:00:00Z"),
            ),
        ] {
            let (from, to) = resolved(from, to);
            assert_eq!((from.as_str(), to.as_str()), expected);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now-",
            "now-7",
            "now-7x",
            "now/",
            "now/7d",
            "nowhere",
            "yesterday",
            "2026-01-01 25:00",
            "2026-01-01 noon",
            "now-99999999999999999999d",
            "nowé",
            "now-7é",
            "now日d",
        ] {
            assert!(
                matches!(Range::resolve(text, "now", now()), Err(NoRange::NoTime(_))),
                "{text} was taken"
            );
        }
        assert_eq!(
            Range::resolve("now", "now-1d", now()),
            Err(NoRange::Backwards)
        );
    }

    /// Whatever stands in the address reaches the parser: letters of several bytes, ends in between, and
    /// numbers that fit nowhere.
    #[test]
    fn any_text_is_a_range_or_none() {
        const PIECES: [&str; 18] = [
            "now",
            "-",
            "+",
            "/",
            "7",
            "d",
            "M",
            "w",
            "é",
            "日",
            "\u{301}",
            "\u{1f600}",
            "\0",
            "T",
            " ",
            "99999999999999999999",
            "-9223372036854775808",
            "2026-01-31",
        ];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            let longer = texts
                .iter()
                .flat_map(|text| PIECES.map(|piece| format!("{text}{piece}")));
            texts = longer.collect();
            for text in &texts {
                for (from, to) in [(text.as_str(), "now"), ("now-1d", text.as_str())] {
                    if let Ok(range) = Range::resolve(from, to, now()) {
                        assert!(range.from_millis <= range.to_millis, "{from} {to}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_interval_depends_on_the_range_alone() {
        for (from, seconds) in [
            ("now-5m", 1),
            ("now-24h", 300),
            ("now-7d", 1_800),
            ("now-5y", 86_400),
        ] {
            let range = Range::resolve(from, "now", now()).unwrap();
            assert_eq!(range.interval_seconds(), seconds, "{from}");
        }
    }
}
