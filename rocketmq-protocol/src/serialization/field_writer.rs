//! [`FieldWriter`]: ext fields on their way into a buffer.

use bytes::{BufMut, BytesMut};

use super::{
    Serialization,
    decimal::Digits,
    string::{write_escaped, write_string},
};
use crate::{
    EncodeError,
    ext_fields::{put_entry, put_value},
};

/// Takes the ext fields of a command that is being written, and puts them in the form of its frame.
///
/// What takes a [`Key`] is inlined: the compiler knows the key there, and copying it becomes a move or two.
#[derive(Debug)]
pub struct FieldWriter<'a> {
    out: &'a mut BytesMut,
    form: Serialization,
    error: Option<EncodeError>,
}

impl<'a> FieldWriter<'a> {
    pub(crate) fn new(out: &'a mut BytesMut, form: Serialization) -> Self {
        Self { out, form, error: None }
    }

    /// Writes a pair whose value is text.
    #[inline(always)]
    pub(crate) fn put(&mut self, key: Key, value: &[u8]) {
        self.put_value(key, value, write_escaped);
    }

    /// Writes a pair whose value has nothing to escape.
    #[inline(always)]
    pub(crate) fn put_plain(&mut self, key: Key, value: &[u8]) {
        self.put_value(key, value, |value, out| out.put_slice(value));
    }

    /// Writes a number as its decimal text.
    #[inline(always)]
    pub(crate) fn put_number(&mut self, key: Key, value: i64) {
        match u8::try_from(value) {
            // Most have one digit: queues, counts, flags.
            Ok(digit @ 0..=9) => self.put_plain(key, &[b'0' + digit]),
            _ => self.put_plain(key, Digits::default().format(value)),
        }
    }

    #[inline(always)]
    fn put_value(&mut self, key: Key, value: &[u8], write: impl FnOnce(&[u8], &mut BytesMut)) {
        match self.form {
            Serialization::Json => {
                self.out.put_slice(key.member);
                write(value, self.out);
                self.out.put_slice(b"\",");
            }
            Serialization::RocketMq => {
                self.out.put_slice(key.entry);
                if let Err(error) = put_value(self.out, value) {
                    self.error = Some(error);
                }
            }
        }
    }

    /// Writes a pair of texts that are UTF-8.
    pub(crate) fn put_pair(&mut self, key: &[u8], value: &[u8]) {
        match self.form {
            Serialization::Json => {
                write_string(key, self.out);
                self.out.put_u8(b':');
                write_string(value, self.out);
                self.out.put_u8(b',');
            }
            Serialization::RocketMq => {
                if let Err(error) = put_entry(self.out, key, value) {
                    self.error = Some(error);
                }
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), EncodeError> {
        self.error.map_or(Ok(()), Err)
    }
}

/// A key of a header, as each form writes it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Length i16, key.
    entry: &'static [u8],
    /// The key in quotes, a colon, and the quote before the value.
    member: &'static [u8],
}

impl Key {
    /// What [`key!`] has made of a literal.
    pub(crate) const fn new(entry: &'static [u8], member: &'static str) -> Self {
        Self { entry, member: member.as_bytes() }
    }

    /// What the entry of `key` begins with. A key with something to escape does not compile.
    pub(crate) const fn entry<const LENGTH: usize>(key: &str) -> [u8; LENGTH] {
        let mut entry = [0; LENGTH];
        let (length, text) = entry.split_at_mut(2);
        length.copy_from_slice(&(key.len() as u16).to_be_bytes());
        text.copy_from_slice(key.as_bytes());
        let mut at = 0;
        while at < text.len() {
            assert!(matches!(text[at], b' '..=b'~') && !matches!(text[at], b'"' | b'\\'));
            at += 1;
        }
        entry
    }
}

/// The [`Key`] of a literal, made by the compiler.
macro_rules! key {
    ($key:literal) => {{
        const ENTRY: [u8; 2 + $key.len()] = $crate::serialization::Key::entry($key);
        const KEY: $crate::serialization::Key =
            $crate::serialization::Key::new(&ENTRY, concat!("\"", $key, "\":\""));
        KEY
    }};
}
pub(crate) use key;
