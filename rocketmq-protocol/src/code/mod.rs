//! The vocabularies of the wire: request codes, response codes, languages, versions.
//!
//! Each is a table, one row a value. The types are open: a number that no row names is kept as it is, so that what one
//! release adds passes through a client of another.

mod language;
mod request;
mod response;
mod version;

pub use language::LanguageCode;
pub use request::RequestCode;
pub use response::ResponseCode;
pub use version::Version;

/// Declares an open newtype with a documented constant for each known value.
macro_rules! codes {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($int:ty) { $($(#[$doc:meta])* $code:ident = $value:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl $name {
            $($(#[$doc])* pub const $code: Self = Self($value);)*

            /// Every value that has a name.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// Upstream's name, where the value has one.
            #[deny(unreachable_patterns)] // a number given twice does not compile
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($code)),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", self.name().unwrap_or(stringify!($name)), self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{} ({name})", self.0),
                    None => write!(f, "{}", self.0),
                }
            }
        }
    };
}
use codes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_codes_keep_their_number() {
        assert_eq!(format!("{:?}", RequestCode::PULL_MESSAGE), "PULL_MESSAGE(11)");
        assert_eq!(format!("{:?}", RequestCode(77_777)), "RequestCode(77777)");
        assert_eq!(ResponseCode::TOPIC_NOT_EXIST.to_string(), "17 (TOPIC_NOT_EXIST)");
    }
}
