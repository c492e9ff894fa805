//! GitHub's signature: an HMAC-SHA256 of the raw body, under one of the secrets of the host that
//! the delivery names.
//!
//! The host header is not signed, but it chooses the secrets: who knows the secret of one host
//! cannot speak for another.

use super::Outcome;
use super::scope::Scope;
use crate::source::{Secret, SourceConfig};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const HEADER: &str = "x-hub-signature-256";
const LEGACY_HEADER: &str = "x-hub-signature";
const PREFIX: &[u8] = b"sha256=";
const DIGEST_BYTES: usize = 32;

/// A signature whose form is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signature([u8; DIGEST_BYTES]);

impl Signature {
    /// Reads the one signature that the headers must hold.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Outcome> {
        let mut values = headers.get_all(HEADER).iter();
        let text = match (values.next(), values.next()) {
            (Some(value), None) => value.as_bytes(),
            (Some(_), Some(_)) => return Err(Outcome::SignatureRepeated),
            (None, _) if headers.contains_key(LEGACY_HEADER) => {
                return Err(Outcome::SignatureSha1Only);
            }
            (None, _) => return Err(Outcome::SignatureMissing),
        };
        let digits = text
            .strip_prefix(PREFIX)
            .filter(|digits| digits.len() == 2 * DIGEST_BYTES)
            .ok_or(Outcome::SignatureLength)?;
        if !digits
            .iter()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(Outcome::SignatureDigits);
        }
        let mut digest = [0; DIGEST_BYTES];
        hex::decode_to_slice(digits, &mut digest).map_err(|_| Outcome::SignatureDigits)?;
        Ok(Self(digest))
    }
}

/// The live secrets, by host. Never printed.
pub(super) struct Keys(BTreeMap<String, HostKeys>);

/// The secrets of one host, each once.
#[derive(Default)]
struct HostKeys {
    keys: Vec<Key>,
    /// The one that vouched last: with many owners of one host it is tried first, as each further
    /// try hashes the whole body again.
    last: AtomicUsize,
}

/// A secret, and the sources that have it.
struct Key {
    mac: Hmac<Sha256>,
    scopes: Vec<Arc<Scope>>,
}

impl Keys {
    /// The secrets of `sources`; an empty secret is left out, since anybody could sign with it.
    pub(super) fn new(sources: &[SourceConfig]) -> Self {
        let mut keys = BTreeMap::<String, HostKeys>::new();
        let mut places = BTreeMap::new();
        for source in sources {
            let host = source.host.to_lowercase();
            let of_host = keys.entry(host.clone()).or_default();
            let scope = Arc::new(Scope::new(source, sources));
            for secret in source.secrets.iter().map(Secret::expose) {
                // Cannot fail: an HMAC key may have any length.
                let Some(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok() else {
                    continue;
                };
                if secret.is_empty() {
                    continue;
                }
                let place = *places.entry((host.clone(), secret)).or_insert_with(|| {
                    of_host.keys.push(Key {
                        mac,
                        scopes: Vec::new(),
                    });
                    of_host.keys.len() - 1
                });
                of_host.keys[place].scopes.push(Arc::clone(&scope));
            }
        }
        Self(keys)
    }

    /// Whether any source is of `host`.
    pub(super) fn know(&self, host: &str) -> bool {
        self.0.contains_key(host)
    }

    /// What the secret of the host that made `signature` of `body` vouches for; none where no secret
    /// did. Compared in constant time.
    pub(super) fn verify(
        &self,
        host: &str,
        body: &[u8],
        signature: Signature,
    ) -> Option<&[Arc<Scope>]> {
        self.0.get(host)?.verify(body, signature)
    }
}

impl HostKeys {
    fn verify(&self, body: &[u8], signature: Signature) -> Option<&[Arc<Scope>]> {
        let made = |place: &usize| {
            let mut mac = self.keys[*place].mac.clone();
            mac.update(body);
            mac.verify_slice(&signature.0).is_ok()
        };
        let found = self.in_order().find(made)?;
        self.last.store(found, Relaxed);
        Some(&self.keys[found].scopes)
    }

