//! Benchmarks of every layer, and the driver that takes part in side-by-side comparisons.

pub mod cluster;
pub mod cpu;
pub mod instructions;
pub mod report;
pub mod responder;
pub mod server;
pub mod stored;
