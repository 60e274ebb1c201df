//! A consumer group among brokers: bytes decide what happens, and what must hold in a simulation must hold here.

// The model belongs to the tests of the crate that it is about.
#[path = "../../rocketmq-consumer/tests/simulation/model/mod.rs"]
#[expect(dead_code, reason = "the simulation has more entries")]
mod model;

/// Plays a run of which the bytes decide the kind of group, who joins and leaves and when, what is lost and refused, and what
/// handlers say. An invariant that is broken panics.
pub fn consumer_ops(data: &[u8]) {
    model::play_bytes(data);
}

/// The model keeps its books, whatever the input.
pub fn allowed(_input: usize) -> usize {
    256 << 20
}
