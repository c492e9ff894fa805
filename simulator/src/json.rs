//! Writes JSON text key by key. Payloads are rendered fifty thousand times from state that is
//! already at hand; a tree of values between the two would cost more than all the rest.

use gapless_schemas::Timestamp;
use std::fmt::{self, Display, Write};

/// A JSON text in the making. Keys are written as given and must need no escape.
#[derive(Debug)]
pub(crate) struct Json {
    text: String,
    after_value: bool,
    with_addresses: bool,
}

impl Json {
    pub(crate) fn new(with_addresses: bool, capacity: usize) -> Self {
        Self {
            text: String::with_capacity(capacity),
            after_value: false,
            with_addresses,
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// `{…}` as an element or as the whole text.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.bracket('{', '}', fill);
    }

    /// `"key":{…}`.
    pub(crate) fn object_at(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.bracket('{', '}', fill);
    }

    /// `[…]` as the whole text.
    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.bracket('[', ']', fill);
    }

    /// `"key":[…]`.
    pub(crate) fn array_at(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.bracket('[', ']', fill);
    }

    /// A finished JSON value as an element.
    pub(crate) fn raw_element(&mut self, json: &str) {
        self.separate();
        self.text.push_str(json);
        self.after_value = true;
    }

    /// A finished JSON value under `key`.
    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.text.push_str(json);
        self.after_value = true;
    }

    /// A finished JSON value under `key`, or null.
    pub(crate) fn raw_or_null(&mut self, key: &str, json: Option<&str>) {
        self.raw(key, json.unwrap_or("null"));
    }

    /// Finished members of an object, without its braces.
    pub(crate) fn members(&mut self, members: &str) {
        self.separate();
        self.text.push_str(members);
        self.after_value = true;
    }

    /// A text under `key`.
    pub(crate) fn text(&mut self, key: &str, value: impl Display) {
        self.key(key);
        self.text.push('"');
        // Writing into a `String` cannot fail.
        let _ = write!(Escaping(&mut self.text), "{value}");
        self.text.push('"');
        self.after_value = true;
    }

    /// A text under `key`, or null.
    pub(crate) fn text_or_null(&mut self, key: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.text(key, value),
            None => self.null(key),
        }
    }

    /// An address under `key`; left out where the form has no addresses.
    pub(crate) fn address(&mut self, key: &str, value: impl Display) {
        if self.with_addresses {
            self.text(key, value);
        }
    }

    /// True where addresses are rendered.
    pub(crate) fn with_addresses(&self) -> bool {
        self.with_addresses
    }

    /// A time to the second under `key`, as GitHub writes it.
    pub(crate) fn time(&mut self, key: &str, value: Timestamp) {
        self.text(key, whole_second(value));
    }

    /// A time to the second under `key`, or null.
    pub(crate) fn time_or_null(&mut self, key: &str, value: Option<Timestamp>) {
        self.text_or_null(key, value.map(whole_second));
    }

    /// A whole number under `key`.
    pub(crate) fn number(&mut self, key: &str, value: impl Into<i128>) {
        self.key(key);
        let _ = write!(self.text, "{}", value.into());
        self.after_value = true;
    }

    /// A truth value under `key`.
    pub(crate) fn truth(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// Null under `key`.
    pub(crate) fn null(&mut self, key: &str) {
        self.raw(key, "null");
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
    }

    fn separate(&mut self) {
        if self.after_value {
            self.text.push(',');
        }
        self.after_value = false;
    }

    fn bracket(&mut self, open: char, close: char, fill: impl FnOnce(&mut Self)) {
        self.text.push(open);
        self.after_value = false;
        fill(self);
        self.text.push(close);
        self.after_value = true;
    }
}

/// `time` without its milliseconds.
pub(crate) fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.as_seconds())
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            self.0.push_str(&rest[..at]);
            let escaped = rest.as_bytes()[at];
            match escaped {
                b'"' => self.0.push_str("\\\""),
                b'\\' => self.0.push_str("\\\\"),
                b'\n' => self.0.push_str("\\n"),
                _ => write!(self.0, "\\u{escaped:04x}")?,
            }
            rest = &rest[at + 1..];
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_by_a_json_reader() {
        let mut json = Json::new(true, 0);
        json.object(|json| {
            json.text("title", "a \"quoted\" \\ line\nand \u{7} é");
            json.number("id", 9_007_199_254_740_993_u64);
            json.array_at("labels", |json| {
                json.raw_element("{\"name\":\"bug\"}");
                json.object(|json| json.truth("default", true));
            });
            json.object_at("empty", |_| {});
            json.time("at", Timestamp::from_millis(1_999));
            json.null("milestone");
        });
        let value: serde_json::Value = serde_json::from_str(&json.into_text()).unwrap();
        let expected = serde_json::json!({
            "title": "a \"quoted\" \\ line\nand \u{7} é",
            "id": 9_007_199_254_740_993_u64,
            "labels": [{"name": "bug"}, {"default": true}],
            "empty": {},
            "at": "1970-01-01T00:00:01Z",
            "milestone": null,
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn the_compact_form_has_no_addresses() {
        let mut json = Json::new(false, 0);
        json.object(|json| {
            json.address("url", "https://example.org");
            json.number("id", 1);
        });
        assert_eq!(json.into_text(), "{\"id\":1}");
    }
}
