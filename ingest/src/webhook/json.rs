//! One pass over a payload: is it JSON, does it say everything once, and what do a few of its members
//! say?
//!
//! A payload has a second reader, the processors' parser. Both must find the same in it, or a delivery
//! could be judged by one thing and take effect by another. So a key counts as what it says, whatever
//! escapes it is written with, and a key that an object has twice, at any depth, makes the payload
//! [ambiguous](Fault::Ambiguous): JSON leaves open which of the two counts, and readers differ.
//!
//! This takes the place of a typed `serde_json` parse for three reasons. A field of an unexpected
//! type must not refuse the delivery (it is kept, and a processor decides), so every look is
//! lenient. What is skipped must count towards the depth limit: `serde_json` skips ignored values
//! without one, and a nest of a million brackets would then reach parsers that recurse. And the
//! webhook's path is counted in microseconds: strings, most of a payload, are skipped eight bytes
//! at a time. A property test holds it to `serde_json`'s own verdict on what is JSON and what is
//! too deep: what passes here, every processor can parse.

use gapless_schemas::Timestamp;
use std::borrow::Cow;

/// Greatest depth of arrays and objects, `serde_json`'s own.
const DEPTH_MAX: u32 = 127;

/// Why a payload is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The text is no JSON, or too deep.
    NotJson,
    /// Two readers may read it differently.
    Ambiguous,
}

/// Walks over a JSON text that is known to be UTF-8.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    /// Keys, as written, of the objects that the walk is in, the outermost object's first.
    keys: Vec<&'a [u8]>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
            keys: Vec::with_capacity(KEYS_SCANNED_MAX),
        }
    }

    /// The first byte of the next value.
    pub(super) fn peek(&mut self) -> Result<u8, Fault> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(Fault::NotJson)
    }

    /// Nothing but white space follows.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Ok(_) => Err(Fault::NotJson),
            Err(_) => Ok(()),
        }
    }

    /// Skips one value and gives its text.
    pub(super) fn value(&mut self) -> Result<&'a [u8], Fault> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => self.string().map(drop)?,
            b'{' => self.members(|_, scanner| scanner.value().map(drop))?,
            b'[' => self.elements()?,
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => self.number()?,
        }
        Ok(&self.bytes[start..self.at])
    }

    /// Calls `visit` with the key of each member of the object that comes next, escapes decoded;
    /// `visit` takes the member's value from the scanner.
    ///
    /// A value that is no object is skipped, without a call.
    pub(super) fn members(
        &mut self,
        mut visit: impl FnMut(&[u8], &mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek()? != b'{' {
            return self.value().map(drop);
        }
        self.descend()?;
        if self.peek()? == b'}' {
            return self.ascend();
        }
        let first = self.keys.len();
        let mut filter = Filter::default();
        loop {
            if self.peek()? != b'"' {
                return Err(Fault::NotJson);
            }
            let written = self.string()?;
            let key = decoded(written)?;
            let others = &self.keys[first..];
            if others.len() < KEYS_SCANNED_MAX
                && filter.may_have(&key)
                && others.iter().any(|other| is_same(other, &key))
            {
                return Err(Fault::Ambiguous);
            }
            self.keys.push(written);
            self.take(b':')?;
            visit(&key, self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(Fault::NotJson),
            }
        }
        if self.keys.len() - first > KEYS_SCANNED_MAX && has_twice(&self.keys[first..]) {
            return Err(Fault::Ambiguous);
        }
        self.keys.truncate(first);
        self.ascend()
    }

    /// The same where two readers could differ on what is no object: a parser may take a list's
    /// elements for an object's members, in its own order.
    pub(super) fn object(
        &mut self,
        visit: impl FnMut(&[u8], &mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek()? == b'[' {
            return Err(Fault::Ambiguous);
        }
        self.members(visit)
    }

    fn elements(&mut self) -> Result<(), Fault> {
        self.descend()?;
        if self.peek()? == b']' {
            return self.ascend();
        }
        loop {
            self.value()?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => return self.ascend(),
                _ => return Err(Fault::NotJson),
            }
        }
    }

    fn descend(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        self.at += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::NotJson);
        }
        Ok(())
    }

    fn ascend(&mut self) -> Result<(), Fault> {
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }

    fn take(&mut self, wanted: u8) -> Result<(), Fault> {
        if self.peek()? != wanted {
            return Err(Fault::NotJson);
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(Fault::NotJson);
        }
        self.at += word.len();
        Ok(())
    }

    /// Skips a string and gives what stands between its quotes.
    fn string(&mut self) -> Result<&'a [u8], Fault> {
        self.at += 1;
        let start = self.at;
        loop {
            let rest = &self.bytes[self.at..];
            let length = plain_bytes(rest);
            self.at += length + 1;
            match rest.get(length).ok_or(Fault::NotJson)? {
                b'"' => return Ok(&self.bytes[start..self.at - 1]),
                b'\\' => {}
                _ => return Err(Fault::NotJson),
            }
            match rest.get(length + 1).ok_or(Fault::NotJson)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                b'u' if rest.len() >= length + 6
                    && rest[length + 2..length + 6]
                        .iter()
                        .all(u8::is_ascii_hexdigit) =>
                {
                    self.at += 5;
                }
                _ => return Err(Fault::NotJson),
            }
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Skips at least one digit.
    fn digits(&mut self) -> Result<(), Fault> {
        let count = self.bytes[self.at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        if count == 0 {
            Err(Fault::NotJson)
        } else {
            Ok(())
        }
    }
}

