//! [`Properties`]: the pairs that travel with a message, read in place.
//!
//! On the wire they are one string: name, 0x01, value, 0x02, and so on (`common/message/MessageDecoder.java`).

use std::fmt;

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
        let value = split(&self.0).filter_map(|pair| value_of(name, pair)).last()?;
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
        pairs(&self.0).filter_map(|(name, value)| {
            Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?))
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        pairs(&self.0).next().is_none()
    }
}

/// Java drops a pair without a separator, without a name or without a value, and splits at the first separator.
fn pairs(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    split(bytes).filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == NAME_END)?;
        let (name, rest) = pair.split_at_checked(at)?;
        let value = rest.get(1..)?;
        (!name.is_empty() && !value.is_empty()).then_some((name, value))
    })
}

/// The value of a pair with this name. The name is seen at its front, so that nothing but the ends of pairs has to be looked for.
fn value_of<'a>(name: &[u8], pair: &'a [u8]) -> Option<&'a [u8]> {
    let value = pair.strip_prefix(name)?.strip_prefix(&[NAME_END])?;
    (!value.is_empty()).then_some(value)
}

/// What lies between the ends of pairs.
fn split(bytes: &[u8]) -> Split<'_> {
    Split { bytes, start: 0, chunk: 0, ends: ends(bytes, 0) }
}

/// Eight bytes at a time: finding one property is finding the ends of all.
struct Split<'a> {
    bytes: &'a [u8],
    /// Where the present pair begins.
    start: usize,
    /// Where the eight bytes begin that are being looked at.
    chunk: usize,
    /// Their ends of pairs that have not been passed yet, as [`ends`] marks them.
    ends: u64,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while self.ends == 0 {
            self.chunk += 8;
            if self.chunk >= self.bytes.len() {
                let rest = self.bytes.get(self.start..).filter(|rest| !rest.is_empty());
                self.start = self.bytes.len();
                return rest;
            }
            self.ends = ends(self.bytes, self.chunk);
        }
        let end = self.chunk + self.ends.trailing_zeros() as usize / 8;
        self.ends &= self.ends - 1;
        let pair = self.bytes.get(self.start..end);
        self.start = end + 1;
        pair
    }
}

/// Sets the top bit of each of eight bytes from `at` on that ends a pair (little-endian, so that the first is lowest).
fn ends(bytes: &[u8], at: usize) -> u64 {
    const LOWS: u64 = u64::from_le_bytes([0x7f; 8]);
    let rest = bytes.get(at..).unwrap_or_default();
    let eight = rest.first_chunk().copied().unwrap_or_else(|| {
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        last
    });
    // Zero where they are equal. Adding cannot carry into the next byte, so that every mark is a true one.
    let differs = u64::from_le_bytes(eight) ^ u64::from_le_bytes([PAIR_END; 8]);
    !(((differs & LOWS) + LOWS) | differs | LOWS)
}

/// Values may be personal: only names are shown.
impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = pairs(&self.0).map(|(name, _)| String::from_utf8_lossy(name));
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

    #[test]
    fn pairs_end_wherever_they_lie_in_a_word() {
        for length in 0..40 {
            for end in 0..length {
                let mut bytes = vec![0x82; length];
                bytes[end] = PAIR_END;
                // A neighbour that differs in one bit is no end.
                bytes[(end + 1) % length] ^= 0x81;
                let slow = bytes.split(|byte| *byte == PAIR_END).filter(|pair| !pair.is_empty());
                let fast = split(&bytes).filter(|pair| !pair.is_empty());
                assert!(fast.eq(slow), "{bytes:?}");
            }
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
