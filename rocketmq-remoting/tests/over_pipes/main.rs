//! Connections over pipes in memory, under virtual time, their peers played by hand.

mod pairing;
mod support;
