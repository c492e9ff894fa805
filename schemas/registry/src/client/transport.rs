//! JSON over HTTP or HTTPS, with limits of time and size on every call.

use super::error::RegistryError;
use base64::Engine;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::error::Error;
use std::time::Duration;
use url::Url;

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const CALL_SECONDS: u64 = 15;
const ANSWER_MAX_BYTES: usize = 4 << 20;

pub(super) struct Transport {
    link: Link,
    base: Url,
    authorization: Option<HeaderValue>,
}

/// Over plain HTTP no certificate store is needed, which a small container image may lack.
enum Link {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Transport {
    pub(super) fn new(url: &str) -> Result<Self, RegistryError> {
        let unusable = |reason: String| {
            // Without the address itself: it may hold a password.
            RegistryError::Stop(format!(
                "the schema registry's address is not usable: {reason}"
            ))
        };
        let mut base = Url::parse(url).map_err(|error| unusable(error.to_string()))?;
        let authorization = authorization(&base);
        // Both fail only for addresses without a host, which are refused below.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        let link = match base.scheme() {
            "http" => Link::Plain(Client::builder(TokioExecutor::new()).build_http()),
            "https" => {
                let connector = HttpsConnectorBuilder::new()
                    .with_native_roots()
                    .map_err(|error| unusable(error.to_string()))?
                    .https_only()
                    .enable_http1()
                    .build();
                Link::Tls(Client::builder(TokioExecutor::new()).build(connector))
            }
            other => {
                return Err(unusable(format!("{other} is not http or https")));
            }
        };
        Ok(Self {
            link,
            base,
            authorization,
        })
    }

    /// Without credentials.
    pub(super) fn address(&self) -> &str {
        self.base.as_str()
    }

    /// One call. `doing` is what it is for, as a verb phrase.
    pub(super) async fn call<A: DeserializeOwned>(
        &self,
        doing: &str,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<A, RegistryError> {
        let request = self
            .request(method, path, body)
            .map_err(|error| self.stop(doing, error.to_string()))?;
        let exchanged =
            tokio::time::timeout(Duration::from_secs(CALL_SECONDS), self.exchange(request));
        let (status, answer) = match exchanged.await {
            Ok(Ok(answered)) => answered,
            Ok(Err(reason)) => return Err(self.retry(doing, reason)),
            Err(_) => {
                return Err(self.retry(doing, format!("no answer within {CALL_SECONDS} seconds")));
            }
        };
        if status.is_success() {
            return serde_json::from_slice(&answer).map_err(|error| {
                self.stop(doing, format!("its answer is not understood: {error}"))
            });
        }
        let reason = refusal(status, &answer);
        let passing = status.is_server_error()
            || status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::REQUEST_TIMEOUT;
        Err(if passing {
            self.retry(doing, reason)
        } else {
            self.stop(doing, reason)
        })
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(ACCEPT, MEDIA_TYPE);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        match body {
            None => request.body(Full::default()),
            Some(body) => request
                .header(CONTENT_TYPE, MEDIA_TYPE)
                .body(Full::from(body.to_string())),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        let answered = match &self.link {
            Link::Plain(client) => client.request(request),
            Link::Tls(client) => client.request(request),
        };
        let answer = answered.await.map_err(|error| in_one_line(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES)
            .collect()
            .await
            .map_err(|error| in_one_line(error.as_ref()))?;
        Ok((status, body.to_bytes()))
    }

    fn retry(&self, doing: &str, reason: String) -> RegistryError {
        RegistryError::Retry(self.sentence(doing, &reason))
    }

    pub(super) fn stop(&self, doing: &str, reason: String) -> RegistryError {
        RegistryError::Stop(self.sentence(doing, &reason))
    }

    fn sentence(&self, doing: &str, reason: &str) -> String {
        format!(
            "cannot {doing} at the schema registry {}: {reason}",
            self.base
        )
    }
}

/// Basic authentication by the user and password that stand in an address.
fn authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair = percent_decoded(url.username());
    pair.push(b':');
    pair.extend(percent_decoded(url.password().unwrap_or_default()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut value = HeaderValue::try_from(format!("Basic {encoded}"))
        .expect("base64 consists of characters that a header may hold");
    value.set_sensitive(true);
    Some(value)
}

/// `%41` as `A`; what is no such escape stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

/// What a registry says when it refuses, or as much of its answer as a sentence bears.
fn refusal(status: StatusCode, answer: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(answer)
        .ok()
        .and_then(|answer| answer["message"].as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(answer).chars().take(200).collect());
    match said.trim() {
        "" => format!("it answered {status}"),
        said => format!("it answered {status}: {said}"),
    }
}

/// An error and its causes, of which HTTP clients tell only the first.
fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
