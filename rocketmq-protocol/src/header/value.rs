//! The types that a header field may have.

use crate::{Text, ext_fields::Raw, serialization::FieldWriter};

/// A type that a header field may have. On the wire every value is text.
pub trait Value: Sized {
    /// What an absent key stands for. `None`: the key is required.
    fn absent() -> Option<Self> {
        None
    }

    /// Reads the text.
    fn parse(raw: Raw<'_>) -> Option<Self>;

    /// Writes the pair, or nothing where the value is "absent".
    fn write(&self, key: &'static str, out: &mut FieldWriter<'_>);
}

impl<T: Value> Value for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }

    fn parse(raw: Raw<'_>) -> Option<Self> {
        T::parse(raw).map(Some)
    }

    fn write(&self, key: &'static str, out: &mut FieldWriter<'_>) {
        if let Some(value) = self {
            value.write(key, out);
        }
    }
}

impl Value for Text {
    fn parse(raw: Raw<'_>) -> Option<Self> {
        Some(raw.to_text())
    }

    fn write(&self, key: &'static str, out: &mut FieldWriter<'_>) {
        out.put(key, self);
    }
}

macro_rules! numbers {
    ($($int:ty)*) => {$(
        impl Value for $int {
            fn parse(raw: Raw<'_>) -> Option<Self> {
                std::str::from_utf8(raw.bytes()).ok()?.parse().ok()
            }

            fn write(&self, key: &'static str, out: &mut FieldWriter<'_>) {
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

    fn write(&self, key: &'static str, out: &mut FieldWriter<'_>) {
        out.put(key, if *self { "true" } else { "false" });
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

    fn write(&self, key: &'static str, out: &mut FieldWriter<'_>) {
        out.put(
            key,
            match self {
                Self::Lower => "LOWER",
                Self::Upper => "UPPER",
            },
        );
    }
}
