//! When what was read is handed over: a decision from facts alone.
//!
//! **Rows** are handed over when the first of them has waited [`LINGER`], in a flood [`FLOOD_LINGER`].
//! **Figures** follow, and with them the commit, as soon as they take no more than a fifth of the time:
//! under load each is computed for many changes at once, at the latest after [`FIGURES_WITHIN`], and
//! rows wait for one computation of them at most. **Behind** by many records, or not yet told how many,
//! rows wait until their table is full, figures are due, or no record comes for [`LINGER`]: a replay
//! inserts few large blocks, each of which costs ClickHouse about as much as a small one.

use std::time::Duration;
use tokio::time::Instant;

/// How long a row waits for others.
const LINGER: Duration = Duration::from_millis(500);
/// From this many waiting records on there is a flood, and rows wait for [`FLOOD_LINGER`]: processors
/// that replay, which the sink has caught up with, or a history that is fetched. A hundred rows cost
/// ClickHouse nearly as much as some thousand.
const FLOOD_RECORDS: u64 = 1_000;
/// How long a row waits for others in a flood.
const FLOOD_LINGER: Duration = Duration::from_secs(2);
/// Figures wait for this many times as long as the last ones took.
const FIGURES_PAUSE: u32 = 4;
/// How long figures wait at most; a crash repeats as much.
const FIGURES_WITHIN: Duration = Duration::from_secs(15);
/// Records not yet read from which on the sink is behind.
const BEHIND_RECORDS: u64 = 5_000;
/// How long the sink is taken to be behind while nobody has told; a partition whose leader is gone
/// must not hold back the rows of the others for longer.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// What the decision rests on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) now: Instant,
    /// Records that are not read yet; none while nobody has told.
    pub(super) unread: Option<u64>,
    /// Since when it reads under this assignment.
    pub(super) reading_since: Instant,
    /// Records read since rows were last handed over.
    pub(super) waiting: u64,
    /// When the first record was read whose row waits.
    pub(super) rows_since: Option<Instant>,
    /// When the first record was read whose figures wait.
    pub(super) figures_since: Option<Instant>,
    /// When the last figures were computed, and how long that took.
    pub(super) last_figures: Option<(Instant, Duration)>,
}

/// What is to be handed over next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Rows,
    Figures,
}

/// What must be handed over next, and when unless a record comes before. Nothing is waited for where no
/// record comes.
pub(super) fn due(facts: &Facts) -> (Due, Instant) {
    let now = facts.now;
    let is_behind = match facts.unread {
        Some(records) => records > BEHIND_RECORDS,
        None => now < facts.reading_since + UNKNOWN_FOR,
    };
    let Some(first) = facts.figures_since else {
        return (Due::Figures, now + LINGER);
    };
    let linger = match facts.waiting {
        ..FLOOD_RECORDS => LINGER,
        _ => FLOOD_LINGER,
    };
    let latest = first + FIGURES_WITHIN;
    let figures = match facts.last_figures {
        _ if is_behind => latest,
        Some((ended, took)) => (ended + FIGURES_PAUSE * took).clamp(first + linger, latest),
        None => first + linger,
    };
    match facts.rows_since {
        Some(since) if !is_behind && since + linger < figures => {
            (Due::Rows, (since + linger).min(now + LINGER))
        }
        _ => (Due::Figures, figures.min(now + LINGER)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A sink that reads since `start`, knows that nothing is unread, and has read the first of
    /// `waiting` records at `start`.
    fn caught_up(start: Instant, now: Duration, waiting: u64) -> Facts {
        Facts {
            now: start + now,
            unread: Some(0),
            reading_since: start,
            waiting,
            rows_since: Some(start),
            figures_since: Some(start),
            last_figures: None,
        }
    }

    /// The decision, as time since `start`.
    fn decided(start: Instant, facts: &Facts) -> (Due, Duration) {
        let (due, at) = due(facts);
        (due, at - start)
    }

    #[test]
    fn rows_wait_half_a_second_and_two_in_a_flood_but_never_where_no_record_comes() {
        let start = Instant::now();
        let figures_long_ago = Some((start, ms(3_000)));
        // Read until now, records, due at.
        let table = [
            (0, 1, 500),
            (200, 999, 500),
            (200, 1_000, 700),
            (1_800, 50_000, 2_000),
            (2_500, 50_000, 2_000),
        ];
        for (now, records, at) in table {
            let facts = Facts {
                last_figures: figures_long_ago,
                ..caught_up(start, ms(now), records)
            };
            let expected = (Due::Rows, ms(at));
            assert_eq!(decided(start, &facts), expected, "{now} {records}");
        }
    }

    #[test]
    fn figures_take_a_fifth_of_the_time_at_most_and_come_within_fifteen_seconds() {
        let start = Instant::now();
        for (took, at) in [(1, 500), (500, 2_000), (60_000, 15_000)] {
            let facts = Facts {
                rows_since: None,
                last_figures: Some((start, ms(took))),
                ..caught_up(start, ms(at - 100), 10)
            };
            assert_eq!(decided(start, &facts), (Due::Figures, ms(at)), "{took}");
        }
    }

    #[test]
    fn behind_rows_wait_for_full_tables_and_an_unknown_lag_is_behind_for_five_seconds() {
        let start = Instant::now();
        let table = [
            (Some(5_001), 7_000, Due::Figures),
            (Some(5_000), 400, Due::Rows),
            (None, 4_900, Due::Figures),
            (None, 5_000, Due::Rows),
        ];
        for (unread, now, expected) in table {
            let facts = Facts {
                unread,
                last_figures: Some((start, ms(4_000))),
                ..caught_up(start, ms(now), 10)
            };
            assert_eq!(due(&facts).0, expected, "{unread:?} {now}");
        }
    }

    #[test]
    fn where_nothing_waits_nothing_is_handed_over_early() {
        let start = Instant::now();
        let facts = Facts {
            rows_since: None,
            figures_since: None,
            ..caught_up(start, ms(100), 0)
        };
        assert_eq!(decided(start, &facts), (Due::Figures, ms(600)));
    }
}
