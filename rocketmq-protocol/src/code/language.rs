//! Languages of clients: they show in connection listings.

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
        let known =
            |code: &&Self| code.name().is_some_and(|n| n.as_bytes().eq_ignore_ascii_case(name));
        Self::ALL.iter().find(known).copied()
    }
}
