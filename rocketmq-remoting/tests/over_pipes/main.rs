//! Connections over pipes in memory, under virtual time, their peers played by hand.
#![cfg(test)]

mod backpressure;
mod closing;
mod deadlines;
mod inbound;
mod pairing;
mod pool;
mod support;
