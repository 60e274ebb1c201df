//! The ROCKETMQ form of a header (`remoting/protocol/RocketMQSerializable.java`).
//!
//! ```text
//! code i16 │ language u8 │ version i16 │ opaque i32 │ flag i32 │ remark: length i32, UTF-8 │ ext: length i32, entries
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use super::{FieldWriter, Head, Serialization, patch};
use crate::{
    Command, DecodeError, EncodeError, ExtFields, Flags, Text,
    code::{LanguageCode, Version},
    ext_fields::split_entry,
};

const FORM: &str = "ROCKETMQ";

pub(crate) fn read_header(header: &Bytes, body: Bytes) -> Result<Command, DecodeError> {
    let mut cursor = Cursor { header, at: 0 };
    let code = i32::from(i16::from_be_bytes(cursor.take()?));
    let [language] = cursor.take()?;
    let version = i32::from(i16::from_be_bytes(cursor.take()?));
    let opaque = i32::from_be_bytes(cursor.take()?);
    let flags = i32::from_be_bytes(cursor.take()?);
    let remark = cursor.section("a remark longer than the header")?;
    let ext_fields = cursor.section("ext fields longer than the header")?;
    if cursor.at != header.len() {
        return Err(cursor.error("bytes after the ext fields"));
    }
    check_entries(&ext_fields, header.len() - ext_fields.len())?;
    Ok(Command {
        code,
        language: LanguageCode(language),
        version: Version(version),
        opaque,
        flags: Flags(flags),
        remark: (!remark.is_empty()).then(|| lossy_text(remark)),
        ext_fields: ExtFields::received(ext_fields),
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
        let at = offset + section.len() - rest.len();
        let (_, _, after) = split_entry(rest).ok_or(DecodeError::Header {
            form: FORM,
            at,
            what: "an ext field longer than the section",
        })?;
        rest = after;
    }
    Ok(())
}

struct Cursor<'a> {
    header: &'a Bytes,
    at: usize,
}

impl Cursor<'_> {
    fn error(&self, what: &'static str) -> DecodeError {
        DecodeError::Header { form: FORM, at: self.at, what }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let rest = self.header.get(self.at..).unwrap_or_default();
        let found = rest.first_chunk::<N>().ok_or_else(|| self.error("the header ends here"))?;
        self.at += N;
        Ok(*found)
    }

    /// A length word and that many bytes.
    fn section(&mut self, what: &'static str) -> Result<Bytes, DecodeError> {
        let length = i32::from_be_bytes(self.take()?);
        let start = self.at;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        match end {
            Some(end) if end <= self.header.len() => {
                self.at = end;
                Ok(self.header.slice(start..end))
            }
            _ => Err(self.error(what)),
        }
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
