//! The JSON form of a header (`remoting/protocol/RemotingSerializable.java`).
//!
//! What servers write is an object of plain members, read by one pass over its bytes. Anything unusual in it, an escape or
//! a number where a string belongs, goes through `serde_json` instead, to the same result.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;

use super::{Digits, FieldWriter, Head, Serialization};
use crate::{
    Command, DecodeError, EncodeError, ExtFields, Text,
    code::{LanguageCode, Version},
    command::Flags,
    ext_fields::put_entry,
};

const FORM: &str = "JSON";

pub(crate) fn read_header(header: &Bytes, body: Bytes) -> Result<Command, DecodeError> {
    // Checked once for the whole header: slices of it between ASCII characters are UTF-8 too.
    if let Err(error) = std::str::from_utf8(header) {
        return Err(DecodeError::Header { form: FORM, at: error.valid_up_to(), what: "not UTF-8" });
    }
    let mut command = Command { body, form: Serialization::Json, ..Command::default() };
    if read_plain(header, &mut command).is_none() {
        let body = std::mem::take(&mut command.body);
        command = Command { body, form: Serialization::Json, ..Command::default() };
        read_any(header, &mut command)?;
    }
    Ok(command)
}

/// Reads a header whose members are what Java writes, without blanks' or escapes' surprises. `None`: take the slow way.
fn read_plain(header: &Bytes, command: &mut Command) -> Option<()> {
    let mut scan = Scan { bytes: header, at: 0 };
    scan.expect(b'{')?;
    if !scan.eat(b'}') {
        loop {
            let key = scan.plain_string()?;
            scan.expect(b':')?;
            read_member(key, &mut scan, header, command)?;
            if !scan.eat(b',') {
                break;
            }
        }
        scan.expect(b'}')?;
    }
    scan.at_end().then_some(())
}

fn read_member(
    key: &[u8],
    scan: &mut Scan<'_>,
    header: &Bytes,
    command: &mut Command,
) -> Option<()> {
    match key {
        b"code" => command.code = scan.integer()?,
        b"flag" => command.flags = Flags(scan.integer()?),
        b"opaque" => command.opaque = scan.integer()?,
        b"version" => command.version = Version(scan.integer()?),
        b"language" => command.language = LanguageCode::from_name(scan.plain_string()?)?,
        b"serializeTypeCurrentRPC" => drop(scan.plain_string()?),
        b"remark" => {
            let remark = scan.plain_string()?;
            command.remark = Some(Text::from_utf8(header.slice_ref(remark)).ok()?);
        }
        b"extFields" => {
            let object = scan.plain_object()?;
            command.ext_fields = ExtFields::plain_json(header.slice_ref(object));
        }
        _ => return None,
    }
    Some(())
}

/// Reads any header that is strict JSON, with the coercions of upstream's parsers: numbers given as text, values of ext
/// fields that are no strings, null members.
fn read_any(header: &[u8], command: &mut Command) -> Result<(), DecodeError> {
    let malformed = |at, what| DecodeError::Header { form: FORM, at, what };
    let members: serde_json::Map<String, Value> =
        serde_json::from_slice(header.trim_ascii_padding())
            .map_err(|error| malformed(error.column().saturating_sub(1), "not a JSON object"))?;
    for (key, value) in &members {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("code", value) => command.code = number(value).ok_or_else(|| malformed(0, "code"))?,
            ("flag", value) => {
                command.flags = Flags(number(value).ok_or_else(|| malformed(0, "flag"))?);
            }
            ("opaque", value) => {
                command.opaque = number(value).ok_or_else(|| malformed(0, "opaque"))?;
            }
            ("version", value) => {
                command.version = Version(number(value).ok_or_else(|| malformed(0, "version"))?);
            }
            ("language", value) => {
                command.language = language(value).ok_or_else(|| malformed(0, "language"))?;
            }
            ("remark", value) => command.remark = Some(Text::from(text(value))),
            ("extFields", Value::Object(fields)) => {
                command.ext_fields = transcode(fields);
            }
            ("extFields", _) => return Err(malformed(0, "extFields is no object")),
            // fastjson2 refuses a command that brings a body of its own in its header.
            ("body", _) => return Err(malformed(0, "a body inside the header")),
            _ => {}
        }
    }
    Ok(())
}

trait TrimPadding {
    fn trim_ascii_padding(&self) -> &[u8];
}

impl TrimPadding for [u8] {
    /// Upstream's parsers let blanks and NULs stand around the object.
    fn trim_ascii_padding(&self) -> &[u8] {
        let blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
        let start = self.iter().position(|byte| !blank(byte)).unwrap_or(self.len());
        let end = self.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
        self.get(start..end).unwrap_or_default()
    }
}

