//! A group, the brokers it reads from, the network between them, and the time. The fuzz target `consumer_ops` includes this too: there
//! a fuzzer's bytes decide what a seed decides here.

pub(crate) mod broker;
pub(crate) mod bugs;
pub(crate) mod chance;
pub(crate) mod checks;
pub(crate) mod driving;
pub(crate) mod member;
pub(crate) mod network;
pub(crate) mod pops;
pub(crate) mod setup;
pub(crate) mod world;

/// Plays a run of which these bytes decide everything.
///
/// # Panics
///
/// When something that must hold does not.
pub(crate) fn play_bytes(bytes: &[u8]) {
    let setup = setup::Setup::of_bytes(bytes);
    if let Err(why) = world::try_play(setup, chance::Chance::of_bytes(bytes)) {
        panic!("{setup:?}: {why}");
    }
}
