//! [`ClientStats`]: what a client has counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use rocketmq_remoting::Stats as ConnectionStats;

/// What a client has counted since it was made. See [`Client::stats`](crate::Client::stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ClientStats {
    /// The sum over all connections, those that have closed included.
    pub connections: ConnectionStats,
    /// Connections that are open now.
    pub open_connections: usize,
    /// Requests that wait for an answer now.
    pub outstanding: usize,
    /// Topics whose routes are kept up to date now.
    pub topics: usize,
    /// What upkeep has counted.
    pub upkeep: UpkeepStats,
}

macro_rules! upkeep {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the upkeep of a client has counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct UpkeepStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The counters behind [`UpkeepStats`].
        #[derive(Debug, Default)]
        pub(crate) struct UpkeepCounters {
            $(pub(crate) $name: UpkeepCounter,)*
        }

        impl UpkeepCounters {
            pub(crate) fn snapshot(&self) -> UpkeepStats {
                UpkeepStats { $($name: self.$name.0.load(Relaxed),)* }
            }
        }
    };
}

upkeep! {
    /// Routes that a name server has told.
    routes_answered,
    /// Questions about routes that no name server has answered in time.
    routes_failed,
    /// Times that one name server knew a topic and another did not.
    route_disagreements,
    /// Answers that took a route away and were not believed at once.
    routes_doubted,
    /// Routes that fell out of use.
    routes_evicted,
    /// Heartbeats that a broker has answered.
    heartbeats_answered,
    /// Heartbeats that a broker has not answered, or has refused.
    heartbeats_failed,
    /// Heartbeats that left out subscriptions a broker had already.
    heartbeats_short,
}

#[derive(Debug, Default)]
pub(crate) struct UpkeepCounter(AtomicU64);

impl UpkeepCounter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}
