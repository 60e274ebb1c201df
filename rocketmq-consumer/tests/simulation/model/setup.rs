//! Which run it is: its seed, its trouble, how the group consumes, what is broken on purpose.

use super::bugs::Bug;

/// What may happen, in a thousand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    /// Of requests, and of answers.
    pub(crate) lost: u64,
    pub(crate) refused: u64,
    /// Answers that come although the pull was cancelled.
    pub(crate) stray: u64,
    /// Of handlers: failures, and such that take half a minute.
    pub(crate) failing: u64,
    pub(crate) stuck: u64,
    /// Events in the first minute.
    pub(crate) crashes: u64,
    pub(crate) restarts: u64,
    pub(crate) trims: u64,
    pub(crate) resets: u64,
    pub(crate) new_queues: u64,
    /// Members and brokers that cannot reach each other for a while.
    pub(crate) partitions: u64,
}

impl Trouble {
    pub(crate) const ALL: Self = Self {
        lost: 20,
        refused: 10,
        stray: 500,
        failing: 60,
        stuck: 3,
        crashes: 1,
        restarts: 2,
        trims: 1,
        resets: 1,
        new_queues: 1,
        partitions: 2,
    };

    /// Members join and leave in good order. Nothing goes wrong.
    pub(crate) const COMING_AND_GOING: Self = Self {
        lost: 0,
        refused: 0,
        stray: 0,
        failing: 0,
        stuck: 0,
        crashes: 0,
        restarts: 0,
        trims: 0,
        resets: 0,
        new_queues: 0,
        partitions: 0,
    };
}

/// How members of the group consume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Concurrent,
    Ordered,
    Popping,
    /// Every member gets everything.
    Broadcasting,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::Concurrent, Self::Ordered, Self::Popping, Self::Broadcasting];
}

/// Which run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) trouble: Trouble,
    pub(crate) kind: Kind,
    /// How many are sent.
    pub(crate) messages: u64,
    /// A mistake that every member makes.
    pub(crate) bug: Option<Bug>,
}

impl Setup {
    pub(crate) fn new(seed: u64, trouble: Trouble, kind: Kind) -> Self {
        Self { seed, trouble, kind, messages: 300, bug: None }
    }

    /// A small run: the first byte says how the group consumes, and how long it goes on.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let first = bytes.first().copied().unwrap_or_default();
        let kind = Kind::ALL[usize::from(first % 4)];
        let messages = 8 + u64::from(first >> 2);
        Self { messages, ..Self::new(bytes.len() as u64, Trouble::ALL, kind) }
    }
}
