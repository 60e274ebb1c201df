//! The types that a header field may have.

use crate::{
    Text,
    ext_fields::Raw,
    serialization::{FieldWriter, Key, parse_integer},
};

/// A type that a header field may have. On the wire every value is text.
pub trait Value: Sized {
    /// What an absent key stands for. `None`: the key is required.
    fn absent() -> Option<Self> {
        None
    }

    /// Reads the text.
    fn parse(raw: Raw<'_>) -> Option<Self>;

    /// Writes the pair, or nothing where the value is "absent".
    fn write(&self, key: Key, out: &mut FieldWriter<'_>);
}

impl<T: Value> Value for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }

    fn parse(raw: Raw<'_>) -> Option<Self> {
        T::parse(raw).map(Some)
    }

    #[inline(always)]
    fn write(&self, key: Key, out: &mut FieldWriter<'_>) {
        if let Some(value) = self {
            value.write(key, out);
        }
    }
}

impl Value for Text {
    fn parse(raw: Raw<'_>) -> Option<Self> {
        Some(raw.to_text())
    }

    #[inline(always)]
    fn write(&self, key: Key, out: &mut FieldWriter<'_>) {
        out.put(key, self.as_bytes());
    }
}

macro_rules! numbers {
    ($($int:ty)*) => {$(
        impl Value for $int {
            fn parse(raw: Raw<'_>) -> Option<Self> {
                parse_integer(raw.bytes())?.try_into().ok()
            }

            #[inline(always)]
            fn write(&self, key: Key, out: &mut FieldWriter<'_>) {
                out.put_number(key, i64::from(*self));
            }
        }
    )*};
}
numbers!(i32 i64);

/// As Java's `Boolean.parseBoolean`: "true" in any case, and everything else is false.
impl Value for bool {
    fn parse(raw: Raw<'_>) -> Option<Self> {
        Some(raw.bytes().eq_ignore_ascii_case(b"true"))
    }

    #[inline(always)]
    fn write(&self, key: Key, out: &mut FieldWriter<'_>) {
        match self {
            true => out.put_plain(key, b"true"),
            false => out.put_plain(key, b"false"),
        }
    }
}

/// Which side of equal timestamps a search means (`common/BoundaryType.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BoundaryType {
    /// The first message.
    #[default]
    Lower,
    /// The last message.
    Upper,
}

/// Anything that is not "upper" is [`BoundaryType::Lower`], as in Java.
impl Value for BoundaryType {
    fn parse(raw: Raw<'_>) -> Option<Self> {
        let upper = raw.bytes().eq_ignore_ascii_case(b"upper");
        Some(if upper { Self::Upper } else { Self::Lower })
    }

    #[inline(always)]
    fn write(&self, key: Key, out: &mut FieldWriter<'_>) {
        match self {
            Self::Lower => out.put_plain(key, b"LOWER"),
            Self::Upper => out.put_plain(key, b"UPPER"),
        }
    }
}
