//! The ROCKETMQ form of a header (`remoting/protocol/RocketMQSerializable.java`).
//!
//! ```text
//! code i16 │ language u8 │ version i16 │ opaque i32 │ flag i32 │ remark: length i32, UTF-8 │ ext: length i32, entries
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{FieldWriter, Head, Serialization, patch};
use crate::{
    Command, DecodeError, EncodeError, ExtFields, Flags, Text,
    code::{LanguageCode, Version},
    ext_fields::split_entry,
};

const FORM: &str = "ROCKETMQ";

pub(crate) fn read_header(mut header: Bytes, body: Bytes) -> Result<Command, DecodeError> {
    let mut cursor = Cursor { rest: &header, length: header.len() };
    let code = i32::from(i16::from_be_bytes(cursor.take()?));
    let [language] = cursor.take()?;
    let version = i32::from(i16::from_be_bytes(cursor.take()?));
    let opaque = i32::from_be_bytes(cursor.take()?);
    let flags = i32::from_be_bytes(cursor.take()?);
    let remark = cursor.section("a remark longer than the header")?;
    let ext_fields = cursor.section("ext fields longer than the header")?;
    if !cursor.rest.is_empty() {
        return Err(cursor.error("bytes after the ext fields"));
    }
    let before = header.len() - ext_fields.len();
    check_entries(ext_fields, before)?;
    let remark = (!remark.is_empty()).then(|| lossy_text(header.slice_ref(remark)));
    header.advance(before);
    Ok(Command {
        code,
        language: LanguageCode(language),
        version: Version(version),
        opaque,
        flags: Flags(flags),
        remark,
        ext_fields: ExtFields::received(header),
        body,
        form: Serialization::RocketMq,
    })
}

/// Java turns what is not UTF-8 into replacement characters.
fn lossy_text(bytes: Bytes) -> Text {
    Text::from_utf8(bytes.clone())
        .unwrap_or_else(|_| Text::from(String::from_utf8_lossy(&bytes).into_owned()))
}

fn check_entries(section: &[u8], offset: usize) -> Result<(), DecodeError> {
    let mut rest = section;
    while !rest.is_empty() {
        let (_, _, after) = split_entry(rest).ok_or_else(|| DecodeError::Header {
            form: FORM,
            at: offset + section.len() - rest.len(),
            what: "an ext field longer than the section",
        })?;
        rest = after;
    }
    Ok(())
}

/// What is left of a header.
struct Cursor<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Cursor<'a> {
    /// An error at the present place.
    fn error(&self, what: &'static str) -> DecodeError {
        DecodeError::Header { form: FORM, at: self.length - self.rest.len(), what }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let split = self.rest.split_first_chunk::<N>();
        let (found, rest) = split.ok_or_else(|| self.error("the header ends here"))?;
        self.rest = rest;
        Ok(*found)
    }

    /// A length word and that many bytes.
    fn section(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = i32::from_be_bytes(self.take()?);
        let split = usize::try_from(length).ok().and_then(|n| self.rest.split_at_checked(n));
        let (section, rest) = split.ok_or_else(|| self.error(what))?;
        self.rest = rest;
        Ok(section)
    }
}

pub(crate) fn write_header(
    head: &Head<'_>,
    out: &mut BytesMut,
    fields: impl FnOnce(&mut FieldWriter<'_>),
) -> Result<(), EncodeError> {
    let code = i16::try_from(head.code).map_err(|_| EncodeError::CodeTooLarge(head.code))?;
    let version =
        i16::try_from(head.version.0).map_err(|_| EncodeError::VersionTooLarge(head.version.0))?;
    out.put_i16(code);
    out.put_u8(head.language.0);
    out.put_i16(version);
    out.put_i32(head.opaque);
    out.put_i32(head.flags.0);
    let remark = head.remark.unwrap_or_default();
    let remark_len =
        i32::try_from(remark.len()).map_err(|_| EncodeError::HeaderTooLong(remark.len()))?;
    out.put_i32(remark_len);
    out.put_slice(remark.as_bytes());
    let start = out.len();
    out.put_i32(0);
    let mut writer = FieldWriter::new(out, Serialization::RocketMq);
    fields(&mut writer);
    writer.finish()?;
    let section = out.len() - start - 4;
    let length = u32::try_from(section).map_err(|_| EncodeError::HeaderTooLong(section))?;
    patch(out, start, length);
    Ok(())
}
