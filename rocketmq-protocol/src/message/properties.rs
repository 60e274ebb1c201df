//! [`Properties`]: the pairs that travel with a message, read in place.
//!
//! On the wire they are one string: name, 0x01, value, 0x02, and so on (`common/message/MessageDecoder.java`).

use std::{fmt, ops::Range};

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::property;
use crate::Text;

const NAME_END: u8 = 1;
const PAIR_END: u8 = 2;

/// The longest property string that a message can carry, in bytes: its length is a signed 16-bit word.
pub const PROPERTIES_MAX: usize = 32_767;

/// The properties of a message, as the bytes they came in.
///
/// Nothing is parsed or checked until somebody asks: most properties of most messages are never looked at.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(Bytes);

impl Properties {
    /// Properties in their form on the wire.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Their form on the wire.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Their form on the wire.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The value of `name`. Of several, the last counts; one that is empty counts as absent, as it does in Java.
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        let name = name.as_bytes();
        let value = last_value(&self.0, name)?;
        (!name.is_empty() && !name.contains(&NAME_END)).then_some(value)
    }

    /// The value of `name`, where it is UTF-8, without copying it.
    pub fn get(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get_bytes(name)?).ok()
    }

    /// The value of `name` as a slice of the frame: see [`Text::detach`].
    pub fn get_text(&self, name: &str) -> Option<Text> {
        Text::from_utf8(self.0.slice_ref(self.get_bytes(name)?)).ok()
    }

    /// The pairs that are UTF-8, in the order they were written. A name may occur twice.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        // Parts of a text are texts, as separators are ASCII: mostly one look at all of them is enough.
        let all = std::str::from_utf8(&self.0).ok();
        let text = move |part: Range<usize>| match all {
            Some(all) => all.get(part),
            None => std::str::from_utf8(self.0.get(part)?).ok(),
        };
        pairs(&self.0).filter_map(move |(name, value)| Some((text(name)?, text(value)?)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        pairs(&self.0).next().is_none()
    }
}

/// Where names and values lie. Java drops a pair without a separator, without a name or without a value, and splits at the first
/// separator.
fn pairs(bytes: &[u8]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let mut next = 0;
    bytes.split(|byte| *byte == PAIR_END).filter_map(move |pair| {
        let start = next;
        next += pair.len() + 1;
        let name_end = start + pair.iter().position(|byte| *byte == NAME_END)?;
        let (name, value) = (start..name_end, name_end + 1..start + pair.len());
        (!name.is_empty() && !value.is_empty()).then_some((name, value))
    })
}

/// The value of the last pair that has this name: looked for from behind, so that the first found is the one.
fn last_value<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut pair_end = bytes.len();
    let mut behind = |end: usize| {
        let pair = bytes.get(end + 1..pair_end)?;
        pair_end = end;
        value_of(name, pair)
    };
    let (front, eights) = bytes.as_rchunks();
    let mut start = bytes.len();
    for eight in eights.iter().rev() {
        start -= eight.len();
        let mut ends = ends(*eight);
        while let Some(bit) = ends.checked_ilog2() {
            let value = behind(start + bit as usize / 8);
            if value.is_some() {
                return value;
            }
            ends ^= 1 << bit;
        }
    }
    let mut ends = front.iter().enumerate().rev().filter(|(_, byte)| **byte == PAIR_END);
    let value = ends.find_map(|(end, _)| behind(end));
    value.or_else(|| value_of(name, bytes.get(..pair_end)?))
}

/// The value of a pair with this name. The name is seen at its front, so that nothing but the ends of pairs has to be looked for.
fn value_of<'a>(name: &[u8], pair: &'a [u8]) -> Option<&'a [u8]> {
    let (front, value) = pair.split_at_checked(name.len())?;
    // Looked at first, because names mostly differ in their lengths.
    let (separator, value) = value.split_first()?;
    (*separator == NAME_END && front == name && !value.is_empty()).then_some(value)
}

/// Sets the top bit of each byte that ends a pair (little-endian, so that the first is lowest). Eight at a time, because finding
/// one property is finding the ends of all.
fn ends(eight: [u8; 8]) -> u64 {
    const LOWS: u64 = u64::from_le_bytes([0x7f; 8]);
    // Zero where they are equal. Adding cannot carry into the next byte, so that every mark is a true one.
    let differs = u64::from_le_bytes(eight) ^ u64::from_le_bytes([PAIR_END; 8]);
    !(((differs & LOWS) + LOWS) | differs | LOWS)
}

/// Values may be personal: only names are shown.
impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            pairs(&self.0).filter_map(|(name, _)| self.0.get(name)).map(String::from_utf8_lossy);
        f.debug_list().entries(names).finish()
    }
}

/// Why a property cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// The bytes 0x01 and 0x02 separate names and values.
    #[error("property `{0}` contains a separator (0x01 or 0x02)")]
    Separator(String),
    /// A name has to have a character.
    #[error("a property has no name")]
    Unnamed,
    /// An empty value is dropped by every reader.
    #[error("property `{0}` has an empty value")]
    Empty(String),
    /// The name is one of those that the system gives a meaning.
    #[error("property name `{0}` is reserved")]
    Reserved(String),
    /// Brokers refuse more than 32,767 bytes.
    #[error("{0} bytes of properties are more than {PROPERTIES_MAX}")]
    TooLong(usize),
}

