//! Words: members that hold one of a few names.

/// Declares an enum of upstream's names. Read in any case or by their place in Java's enum, as fastjson reads them.
macro_rules! words {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $variant:ident = $word:literal $(| $alias:literal)*,)+
        }
    )+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Upstream's names, each at its place in the Java enum, with what it is here.
            const WORDS: &'static [(&'static str, Self)] =
                &[$(($word, Self::$variant), $(($alias, Self::$variant),)*)+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::body::words::WordVisitor {
                    expected: stringify!($name),
                    words: Self::WORDS,
                })
            }
        }
    )+};
}
pub(super) use words;

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};

pub(super) struct WordVisitor<T: 'static> {
    pub(super) expected: &'static str,
    pub(super) words: &'static [(&'static str, T)],
}

impl<T: Copy> Visitor<'_> for WordVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a word of {}", self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let found = self.words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, value)| *value).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, ordinal: u64) -> Result<T, E> {
        self.visit_i64(ordinal.try_into().unwrap_or(-1))
    }

    fn visit_i64<E: Error>(self, ordinal: i64) -> Result<T, E> {
        let found = usize::try_from(ordinal).ok().and_then(|ordinal| self.words.get(ordinal));
        let unexpected = Unexpected::Signed(ordinal);
        found.map(|(_, value)| *value).ok_or_else(|| E::invalid_value(unexpected, &self))
    }
}
