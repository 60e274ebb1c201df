//! Several members of a group, a few brokers in the same process, virtual time, and a schedule of trouble from a seed.
//!
//! What must hold, whatever happens: nothing is lost, no offset passes a message that nobody has dealt with, commits of
//! an epoch rise, no delivery is out twice, the machine is never surprised, and when the trouble is over every queue has
//! one owner and every message has been consumed. Of an ordered group: a queue is handled by one member at a time, each
//! message after the one before it. A failure prints the seed and the end of the script; `RMQ_SIM_SEED=<seed>` plays one
//! run again, `RMQ_SIM_SEEDS=<count>` plays that many.

#[cfg(test)]
mod model;

use std::path::Path;

use model::{
    bugs::Bug,
    play_bytes,
    setup::{Kind, Setup, Trouble},
    world::{PROMPT, run, try_run},
};

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
        run(Setup::new(seed, Trouble::ALL, Kind::Concurrent));
    }
}

#[test]
fn whatever_happens_one_member_handles_a_queue_in_order() {
    for seed in seeds() {
        run(Setup::new(seed, Trouble::ALL, Kind::Ordered));
    }
}

#[test]
fn whatever_happens_what_is_popped_is_acknowledged_once_it_is_consumed() {
    for seed in seeds() {
        run(Setup::new(seed, Trouble::ALL, Kind::Popping));
    }
}

#[test]
fn whatever_happens_every_member_of_a_broadcast_gets_everything() {
    for seed in seeds() {
        run(Setup::new(seed, Trouble::ALL, Kind::Broadcasting));
    }
}

#[test]
fn among_well_behaved_members_a_hand_over_repeats_little() {
    let mut repeated = 0;
    let mut consumed = 0;
    for seed in seeds() {
        let stats = run(Setup::new(seed, Trouble::COMING_AND_GOING, Kind::Concurrent));
        repeated += stats.repeated;
        consumed += stats.consumed;
    }
    assert!(repeated * 1_000 <= consumed, "{repeated} of {consumed} came twice");
}

#[test]
fn among_well_behaved_members_ordered_queues_change_hands_at_once_and_nothing_repeats() {
    for seed in seeds() {
        let stats = run(Setup::new(seed, Trouble::COMING_AND_GOING, Kind::Ordered));
        assert_eq!(stats.repeated, 0, "seed {seed}");
        assert!(stats.ended <= PROMPT, "seed {seed}: over only after {:?}", stats.ended);
    }
}

#[test]
fn every_mistake_is_noticed() {
    for bug in Bug::ALL {
        let caught = (0..200).find(|seed| {
            let trouble =
                if bug == Bug::SkipsUnlock { Trouble::COMING_AND_GOING } else { Trouble::ALL };
            let setup = Setup { bug: Some(bug), ..Setup::new(*seed, trouble, bug.kind()) };
            match try_run(setup) {
                Err(_) => true,
                Ok(stats) => bug == Bug::SkipsUnlock && stats.ended > PROMPT,
            }
        });
        assert!(caught.is_some(), "nobody notices {bug:?}");
    }
}

#[test]
fn a_run_can_be_played_again() {
    for kind in Kind::ALL {
        let played = |_| run(Setup::new(3, Trouble::ALL, kind));
        let (first, second) = (played(1), played(2));
        assert_eq!(first, second);
    }
}

#[test]
fn what_a_fuzzer_has_found_is_played_again() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/consumer_ops");
    let mut inputs = 0;
    for entry in std::fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        let input = std::fs::read(&path).unwrap();
        // A panic is reported with the input that caused it.
        assert!(std::panic::catch_unwind(|| play_bytes(&input)).is_ok(), "fails on {path:?}");
        inputs += 1;
    }
    assert!(inputs >= 16, "{inputs} inputs in {corpus:?}");
}
