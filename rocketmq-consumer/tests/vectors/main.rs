//! The golden vectors that cover this crate: what Java's strategies and process queue do. `RMQ_VECTORS=<directory>`
//! points the tests at another set.

#[cfg(test)]
mod allocate;
#[cfg(test)]
mod options;
#[cfg(test)]
mod process_queue;
// One reader for the vectors of every crate.
#[cfg(test)]
#[path = "../../../rocketmq-protocol/tests/vectors/reader.rs"]
#[expect(dead_code, reason = "these files have neither bytes nor texts")]
mod reader;
