//! Version ordinals: what release wrote a command, and what servers make of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The release of whoever wrote a command: an ordinal of `common/MQVersion.java`.
///
/// Regular releases are the odd numbers. Servers look at it in few places; the constants that end in `_GATE` name
/// those a client cares about.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Version(pub i32);

impl Version {
    /// 4.9.7.
    pub const V4_9_7: Self = Self(407);
    /// 5.0.0.
    pub const V5_0_0: Self = Self(413);
    /// 5.3.1: the last that is not sent [`GO_AWAY`](super::ResponseCode::GO_AWAY) by servers of 5.3.2 and later.
    pub const V5_3_1: Self = Self(475);
    /// 5.3.3.
    pub const V5_3_3: Self = Self(479);
    /// 5.5.0.
    pub const V5_5_0: Self = Self(513);

    /// From here on name servers answer route queries with strictly valid JSON
    /// (`namesrv/processor/ClientRequestProcessor.java`).
    pub const STANDARD_JSON_GATE: Self = Self(401);
    /// Brokers from here on understand timer messages, POP and assignments.
    pub const TIMER_GATE: Self = Self::V5_0_0;
    /// Brokers from here on filter by SQL92 (`client/impl/consumer/PullAPIWrapper.java`).
    pub const SQL92_GATE: Self = Self(232);
}

/// As `major.minor.patch` for the releases since 4.3.0 whose ordinals are known, otherwise the bare ordinal.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RELEASES.binary_search_by_key(&self.0, |(ordinal, _)| *ordinal) {
            Ok(found) => f.write_str(RELEASES.get(found).map_or("", |(_, name)| name)),
            Err(_) => write!(f, "ordinal {}", self.0),
        }
    }
}

const RELEASES: &[(i32, &str)] = &[
    (273, "4.3.0"),
    (293, "4.4.0"),
    (317, "4.5.2"),
    (335, "4.6.1"),
    (355, "4.7.1"),
    (373, "4.8.0"),
    (393, "4.9.0"),
    (399, "4.9.3"),
    (401, "4.9.4"),
    (407, "4.9.7"),
    (409, "4.9.8"),
    (413, "5.0.0"),
    (433, "5.1.0"),
    (439, "5.1.3"),
    (441, "5.1.4"),
    (453, "5.2.0"),
    (473, "5.3.0"),
    (475, "5.3.1"),
    (477, "5.3.2"),
    (479, "5.3.3"),
    (481, "5.3.4"),
    (493, "5.4.0"),
    (513, "5.5.0"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_shown_by_name() {
        assert_eq!(Version::V5_5_0.to_string(), "5.5.0");
        assert_eq!(Version(408).to_string(), "ordinal 408");
        assert!(RELEASES.is_sorted());
    }
}
