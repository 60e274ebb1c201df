//! A position in JSON text (RFC 8259): the tokens of a header, without building values.

use super::string::{Quoted, escape_length, plain_run};
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
