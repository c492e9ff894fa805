//! One pass over a payload: is it JSON, and what do a few of its members say?
//!
//! This takes the place of a typed `serde_json` parse for three reasons. A field of an unexpected
//! type must not refuse the delivery (it is kept, and a processor decides), so every look is
//! lenient. What is skipped must count towards the depth limit: `serde_json` skips ignored values
//! without one, and a nest of a million brackets would then reach parsers that recurse. And the
//! webhook's path is counted in microseconds: strings, most of a payload, are skipped eight bytes
//! at a time. A property test holds it to `serde_json`'s own verdict on what is JSON and what is
//! too deep: what passes here, every processor can parse.

/// Greatest depth of arrays and objects, `serde_json`'s own.
const DEPTH_MAX: u32 = 127;

/// The text is no JSON, or too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson;

/// Walks over a JSON text that is known to be UTF-8.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
        }
    }

    /// The first byte of the next value.
    pub(super) fn peek(&mut self) -> Result<u8, NotJson> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(NotJson)
    }

    /// Nothing but white space follows.
    pub(super) fn end(&mut self) -> Result<(), NotJson> {
        match self.peek() {
            Ok(_) => Err(NotJson),
            Err(NotJson) => Ok(()),
        }
    }

    /// Skips one value and gives its text.
    pub(super) fn value(&mut self) -> Result<&'a [u8], NotJson> {
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

    /// Calls `visit` with the key of each member of the object that comes next; `visit` takes the
    /// member's value from the scanner. Keys are compared as written: GitHub escapes none.
    ///
    /// A value that is no object is skipped, without a call.
    pub(super) fn members(
        &mut self,
        mut visit: impl FnMut(&'a [u8], &mut Self) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        if self.peek()? != b'{' {
            return self.value().map(drop);
        }
        self.descend()?;
        if self.peek()? == b'}' {
            return self.ascend();
        }
        loop {
            if self.peek()? != b'"' {
                return Err(NotJson);
            }
            let key = self.string()?;
            self.take(b':')?;
            visit(key, self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => return self.ascend(),
                _ => return Err(NotJson),
            }
        }
    }

    fn elements(&mut self) -> Result<(), NotJson> {
        self.descend()?;
        if self.peek()? == b']' {
            return self.ascend();
        }
        loop {
            self.value()?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => return self.ascend(),
                _ => return Err(NotJson),
            }
        }
    }

    fn descend(&mut self) -> Result<(), NotJson> {
        self.depth += 1;
        self.at += 1;
        if self.depth > DEPTH_MAX {
            return Err(NotJson);
        }
        Ok(())
    }

    fn ascend(&mut self) -> Result<(), NotJson> {
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }

    fn take(&mut self, wanted: u8) -> Result<(), NotJson> {
        if self.peek()? != wanted {
            return Err(NotJson);
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), NotJson> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(NotJson);
        }
        self.at += word.len();
        Ok(())
    }

    /// Skips a string and gives what stands between its quotes.
    fn string(&mut self) -> Result<&'a [u8], NotJson> {
        self.at += 1;
        let start = self.at;
        loop {
            let rest = &self.bytes[self.at..];
            let length = plain_bytes(rest);
            self.at += length + 1;
            match rest.get(length).ok_or(NotJson)? {
                b'"' => return Ok(&self.bytes[start..self.at - 1]),
                b'\\' => {}
                _ => return Err(NotJson),
            }
            match rest.get(length + 1).ok_or(NotJson)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                b'u' if rest.len() >= length + 6
                    && rest[length + 2..length + 6]
                        .iter()
                        .all(u8::is_ascii_hexdigit) =>
                {
                    self.at += 5;
                }
                _ => return Err(NotJson),
            }
        }
    }

    fn number(&mut self) -> Result<(), NotJson> {
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
    fn digits(&mut self) -> Result<(), NotJson> {
        let count = self.bytes[self.at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        if count == 0 { Err(NotJson) } else { Ok(()) }
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

/// The whole number that a value's text holds, if it holds one that fits.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The string that a value's text holds, if it holds one.
pub(super) fn string(text: &[u8]) -> Option<String> {
    serde_json::from_slice(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn accepts(text: &str) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.value().is_ok() && scanner.end().is_ok()
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
        let mut scanner = Scanner::new(r#" {"a" : {"b":[1,{"c":2}]}, "d":"e\"f", "g":null} "#);
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
            prop_assert_eq!(accepts(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }
    }
}