/// How many bytes at the start of `text` are themselves in a string: no quote, backslash or control
/// character.
///
/// Most strings are short. Eight bytes at a time, in place of `memchr` and a second pass, took 6 µs
/// of 36 from the webhook's work on a payload of 10 KB (`gapless-bench stages`). A byte of `x` is
/// less than `n` where `x - n` has its highest bit and `x` has not; a borrow can only spoil the bytes
/// above one that was found, and the lowest one counts.
fn plain_bytes(text: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 0xff;
    let less = |word: u64, than: u64| word.wrapping_sub(EACH * than) & !word;
    let (words, rest) = text.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quotes = less(word ^ (EACH * u64::from(b'"')), 1);
        let backslashes = less(word ^ (EACH * u64::from(b'\\')), 1);
        let found = (quotes | backslashes | less(word, 0x20)) & (EACH * 0x80);
        if found != 0 {
            return 8 * place + found.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    8 * words.len() + rest.iter().take_while(is_plain).count()
}

/// Up to so many keys of an object are looked through for each that may be there already; in a larger
/// one they are sorted at its end, lest an object of a million keys takes hours.
const KEYS_SCANNED_MAX: usize = 128;

/// Tells most keys of an object that were not there before: GitHub's objects have up to a hundred keys,
/// and comparing each with all others would double the time of the walk.
#[derive(Default)]
struct Filter([u64; 16]);

impl Filter {
    /// Notes `key`; false where it was surely not noted before.
    fn may_have(&mut self, key: &[u8]) -> bool {
        let word = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
            (Some(first), Some(last)) => {
                u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29)
            }
            _ => key
                .iter()
                .fold(0, |word, byte| (word << 8) | u64::from(*byte)),
        };
        let place = (word ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        let (word, bit) = (&mut self.0[place as usize / 64], 1 << (place % 64));
        let had = *word & bit != 0;
        *word |= bit;
        had
    }
}

/// What a key says. One that is no text, by half of a surrogate pair, is read by some and refused by
/// others.
fn decoded(written: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    if !written.contains(&b'\\') {
        return Ok(Cow::Borrowed(written));
    }
    let quoted = [b"\"", written, b"\""].concat();
    let text: String = serde_json::from_slice(&quoted).map_err(|_| Fault::Ambiguous)?;
    Ok(Cow::Owned(text.into_bytes()))
}

fn is_same(written: &[u8], key: &[u8]) -> bool {
    written == key || decoded(written).is_ok_and(|other| *other == *key)
}

fn has_twice(written: &[&[u8]]) -> bool {
    let keys = written.iter().map(|written| decoded(written));
    let Ok(mut keys) = keys.collect::<Result<Vec<_>, _>>() else {
        return true;
    };
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// The whole number that a value's text holds, if it holds one that fits. `-0` is none: parsers take
/// it for a fraction, whose zero has a sign.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    whole(text)?.try_into().ok()
}

fn whole(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    (text != "-0").then(|| text.parse().ok())?
}

/// The string that a value's text holds, if it holds one.
pub(super) fn string(text: &[u8]) -> Option<String> {
    serde_json::from_slice(text).ok()
}

