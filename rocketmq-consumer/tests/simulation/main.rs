//! Several members of a group, a few brokers in the same process, virtual time, and a schedule of trouble from a seed.
//!
//! What must hold, whatever happens: nothing is lost, no offset passes a message that nobody has dealt with, commits of
//! an epoch rise, no delivery is out twice, the machine is never surprised, and when the trouble is over every queue has
//! one owner and every message has been consumed. A failure prints the seed and the end of the script;
//! `RMQ_SIM_SEED=<seed>` plays one run again, `RMQ_SIM_SEEDS=<count>` plays that many.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod member;
#[cfg(test)]
mod world;

use world::{Trouble, run};

#[expect(clippy::disallowed_methods, reason = "a test may be asked for one run, or for more")]
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("RMQ_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("RMQ_SIM_SEEDS").unwrap_or(200),
    }
}

#[test]
fn whatever_happens_nothing_is_lost() {
    for seed in seeds() {
        run(seed, Trouble::ALL);
    }
}

#[test]
fn among_well_behaved_members_a_hand_over_repeats_little() {
    let mut repeated = 0;
    let mut consumed = 0;
    for seed in seeds() {
        let stats = run(seed, Trouble::COMING_AND_GOING);
        repeated += stats.repeated;
        consumed += stats.consumed;
    }
    assert!(repeated * 1_000 <= consumed, "{repeated} of {consumed} came twice");
}

#[test]
fn a_run_can_be_played_again() {
    let played = |_| run(3, Trouble::ALL);
    let (first, second) = (played(1), played(2));
    assert_eq!(first, second);
}
