//! The golden vectors that cover this crate: what Java's clients do unless they are told otherwise.
//! `RMQ_VECTORS=<directory>` points the test at another set.

#[cfg(test)]
mod options;
// One reader for the vectors of every crate.
#[cfg(test)]
#[path = "../../../rocketmq-protocol/tests/vectors/reader.rs"]
#[expect(dead_code, reason = "options are neither bytes nor texts")]
mod reader;
