//! One line of a recording.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What a line holds, as far as anybody reads it.
#[derive(Debug)]
pub(super) enum Line {
    /// A new sequence begins.
    Sequence,
    /// A delivery.
    Webhook(Delivery),
    /// A REST exchange.
    Api(Exchange),
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

impl Line {
    /// Reads a line. In two steps: serde's tagged enums would not keep a body's bytes.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let Kind { kind } = serde_json::from_str(text)?;
        Ok(match kind.as_str() {
            "sequence" => Self::Sequence,
            "webhook" => Self::Webhook(serde_json::from_str(text)?),
            "api" => Self::Api(serde_json::from_str(text)?),
            _ => Self::Other,
        })
    }
}

/// A delivery as it was received.
#[derive(Debug, Deserialize)]
pub(super) struct Delivery {
    /// `X-GitHub-Event`.
    pub(super) event: String,
    /// The payload.
    pub(super) body: Box<RawValue>,
    /// `X-GitHub-Delivery`, where it was recorded.
    pub(super) delivery_id: Option<String>,
}

/// A REST exchange.
#[derive(Debug, Deserialize)]
pub(super) struct Exchange {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<Box<RawValue>>,
}

impl Delivery {
    /// The delivery's GUID; where none was recorded, one that follows from its content, so that
    /// sending the same line twice is a redelivery.
    pub(super) fn guid(&self) -> String {
        if let Some(recorded) = &self.delivery_id {
            return recorded.clone();
        }
        let hash = Sha256::new()
            .chain_update(&self.event)
            .chain_update([0])
            .chain_update(self.body.get())
            .finalize();
        let digits = hex::encode(&hash[..16]);
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
        parts.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(text: &str) -> Delivery {
        match Line::parse(text).unwrap() {
            Line::Webhook(delivery) => delivery,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_keeps_its_bytes_and_a_line_without_a_guid_always_gets_the_same() {
        let text = r#"{"i":3,"kind":"webhook","event":"issues","body":{"b":1, "a":1e2}}"#;
        let found = delivery(text);
        assert_eq!(found.body.get(), r#"{"b":1, "a":1e2}"#);
        assert_eq!(found.guid(), delivery(text).guid());
        assert_eq!(found.guid().len(), 36);
        let other = delivery(&text.replace("issues", "push"));
        assert_ne!(found.guid(), other.guid());
        let named = delivery(&text.replace("\"i\":3", "\"delivery_id\":\"g\""));
        assert_eq!(named.guid(), "g");
    }

    #[test]
    fn lines_of_other_kinds_are_no_error() {
        for text in [
            r#"{"kind":"new thing","x":1}"#,
            r#"{"kind":"sequence","blob":"x"}"#,
        ] {
            let line = Line::parse(text).unwrap();
            assert!(matches!(line, Line::Other | Line::Sequence));
        }
    }
}
