//! Ways of consuming, as types: they decide which outcomes exist.

use std::fmt;

use super::{OrderedOutcome, Outcome, Verdict};

/// A way of consuming. Sealed: the ways are this crate's.
pub trait Mode: sealed::Sealed + fmt::Debug + Send + Sync + Unpin + 'static {
    /// What may become of a message.
    type Outcome: Verdict + Copy + Into<rocketmq_consumer::Outcome>;
}

/// Many messages of a queue at a time, in any order.
#[derive(Debug)]
pub enum Concurrent {}

/// The messages of a queue one after the other, each after the one before it has succeeded.
#[derive(Debug)]
pub enum Ordered {}

impl Mode for Concurrent {
    type Outcome = Outcome;
}

impl Mode for Ordered {
    type Outcome = OrderedOutcome;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Sealed {}
    impl Sealed for super::Concurrent {}
    impl Sealed for super::Ordered {}
}
