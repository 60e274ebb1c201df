//! Benchmarks of every layer, and the driver that takes part in side-by-side comparisons.

pub mod cpu;
pub mod responder;
