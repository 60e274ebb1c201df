//! The two forms of a header, and writing either straight into an output buffer.

pub(crate) mod binary;
pub(crate) mod json;
mod scan;
mod string;

use bytes::{BufMut, BytesMut};

use crate::{
    EncodeError, FRAME_MAX, Flags,
    code::{LanguageCode, Version},
    ext_fields::put_entry,
    frame::{HEADER_WORD, LENGTH_WORD},
    header::Header,
};

pub(crate) use string::{PlainPairs, unescape, write_string};

/// The form of a header: the serialize type byte of its frame (`remoting/protocol/SerializeType.java`).
///
/// A peer answers in the form it likes, so received frames are read by their own byte. Codes above 32,767 (POP) can be
/// written in JSON only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Serialization {
    /// A JSON object. What every peer reads and Java writes unless told otherwise.
    #[default]
    Json = 0,
    /// The compact binary form.
    RocketMq = 1,
}

/// The fixed part of a command, for writing one without building a [`Command`](crate::Command) first.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// A request code or a response code.
    pub code: i32,
    /// The language of the writer.
    pub language: LanguageCode,
    /// The release of the writer.
    pub version: Version,
    /// The number that pairs an answer with its request.
    pub opaque: i32,
    /// Response, one-way.
    pub flags: Flags,
    /// The text of an error, usually.
    pub remark: Option<&'a str>,
}

/// Writes everything of a frame that precedes its body, and announces a body of `body_len` bytes. The caller appends
/// exactly that many, or sends them right after.
///
/// `extra` are ext fields besides the header's own. Nothing is allocated but what `out` needs to grow.
///
/// # Errors
///
/// When the command cannot be expressed: see [`EncodeError`]. `out` is left as it was.
pub fn encode_head<H: Header>(
    head: &Head<'_>,
    header: &H,
    extra: &[(&str, &str)],
    body_len: usize,
    form: Serialization,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    write_frame_head(head, body_len, form, out, |fields| {
        header.encode(fields);
        for (key, value) in extra {
            fields.put(key, value);
        }
    })
}

pub(crate) fn write_frame_head(
    head: &Head<'_>,
    body_len: usize,
    form: Serialization,
    out: &mut BytesMut,
    fields: impl FnOnce(&mut FieldWriter<'_>),
) -> Result<(), EncodeError> {
    let start = out.len();
    let written = (|| {
        out.put_bytes(0, LENGTH_WORD + HEADER_WORD);
        match form {
            Serialization::Json => json::write_header(head, out, fields)?,
            Serialization::RocketMq => binary::write_header(head, out, fields)?,
        }
        let header_len = out.len() - start - LENGTH_WORD - HEADER_WORD;
        let frame_len = LENGTH_WORD + HEADER_WORD + header_len + body_len;
        if header_len > 0x00ff_ffff {
            return Err(EncodeError::HeaderTooLong(header_len));
        }
        if frame_len > FRAME_MAX {
            return Err(EncodeError::FrameTooLong(frame_len));
        }
        // Both fit 32 bits: they were compared with far smaller limits.
        let length = (frame_len - LENGTH_WORD) as u32;
        let header_word = ((form as u32) << 24) | header_len as u32;
        patch(out, start, length);
        patch(out, start + LENGTH_WORD, header_word);
        Ok(())
    })();
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Overwrites four bytes that were left free.
fn patch(out: &mut BytesMut, at: usize, word: u32) {
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

/// Takes the ext fields of a command that is being written, and puts them in the form of its frame.
#[derive(Debug)]
pub struct FieldWriter<'a> {
    out: &'a mut BytesMut,
    form: Serialization,
    first: bool,
    error: Option<EncodeError>,
}

impl<'a> FieldWriter<'a> {
    pub(crate) fn new(out: &'a mut BytesMut, form: Serialization) -> Self {
        Self { out, form, first: true, error: None }
    }

    /// Writes a pair.
    pub fn put(&mut self, key: &str, value: &str) {
        self.put_bytes(key.as_bytes(), value.as_bytes());
    }

    /// Writes a number as its decimal text.
    pub fn put_number(&mut self, key: &str, value: i64) {
        self.put_bytes(key.as_bytes(), Digits::default().format(value));
    }

    /// Writes a pair of texts that are UTF-8.
    pub(crate) fn put_bytes(&mut self, key: &[u8], value: &[u8]) {
        match self.form {
            Serialization::Json => {
                if !self.first {
                    self.out.put_u8(b',');
                }
                write_string(key, self.out);
                self.out.put_u8(b':');
                write_string(value, self.out);
            }
            Serialization::RocketMq => {
                if let Err(error) = put_entry(self.out, key, value) {
                    self.error = Some(error);
                }
            }
        }
        self.first = false;
    }

    fn finish(self) -> Result<(), EncodeError> {
        self.error.map_or(Ok(()), Err)
    }
}

/// Room on the stack for the decimal text of any `i64`.
#[derive(Default)]
pub(crate) struct Digits([u8; 20]);

impl Digits {
    pub(crate) fn format(&mut self, value: i64) -> &[u8] {
        let mut rest = value.unsigned_abs();
        let mut at = self.0.len();
        for place in self.0.iter_mut().rev() {
            at -= 1;
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            at -= 1;
            if let Some(place) = self.0.get_mut(at) {
                *place = b'-';
            }
        }
        self.0.get(at..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_need_no_heap() {
        for value in [0, 7, -1, 10, 1_700_000_000_000, i64::MAX, i64::MIN] {
            assert_eq!(Digits::default().format(value), value.to_string().as_bytes());
        }
    }
}
