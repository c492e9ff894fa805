//! GitHub over the network, with octocrab.

use super::{Answer, GitHub, KEPT_HEADERS, TransportError};
use crate::source::SourceConfig;
use http_body_util::{BodyExt, Limited};
use octocrab::Octocrab;
use std::time::Duration;

/// Time for a whole answer; GitHub itself gives up after ten seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer: a page of 100 items is a few megabytes.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// The client cannot be made: a wrong address or token, or a machine without root certificates.
/// Reaction: stop, with the sentence that this prints.
#[derive(Debug, thiserror::Error)]
#[error("no client for {host}'s API at {api_base_url}: {reason}")]
pub struct ClientError {
    host: String,
    api_base_url: String,
    reason: String,
}

/// One host's API, with one credential. Follows no redirect, retries nothing, caches nothing.
pub struct OctocrabGitHub {
    host: String,
    credential_kind: &'static str,
    client: Octocrab,
}

impl OctocrabGitHub {
    /// A client for the API of `source`. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn new(source: &SourceConfig) -> Result<Self, ClientError> {
        let failed = |error: octocrab::Error| ClientError {
            host: source.host.clone(),
            api_base_url: source.api_base_url.clone(),
            reason: words(&error),
        };
        let builder = Octocrab::builder()
            .base_uri(source.api_base_url.as_str())
            .map_err(failed)?
            .set_connect_timeout(Some(CONNECT_TIMEOUT))
            .set_read_timeout(Some(ANSWER_TIMEOUT));
        let (builder, credential_kind) = match &source.token {
            Some(token) => (builder.personal_token(token.expose().to_owned()), "token"),
            None => (builder, "anonymous"),
        };
        Ok(Self {
            host: source.host.to_lowercase(),
            credential_kind,
            client: builder.build().map_err(failed)?,
        })
    }

    async fn ask(&self, path_and_query: &str) -> Result<Answer, TransportError> {
        let response = self
            .client
            ._get(path_and_query)
            .await
            .map_err(|error| TransportError(words(&error)))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_MAX_BYTES)
            .collect()
            .await
            .map_err(|error| TransportError(words(&*error)))?
            .to_bytes();
        let headers = KEPT_HEADERS
            .iter()
            .filter_map(|name| {
                let value = parts.headers.get(*name)?.to_str().ok()?;
                Some(((*name).to_owned(), value.to_owned()))
            })
            .collect();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers,
            body,
        })
    }
}

/// An error with its causes: octocrab's own words alone say little.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

impl GitHub for OctocrabGitHub {
    async fn get(&self, path_and_query: &str) -> Result<Answer, TransportError> {
        match tokio::time::timeout(ANSWER_TIMEOUT, self.ask(path_and_query)).await {
            Ok(answered) => answered,
            Err(_) => Err(TransportError("no whole answer in time".into())),
        }
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn credential_kind(&self) -> &'static str {
        self.credential_kind
    }
}
