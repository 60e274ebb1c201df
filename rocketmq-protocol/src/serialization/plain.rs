//! JSON headers as servers write them, read as straight as they are written.
//!
//! Members in Java's order, nothing between them, strings of ASCII without escapes: so say all servers, unless a remark
//! quotes something. A header that differs in anything is no plain one, and `json` reads it member by member.

use bytes::Bytes;

use super::decimal::parse_integer;
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
        let (pairs, lengths) = plain.pairs()?;
        ext_fields = ExtFields::plain_json(header.slice_ref(pairs), lengths);
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
    ///
    /// Eight bytes at a time: half of the work of reading a header is here. More than eight follow the last string.
    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        let (start, mut at) = (self.at, self.at);
        let end = loop {
            let eight = self.text.get(at..)?.first_chunk()?;
            let unusual = unusual_bytes(u64::from_le_bytes(*eight));
            if unusual != 0 {
                break at + unusual.trailing_zeros() as usize / 8; // the first byte is the lowest
            }
            at += 8;
        };
        self.at = end;
        self.text.get(start..end)
    }

    /// The rest of an object of strings: its inside, and how long they are.
    #[inline(never)]
    fn pairs(&mut self) -> Option<(&'a [u8], Lengths)> {
        let start = self.at;
        let mut lengths = Lengths::default();
        if self.try_skip(b"}") {
            return Some((&[], lengths));
        }
        for count in (0..).step_by(2) {
            self.skip(b"\"")?;
            lengths.note(count, self.string()?.len());
            self.skip(b"\":\"")?;
            lengths.note(count + 1, self.string()?.len());
            if !self.try_skip(b"\",") {
                self.skip(b"\"}")?;
                break;
            }
        }
        Some((self.text.get(start..self.at - 1)?, lengths))
    }
}

/// Has the top bit of the first byte set that is a quote, an escape, a control character or beyond ASCII, and perhaps of later
/// ones: a byte below n turns its own top bit on when n is taken away from it, and the borrow disturbs later bytes only.
fn unusual_bytes(eight: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let quote = (eight ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (eight ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    let control = eight.wrapping_sub(ONES * b' ' as u64);
    (quote | backslash | control | eight) & (ONES * 0x80)
}

/// The pairs of a plain header's object of ext fields.
#[derive(Debug, Clone)]
pub(crate) struct PlainPairs<'a> {
    rest: &'a [u8],
    lengths: &'a Lengths,
    /// How many strings lie before `rest`.
    at: usize,
}

impl<'a> PlainPairs<'a> {
    pub(crate) fn new(inside: &'a [u8], lengths: &'a Lengths) -> Self {
        Self { rest: inside, lengths, at: 0 }
    }

    /// The next string. Takes what lies behind it too, a colon or a comma if there is any.
    #[inline(always)]
    fn string(&mut self) -> Option<&'a [u8]> {
        let (_quote, inside) = self.rest.split_first()?;
        let length = match self.lengths.of(self.at) {
            Some(length) => length,
            None => inside.iter().position(|byte| *byte == b'"')?,
        };
        let (string, rest) = inside.split_at_checked(length)?;
        self.rest = rest.get(2..).unwrap_or_default();
        self.at += 1;
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

/// How long the first strings of an object are, unless they are very long: known since it was read, so that nobody looks for
/// their ends again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths([u8; 24]);

impl Lengths {
    const UNKNOWN: u8 = u8::MAX;

    fn note(&mut self, at: usize, length: usize) {
        if let Some(place) = self.0.get_mut(at) {
            *place = u8::try_from(length).unwrap_or(Self::UNKNOWN);
        }
    }

    fn of(&self, at: usize) -> Option<usize> {
        self.0.get(at).filter(|length| **length != Self::UNKNOWN).map(|length| (*length).into())
    }
}

impl Default for Lengths {
    fn default() -> Self {
        Self([Self::UNKNOWN; 24])
    }
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
