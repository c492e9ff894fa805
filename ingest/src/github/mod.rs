//! GitHub's REST API, as narrow as those who ask it need it.

mod budget;
mod octocrab_client;
mod paced;
mod pages;

pub use budget::{Budget, Pace, Verdict};
pub use octocrab_client::{ClientError, OctocrabGitHub};
pub use paced::Paced;
pub use pages::{Pages, PagesError, WholeList, all_pages, path_of};

use bytes::Bytes;
use gapless_schemas::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An answer, whatever its status: 301, 403, 404, 410 and 429 are answers, not errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Those of [`KEPT_HEADERS`] that it had.
    pub headers: BTreeMap<String, String>,
    /// The whole body.
    pub body: Bytes,
}

/// Headers of an answer that anybody looks at.
pub const KEPT_HEADERS: [&str; 9] = [
    "date",
    "etag",
    "link",
    "location",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-resource",
];

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// When it was given, by GitHub's clock, to the second.
    pub fn date(&self) -> Option<Timestamp> {
        let date = jiff::fmt::rfc2822::parse(self.header("date")?).ok()?;
        Some(Timestamp::from_seconds(date.timestamp().as_second()))
    }
}

/// When a request was made, for those who compare it with GitHub's times: by our clock
/// (`began_at`), but no later than its answer, whose `Date` by GitHub's clock is `answered_at`. If
/// our clock is ahead, an answer must not pass for one of a change that it cannot show. `Date`
/// names a whole second, at whose end the answer was given at the latest.
pub fn requested_at(began_at: Timestamp, answered_at: Option<Timestamp>) -> Timestamp {
    let latest = answered_at.map(|second| second.plus_millis(999));
    latest.map_or(began_at, |latest| began_at.min(latest))
}

/// No whole answer came: no connection, no time left, or a body cut off. Reaction: ask again
/// later; what was read of it is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("GitHub did not answer: {0}")]
pub struct TransportError(pub String);

/// One GitHub host, seen with one credential.
pub trait GitHub: Send + Sync {
    /// Asks for `path_and_query`, which begins with a slash and is relative to the API's base.
    /// Redirects are not followed.
    fn get(
        &self,
        path_and_query: &str,
    ) -> impl Future<Output = Result<Answer, TransportError>> + Send;

    /// The host, as in an event.
    fn host(&self) -> &str;

    /// `app`, `token` or `anonymous`: what an answer's silence is worth depends on it.
    fn credential_kind(&self) -> &'static str;
}

impl<G: GitHub + ?Sized> GitHub for Arc<G> {
    fn get(
        &self,
        path_and_query: &str,
    ) -> impl Future<Output = Result<Answer, TransportError>> + Send {
        (**self).get(path_and_query)
    }

    fn host(&self) -> &str {
        (**self).host()
    }

    fn credential_kind(&self) -> &'static str {
        (**self).credential_kind()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_ahead_makes_no_request_seem_later_than_its_answer() {
        let at = Timestamp::from_millis;
        assert_eq!(requested_at(at(5_700), None), at(5_700));
        assert_eq!(requested_at(at(5_700), Some(at(5_000))), at(5_700));
        assert_eq!(requested_at(at(5_700), Some(at(9_000))), at(5_700));
        assert_eq!(requested_at(at(65_700), Some(at(5_000))), at(5_999));
    }

    #[test]
    fn an_answers_date_is_read_as_http_writes_it() {
        let mut answer = Answer::default();
        assert_eq!(answer.date(), None);
        let date = "Sat, 28 Mar 2020 17:06:38 GMT".to_owned();
        answer.headers.insert("date".into(), date);
        assert_eq!(answer.date(), "2020-03-28T17:06:38Z".parse().ok());
    }
}