/// Writes properties in their form on the wire.
#[derive(Debug, Default)]
pub struct PropertiesWriter(BytesMut);

impl PropertiesWriter {
    /// With room for about this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(BytesMut::with_capacity(bytes))
    }

    /// Into the room that an empty buffer has.
    pub fn with_buffer(buffer: BytesMut) -> Self {
        Self(buffer)
    }

    /// Appends a pair with a meaning to the system, or one that was received.
    ///
    /// # Errors
    ///
    /// When the pair cannot be expressed.
    pub fn put(&mut self, name: &str, value: &str) -> Result<(), PropertyError> {
        let separator = |byte: &u8| matches!(*byte, NAME_END | PAIR_END);
        if name.is_empty() {
            return Err(PropertyError::Unnamed);
        }
        if value.is_empty() {
            return Err(PropertyError::Empty(name.to_owned()));
        }
        if name.bytes().chain(value.bytes()).any(|byte| separator(&byte)) {
            return Err(PropertyError::Separator(name.to_owned()));
        }
        self.0.put_slice(name.as_bytes());
        self.0.put_u8(NAME_END);
        self.0.put_slice(value.as_bytes());
        self.0.put_u8(PAIR_END);
        Ok(())
    }

    /// Appends a pair of the application's own.
    ///
    /// # Errors
    ///
    /// When the name is reserved, or the pair cannot be expressed.
    pub fn put_user(&mut self, name: &str, value: &str) -> Result<(), PropertyError> {
        if property::is_reserved(name) {
            return Err(PropertyError::Reserved(name.to_owned()));
        }
        self.put(name, value)
    }

    /// What was written.
    ///
    /// # Errors
    ///
    /// When it is longer than a message can carry.
    pub fn finish(self) -> Result<Properties, PropertyError> {
        if self.0.len() > PROPERTIES_MAX {
            return Err(PropertyError::TooLong(self.0.len()));
        }
        Ok(Properties(self.0.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn properties(text: &'static str) -> Properties {
        Properties::from_bytes(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn pairs_are_read_as_java_reads_them() {
        let check = |text, expected: &[(&str, &str)]| {
            assert_eq!(properties(text).iter().collect::<Vec<_>>(), expected, "{text:?}");
        };
        check("", &[]);
        check("a\u{1}b\u{2}", &[("a", "b")]);
        check("a\u{1}b", &[("a", "b")]);
        check("a\u{1}b\u{1}c\u{2}", &[("a", "b\u{1}c")]);
        check("a\u{1}\u{2}\u{1}b\u{2}ab\u{2}c\u{1}d\u{2}", &[("c", "d")]);
    }

    proptest! {
        /// Bytes that differ from an end of pairs in one bit are no ends, and pairs end wherever they lie in eight bytes.
        #[test]
        fn the_first_found_from_behind_is_the_last_of_all(
            bytes in vec(select(b"\x01\x01\x02\x02\x03\x82aab".as_slice()), 0..60),
            name in "a{1,2}",
        ) {
            let all = bytes.split(|byte| *byte == PAIR_END);
            let last = all.filter_map(|pair| value_of(name.as_bytes(), pair)).next_back();
            prop_assert_eq!(last_value(&bytes, name.as_bytes()), last);
        }
    }

    #[test]
    fn a_name_is_a_whole_one() {
        let found = properties(
            "TAGSX\u{1}a\u{2}XTAGS\u{1}b\u{2}TAGS\u{1}c\u{1}d\u{2}TAGS\u{2}TAGS\u{1}\u{2}\u{1}e\u{2}",
        );
        assert_eq!(found.get("TAGS"), Some("c\u{1}d"));
        assert_eq!(found.get("TAG"), None);
        assert_eq!(found.get("TAGS\u{1}c"), None, "the first separator ends a name");
        assert_eq!(found.get(""), None);
    }

    #[test]
    fn the_last_of_equal_names_counts() {
        let found = properties("a\u{1}1\u{2}b\u{1}2\u{2}a\u{1}3\u{2}");
        assert_eq!(found.get("a"), Some("3"));
        assert_eq!(found.get_text("b").unwrap(), "2");
        assert_eq!(found.get("c"), None);
    }

    #[test]
    fn what_readers_would_lose_is_refused() {
        let mut writer = PropertiesWriter::default();
        assert_eq!(writer.put("", "x"), Err(PropertyError::Unnamed));
        assert_eq!(writer.put("x", ""), Err(PropertyError::Empty("x".into())));
        assert_eq!(writer.put("x", "a\u{2}b"), Err(PropertyError::Separator("x".into())));
        assert_eq!(writer.put_user("TAGS", "a"), Err(PropertyError::Reserved("TAGS".into())));
        writer.put("TAGS", "a").unwrap();
        writer.put_user("mine", "b").unwrap();
        assert_eq!(writer.finish().unwrap().as_bytes(), "TAGS\u{1}a\u{2}mine\u{1}b\u{2}");
        let mut long = PropertiesWriter::default();
        long.put("x", &"y".repeat(PROPERTIES_MAX)).unwrap();
        assert_eq!(long.finish(), Err(PropertyError::TooLong(PROPERTIES_MAX + 3)));
    }

    #[test]
    fn values_do_not_show() {
        assert_eq!(format!("{:?}", properties("secret\u{1}hunter2\u{2}")), r#"["secret"]"#);
    }
}
