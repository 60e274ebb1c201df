//! Starts real Apache RocketMQ servers, and holds the tests that run against them.
//!
//! [`Distribution::fetch`] has Maven bring the jars of a release, [`Cluster`] runs a name server and brokers from them,
//! [`Peer`] is the Java or the Go client on the other side, and [`Ledger`] is the judge of load tests.

mod admin;
mod cluster;
mod distribution;
mod error;
mod go;
mod java;
mod jvm;
mod ledger;
mod member;
mod peer;
pub mod player;
mod ports;
mod process;
pub mod scorecard;

pub use cluster::{
    ADMINISTRATOR, Authority, Cluster, ClusterBuilder, GUEST, Identity, Signal, User,
};
pub use distribution::{DEFAULT_VERSION, Distribution};
pub use error::InteropError;
pub use ledger::{Ledger, Verdict};
pub use member::Member;
pub use peer::{Crossing, Peer};