/// A number, or text that spells one; fractions are cut off, empty text is 0, as fastjson does.
fn number(value: &Value) -> Option<i32> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(integer) => i32::try_from(integer).ok(),
            None => number.as_f64().filter(|n| n.abs() < f64::from(i32::MAX)).map(|n| n as i32),
        },
        Value::String(text) if text.is_empty() => Some(0),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// An unknown name is kept as [`LanguageCode::OTHER`]; an ordinal that nobody has is refused, as servers refuse it.
fn language(value: &Value) -> Option<LanguageCode> {
    match value {
        Value::String(name) => {
            Some(LanguageCode::from_name(name.as_bytes()).unwrap_or(LanguageCode::OTHER))
        }
        Value::Number(ordinal) => {
            let code = LanguageCode(u8::try_from(ordinal.as_u64()?).ok()?);
            code.name().map(|_| code)
        }
        _ => None,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Ext fields that are not plain become one owned section of the binary form. Null values count as absent.
fn transcode(fields: &serde_json::Map<String, Value>) -> ExtFields {
    let mut section = BytesMut::new();
    for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        put_entry(&mut section, key.as_bytes(), text(value).as_bytes());
    }
    ExtFields::binary(section.freeze())
}

/// The pairs of a JSON object that [`Scan::plain_object`] has accepted.
#[derive(Clone)]
pub(crate) struct PlainPairs<'a>(Scan<'a>);

impl<'a> PlainPairs<'a> {
    pub(crate) fn new(object: &'a [u8]) -> Self {
        let mut scan = Scan { bytes: object, at: 0 };
        scan.eat(b'{');
        Self(scan)
    }
}

impl<'a> Iterator for PlainPairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.0.plain_string()?;
        self.0.expect(b':')?;
        let value = self.0.plain_string()?;
        self.0.eat(b',');
        Some((key, value))
    }
}

/// A position in JSON text.
#[derive(Clone)]
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn skip_blanks(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: u8) -> bool {
        self.skip_blanks();
        let found = self.bytes.get(self.at) == Some(&wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        self.eat(wanted).then_some(())
    }

    fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.at == self.bytes.len()
    }

    /// A string without escapes or control characters.
    fn plain_string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let rest = self.bytes.get(self.at..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        if rest.get(length) != Some(&b'"') {
            return None;
        }
        self.at += length + 1;
        rest.get(..length)
    }

    /// An integer of 32 bits, in the strict form of JSON.
    fn integer(&mut self) -> Option<i32> {
        self.skip_blanks();
        let rest = self.bytes.get(self.at..)?;
        let length = rest.iter().position(|byte| !matches!(byte, b'-' | b'0'..=b'9'))?;
        let digits = rest.get(..length)?;
        if matches!(digits, [b'0', _, ..] | [b'-', b'0', _, ..]) || rest.get(length) == Some(&b'.')
        {
            return None;
        }
        self.at += length;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// An object of plain strings, braces included.
    fn plain_object(&mut self) -> Option<&'a [u8]> {
        self.skip_blanks();
        let start = self.at;
        self.expect(b'{')?;
        if !self.eat(b'}') {
            loop {
                self.plain_string()?;
                self.expect(b':')?;
                self.plain_string()?;
                if !self.eat(b',') {
                    break;
                }
            }
            self.expect(b'}')?;
        }
        self.bytes.get(start..self.at)
    }
}

/// Members in Java's order, which is alphabetical.
pub(crate) fn write_header(
    head: &Head<'_>,
    out: &mut BytesMut,
    fields: impl FnOnce(&mut FieldWriter<'_>),
) -> Result<(), EncodeError> {
    out.put_slice(b"{\"code\":");
    write_number(head.code, out);
    let before_fields = out.len();
    out.put_slice(b",\"extFields\":{");
    let mut writer = FieldWriter::new(out, Serialization::Json);
    fields(&mut writer);
    let none = writer.first;
    writer.finish()?;
    if none {
        out.truncate(before_fields);
    } else {
        out.put_u8(b'}');
    }
    out.put_slice(b",\"flag\":");
    write_number(head.flags.0, out);
    out.put_slice(b",\"language\":\"");
    // A number without a name would close the connection at the server; OTHER is what such a writer is.
    out.put_slice(head.language.name().unwrap_or("OTHER").as_bytes());
    out.put_slice(b"\",\"opaque\":");
    write_number(head.opaque, out);
    if let Some(remark) = head.remark {
        out.put_slice(b",\"remark\":");
        write_string(remark, out);
    }
    out.put_slice(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
    write_number(head.version.0, out);
    out.put_u8(b'}');
    Ok(())
}

fn write_number(value: i32, out: &mut BytesMut) {
    out.put_slice(Digits::default().format(i64::from(value)));
}

/// Writes a JSON string: runs without special characters are copied whole.
pub(crate) fn write_string(text: &str, out: &mut BytesMut) {
    out.put_u8(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        let (plain, special) = rest.split_at(at);
        out.put_slice(plain);
        if let Some((byte, after)) = special.split_first() {
            write_escape(*byte, out);
            rest = after;
        }
    }
    out.put_slice(rest);
    out.put_u8(b'"');
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