/// The time that a value's text holds, if it holds one: as text, or as whole seconds, which some
/// payloads have.
pub(super) fn time(text: &[u8]) -> Option<Timestamp> {
    match whole(text) {
        // What is too large stays so, as it does for the processors' parser.
        Some(seconds) => Some(Timestamp::from_seconds(
            i64::try_from(seconds).unwrap_or(i64::MAX),
        )),
        None => string(text)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
    use std::collections::BTreeSet;
    use std::fmt;

    fn scan(text: &str) -> Result<(), Fault> {
        let mut scanner = Scanner::new(text);
        scanner.value()?;
        scanner.end()
    }

    fn accepts(text: &str) -> bool {
        scan(text).is_ok()
    }

    /// JSON in which no object has a key twice, as serde tells it.
    struct Unambiguous;

    impl<'de> Deserialize<'de> for Unambiguous {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Self)
        }
    }

    impl<'de> Visitor<'de> for Unambiguous {
        type Value = Self;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything that says everything once")
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_unit<E>(self) -> Result<Self, E> {
            Ok(self)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
            while elements.next_element::<Self>()?.is_some() {}
            Ok(self)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
            let mut keys = BTreeSet::new();
            while let Some((key, Self)) = members.next_entry::<String, Self>()? {
                if !keys.insert(key) {
                    return Err(serde::de::Error::custom("a key twice"));
                }
            }
            Ok(self)
        }
    }

    #[test]
    fn the_depth_limit_is_serde_jsons() {
        for depth in [1, 126, 127, 128, 129, 1_000_000] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let middle = if open == "[" { "" } else { "1" };
                let text = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
                assert_eq!(
                    accepts(&text),
                    serde_json::from_str::<serde_json::Value>(&text).is_ok(),
                    "{depth} {open}"
                );
            }
        }
    }

    #[test]
    fn a_number_of_any_size_is_json_and_an_integer_only_where_it_fits() {
        for (text, value) in [
            ("9007199254740993", Some(9_007_199_254_740_993)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("1e999", None),
            ("-0", None),
            ("-7", Some(-7)),
            ("1.0", None),
            ("\"1\"", None),
            ("null", None),
        ] {
            assert!(accepts(text), "{text}");
            assert_eq!(integer(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn members_are_visited_at_one_level_only() {
        let mut seen = Vec::new();
        let mut scanner = Scanner::new(r#" {"a" : {"b":[1,{"c":2}]}, "\u0064":"e\"f", "g":null} "#);
        scanner
            .members(|key, scanner| {
                let value = scanner.value()?;
                seen.push((
                    String::from_utf8_lossy(key).into_owned(),
                    String::from_utf8_lossy(value).into_owned(),
                ));
                Ok(())
            })
            .unwrap();
        scanner.end().unwrap();
        let expected = [
            ("a", r#"{"b":[1,{"c":2}]}"#),
            ("d", r#""e\"f""#),
            ("g", "null"),
        ];
        assert_eq!(seen.len(), expected.len());
        for ((key, value), (expected_key, expected_value)) in seen.iter().zip(expected) {
            assert_eq!(
                (key.as_str(), value.as_str()),
                (expected_key, expected_value)
            );
        }
    }

    #[test]
    fn a_key_that_an_object_has_twice_is_found_however_many_others_there_are() {
        for others in [0, 1, 7, 100, 127, 128, 129, 300, 5_000] {
            let filler: String = (0..others)
                .map(|n| format!("\"key_{n}_url\":{n},"))
                .collect();
            for (first, second) in [
                ("a", "a"),
                ("a", "\\u0061"),
                ("\\u0061", "a"),
                ("é", "\\u00e9"),
            ] {
                for text in [
                    format!("{{\"{first}\":1,{filler}\"{second}\":1}}"),
                    format!("{{{filler}\"{first}\":1,\"{second}\":1}}"),
                    format!("[{{\"b\":{{\"{first}\":1,{filler}\"{second}\":1}}}}]"),
                ] {
                    assert_eq!(
                        scan(&text),
                        Err(Fault::Ambiguous),
                        "{others} {first} {second}"
                    );
                }
            }
            // The same key of two objects, inner, outer or beside, is none twice.
            let text = format!("{{\"a\":{{\"a\":1}},{filler}\"b\":[{{\"a\":1}},{{\"a\":1}}]}}");
            assert_eq!(scan(&text), Ok(()), "{others}");
        }
        assert_eq!(scan(r#"{"\ud800":1}"#), Err(Fault::Ambiguous));
    }

    /// Texts that are JSON or nearly so: fragments of JSON put together at random.
    fn nearly_json() -> impl Strategy<Value = String> {
        let fragment = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\\u00e9\"",
            "\"\\x\"",
            "\"\\",
            "\"",
            "1",
            "-0",
            "01",
            "1.5e3",
            "1e",
            "-",
            "true",
            "nul",
            "null",
            " ",
            "\n",
            "\u{1}",
            "é",
            "\\",
            "{\"k\":1}",
            "[1,2]",
            "\"\\ud800\"",
            "\"\\u0061\"",
            "\"a\":1,",
            "\"\\u0061\":1,",
            "\"b\":{\"a\":",
        ]);
        prop::collection::vec(fragment, 0..12).prop_map(|fragments| fragments.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_first_byte_that_ends_a_string_is_found_wherever_it_stands(
            text in prop::collection::vec(
                prop::sample::select(b"aaaaaaaa\"\\\x00\x1f !#[]\x7f\x80\xa2\xdc\xff".to_vec()),
                0..40,
            )
        ) {
            let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let expected = text.iter().position(ends).unwrap_or(text.len());
            prop_assert_eq!(plain_bytes(&text), expected);
        }

        #[test]
        fn what_is_json_is_what_serde_json_takes_for_json(text in nearly_json()) {
            let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            match scan(&text) {
                Ok(()) => prop_assert!(is_json),
                Err(Fault::NotJson) => prop_assert!(!is_json),
                // It may be no JSON either, further on.
                Err(Fault::Ambiguous) => {
                    prop_assert!(serde_json::from_str::<Unambiguous>(&text).is_err());
                }
            }
        }

        #[test]
        fn what_passes_has_no_key_twice(text in nearly_json()) {
            // Half of a surrogate pair is no string for serde, and 1e999 no number: none of our business in a
            // value.
            if accepts(&text) && serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert!(serde_json::from_str::<Unambiguous>(&text).is_ok());
            }
        }
    }
}
