//! The JSON form of a header (`remoting/protocol/RemotingSerializable.java`).
//!
//! The text has to be JSON (RFC 8259); which types its members have is judged as leniently as upstream's parsers do it. What
//! servers write is read without looking for anything else.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    FieldWriter, Head, Serialization,
    decimal::{Digits, parse_integer},
    plain,
    scan::{Scan, Token},
    string::{Quoted, write_string},
};
use crate::{
    Command, DecodeError, EncodeError, ExtFields, Flags, Text,
    code::{LanguageCode, Version},
    ext_fields::put_entry,
};

pub(crate) fn read_header(header: &Bytes, body: Bytes) -> Result<Command, DecodeError> {
    let command = plain::read_header(header).map_or_else(|| read_members(header), Ok)?;
    Ok(Command { body, ..command })
}

/// Reads whatever upstream's parsers would read.
pub(super) fn read_members(header: &Bytes) -> Result<Command, DecodeError> {
    // Checked once for the whole header: slices of it between ASCII characters are UTF-8 too.
    if let Err(error) = std::str::from_utf8(header) {
        return Err(DecodeError::Header {
            form: "JSON",
            at: error.valid_up_to(),
            what: "not UTF-8",
        });
    }
    let mut command = Command::default();
    let mut scan = Scan::new(header);
    scan.object(|scan, key| read_member(scan, key, header, &mut command))?;
    scan.end()?;
    Ok(command)
}

/// Reads the value of one member. The last of several with the same name counts; names that upstream does not know are
/// skipped.
fn read_member(
    scan: &mut Scan<'_>,
    key: Quoted<'_>,
    header: &Bytes,
    command: &mut Command,
) -> Result<(), DecodeError> {
    match &*key.unescape() {
        b"code" => command.code = read_number(scan)?,
        b"flag" => command.flags = Flags(read_number(scan)?),
        b"opaque" => command.opaque = read_number(scan)?,
        b"version" => command.version = Version(read_number(scan)?),
        b"language" => command.language = read_language(scan)?,
        b"remark" => command.remark = read_remark(scan, header)?,
        b"extFields" => command.ext_fields = read_ext_fields(scan)?,
        // fastjson2 refuses a command that brings a body of its own in its header.
        b"body" => return Err(scan.error("a body inside the header")),
        _ => scan.skip_value()?,
    }
    Ok(())
}

/// A number, or text that spells one. Fractions are cut off; null and empty text are 0, as in upstream's parsers.
fn read_number(scan: &mut Scan<'_>) -> Result<i32, DecodeError> {
    let number = match scan.value()? {
        Token::Number(digits) => parse_i32(digits).or_else(|| parse_fraction(digits)),
        Token::String(Quoted { raw: [], .. }) | Token::Null => Some(0),
        Token::String(text) => parse_i32(&text.unescape()),
        Token::Other(_) => None,
    };
    number.ok_or_else(|| scan.error("not a number of 32 bits"))
}

fn parse_i32(text: &[u8]) -> Option<i32> {
    parse_integer(text)?.try_into().ok()
}

fn parse_fraction(number: &[u8]) -> Option<i32> {
    let number: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    let whole = number.trunc();
    (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&whole).then_some(whole as i32)
}

/// A name or an ordinal. Java reads an unknown name as null and refuses an unknown ordinal; null has no number, so it is
/// [`LanguageCode::OTHER`] here.
fn read_language(scan: &mut Scan<'_>) -> Result<LanguageCode, DecodeError> {
    let language = match scan.value()? {
        Token::String(name) => {
            LanguageCode::from_name(&name.unescape()).or(Some(LanguageCode::OTHER))
        }
        Token::Null => Some(LanguageCode::OTHER),
        Token::Number(ordinal) => parse_i32(ordinal)
            .and_then(|ordinal| u8::try_from(ordinal).ok())
            .map(LanguageCode)
            .filter(|language| language.name().is_some()),
        Token::Other(_) => None,
    };
    language.ok_or_else(|| scan.error("not a language"))
}

/// Any value, as its text. An empty remark is none: the binary form cannot tell them apart.
fn read_remark(scan: &mut Scan<'_>, header: &Bytes) -> Result<Option<Text>, DecodeError> {
    let text = match scan.value()? {
        Token::String(text) => text.unescape(),
        Token::Number(text) | Token::Other(text) => Cow::Borrowed(text),
        Token::Null => Cow::default(),
    };
    Ok(match text {
        text if text.is_empty() => None,
        Cow::Borrowed(slice) => Some(Text::from_checked(header.slice_ref(slice))),
        Cow::Owned(text) => Some(Text::from_checked(Bytes::from(text))),
    })
}

fn read_ext_fields(scan: &mut Scan<'_>) -> Result<ExtFields, DecodeError> {
    if scan.null() {
        return Ok(ExtFields::default());
    }
    let mut section = BytesMut::new();
    scan.object(|scan, key| {
        let value = match scan.value()? {
            Token::String(text) => text.unescape(),
            Token::Number(text) | Token::Other(text) => Cow::Borrowed(text),
            Token::Null => return Ok(()), // counts as absent
        };
        put_entry(&mut section, &key.unescape(), &value)
            .map_err(|_| scan.error("an ext field too long for its length word"))
    })?;
    Ok(ExtFields::entries(section.freeze()))
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
    writer.finish()?;
    match out.last_mut() {
        Some(comma @ b',') => *comma = b'}',
        _ => out.truncate(before_fields), // none at all
    }
    out.put_slice(b",\"flag\":");
    write_number(head.flags.0, out);
    out.put_slice(b",\"language\":\"");
    // A number without a name would close the connection at the server; OTHER is what such a writer is.
    out.put_slice(head.language.name().unwrap_or("OTHER").as_bytes());
    out.put_slice(b"\",\"opaque\":");
    write_number(head.opaque, out);
    if let Some(remark) = head.remark.filter(|remark| !remark.is_empty()) {
        out.put_slice(b",\"remark\":");
        write_string(remark.as_bytes(), out);
    }
    out.put_slice(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
    write_number(head.version.0, out);
    out.put_u8(b'}');
    Ok(())
}

fn write_number(value: i32, out: &mut BytesMut) {
    out.put_slice(Digits::default().format(i64::from(value)));
}
