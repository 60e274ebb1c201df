//! [`ExtFields`]: the string-to-string part of a header, read in place.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Text, serialization::json};

/// The ext fields of a command, as the bytes they came in.
///
/// There is no map: a header is read by walking the pairs once, and a frame has few of them. Both header forms are
/// walked in place through the same iterator; only JSON with escapes, or with values that are no strings, is rewritten
/// once into the binary form when it arrives.
#[derive(Clone, Default)]
pub struct ExtFields(Section);

#[derive(Clone)]
enum Section {
    /// Entries of the ROCKETMQ form: key length i16, key, value length i32, value.
    Binary(Bytes),
    /// A JSON object whose keys and values are strings without escapes.
    PlainJson(Bytes),
}

impl Default for Section {
    fn default() -> Self {
        Self::Binary(Bytes::new())
    }
}

/// A key with its value, both slices of the section they lie in.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The key. Checked UTF-8 in JSON, unchecked in the binary form.
    pub key: &'a [u8],
    /// The value.
    pub value: Raw<'a>,
}

/// A value that has not been given a type yet.
#[derive(Clone, Copy)]
pub struct Raw<'a> {
    section: &'a Bytes,
    bytes: &'a [u8],
}

impl<'a> Raw<'a> {
    /// The characters, unchecked.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The value as a slice of the frame, if it is UTF-8.
    pub fn to_text(self) -> Option<Text> {
        Text::from_utf8(self.section.slice_ref(self.bytes)).ok()
    }
}

impl ExtFields {
    pub(crate) fn binary(section: Bytes) -> Self {
        Self(Section::Binary(section))
    }

    pub(crate) fn plain_json(object: Bytes) -> Self {
        Self(Section::PlainJson(object))
    }

    /// The pairs in the order they were written. A key may occur more than once: the last one counts.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        match &self.0 {
            Section::Binary(section) => Fields::Binary { section, rest: section },
            Section::PlainJson(section) => {
                Fields::PlainJson { section, pairs: json::PlainPairs::new(section) }
            }
        }
    }

    /// The value of `key`, where it is present and UTF-8.
    pub fn get(&self, key: &str) -> Option<Text> {
        let found = self.iter().filter(|field| field.key == key.as_bytes()).last()?;
        found.value.to_text()
    }

    /// Whether there is no pair at all.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Adds a pair. Copies the section: for tests, tools and servers, not for the hot path.
    ///
    /// Keys beyond 32,767 bytes cannot be written in the binary form and are left out.
    pub fn push(&mut self, key: &str, value: &str) {
        let mut section = BytesMut::new();
        for field in self.iter() {
            put_entry(&mut section, field.key, field.value.bytes);
        }
        put_entry(&mut section, key.as_bytes(), value.as_bytes());
        *self = Self::binary(section.freeze());
    }
}

/// Appends one entry of the binary form. What does not fit its length words is left out.
pub(crate) fn put_entry(out: &mut BytesMut, key: &[u8], value: &[u8]) {
    if let (Ok(key_length), Ok(value_length)) =
        (i16::try_from(key.len()), i32::try_from(value.len()))
    {
        out.put_i16(key_length);
        out.put_slice(key);
        out.put_i32(value_length);
        out.put_slice(value);
    }
}

enum Fields<'a> {
    Binary { section: &'a Bytes, rest: &'a [u8] },
    PlainJson { section: &'a Bytes, pairs: json::PlainPairs<'a> },
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let (section, key, bytes) = match self {
            Self::Binary { section, rest } => {
                let (key, value, after) = split_entry(rest)?;
                *rest = after;
                (*section, key, value)
            }
            Self::PlainJson { section, pairs } => {
                let (key, value) = pairs.next()?;
                (*section, key, value)
            }
        };
        Some(Field { key, value: Raw { section, bytes } })
    }
}

/// The first entry of a binary section: key, value, what follows. `None` at the end and at the first damage; the
/// decoder of headers has refused damaged sections already.
pub(crate) fn split_entry(section: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (key_length, rest) = section.split_first_chunk::<2>()?;
    let (key, rest) =
        rest.split_at_checked(usize::try_from(i16::from_be_bytes(*key_length)).ok()?)?;
    let (value_length, rest) = rest.split_first_chunk::<4>()?;
    let (value, rest) =
        rest.split_at_checked(usize::try_from(i32::from_be_bytes(*value_length)).ok()?)?;
    Some((key, value, rest))
}

/// Equal pairs in equal order, whichever form they lie in.
impl PartialEq for ExtFields {
    fn eq(&self, other: &Self) -> bool {
        self.iter()
            .map(|field| (field.key, field.value.bytes))
            .eq(other.iter().map(|field| (field.key, field.value.bytes)))
    }
}

impl Eq for ExtFields {}

/// Values may be secrets (signatures, tokens): only the keys are shown.
impl fmt::Debug for ExtFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|field| String::from_utf8_lossy(field.key))).finish()
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.key), f)
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_equal_keys_counts() {
        let mut fields = ExtFields::default();
        assert!(fields.is_empty());
        fields.push("topic", "a");
        fields.push("queueId", "1");
        fields.push("topic", "b");
        assert_eq!(fields.get("topic").unwrap(), "b");
        assert_eq!(fields.get("group"), None);
        assert_eq!(fields.iter().count(), 3);
    }

    #[test]
    fn secrets_do_not_show() {
        let mut fields = ExtFields::default();
        fields.push("Signature", "hunter2");
        assert_eq!(format!("{fields:?}"), r#"["Signature"]"#);
    }
}
