//! Connections over pipes in memory, under virtual time, their peers played by hand.
//!
//! Tests whose name begins with an `f` and a number reproduce a failure that some client of RocketMQ had.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod closing;
mod go_away;
mod hooks;
mod hostile;
mod oneway;
mod pairing;
mod pool;
mod support;
