//! The two forms of a header, and writing either straight into an output buffer.

pub(crate) mod binary;
mod decimal;
mod eights;
mod field_writer;
pub(crate) mod json;
mod plain;
mod scan;
mod string;

use bytes::{BufMut, BytesMut};

use crate::{
    EncodeError, FRAME_MAX, Flags,
    code::{LanguageCode, Version},
    frame::{HEADER_WORD, LENGTH_WORD},
    header::Header,
};

pub(crate) use decimal::parse_integer;
pub(crate) use field_writer::key;
pub use field_writer::{FieldWriter, Key};
pub(crate) use plain::PlainPairs;
pub(crate) use string::unescape;

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
            fields.put_pair(key.as_bytes(), value.as_bytes());
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
