//! The REST answers that polls and refetches need, as a pure function of the world and a request.
//!
//! What is answered: `GET /orgs/{org}/repos`, `/repos/{owner}/{name}`, `/repositories/{id}` and,
//! below either, `/issues`, `/issues/{n}`, `/issues/{n}/timeline`, `/pulls/{n}`,
//! `/pulls/{n}/reviews`; `/rate_limit`. With or without `/api/v3` in front. All else is 404.
//!
//! Each answer tells the world as it is after the changes so far, whatever the request's `now`
//! says: whoever drives the world advances it first.

mod items;
mod limits;
mod pages;
mod repositories;

use crate::chance::{Chance, Stream};
use crate::json::Json;
use crate::options::Options;
use crate::world::World;
use gapless_schemas::Timestamp;
use limits::Budgets;
use sha2::{Digest, Sha256};

/// A REST request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// `GET`; all else is answered 404.
    pub method: String,
    /// The path, percent-decoded or not, without the query.
    pub path: String,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// The simulated instant of the request.
    pub now: Timestamp,
    /// The credential, as the name of a budget; `None`: the small budget of the unauthenticated.
    pub token: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
    /// The address that `Link` and `Location` begin with, such as `http://127.0.0.1:4000`;
    /// `None`: the host's API address of the options.
    pub base: Option<String>,
}

impl Request {
    /// A `GET` of `path` (which may end in a query) at `now`, with a token.
    pub fn get(path: &str, now: Timestamp) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), value.to_owned())
        };
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query
                .split('&')
                .filter(|p| !p.is_empty())
                .map(pair)
                .collect(),
            now,
            token: Some("token".to_owned()),
            ..Self::default()
        }
    }

    fn parameter(&self, key: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        pairs.find(|pair| pair.0 == key).map(|pair| pair.1.as_str())
    }
}

/// A REST answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for 304.
    pub body: Vec<u8>,
    /// How it reaches the caller.
    pub transport: Transport,
}

/// How an answer reaches the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Whole.
    Complete,
    /// Status and headers arrive, and `body` is the part of the body that arrives before the
    /// connection ends.
    Truncated,
    /// Not at all: the caller waits until it gives up.
    Never,
}

impl Response {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|header| header.0 == name)
            .map(|header| header.1.as_str())
    }

    fn json(status: u16, body: String) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
            body: body.into_bytes(),
            transport: Transport::Complete,
        }
    }

    fn message(status: u16, message: &str) -> Self {
        let mut json = Json::new(true, 160);
        json.object(|json| {
            json.text("message", message);
            json.text("documentation_url", "https://docs.github.com/rest");
            json.text("status", status);
        });
        Self::json(status, json.into_text())
    }

    fn moved(location: &str) -> Self {
        let mut json = Json::new(true, 160);
        json.object(|json| {
            json.text("message", "Moved Permanently");
            json.text("url", location);
            json.text("documentation_url", "https://docs.github.com/rest");
        });
        let mut response = Self::json(301, json.into_text());
        response.headers.push(("location", location.to_owned()));
        response
    }

    fn not_found() -> Self {
        Self::message(404, "Not Found")
    }
}

/// What the API keeps beside the world: budgets and its own randomness.
#[derive(Debug)]
pub(crate) struct ApiState {
    chance: Chance,
    budgets: Budgets,
}

impl ApiState {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            chance: Chance::new(options.seed, Stream::Api),
            budgets: Budgets::new(options.requests_per_hour),
        }
    }
}

impl World {
    /// Answers a REST request. Changes nothing in the world but the caller's budget.
    pub fn answer(&mut self, request: &Request) -> Response {
        let mut response = match self.refuse(request) {
            Some(refusal) => refusal,
            None => self.answer_within_budget(request),
        };
        let date = limits::http_date(request.now);
        response.headers.push(("date", date));
        response.headers.push(("server", "github.com".to_owned()));
        response
    }

    fn answer_within_budget(&mut self, request: &Request) -> Response {
        let token = request.token.as_deref();
        if !self.api.budgets.has_left(token, request.now) {
            let mut refusal = Response::message(403, "API rate limit exceeded");
            refusal
                .headers
                .extend(self.api.budgets.headers(token, request.now));
            return refusal;
        }
        let mut response = self.route(request);
        let mut unchanged = false;
        if response.status == 200 {
            let digest = Sha256::digest(&response.body);
            let etag = format!("W/\"{}\"", hex::encode(digest));
            unchanged = request.if_none_match.as_deref() == Some(etag.as_str());
            response.headers.push(("etag", etag));
        }
        if unchanged {
            response.status = 304;
            response.body.clear();
        }
        // A conditional request that is answered 304 costs nothing.
        self.api.budgets.spend(token, u32::from(!unchanged));
        response
            .headers
            .extend(self.api.budgets.headers(token, request.now));
        self.damage(response)
    }

    fn route(&self, request: &Request) -> Response {
        if request.method != "GET" {
            return Response::not_found();
        }
        let path = request.path.trim_matches('/');
        let path = path.strip_prefix("api/v3/").unwrap_or(path);
        let segments: Vec<&str> = path.split('/').collect();
        match segments[..] {
            ["orgs", organisation, "repos"] => self.list_repositories(request, organisation),
            ["repos", owner, name, ref rest @ ..] => self.below_name(request, owner, name, rest),
            ["repositories", id, ref rest @ ..] => {
                let repository = id.parse().ok().and_then(|id| self.repository_of_id(id));
                match repository {
                    Some(repository) => self.below_repository(request, repository, rest),
                    None => Response::not_found(),
                }
            }
            ["rate_limit"] => {
                let budgets = &self.api.budgets;
                Response::json(200, budgets.body(request.token.as_deref(), request.now))
            }
            _ => Response::not_found(),
        }
    }

    /// The address with which `Link` and `Location` begin.
    fn base<'a>(&'a self, request: &'a Request) -> &'a str {
        request.base.as_deref().unwrap_or(&self.renderer.api)
    }
}
