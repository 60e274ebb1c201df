//! A position in JSON text (RFC 8259): the tokens of a header, without building values.

use std::borrow::Cow;

use crate::DecodeError;

/// How deep members that nobody asked for may nest. Ours are flat; upstream's are too.
const DEPTH_MAX: u8 = 32;

/// Walks JSON text that has been checked to be UTF-8.
#[derive(Debug, Clone)]
pub(super) struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

/// A value, as far as a header cares.
#[derive(Debug)]
pub(super) enum Token<'a> {
    String(Quoted<'a>),
    Number(&'a [u8]),
    Null,
    /// `true`, `false`, an array or an object, as its text.
    Other(&'a [u8]),
}

/// The inside of a string: its escapes are well-formed, but still there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'a> {
    pub(super) raw: &'a [u8],
    pub(super) escaped: bool,
}

impl<'a> Quoted<'a> {
    /// The characters. Half of a surrogate pair becomes a replacement character, as in Java's own writers.
    pub(super) fn unescape(self) -> Cow<'a, [u8]> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// An error at the present place.
    pub(super) fn error(&self, what: &'static str) -> DecodeError {
        DecodeError::Header { form: "JSON", at: self.at, what }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: u8) -> bool {
        self.skip_blanks();
        let found = self.text.get(self.at) == Some(&wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: u8, what: &'static str) -> Result<(), DecodeError> {
        if self.eat(wanted) { Ok(()) } else { Err(self.error(what)) }
    }

    /// Makes sure that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        self.skip_blanks();
        if self.at == self.text.len() { Ok(()) } else { Err(self.error("text after the object")) }
    }

    /// Walks an object. `member` is called in front of each value and has to consume it.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Quoted<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.expect(b'{', "an object is missing")?;
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':', "a colon is missing")?;
            member(self, key)?;
            if !self.eat(b',') {
                return self.expect(b'}', "a comma or a closing brace is missing");
            }
        }
    }

    /// An object of strings without escapes and without blanks between them, which is what servers write. Returns what
    /// is between the braces; consumes nothing if it is any other value.
    pub(super) fn plain_object(&mut self) -> Option<&'a [u8]> {
        self.skip_blanks();
        let inside = self.rest().strip_prefix(b"{")?;
        if inside.first() == Some(&b'}') {
            self.at += 2;
            return Some(&[]);
        }
        let mut length = 0;
        loop {
            length += plain_string(inside.get(length..)?)?;
            let value = inside.get(length..)?.strip_prefix(b":")?;
            length += 1 + plain_string(value)?;
            match inside.get(length)? {
                b',' => length += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.at += length + 2;
        inside.get(..length)
    }

    pub(super) fn value(&mut self) -> Result<Token<'a>, DecodeError> {
        self.value_within(DEPTH_MAX)
    }

    pub(super) fn skip_value(&mut self) -> Result<(), DecodeError> {
        self.value().map(|_| ())
    }

    fn value_within(&mut self, depth: u8) -> Result<Token<'a>, DecodeError> {
        self.skip_blanks();
        let start = self.at;
        match self.text.get(start) {
            Some(b'"') => return self.string().map(Token::String),
            Some(b'-' | b'0'..=b'9') => return self.number().map(Token::Number),
            Some(b'n') => return self.literal(b"null").map(|()| Token::Null),
            Some(b't') => self.literal(b"true")?,
            Some(b'f') => self.literal(b"false")?,
            Some(b'{' | b'[') if depth == 0 => return Err(self.error("nested too deep")),
            Some(b'{') => self.object(|scan, _| scan.value_within(depth - 1).map(drop))?,
            Some(b'[') => self.array(depth - 1)?,
            _ => return Err(self.error("a value is missing")),
        }
        Ok(Token::Other(self.text.get(start..self.at).unwrap_or_default()))
    }

    fn array(&mut self, depth: u8) -> Result<(), DecodeError> {
        self.expect(b'[', "an array is missing")?;
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.value_within(depth)?;
            if !self.eat(b',') {
                return self.expect(b']', "a comma or a closing bracket is missing");
            }
        }
    }

    /// Takes a `null`, if one is next.
    pub(super) fn null(&mut self) -> bool {
        self.skip_blanks();
        self.literal(b"null").is_ok()
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), DecodeError> {
        if !self.rest().starts_with(word) {
            return Err(self.error("not a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.at;
        self.at += usize::from(self.rest().first() == Some(&b'-'));
        let leading_zero = self.rest().first() == Some(&b'0');
        if self.digits()? > 1 && leading_zero {
            return Err(self.error("a number with a leading zero"));
        }
        if self.rest().first() == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.rest().first() {
            self.at += 1;
            self.at += usize::from(matches!(self.rest().first(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// One digit or more; returns how many.
    fn digits(&mut self) -> Result<usize, DecodeError> {
        let count = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += count;
        if count == 0 {
            return Err(self.error("a digit is missing"));
        }
        Ok(count)
    }

    fn string(&mut self) -> Result<Quoted<'a>, DecodeError> {
        self.expect(b'"', "a string is missing")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.rest();
            let run = plain_run(rest);
            self.at += run;
            match rest.get(run) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += escape_length(self.rest())
                        .ok_or_else(|| self.error("not an escape of JSON"))?;
                }
                Some(_) => return Err(self.error("a control character in a string")),
                None => return Err(self.error("a string without an end")),
            }
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(Quoted { raw, escaped })
    }
}

/// The length of a string without escapes at the front of `text`, quotes included.
fn plain_string(text: &[u8]) -> Option<usize> {
    let inside = text.strip_prefix(b"\"")?;
    let length = plain_run(inside);
    (inside.get(length) == Some(&b'"')).then_some(length + 2)
}

/// How many bytes at the front of `text` are neither a quote, nor a backslash, nor a control character. Eight at a time:
/// half of the work of reading a header is here.
pub(super) fn plain_run(text: &[u8]) -> usize {
    let (chunks, tail) = text.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    text.len() - tail.len() + tail.iter().position(special).unwrap_or(tail.len())
}

/// Sets the top bit of the first special byte of eight, and perhaps of later ones (little-endian, so the first is lowest).
const fn special_bytes(eight: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let quote = eight ^ u64::from_le_bytes([b'"'; 8]);
    let backslash = eight ^ u64::from_le_bytes([b'\\'; 8]);
    // A byte below n turns its own top bit on when n is taken away from it; the borrow disturbs later bytes only.
    let control = eight.wrapping_sub(ONES * 0x20) & !eight;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & TOPS
}

/// The length of the escape at the front of `text`, its backslash included.
fn escape_length(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => hex_unit(text).map(|_| 6),
        _ => None,
    }
}

/// The UTF-16 unit of `\uXXXX` at the front of `text`.
fn hex_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit: u16, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | value as u16)
    })
}