    /// The places of the secrets, the last that vouched first.
    fn in_order(&self) -> impl Iterator<Item = usize> {
        let (last, count) = (self.last.load(Relaxed), self.keys.len());
        (0..count).map(move |step| (last + step) % count)
    }
}

/// The value of `X-Hub-Signature-256` for `body` under `secret`, as GitHub would send it.
pub fn sign(secret: &crate::Secret, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("an HMAC key may have any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn keys(secrets: &[&str]) -> Keys {
        Keys::new(&[SourceConfig {
            host: "GitHub.com".into(),
            owner: None,
            secrets: secrets.iter().map(|secret| Secret::new(*secret)).collect(),
            api_base_url: String::new(),
            token: None,
        }])
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_example_of_githubs_documentation_holds() {
        // Source: GitHub docs, "Validating webhook deliveries", testing the webhook payload
        // validation.
        let text = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let secret = Secret::new("It's a Secret to Everybody");
        assert_eq!(sign(&secret, b"Hello, World!"), text);
        let signature = Signature::of(&headers(&[(HEADER, text)])).unwrap();
        let keys = keys(&["another", "It's a Secret to Everybody"]);
        let verify = |host, body| keys.verify(host, body, signature).is_some();
        assert!(verify("github.com", b"Hello, World!"));
        assert!(!verify("github.com", b"Hello, World?"));
        assert!(!verify("ghes.example.com", b"Hello, World!"));
    }

    #[test]
    fn every_fault_in_the_header_has_its_own_outcome() {
        let right = format!("sha256={}", "a".repeat(64));
        let table: [(&[(&'static str, &str)], Outcome); 9] = [
            (&[], Outcome::SignatureMissing),
            (&[(LEGACY_HEADER, "sha1=aa")], Outcome::SignatureSha1Only),
            (
                &[(HEADER, &right), (HEADER, &right)],
                Outcome::SignatureRepeated,
            ),
            (&[(HEADER, "")], Outcome::SignatureLength),
            (&[(HEADER, &right[..70])], Outcome::SignatureLength),
            (&[(HEADER, &format!("{right}a"))], Outcome::SignatureLength),
            (
                &[(HEADER, &right.replace("sha256", "sha512"))],
                Outcome::SignatureLength,
            ),
            (
                &[(HEADER, &format!("sha256={}", "A".repeat(64)))],
                Outcome::SignatureDigits,
            ),
            (
                &[(HEADER, &format!("sha256={}", "g".repeat(64)))],
                Outcome::SignatureDigits,
            ),
        ];
        for (given, outcome) in table {
            assert_eq!(Signature::of(&headers(given)), Err(outcome), "{given:?}");
        }
        assert!(Signature::of(&headers(&[(HEADER, &right), (LEGACY_HEADER, "x")])).is_ok());
    }

    #[test]
    fn an_empty_secret_vouches_for_nothing() {
        let keys = keys(&[""]);
        let text = sign(&Secret::new(""), b"{}");
        let signature = Signature::of(&headers(&[(HEADER, &text)])).unwrap();
        assert!(keys.know("github.com"));
        assert!(keys.verify("github.com", b"{}", signature).is_none());
    }

    #[test]
    fn each_secret_is_tried_once_and_the_last_that_vouched_first() {
        let keys = keys(&["one", "two", "one", "", "three", "two"]);
        let of_host = &keys.0["github.com"];
        let order = || of_host.in_order().collect::<Vec<_>>();
        assert_eq!(order(), [0, 1, 2]);
        for (secret, after) in [("three", [2, 0, 1]), ("two", [1, 2, 0]), ("no", [1, 2, 0])] {
            let text = sign(&Secret::new(secret), b"{}");
            let signature = Signature::of(&headers(&[(HEADER, &text)])).unwrap();
            let vouched = keys.verify("github.com", b"{}", signature).is_some();
            assert_eq!(vouched, secret != "no");
            assert_eq!(order(), after);
        }
    }
}
