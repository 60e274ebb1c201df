//! Connections over pipes in memory, under virtual time, their peers played by hand.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod pairing;
mod support;
