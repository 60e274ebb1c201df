//! [`ExtFields`]: the string-to-string part of a header, read in place.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{EncodeError, Text, serialization::PlainPairs};

/// The ext fields of a command, as the bytes they came in.
///
/// There is no map: a header is read by walking the pairs once, and a frame has few of them. Both header forms are
/// walked in place through the same iterator; only JSON with escapes or with values that are no strings, and binary
/// entries that are not UTF-8, are rewritten once when they arrive.
#[derive(Clone, Default)]
pub struct ExtFields {
    section: Bytes,
    layout: Layout,
}

/// How the pairs lie in their section.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Layout {
    /// Entries: key length i16, key, value length i32, value.
    #[default]
    Entries,
    /// Entries of a ROCKETMQ header, where an empty value stands for null.
    NullableEntries,
    /// The inside of a JSON object whose keys and values are strings without escapes, and without blanks between them.
    PlainJson,
}

/// A key with its value, both slices of the section they lie in, both UTF-8.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The key.
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
    /// The characters.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The value: a slice of the frame, if it is long.
    pub fn to_text(self) -> Text {
        Text::of_frame(self.section, self.bytes)
    }
}

impl ExtFields {
    /// Entries whose texts are UTF-8.
    pub(crate) fn entries(section: Bytes) -> Self {
        Self { section, layout: Layout::Entries }
    }

    /// Entries of a ROCKETMQ header, checked to be whole. Texts that are not UTF-8 get replacement characters, as in Java.
    pub(crate) fn received(section: Bytes) -> Self {
        let section = if entries_are_utf8(&section) { section } else { replace_non_utf8(&section) };
        Self { section, layout: Layout::NullableEntries }
    }

    /// The inside of the object in a plain JSON header.
    pub(crate) fn plain_json(inside: Bytes) -> Self {
        Self { section: inside, layout: Layout::PlainJson }
    }

    /// Whether an empty value stands for null.
    pub(crate) fn empty_is_null(&self) -> bool {
        self.layout == Layout::NullableEntries
    }

    /// The pairs in the order they were written. A key may occur more than once: the last one counts. A null of the
    /// ROCKETMQ form shows as an empty value.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        let pairs = match self.layout {
            Layout::Entries | Layout::NullableEntries => Pairs::Entries(Entries(&self.section)),
            Layout::PlainJson => Pairs::PlainJson(PlainPairs::new(&self.section)),
        };
        Fields { section: &self.section, pairs }
    }

    /// The value of `key`, where it is present.
    pub fn get(&self, key: &str) -> Option<Text> {
        let found = self.iter().filter(|field| field.key == key.as_bytes()).last()?;
        Some(found.value.to_text())
    }

    /// Whether there is no pair at all.
    pub fn is_empty(&self) -> bool {
        self.section.is_empty()
    }

    /// Adds a pair. Copies the section: for tests, tools and servers, not for the hot path.
    ///
    /// A key beyond 32,767 bytes has no place in the binary form and is left out.
    pub fn push(&mut self, key: &str, value: &str) {
        let mut section = BytesMut::with_capacity(self.section.len() + key.len() + value.len() + 6);
        let pairs = self.iter().map(|field| (field.key, field.value.bytes));
        for (key, value) in pairs.chain([(key.as_bytes(), value.as_bytes())]) {
            // The only ones that do not fit are the ones that the documentation leaves out.
            let _left_out = put_entry(&mut section, key, value);
        }
        *self = Self::entries(section.freeze());
    }
}

/// Appends one entry.
pub(crate) fn put_entry(out: &mut BytesMut, key: &[u8], value: &[u8]) -> Result<(), EncodeError> {
    let key_length = i16::try_from(key.len()).map_err(|_| EncodeError::KeyTooLong(key.len()))?;
    out.put_i16(key_length);
    out.put_slice(key);
    put_value(out, value)
}

/// Appends what follows the key of an entry.
#[inline]
pub(crate) fn put_value(out: &mut BytesMut, value: &[u8]) -> Result<(), EncodeError> {
    let length = i32::try_from(value.len()).map_err(|_| EncodeError::HeaderTooLong(value.len()))?;
    out.put_i32(length);
    out.put_slice(value);
    Ok(())
}

fn entries_are_utf8(section: &[u8]) -> bool {
    let utf8 = |text| std::str::from_utf8(text).is_ok();
    // Mostly nothing but ASCII, length words included. Every byte is looked at, so that the compiler can take many at once.
    let ascii = section.iter().fold(0, |all, byte| all | byte) < 0x80;
    ascii || Entries(section).all(|(key, value)| utf8(key) && utf8(value))
}

fn replace_non_utf8(section: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(section.len());
    for (key, value) in Entries(section) {
        let (key, value) = (String::from_utf8_lossy(key), String::from_utf8_lossy(value));
        // A key may grow beyond its length word: three bytes for one. No such key means anything to anybody.
        let _left_out = put_entry(&mut out, key.as_bytes(), value.as_bytes());
    }
    out.freeze()
}

struct Fields<'a> {
    section: &'a Bytes,
    pairs: Pairs<'a>,
}

enum Pairs<'a> {
    Entries(Entries<'a>),
    PlainJson(PlainPairs<'a>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline(always)] // a field that went through memory would cost as much as reading it
    fn next(&mut self) -> Option<Field<'a>> {
        let (key, bytes) = match &mut self.pairs {
            Pairs::Entries(entries) => entries.next(),
            Pairs::PlainJson(pairs) => pairs.next(),
        }?;
        let section = self.section;
        Some(Field { key, value: Raw { section, bytes } })
    }
}

/// Walks entries. Ends at the first damage; the decoder of headers has refused damaged sections already.
struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (key, value, rest) = split_entry(self.0)?;
        self.0 = rest;
        Some((key, value))
    }
}

/// The first entry of a section: key, value, what follows. `None` at the end and where an entry is not whole.
#[inline(always)]
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
