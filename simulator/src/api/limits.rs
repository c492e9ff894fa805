//! Budgets by the hour, and the faults that the API is told to have.

use super::{Request, Response, Transport};
use crate::json::Json;
use crate::world::World;
use gapless_schemas::Timestamp;
use std::collections::BTreeMap;

/// Requests left by token. An hour begins with a token's first request after the last hour's end,
/// as on GitHub.
#[derive(Debug)]
pub(super) struct Budgets {
    limit: u32,
    by_token: BTreeMap<String, Hour>,
}

#[derive(Clone, Copy, Debug)]
struct Hour {
    ends_at: Timestamp,
    used: u32,
}

const HOUR_SECONDS: i64 = 3_600;
/// What GitHub grants an hour to whoever shows no credential.
const UNAUTHENTICATED_LIMIT: u32 = 60;

impl Budgets {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit,
            by_token: BTreeMap::new(),
        }
    }

    fn limit(&self, token: Option<&str>) -> u32 {
        match token {
            Some(_) => self.limit,
            None => UNAUTHENTICATED_LIMIT,
        }
    }

    /// Begins a new hour where the last is over, and tells whether a request is left in it.
    pub(super) fn has_left(&mut self, token: Option<&str>, now: Timestamp) -> bool {
        let limit = self.limit(token);
        let fresh = Hour {
            ends_at: now.plus_seconds(HOUR_SECONDS),
            used: 0,
        };
        let key = token.unwrap_or_default().to_owned();
        let hour = self.by_token.entry(key).or_insert(fresh);
        if hour.ends_at <= now {
            *hour = fresh;
        }
        hour.used < limit
    }

    pub(super) fn spend(&mut self, token: Option<&str>, requests: u32) {
        if let Some(hour) = self.by_token.get_mut(token.unwrap_or_default()) {
            hour.used += requests;
        }
    }

    fn hour(&self, token: Option<&str>, now: Timestamp) -> Hour {
        let known = self.by_token.get(token.unwrap_or_default());
        known.copied().unwrap_or(Hour {
            ends_at: now.plus_seconds(HOUR_SECONDS),
            used: 0,
        })
    }

    pub(super) fn headers(
        &self,
        token: Option<&str>,
        now: Timestamp,
    ) -> [(&'static str, String); 5] {
        let (limit, hour) = (self.limit(token), self.hour(token, now));
        let left = limit.saturating_sub(hour.used);
        [
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", left.to_string()),
            ("x-ratelimit-used", hour.used.to_string()),
            ("x-ratelimit-reset", hour.ends_at.as_seconds().to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
    }

    /// The answer to `GET /rate_limit`.
    pub(super) fn body(&self, token: Option<&str>, now: Timestamp) -> String {
        let (limit, hour) = (self.limit(token), self.hour(token, now));
        let members = |json: &mut Json| {
            json.number("limit", limit);
            json.number("used", hour.used);
            json.number("remaining", limit.saturating_sub(hour.used));
            json.number("reset", hour.ends_at.as_seconds());
        };
        let mut json = Json::new(true, 256);
        json.object(|json| {
            json.object_at("resources", |json| json.object_at("core", members));
            json.object_at("rate", members);
        });
        json.into_text()
    }
}

/// A time as HTTP's `Date` writes it: `Sat, 28 Mar 2020 17:06:38 GMT`.
pub(super) fn http_date(time: Timestamp) -> String {
    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    // `2020-03-28T17:06:38Z`
    let text = crate::json::whole_second(time).to_string();
    let weekday = WEEKDAYS[(time.day() + 3).rem_euclid(7) as usize];
    let month: usize = text[5..7].parse().unwrap_or(1);
    let (year, day, clock) = (&text[..4], &text[8..10], &text[11..19]);
    format!("{weekday}, {day} {} {year} {clock} GMT", MONTHS[month - 1])
}

impl World {
    /// A fault that comes before the API looks at the request at all.
    pub(super) fn refuse(&mut self, request: &Request) -> Option<Response> {
        let faults = self.options().api_faults;
        let chance = &mut self.api.chance;
        let (timeout, failure, limited) = (
            chance.happens(faults.timeout_rate),
            chance.happens(faults.error_500_rate),
            chance.happens(faults.secondary_limit_rate),
        );
        let coin = chance.happens(0.5);
        if timeout {
            let mut response = Response::message(504, "");
            response.transport = Transport::Never;
            return Some(response);
        }
        if failure {
            let status = if coin { 500 } else { 502 };
            let mut response = Response::message(status, "");
            response.headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
            response.body = b"<html><body><h1>Unicorn!</h1></body></html>".to_vec();
            return Some(response);
        }
        if limited {
            let message = "You have exceeded a secondary rate limit. \
                           Please wait a few minutes before you try again.";
            let mut response = Response::message(403, message);
            if coin {
                response.headers.push(("retry-after", "60".to_owned()));
            }
            let token = request.token.as_deref();
            response
                .headers
                .extend(self.api.budgets.headers(token, request.now));
            return Some(response);
        }
        None
    }

    /// A fault that comes while the answer is on its way.
    pub(super) fn damage(&mut self, mut response: Response) -> Response {
        let rate = self.options().api_faults.truncated_body_rate;
        if self.api.chance.happens(rate) && response.body.len() > 1 {
            let kept = self.api.chance.index(response.body.len() - 1);
            response.body.truncate(kept);
            response.transport = Transport::Truncated;
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_header_is_written_as_http_wants_it() {
        let time: Timestamp = "2020-03-28T17:06:38Z".parse().unwrap();
        assert_eq!(http_date(time), "Sat, 28 Mar 2020 17:06:38 GMT");
    }
}
