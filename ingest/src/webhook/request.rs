//! What the request line and headers alone decide, before a byte of the body is read.

use super::Outcome;
use super::signature::{Keys, Signature};
use crate::source::PUBLIC_HOST;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method};
use std::collections::BTreeMap;

/// GitHub's own cap on a payload: above it, GitHub sends nothing at all.
pub const BODY_MAX_BYTES: usize = 25 * 1024 * 1024;

/// Longest event kind or delivery GUID; GitHub's have up to 40 characters.
const TOKEN_MAX_BYTES: usize = 128;

/// How the body holds the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyForm {
    /// The body is the JSON.
    Json,
    /// The JSON is the `payload` field of a form.
    Form,
}

/// A request that is worth reading.
#[derive(Debug)]
pub(super) struct Preflight {
    pub(super) kind: String,
    pub(super) delivery: String,
    pub(super) host: String,
    pub(super) form: BodyForm,
    pub(super) signature: Signature,
    pub(super) hook_target_id: Option<i64>,
    /// Every header of GitHub's, names in lower case.
    pub(super) headers: BTreeMap<String, String>,
}

/// Checks everything that needs no body, in the order of the module's table.
pub(super) fn preflight(
    method: &Method,
    headers: &HeaderMap,
    keys: &Keys,
) -> Result<Preflight, Outcome> {
    if method != Method::POST {
        return Err(Outcome::MethodNotAllowed);
    }
    let kind = token(headers, "x-github-event").ok_or(Outcome::EventHeader)?;
    let delivery = token(headers, "x-github-delivery").ok_or(Outcome::DeliveryHeader)?;
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Outcome::ContentEncoding);
    }
    let form = body_form(headers).ok_or(Outcome::ContentType)?;
    if declared_bytes(headers).is_some_and(|bytes| bytes > BODY_MAX_BYTES as u64) {
        return Err(Outcome::TooLarge);
    }
    let host = host(headers).ok_or(Outcome::UnknownHost)?;
    if !keys.know(&host) {
        return Err(Outcome::UnknownHost);
    }
    Ok(Preflight {
        kind,
        delivery,
        host,
        form,
        signature: Signature::of(headers)?,
        hook_target_id: token(headers, "x-github-hook-installation-target-id")
            .and_then(|id| id.parse().ok()),
        headers: kept(headers),
    })
}

/// The methods that a 405 names.
pub(super) const ALLOWED: (http::HeaderName, &str) = (ALLOW, "POST");

/// The one value of a header that must be short, visible ASCII.
fn token(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    let fits = !value.is_empty()
        && value.len() <= TOKEN_MAX_BYTES
        && value.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && values.next().is_none()).then(|| value.to_owned())
}

/// The host that sent the delivery: a GHES names itself, the public one does not.
fn host(headers: &HeaderMap) -> Option<String> {
    const NAME: &str = "x-github-enterprise-host";
    if headers.contains_key(NAME) {
        token(headers, NAME).map(|host| host.to_ascii_lowercase())
    } else {
        Some(PUBLIC_HOST.to_owned())
    }
}

fn body_form(headers: &HeaderMap) -> Option<BodyForm> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next()?.trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Some(BodyForm::Json),
        "application/x-www-form-urlencoded" => Some(BodyForm::Form),
        _ => None,
    }
}

fn declared_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// GitHub's own headers, the user agent and the content type; nothing that a proxy added.
fn kept(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| {
            let text = name.as_str();
            text.starts_with("x-github-")
                || text.starts_with("x-hub-")
                || [USER_AGENT, CONTENT_TYPE].contains(*name)
        })
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}
