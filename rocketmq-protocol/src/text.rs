//! [`Text`]: a string that need not be copied out of the frame it came in.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    ops::{Deref, Range},
    str::Utf8Error,
    sync::Arc,
};

use bytes::Bytes;

/// An immutable string with a cheap clone: static, short, shared, or a slice of a received frame.
///
/// A long `Text` decoded from a frame keeps that whole frame in memory. Whoever stores one first calls
/// [`detach`](Self::detach), after which it owns nothing but its own characters.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
    /// Copied out of a frame: cheaper than to count a reference, and to drop it again. So many bytes of it are the text, checked UTF-8.
    Short(u8, [u8; SHORT]),
    /// Checked UTF-8. Kept as bytes, so that reading it checks again: with `forbid(unsafe_code)`
    /// there is no other way, and names are short.
    Frame(Bytes),
}

/// The bytes that fit where a slice of a frame would be.
const SHORT: usize = 38;

impl Text {
    /// A text that lives in the program.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Static(text))
    }

    /// A slice of a frame.
    ///
    /// # Errors
    ///
    /// When the bytes are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Self(Repr::Frame(bytes)))
    }

    /// A slice of a frame that has been checked already.
    pub(crate) fn from_checked(bytes: Bytes) -> Self {
        debug_assert!(std::str::from_utf8(&bytes).is_ok(), "checked by the caller");
        Self(Repr::Frame(bytes))
    }

    /// `part` of a frame, which has been checked already.
    pub(crate) fn of_frame(frame: &Bytes, part: &[u8]) -> Self {
        debug_assert!(std::str::from_utf8(part).is_ok(), "checked by the caller");
        let mut short = [0; SHORT];
        match (short.get_mut(..part.len()), u8::try_from(part.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(part);
                Self(Repr::Short(length, short))
            }
            _ => Self(Repr::Frame(frame.slice_ref(part))),
        }
    }

    /// As [`of_frame`](Self::of_frame), where more of the frame lies behind the text: as much of it as there is room for comes along,
    /// unseen, since a copy whose size the compiler knows is a few moves.
    #[inline]
    pub(crate) fn within_frame(frame: &Bytes, part: Range<usize>) -> Self {
        let from = frame.get(part.start..).unwrap_or_default();
        match (u8::try_from(part.len()), from.first_chunk()) {
            (Ok(length), Some(short)) if part.len() <= SHORT => Self(Repr::Short(length, *short)),
            _ => Self::of_frame(frame, from.get(..part.len()).unwrap_or_default()),
        }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(text) => text,
            Repr::Shared(text) => text,
            Repr::Short(..) | Repr::Frame(_) => {
                std::str::from_utf8(self.as_bytes()).unwrap_or_default()
            }
        }
    }

    /// The characters as UTF-8, without checking them again.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Static(text) => text.as_bytes(),
            Repr::Shared(text) => text.as_bytes(),
            Repr::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Repr::Frame(bytes) => bytes,
        }
    }

    /// The same text without the frame behind it: what may be stored.
    #[must_use]
    pub fn detach(&self) -> Self {
        match &self.0 {
            Repr::Frame(_) => Self(Repr::Shared(self.as_str().into())),
            Repr::Static(_) | Repr::Shared(_) | Repr::Short(..) => self.clone(),
        }
    }

    /// The same text as a reference-counted string, copied only if it still lies in a frame.
    pub fn to_shared(&self) -> Arc<str> {
        match &self.0 {
            Repr::Shared(text) => Arc::clone(text),
            Repr::Static(_) | Repr::Short(..) | Repr::Frame(_) => self.as_str().into(),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from_static("")
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::from_static(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Repr::Shared(text.into()))
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self(Repr::Shared(text))
    }
}

impl From<&Arc<str>> for Text {
    fn from(text: &Arc<str>) -> Self {
        Self(Repr::Shared(Arc::clone(text)))
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detaching_lets_the_frame_go() {
        let frame = Bytes::from(vec![b'x'; 1024]);
        let text = Text::from_utf8(frame.slice(..4)).unwrap();
        let kept = text.detach();
        drop(text);
        assert_eq!(kept, "xxxx");
        assert!(frame.try_into_mut().is_ok(), "nothing refers to the frame any more");
    }

    #[test]
    fn short_texts_do_not_hold_the_frame() {
        for (length, holds) in [(0, false), (SHORT, false), (SHORT + 1, true)] {
            let frame = Bytes::from(vec![b'x'; 64]);
            let text = Text::of_frame(&frame, &frame[..length]);
            assert_eq!(text, "x".repeat(length).as_str());
            assert_eq!(text.detach(), text);
            assert_eq!(frame.try_into_mut().is_err(), holds, "{length} bytes");
        }
        assert_eq!(size_of::<Text>(), 40, "short texts take no room of their own");
    }

    #[test]
    fn what_lies_behind_a_text_is_no_part_of_it() {
        for behind in [0, 1, SHORT, 64] {
            for length in [0, 5, SHORT, SHORT + 1] {
                let bytes = [vec![b'x'; 3 + length], vec![b'.'; behind]].concat();
                let text = Text::within_frame(&bytes.into(), 3..3 + length);
                assert_eq!(text, "x".repeat(length).as_str(), "{behind} behind");
            }
        }
    }

    #[test]
    fn only_utf8_becomes_text() {
        assert!(Text::from_utf8(Bytes::from_static(&[0xff])).is_err());
        assert_eq!(Text::from_utf8(Bytes::from_static("中".as_bytes())).unwrap(), "中");
    }
}
