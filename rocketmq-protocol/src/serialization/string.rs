//! The strings of JSON text: plain runs, escapes.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

use super::eights::{length_until, specials};

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

/// Writes a JSON string.
pub(crate) fn write_string(text: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    write_escaped(text, out);
    out.put_u8(b'"');
}

/// Writes the inside of a JSON string: runs without special characters are copied whole.
pub(super) fn write_escaped(text: &[u8], out: &mut BytesMut) {
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(plain_run(rest));
        out.put_slice(plain);
        let Some((byte, after)) = special.split_first() else {
            break;
        };
        write_escape(*byte, out);
        rest = after;
    }
}

fn write_escape(byte: u8, out: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.put_slice(b"\\\""),
        b'\\' => out.put_slice(b"\\\\"),
        b'\n' => out.put_slice(b"\\n"),
        b'\r' => out.put_slice(b"\\r"),
        b'\t' => out.put_slice(b"\\t"),
        control => {
            out.put_slice(b"\\u00");
            out.put_u8(HEX[usize::from(control >> 4)]);
            out.put_u8(HEX[usize::from(control & 15)]);
        }
    }
}

/// How many bytes at the front of `text` are neither a quote, nor a backslash, nor a control character.
pub(super) fn plain_run(text: &[u8]) -> usize {
    length_until(text, |eight| specials(eight) & !eight)
}

/// The length of the escape at the front of `text`, its backslash included.
pub(super) fn escape_length(text: &[u8]) -> Option<usize> {
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
    fn escapes_become_characters() {
        let check = |inside: &str, text: &str| {
            let quoted = Quoted { raw: inside.as_bytes(), escaped: true };
            assert_eq!(quoted.unescape(), text.as_bytes(), "{inside}");
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
