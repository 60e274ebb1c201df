//! JSON headers as servers write them, read as straight as they are written.
//!
//! Members in Java's order, nothing between them, strings of ASCII without escapes: so say all servers, unless a remark
//! quotes something. A header that differs in anything is no plain one, and `json` reads it member by member.

use bytes::Bytes;

use super::{
    decimal::parse_integer,
    eights::{equal, length_until, specials},
};
use crate::{
    Command, ExtFields, Flags, Text,
    code::{LanguageCode, Version},
};

/// The mirror of `json::write_header`.
pub(super) fn read_header(header: &Bytes) -> Option<Command> {
    let mut plain = Plain { text: header, at: 0 };
    plain.skip(b"{\"code\":")?;
    let code = plain.number()?;
    let mut ext_fields = ExtFields::default();
    if plain.try_skip(b",\"extFields\":{") {
        let pairs = plain.pairs()?;
        ext_fields = ExtFields::plain_json(header.slice_ref(pairs));
    }
    plain.skip(b",\"flag\":")?;
    let flags = Flags(plain.number()?);
    plain.skip(b",\"language\":\"")?;
    let language = LanguageCode::from_name(plain.string()?)?;
    plain.skip(b"\",\"opaque\":")?;
    let opaque = plain.number()?;
    let mut remark: &[u8] = b"";
    if plain.try_skip(b",\"remark\":\"") {
        remark = plain.string()?;
        plain.skip(b"\"")?;
    }
    plain.skip(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":")?;
    let version = Version(plain.number()?);
    plain.skip(b"}")?;
    let remark = (!remark.is_empty()).then(|| Text::of_frame(header, remark));
    let command = Command {
        code,
        language,
        version,
        opaque,
        flags,
        remark,
        ext_fields,
        ..Command::default()
    };
    (plain.at == header.len()).then_some(command)
}

/// A place in a header. Whatever is not as expected there is `None`.
struct Plain<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Plain<'a> {
    #[inline(always)]
    fn skip(&mut self, expected: &'static [u8]) -> Option<()> {
        self.try_skip(expected).then_some(())
    }

    #[inline(always)]
    fn try_skip(&mut self, expected: &'static [u8]) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(expected));
        self.at += if found { expected.len() } else { 0 };
        found
    }

    /// A number, up to the comma or the brace behind it.
    fn number(&mut self) -> Option<i32> {
        let rest = self.text.get(self.at..)?;
        let length = rest.iter().position(|byte| matches!(byte, b',' | b'}'))?;
        let number = rest.get(..length)?;
        if let [b'0', _, ..] | [b'-', b'0', ..] | [b'+', ..] = number {
            return None;
        }
        self.at += length;
        parse_integer(number)?.try_into().ok()
    }

    /// The rest of a string, up to its closing quote: if anything else ends it, the caller does not find the quote.
    #[inline(always)]
    fn string(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?;
        let length = plain_length(rest);
        self.at += length;
        rest.get(..length)
    }

    /// The rest of an object of strings: its inside.
    #[inline(never)]
    fn pairs(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        if self.try_skip(b"}") {
            return Some(&[]);
        }
        loop {
            self.skip(b"\"")?;
            self.string()?;
            self.skip(b"\":\"")?;
            self.string()?;
            if !self.try_skip(b"\",") {
                self.skip(b"\"}")?;
                return self.text.get(start..self.at - 1);
            }
        }
    }
}

/// The pairs of a plain header's object of ext fields.
#[derive(Debug, Clone)]
pub(crate) struct PlainPairs<'a>(&'a [u8]);

impl<'a> PlainPairs<'a> {
    pub(crate) fn new(inside: &'a [u8]) -> Self {
        Self(inside)
    }

    /// The next string. Takes what lies behind it too, a colon or a comma if there is any.
    #[inline(always)]
    fn string(&mut self) -> Option<&'a [u8]> {
        let (_quote, inside) = self.0.split_first()?;
        let (string, rest) = inside.split_at_checked(unquoted_length(inside))?;
        self.0 = rest.get(2..).unwrap_or_default();
        Some(string)
    }
}

impl<'a> Iterator for PlainPairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.string()?, self.string()?))
    }
}

/// How many bytes lie before a quote, an escape, a control character or anything beyond ASCII.
#[inline(never)] // a loop of its own, with its constants at hand
fn plain_length(text: &[u8]) -> usize {
    length_until(text, |eight| specials(eight) | eight)
}

/// How many bytes of plain text lie before a quote.
#[inline(never)]
fn unquoted_length(text: &[u8]) -> usize {
    length_until(text, |eight| equal(eight, b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serialization::json::read_members;

    const USUAL: &str = r#"{"code":0,"extFields":{"msgId":"7F","queueId":"3"},"flag":1,"language":"JAVA","opaque":-7,"remark":"ok","serializeTypeCurrentRPC":"JSON","version":513}"#;

    /// Plain or not, a header says the same.
    fn check(text: &str, plain: bool) {
        let header = Bytes::copy_from_slice(text.as_bytes());
        let read = read_header(&header);
        assert_eq!(read.is_some(), plain, "{text}");
        if plain {
            assert_eq!(read, read_members(&header).ok(), "{text}");
        }
    }

    #[test]
    fn what_servers_write_is_plain() {
        check(USUAL, true);
        for (part, other) in [
            (r#""extFields":{"msgId":"7F","queueId":"3"},"#, ""),
            (r#""msgId":"7F","queueId":"3""#, ""),
            (r#""remark":"ok","#, ""),
            (r#""remark":"ok""#, r#""remark":"""#),
            (r#""7F""#, r#""""#),
            (r#""7F""#, r#""{:[,]}""#),
            (r#""queueId""#, r#""msgId""#),
            ("-7", "2147483647"),
            ("-7", "-2147483648"),
            ("JAVA", "Rust"),
        ] {
            check(&USUAL.replacen(part, other, 1), true);
        }
    }

    #[test]
    fn anything_else_is_not() {
        for (part, other) in [
            ("{", " {"),
            (",", ", "),
            (r#""code":0,"#, ""),
            ("7F", r"7\u0046"),
            ("7F", "7\u{1}"),
            ("7F", "中"),
            ("ok", r"o\nk"),
            (r#""3""#, "3"),
            (r#""3""#, "null"),
            (r#""3""#, r#""3","#),
            ("-7", "007"),
            ("-7", "-0"),
            ("-7", "+7"),
            ("-7", "-"),
            ("-7", "7.0"),
            ("-7", "2147483648"),
            ("-7", r#""7""#),
            ("JAVA", "KLINGON"),
            ("513}", "513"),
            ("513}", "513}}"),
            ("513}", "513,}"),
        ] {
            check(&USUAL.replacen(part, other, 1), false);
        }
        for length in 0..USUAL.len() {
            check(&USUAL[..length], false);
        }
    }

    #[test]
    fn strings_are_found_however_many_and_long() {
        let pairs = (0..40).map(|n| format!(r#""{n}":"{}""#, "x".repeat(n * 9)));
        let pairs: Vec<_> = pairs.collect();
        let text = USUAL.replace(r#""msgId":"7F","queueId":"3""#, &pairs.join(","));
        check(&text, true);
        let command = read_header(&Bytes::from(text)).unwrap();
        for n in 0..40 {
            assert_eq!(command.ext_fields.get(&n.to_string()).unwrap().len(), n * 9);
        }
    }
}
