//! When the next request may be made: GitHub's primary and secondary limits, as pure decisions.
//!
//! **Before any limit**: at most [`BURST`] requests at once and one each [`REQUEST_MILLIS`], which
//! is at most 774 in any minute. GitHub documents 900 points a minute for REST, a point for each
//! `GET`; who goes on against the limit may be banned.
//!
//! **After a limit**:
//! GitHub documents: after a 403 or 429 wait for `Retry-After` seconds, else until
//! `x-ratelimit-reset` where nothing remains, else at least a minute, longer each time. A request
//! that met a limit has not been answered and is made again: [`Verdict::Limited`]. Requests that
//! were under way together meet one limit together: what comes while a wait lasts counts as no
//! further failure.
//!
//! **Clocks are set**: no wait is longer than [`BELIEVED_MAX_SECONDS`] from any now.

use super::Answer;
use gapless_schemas::Timestamp;

/// Whether a request may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Now.
    Go,
    /// Not before this instant.
    WaitUntil(Timestamp),
}

/// What an answer means for the request that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the answer.
    Answered,
    /// It only speaks of a limit: the same request has to be made again.
    Limited,
}

/// What is known of one credential's limits.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    not_before: Option<Timestamp>,
    limited_in_a_row: u32,
    /// When a whole burst may be made again. Each request moves it on by [`REQUEST_MILLIS`].
    rested_at: Option<Timestamp>,
}

/// Requests that may be made at once.
const BURST: i64 = 60;
/// Between two requests in the long run: 11.9 a second.
const REQUEST_MILLIS: i64 = 84;

/// Shortest wait after a limit that does not say how long it lasts.
const BACKOFF_MIN_SECONDS: i64 = 60;
/// Longest such wait.
const BACKOFF_MAX_SECONDS: i64 = 3_600;
/// Longest wait that a header is believed: primary limits end within the hour.
const BELIEVED_MAX_SECONDS: i64 = 2 * 3_600;

impl Budget {
    /// Whether a request may be made now. [`Pace::Go`] counts as one that is made.
    pub fn pace(&mut self, now: Timestamp) -> Pace {
        // A clock that was set back would lengthen a wait that was computed before.
        let latest = now.plus_seconds(BELIEVED_MAX_SECONDS);
        self.not_before = self.not_before.map(|until| until.min(latest));
        if let Some(until) = self.not_before.filter(|until| *until > now) {
            return Pace::WaitUntil(until);
        }
        self.not_before = None;
        let exhausted = now.plus_millis(BURST * REQUEST_MILLIS);
        let rested_at = self.rested_at.unwrap_or(now).max(now).min(exhausted);
        let next_at = rested_at.plus_millis(-(BURST - 1) * REQUEST_MILLIS);
        if next_at > now {
            return Pace::WaitUntil(next_at);
        }
        self.rested_at = Some(rested_at.plus_millis(REQUEST_MILLIS));
        Pace::Go
    }

    /// Learns from an answer. `jitter`, from 0 to 1, spreads those who wait for the same end.
    pub fn observe(&mut self, answer: &Answer, now: Timestamp, jitter: f64) -> Verdict {
        let exhausted = answer.header("x-ratelimit-remaining") == Some("0");
        let reset = number(answer, "x-ratelimit-reset").map(Timestamp::from_seconds);
        // Then the answer is to a request that was under way when the wait began.
        let waiting = self.not_before.is_some_and(|until| until > now);
        if !is_limit(answer, exhausted) {
            if !waiting {
                self.limited_in_a_row = 0;
            }
            if let (true, Some(reset)) = (exhausted, reset) {
                self.wait_until(reset.plus_seconds(1), now);
            }
            return Verdict::Answered;
        }
        if !waiting {
            self.limited_in_a_row += 1;
        }
        let backoff = backoff_seconds(self.limited_in_a_row.saturating_sub(1));
        let seconds = match (number(answer, "retry-after"), reset) {
            (Some(seconds), _) => seconds.max(1),
            // A reset that has passed by our clock is no guide: the clocks differ.
            (None, Some(reset)) if exhausted && reset > now => reset.millis_since(now) / 1_000 + 1,
            (None, _) => backoff,
        };
        let spread_millis = (seconds as f64 * 100.0 * jitter.clamp(0.0, 1.0)) as i64;
        self.wait_until(now.plus_seconds(seconds).plus_millis(spread_millis), now);
        Verdict::Limited
    }

    /// Never shortens a wait, and never waits for longer than any limit lasts.
    fn wait_until(&mut self, until: Timestamp, now: Timestamp) {
        let until = until.min(now.plus_seconds(BELIEVED_MAX_SECONDS));
        self.not_before = self.not_before.max(Some(until));
    }
}

/// A 403 is a limit only where it says so: else it is a refusal, and repeating it is useless.
fn is_limit(answer: &Answer, exhausted: bool) -> bool {
    let says_so = || {
        let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
        text.contains("rate limit") || text.contains("abuse detection")
    };
    match answer.status {
        429 => true,
        403 => exhausted || answer.header("retry-after").is_some() || says_so(),
        _ => false,
    }
}

fn backoff_seconds(limited_in_a_row: u32) -> i64 {
    BACKOFF_MIN_SECONDS
        .saturating_mul(1 << limited_in_a_row.min(10))
        .min(BACKOFF_MAX_SECONDS)
}