/// The characters of a string whose escapes have been checked.
pub(crate) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (character, length) = unescape_one(escape);
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = escape.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// The character of the escape at the front of `text`, and how many bytes it takes.
fn unescape_one(text: &[u8]) -> (char, usize) {
    let simple = match text.get(1) {
        Some(b'u') => return unescape_unicode(text),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(itself) => char::from(*itself),
        None => char::REPLACEMENT_CHARACTER,
    };
    (simple, 2)
}

fn unescape_unicode(text: &[u8]) -> (char, usize) {
    let unit = hex_unit(text).unwrap_or_default();
    if let Some(character) = char::from_u32(u32::from(unit)) {
        return (character, 6);
    }
    // A surrogate: with the other half behind it a character, alone none.
    let second = text.get(6..).and_then(hex_unit);
    let pair = second.and_then(|second| char::decode_utf16([unit, second]).next()?.ok());
    pair.map_or((char::REPLACEMENT_CHARACTER, 6), |both| (both, 12))
}

/// The pairs of an object that [`Scan::plain_object`] has accepted, without its braces.
#[derive(Debug, Clone)]
pub(crate) struct PlainPairs<'a>(&'a [u8]);

impl<'a> PlainPairs<'a> {
    pub(crate) fn new(inside: &'a [u8]) -> Self {
        Self(inside)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let inside = self.0.get(1..)?;
        let (text, rest) = inside.split_at_checked(plain_run(inside))?;
        // The closing quote, and the colon or comma behind it, if any.
        self.0 = rest.get(2..).unwrap_or_default();
        Some(text)
    }
}

impl<'a> Iterator for PlainPairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.string()?, self.string()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_at_the_first_special_byte_wherever_it_lies() {
        for special in [b'"', b'\\', 0, 0x1f] {
            for length in 0..40 {
                let mut text = vec![0xffu8; length];
                text.push(special);
                text.extend_from_slice(b"\"\x00abcdefgh");
                assert_eq!(plain_run(&text), length, "{special:#x} after {length}");
                assert_eq!(plain_run(&text[..length]), length);
            }
        }
        assert_eq!(plain_run(b" !#[]~\x7f\x80\xa2\xdc\xff"), 11, "neighbours of special bytes");
    }

    #[test]
    fn values_follow_the_grammar() {
        let check = |text: &str, accepted: bool| {
            let mut scan = Scan::new(text.as_bytes());
            let read = scan.value().and_then(|_| scan.end());
            assert_eq!(read.is_ok(), accepted, "{text}");
            let strict = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            assert_eq!(strict, accepted, "serde_json on {text}");
        };
        for text in [
            "0",
            "-0",
            "-1.5e+3",
            "1E9",
            "\"\"",
            "\"\\ud83e\\udd80\\\"\"",
            "null",
            "true",
            "[]",
            " { } ",
            "[1, [2, {\"a\":{}}]]",
            "{\"a\":1,\"a\":2}",
        ] {
            check(text, true);
        }
        for text in [
            "",
            "01",
            "+1",
            "1.",
            ".5",
            "1e",
            "-",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "nul",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "{\"a\":1,}",
            "{} {}",
            "'a'",
            "NaN",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let depth = usize::from(DEPTH_MAX);
        assert!(Scan::new(nested(depth).as_bytes()).value().is_ok());
        assert!(Scan::new(nested(depth + 1).as_bytes()).value().is_err());
        assert!(Scan::new("[".repeat(1 << 20).as_bytes()).value().is_err());
    }

    #[test]
    fn escapes_become_characters() {
        let check = |inside: &str, text: &str| {
            let quoted = format!("\"{inside}\"");
            let Ok(Token::String(string)) = Scan::new(quoted.as_bytes()).value() else {
                panic!("{inside} is no string");
            };
            assert_eq!(string.unescape(), text.as_bytes(), "{inside}");
        };
        check(r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t");
        check(r"a\u4e2D\u00e9", "a中é");
        check(r"\ud83e\udd80", "🦀");
        check(r"a\ud83eb", "a\u{fffd}b");
        check(r"\udd80\ud83e", "\u{fffd}\u{fffd}");
        check(r"\ud83e\u0041", "\u{fffd}A");
        check(r"\u0000", "\0");
    }
}
