//! Languages of clients: they show in connection listings.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected},
};

use super::codes;

codes! {
    /// The language of whoever wrote a command (`remoting/protocol/LanguageCode.java`).
    pub struct LanguageCode(u8) {
        /// Java, and every server.
        JAVA = 0,
        /// C++.
        CPP = 1,
        /// .NET.
        DOTNET = 2,
        /// Python.
        PYTHON = 3,
        /// Delphi.
        DELPHI = 4,
        /// Erlang.
        ERLANG = 5,
        /// Ruby.
        RUBY = 6,
        /// Anything without a number of its own.
        OTHER = 7,
        /// A gateway over HTTP.
        HTTP = 8,
        /// Go.
        GO = 9,
        /// PHP.
        PHP = 10,
        /// An OpenMessaging client.
        OMS = 11,
        /// Rust. Brokers before 4.9.4 do not know it.
        RUST = 12,
        /// Node.js. Brokers before 5.3.2 do not know it.
        NODE_JS = 13,
    }
}

impl LanguageCode {
    /// The language of this name, in any case, as servers read it.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let names = Self::ALL.iter().filter_map(|code| Some((*code, code.name()?.as_bytes())));
        let as_it_is = names.clone().find(|(_, known)| *known == name);
        let found =
            as_it_is.or_else(|| names.clone().find(|(_, known)| known.eq_ignore_ascii_case(name)));
        found.map(|(code, _)| code)
    }
}

/// As its name; a number without one is [`OTHER`](Self::OTHER).
impl Serialize for LanguageCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name().unwrap_or("OTHER"))
    }
}

impl<'de> Deserialize<'de> for LanguageCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unexpected = || D::Error::invalid_value(Unexpected::Str(&name), &"a language");
        Self::from_name(name.as_bytes()).ok_or_else(unexpected)
    }
}