fn number(answer: &Answer, name: &str) -> Option<i64> {
    answer.header(name)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_600_000_000);

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.to_owned().into(),
        }
    }

    /// Seconds to wait after `answer`, and the verdict.
    fn after(budget: &mut Budget, answer: &Answer) -> (i64, Verdict) {
        let verdict = budget.observe(answer, NOW, 0.0);
        match budget.pace(NOW) {
            Pace::Go => (0, verdict),
            Pace::WaitUntil(until) => (until.millis_since(NOW) / 1_000, verdict),
        }
    }

    #[test]
    fn each_limit_is_waited_for_as_long_as_github_says() {
        let reset = ("x-ratelimit-reset", "1600000100");
        let none = ("x-ratelimit-remaining", "0");
        let some = ("x-ratelimit-remaining", "5");
        let secondary = "You have exceeded a secondary rate limit.";
        let far = ("x-ratelimit-reset", "1700000000");
        let past = ("x-ratelimit-reset", "1500000000");
        let table = [
            (answer(200, &[some, reset], ""), (0, Verdict::Answered)),
            (answer(200, &[none, reset], ""), (101, Verdict::Answered)),
            (answer(404, &[some, reset], ""), (0, Verdict::Answered)),
            (
                answer(403, &[some, reset], "Resource not accessible"),
                (0, Verdict::Answered),
            ),
            (answer(403, &[none, reset], ""), (101, Verdict::Limited)),
            (answer(403, &[none, past], ""), (60, Verdict::Limited)),
            (answer(403, &[none, far], ""), (7_200, Verdict::Limited)),
            (
                answer(403, &[some, reset], secondary),
                (60, Verdict::Limited),
            ),
            (
                answer(403, &[some, ("retry-after", "17")], secondary),
                (17, Verdict::Limited),
            ),
            (
                answer(429, &[("retry-after", "soon")], ""),
                (60, Verdict::Limited),
            ),
        ];
        for (answer, expected) in table {
            assert_eq!(
                after(&mut Budget::default(), &answer),
                expected,
                "{answer:?}"
            );
        }
    }

    /// Seconds until the next request may be made; none where it may be made now.
    fn wait(budget: &mut Budget, now: Timestamp) -> Option<i64> {
        match budget.pace(now) {
            Pace::Go => None,
            Pace::WaitUntil(until) => Some(until.millis_since(now) / 1_000),
        }
    }

    #[test]
    fn limits_in_a_row_are_waited_for_longer_each_time_until_an_answer_comes() {
        let mut budget = Budget::default();
        let limited = answer(429, &[], "");
        let (mut now, mut waits) = (NOW, Vec::new());
        for _ in 0..8 {
            budget.observe(&limited, now, 0.0);
            waits.extend(wait(&mut budget, now));
            now = now.plus_seconds(waits[waits.len() - 1]);
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
        assert_eq!(wait(&mut budget, now), None);
        budget.observe(&answer(200, &[], ""), now, 0.0);
        budget.observe(&limited, now, 0.0);
        assert_eq!(wait(&mut budget, now), Some(60));
    }

    #[test]
    fn requests_that_meet_one_limit_together_count_as_one_failure() {
        let mut budget = Budget::default();
        let limited = answer(429, &[], "");
        for _ in 0..8 {
            budget.observe(&limited, NOW, 0.0);
        }
        assert_eq!(wait(&mut budget, NOW), Some(60));
        // Nor does one that got through before mean that the limit is over.
        budget.observe(&answer(200, &[], ""), NOW, 0.0);
        let later = NOW.plus_seconds(60);
        for _ in 0..8 {
            budget.observe(&limited, later, 0.0);
        }
        assert_eq!(wait(&mut budget, later), Some(120));
    }

    #[test]
    fn a_clock_that_is_set_back_lengthens_no_wait_beyond_what_a_limit_lasts() {
        let mut budget = Budget::default();
        budget.observe(&answer(429, &[("retry-after", "100")], ""), NOW, 0.0);
        let set_back = NOW.plus_seconds(-365 * 86_400);
        assert_eq!(wait(&mut budget, set_back), Some(BELIEVED_MAX_SECONDS));
        let later = set_back.plus_seconds(BELIEVED_MAX_SECONDS);
        for _ in 0..BURST {
            assert_eq!(wait(&mut budget, later), None);
        }
        // The same of the pace below the limits: no longer than a whole burst takes.
        let set_back = later.plus_seconds(-3_600);
        let Pace::WaitUntil(until) = budget.pace(set_back) else {
            panic!("a burst was made")
        };
        assert!(until <= set_back.plus_millis(2 * REQUEST_MILLIS));
    }

    #[test]
    fn no_minute_has_more_requests_than_github_allows() {
        let mut budget = Budget::default();
        let (mut now, mut made) = (NOW, Vec::new());
        // Rests, bursts and steady work.
        while made.len() < 5_000 {
            match budget.pace(now) {
                Pace::Go => made.push(now),
                Pace::WaitUntil(until) => now = until,
            }
            if made.len() % 1_000 == 999 {
                now = now.plus_seconds(90);
            }
        }
        assert_eq!(made[59], NOW, "a burst is made at once");
        assert_eq!(made[60], NOW.plus_millis(REQUEST_MILLIS));
        let most = made
            .iter()
            .map(|from| {
                let minute = made.iter().filter(|at| *at >= from);
                minute.filter(|at| at.millis_since(*from) < 60_000).count()
            })
            .max();
        assert!(
            most.is_some_and(|most| (700..900).contains(&most)),
            "{most:?}"
        );
    }

    #[test]
    fn jitter_only_lengthens_a_wait() {
        let mut budget = Budget::default();
        budget.observe(&answer(429, &[("retry-after", "100")], ""), NOW, 1.0);
        assert_eq!(budget.pace(NOW), Pace::WaitUntil(NOW.plus_seconds(110)));
    }
}
