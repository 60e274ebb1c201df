//! A RocketMQ name server and brokers inside your process, on real loopback sockets.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use rocketmq_mock::MockCluster;
//!
//! let cluster = MockCluster::start().await?;
//! println!("NAMESRV_ADDR={}", cluster.name_server_address());
//! # std::io::Result::Ok(()) }).unwrap();
//! ```
//!
//! It speaks the wire protocol, so any client can talk to it, and it behaves like Apache RocketMQ 5.5.0 where it behaves at all: topics
//! created on demand, queues with offsets, pulls that wait at the broker, consumer groups whose members are told of each
//! other, messages that are sent back and come again. It stores in memory. What it does not know it answers with
//! `REQUEST_CODE_NOT_SUPPORTED`.
//!
//! [`Fault`]s make it misbehave on purpose, it can want requests signed ([`MockCluster::user`]) and, with the feature `tls`, connections
//! encrypted, [`MockCluster::requests`] tells what clients asked, and brokers can be
//! [stopped](MockCluster::stop_broker) and [started](MockCluster::start_broker) again at the same address.
//!
//! # Who owns what
//!
//! All servers of a cluster are plain values in one `World` behind one lock: a request is handled to its end under it, so
//! that what clients see is some order of whole requests. The values neither wait nor read a clock; time is an argument. Around them
//! stand tasks that wait: for each server one that accepts, for each connection one that reads and one that writes, and
//! one for the whole cluster that lets time pass. Replies to other connections (a waiting pull that a new message answers, news of
//! members) go through the queue of that connection's writer, in the order in which the world made them.
//!
//! Dropping the [`MockCluster`] stops all tasks and closes all sockets.

mod broker;
mod cluster;
mod faults;
mod log;
mod name_server;
mod net;
mod sql92;
mod users;
mod world;

pub use cluster::{MockCluster, MockClusterBuilder};
pub use faults::{Fault, LoggedRequest};
