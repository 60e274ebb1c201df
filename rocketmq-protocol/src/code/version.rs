//! Version ordinals: what release wrote a command, and what servers make of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The release of whoever wrote a command: an ordinal of `common/MQVersion.java`.
///
/// Servers look at it in few places; the constants that end in `_GATE` are the first ordinals of which something holds.
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

    /// Consumers from here on are asked to reset offsets and for the offsets they hold
    /// (`broker/client/net/Broker2Client.java`).
    pub const RESET_GATE: Self = Self(28);
    /// Consumers from here on are asked for their running info and to consume a message directly
    /// (`broker/processor/AdminBrokerProcessor.java`).
    pub const RUNNING_INFO_GATE: Self = Self(62);
    /// Of clients from here on brokers honour `maxReconsumeTimes` in the header of a message sent back
    /// (`broker/processor/SendMessageProcessor.java`).
    pub const MAX_RECONSUME_TIMES_GATE: Self = Self(121);
    /// Brokers from here on filter by SQL92 (`client/impl/consumer/PullAPIWrapper.java`).
    pub const SQL92_GATE: Self = Self(232);
    /// Of clients from here on `_UNIQUE_KEY_QUERY` is part of what is signed
    /// (`auth/authentication/builder/DefaultAuthenticationContextBuilder.java`).
    pub const SIGNED_UNIQUE_KEY_QUERY_GATE: Self = Self(400);
    /// From here on name servers answer route queries with strictly valid JSON
    /// (`namesrv/processor/ClientRequestProcessor.java`).
    pub const STANDARD_JSON_GATE: Self = Self(401);
    /// Brokers from here on understand timer messages, POP and assignments.
    pub const TIMER_GATE: Self = Self::V5_0_0;
    /// Clients from here on may be sent [`GO_AWAY`](super::ResponseCode::GO_AWAY) by a server that shuts down. (By servers of
    /// 5.2.0 to 5.3.1 already from 442 on; `remoting/netty/NettyRemotingAbstract.java`.)
    pub const GO_AWAY_GATE: Self = Self(476);
}

/// As `major.minor.patch`, with `-SNAPSHOT` behind what came before that release; beyond the last that upstream has planned, and before
/// 3.0.1, the bare ordinal.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begun = MINORS.iter().rev().find(|(first, _)| *first <= self.0);
        let known = begun.filter(|_| self.0 <= LAST);
        let Some((first, [major, minor, patch])) = known else {
            return write!(f, "ordinal {}", self.0);
        };
        // Each release has two ordinals: its snapshot's, and its own.
        let steps = (self.0 - first) / 2;
        let snapshot = if self.0 % 2 == 0 { "-SNAPSHOT" } else { "" };
        match first {
            // From 4.0.0 on each minor release has ten patches.
            &FIRST_OF_4 => {
                let number = 400 + steps;
                write!(f, "{}.{}.{}{snapshot}", number / 100, number / 10 % 10, number % 10)
            }
            _ => write!(f, "{major}.{minor}.{}{snapshot}", patch + steps),
        }
    }
}

const FIRST_OF_4: i32 = 212;
/// 5.9.9.
const LAST: i32 = 611;

/// Where the minor releases of 3.x begin, and 4.0.0: the ordinal of the first snapshot, and its release.
const MINORS: [(i32, [i32; 3]); 11] = [
    (16, [3, 0, 1]),
    (46, [3, 1, 0]),
    (66, [3, 2, 0]),
    (86, [3, 3, 1]),
    (104, [3, 4, 1]),
    (122, [3, 5, 1]),
    (140, [3, 6, 1]),
    (158, [3, 7, 1]),
    (176, [3, 8, 1]),
    (194, [3, 9, 1]),
    (FIRST_OF_4, [4, 0, 0]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_shown_by_name() {
        let check = |ordinal, shown| assert_eq!(Version(ordinal).to_string(), shown);
        check(Version::V5_5_0.0, "5.5.0");
        check(408, "4.9.8-SNAPSHOT");
        check(17, "3.0.1");
        check(211, "3.9.9");
        check(LAST, "5.9.9");
        for unknown in [i32::MIN, -1, 0, 15, LAST + 1, i32::MAX] {
            assert_eq!(Version(unknown).to_string(), format!("ordinal {unknown}"));
        }
    }
}
