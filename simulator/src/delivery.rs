//! A webhook delivery as GitHub attempts it.

use bytes::Bytes;
use gapless_schemas::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;

/// A webhook delivery: what GitHub would post, before anything happens to it on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// `X-GitHub-Delivery`: the same for each attempt.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub event: &'static str,
    /// The payload's `action`; `push` and `ping` have none.
    pub action: Option<&'static str>,
    /// The repository it speaks of; `ping` has none.
    pub repository_id: Option<u64>,
    /// The issue or pull request it speaks of.
    pub number: Option<u32>,
    /// The JSON text.
    pub body: Bytes,
    /// When the change behind it was made, in simulated time.
    pub changed_at: Timestamp,
    /// When GitHub first tries to deliver it, in simulated time; never falls from one to the next.
    pub attempted_at: Timestamp,
    /// `X-GitHub-Hook-ID`.
    pub hook_id: u64,
    /// `X-GitHub-Hook-Installation-Target-ID`: the organisation.
    pub organisation_id: u64,
    /// `X-GitHub-Enterprise-Host`: which GHES sent it; github.com sends none.
    pub enterprise_host: Option<Arc<str>>,
}

/// The version that a simulated GHES says it has.
const ENTERPRISE_VERSION: &str = "3.17.0";

impl Delivery {
    /// The value of `X-Hub-Signature-256`: `sha256=` and the HMAC of the body in hexadecimal.
    pub fn signature(&self, secret: &str) -> String {
        sign(secret, &self.body)
    }

    /// All request headers, signature included.
    pub fn headers(&self, secret: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Accept", "*/*".to_owned()),
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", "GitHub-Hookshot/0a1b2c3".to_owned()),
            ("X-GitHub-Delivery", self.guid.clone()),
            ("X-GitHub-Event", self.event.to_owned()),
            ("X-GitHub-Hook-ID", self.hook_id.to_string()),
            (
                "X-GitHub-Hook-Installation-Target-ID",
                self.organisation_id.to_string(),
            ),
            (
                "X-GitHub-Hook-Installation-Target-Type",
                "organization".to_owned(),
            ),
            ("X-Hub-Signature-256", self.signature(secret)),
        ];
        if let Some(host) = &self.enterprise_host {
            headers.push(("X-GitHub-Enterprise-Host", host.to_string()));
            headers.push(("X-GitHub-Enterprise-Version", ENTERPRISE_VERSION.to_owned()));
        }
        headers
    }
}

/// The value of `X-Hub-Signature-256` for a body.
pub fn sign(secret: &str, body: &[u8]) -> String {
    // HMAC takes keys of any length; the error type exists for other MACs.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        unreachable!("HMAC takes keys of any length")
    };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_githubs_documentation() {
        assert_eq!(
            sign("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
