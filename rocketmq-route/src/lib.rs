//! What a client believes about the cluster: names, routes, heartbeats, and which server to ask next.
#![doc = include_str!("../README.md")]

mod fault;
mod heartbeat;
mod name_servers;
mod queue;
mod refresh;
mod select;
mod static_topic;
mod table;
pub mod topic_route;

pub use fault::{Contact, FaultTable, Penalties};
pub use heartbeat::{Briefed, Groups, HEARTBEAT_INTERVAL, INNER_PRODUCER_GROUP};
pub use name_servers::{NameServerListError, NameServers};
pub use queue::MessageQueue;
pub use refresh::{REFRESH_INTERVAL, RETRY_INTERVAL, RefreshSchedule};
pub use select::{SendPlan, queue_by_hash};
pub use static_topic::LOGICAL_BROKER_PREFIX;
pub use table::{DENIAL_CONFIRMED_AFTER, RouteChange, RouteTable, UNUSED_AFTER};
pub use topic_route::TopicRoute;

/// Some instant, for tests: there is no other way to make one.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests start somewhere")]
fn any_instant() -> std::time::Instant {
    std::time::Instant::now()
}
