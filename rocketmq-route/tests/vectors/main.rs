//! The golden vectors that cover this crate: how Java chooses queues. `RMQ_VECTORS=<directory>` points the tests at another set.

#[cfg(test)]
mod latency_fault;
#[cfg(test)]
mod selectors;
// One reader for the vectors of every crate.
#[cfg(test)]
#[path = "../../../rocketmq-protocol/tests/vectors/reader.rs"]
#[expect(dead_code, reason = "these files have neither bytes nor texts")]
mod reader;
