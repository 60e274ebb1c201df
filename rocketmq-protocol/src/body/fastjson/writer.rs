//! Writes JSON with the one thing that Java insists on: queues that are keys stand as objects, not as the text of one.
//!
//! Servers of 5.4.0 and later refuse the text (`remoting/protocol/RemotingSerializable.java`, fastjson2).

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use crate::body::queue_table::is_queue_key;

pub(in crate::body) fn write<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, RawKeys::default()))?;
    Ok(out)
}

/// Compact, with raw object keys. A key is collected until its end, where it shows what it is.
#[derive(Debug, Default)]
struct RawKeys {
    key: Option<Vec<u8>>,
}

impl Formatter for RawKeys {
    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.key = Some(Vec::new());
        if first { Ok(()) } else { out.write_all(b",") }
    }

    fn begin_string<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        if self.key.is_some() { Ok(()) } else { out.write_all(b"\"") }
    }

    fn end_string<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        match self.key.take() {
            None => out.write_all(b"\""),
            Some(key) if is_queue_key(&key) => out.write_all(&key),
            Some(key) => {
                serde_json::to_writer(out, &String::from_utf8_lossy(&key)).map_err(Into::into)
            }
        }
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        match &mut self.key {
            Some(key) => key.write_all(text.as_bytes()),
            None => out.write_all(text.as_bytes()),
        }
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        let Some(key) = &mut self.key else {
            return serde_json::ser::CompactFormatter.write_char_escape(out, escape);
        };
        key.push(match escape {
            CharEscape::Quote => b'"',
            CharEscape::ReverseSolidus => b'\\',
            CharEscape::Solidus => b'/',
            CharEscape::Backspace => 8,
            CharEscape::FormFeed => 12,
            CharEscape::LineFeed => b'\n',
            CharEscape::CarriageReturn => b'\r',
            CharEscape::Tab => b'\t',
            CharEscape::AsciiControl(byte) => byte,
        });
        Ok(())
    }

    fn write_i32<W: ?Sized + Write>(&mut self, out: &mut W, number: i32) -> io::Result<()> {
        self.write_i64(out, number.into())
    }

    fn write_i64<W: ?Sized + Write>(&mut self, out: &mut W, number: i64) -> io::Result<()> {
        match &mut self.key {
            Some(key) => write!(key, "{number}"),
            None => write!(out, "{number}"),
        }
    }
}
