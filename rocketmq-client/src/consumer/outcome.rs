//! What may become of messages, and what a handler may return to say so.

use std::time::Duration;

use rocketmq_consumer as machine;

use crate::BoxError;

/// What becomes of a message that a handler was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Done: the offset may move past it.
    Ack,
    /// Failed: the broker delivers it again later, at the delay of its retry ladder (10 s, 30 s, 1 min, …).
    Retry,
    /// Failed: the broker delivers it again after this delay level (1 to 18 by default).
    RetryAfter(u8),
    /// Never to be delivered again: it goes to the dead-letter topic of the group.
    DeadLetter,
}

impl From<Outcome> for machine::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ack => Self::Ack,
            Outcome::Retry => Self::Retry,
            Outcome::RetryAfter(level) => Self::RetryAfter(level),
            Outcome::DeadLetter => Self::DeadLetter,
        }
    }
}

/// What becomes of a message of an [ordered](super::PushConsumerBuilder::ordered) consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "ConsumeOrderlyStatus")]
pub enum OrderedOutcome {
    /// Done: the next message of the queue may come. It is final at once, or with the next [`Commit`](Self::Commit) where
    /// [`auto_commit`](super::PushConsumerBuilder::auto_commit) is off.
    Ack,
    /// Failed: the queue rests for so long (10 ms to 30 s), and then the message comes again, before all others.
    #[doc(alias = "SUSPEND_CURRENT_QUEUE_A_MOMENT")]
    Suspend(Duration),
    /// Never to be delivered again: it goes to the dead-letter topic of the group, and the queue goes on.
    DeadLetter,
    /// Done, and so is every message of the queue that was acknowledged since the last `Commit`. Where
    /// [`auto_commit`](super::PushConsumerBuilder::auto_commit) is on, this is [`Ack`](Self::Ack).
    Commit,
    /// Failed, and so has every message of the queue that was acknowledged since the last [`Commit`](Self::Commit): all of them
    /// come again after a [rest](super::PushConsumerBuilder::suspend_time). Where
    /// [`auto_commit`](super::PushConsumerBuilder::auto_commit) is on, only this one comes again.
    Rollback,
}

impl From<OrderedOutcome> for machine::Outcome {
    fn from(outcome: OrderedOutcome) -> Self {
        match outcome {
            OrderedOutcome::Ack => Self::Ack,
            OrderedOutcome::Suspend(rest) => {
                Self::Suspend(u32::try_from(rest.as_millis()).unwrap_or(u32::MAX))
            }
            OrderedOutcome::DeadLetter => Self::DeadLetter,
            OrderedOutcome::Commit => Self::Commit,
            OrderedOutcome::Rollback => Self::Rollback,
        }
    }
}

/// What becomes of the messages of a [`Batch`](super::Batch), except of those that were
/// [acknowledged one by one](super::BatchItem::ack).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchOutcome<O = Outcome> {
    /// The same for all.
    All(O),
    /// Done with so many from the first one on; the others have failed.
    #[doc(alias = "setAckIndex")]
    AckFirst(usize),
    /// One for each, in order. Those without one have failed.
    Each(Vec<O>),
}

impl<O: Copy + Into<machine::Outcome>> BatchOutcome<O> {
    /// What becomes of the message at this place. `None`: it has failed.
    pub(super) fn of(&self, index: usize) -> Option<machine::Outcome> {
        match self {
            Self::All(outcome) => Some((*outcome).into()),
            Self::AckFirst(count) => (index < *count).then_some(machine::Outcome::Ack),
            Self::Each(outcomes) => outcomes.get(index).map(|outcome| (*outcome).into()),
        }
    }
}

/// A set of outcomes that belongs to one way of consuming. Sealed: the ways are this crate's.
pub trait Verdict: sealed::Sealed + Send + Unpin + 'static {
    /// What `()` and `Ok(())` mean.
    const ACK: Self;
}

impl Verdict for Outcome {
    const ACK: Self = Self::Ack;
}

impl Verdict for OrderedOutcome {
    const ACK: Self = Self::Ack;
}

impl<O: Verdict> Verdict for BatchOutcome<O> {
    const ACK: Self = Self::All(O::ACK);
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Sealed {}
    impl Sealed for super::Outcome {}
    impl Sealed for super::OrderedOutcome {}
    impl<O> Sealed for super::BatchOutcome<O> {}
}

/// What a handler may return: nothing, an outcome, or a `Result` of one of them.
// `do_not_recommend` keeps the list of implementations out of the compiler's answer. The one for `Result` is left in
// it, or nobody would learn which error type does not convert.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}` here",
    label = "this output does not say what to do with the message",
    note = "return `()`, `{O}`, or a `Result` of one of them whose error converts into `Box<dyn Error + Send + Sync>`",
    note = "`()` and `Ok` acknowledge, `Err` asks for redelivery"
)]
pub trait IntoOutcome<O> {
    /// The outcome, or the error, which is logged and has the message delivered again.
    ///
    /// # Errors
    ///
    /// Whatever error the handler returned.
    fn into_outcome(self) -> Result<O, BoxError>;
}

#[diagnostic::do_not_recommend]
impl<O: Verdict> IntoOutcome<O> for () {
    fn into_outcome(self) -> Result<O, BoxError> {
        Ok(O::ACK)
    }
}

#[diagnostic::do_not_recommend]
impl<O: Verdict> IntoOutcome<O> for O {
    fn into_outcome(self) -> Result<O, BoxError> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<O: Verdict> IntoOutcome<BatchOutcome<O>> for O {
    fn into_outcome(self) -> Result<BatchOutcome<O>, BoxError> {
        Ok(BatchOutcome::All(self))
    }
}

impl<O: Verdict, T: IntoOutcome<O>, E: Into<BoxError>> IntoOutcome<O> for Result<T, E> {
    fn into_outcome(self) -> Result<O, BoxError> {
        self.map_err(Into::into)?.into_outcome()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_answer_is_understood() {
        fn check(answer: impl IntoOutcome<Outcome>, expected: Option<Outcome>) {
            assert_eq!(answer.into_outcome().ok(), expected);
        }
        check((), Some(Outcome::Ack));
        check(Outcome::DeadLetter, Some(Outcome::DeadLetter));
        check(Ok::<(), BoxError>(()), Some(Outcome::Ack));
        check(Ok::<_, std::io::Error>(Outcome::RetryAfter(3)), Some(Outcome::RetryAfter(3)));
        check(Err::<(), _>("no"), None);
    }

    #[test]
    fn every_message_of_a_batch_has_its_outcome() {
        use machine::Outcome::{Ack, DeadLetter};
        let check = |outcome: BatchOutcome, expected: [Option<machine::Outcome>; 3]| {
            assert_eq!([0, 1, 2].map(|index| outcome.of(index)), expected, "{outcome:?}");
        };
        check(BatchOutcome::All(Outcome::Ack), [Some(Ack); 3]);
        check(BatchOutcome::AckFirst(2), [Some(Ack), Some(Ack), None]);
        check(BatchOutcome::AckFirst(99), [Some(Ack); 3]);
        let each = vec![Outcome::DeadLetter, Outcome::Ack];
        check(BatchOutcome::Each(each), [Some(DeadLetter), Some(Ack), None]);
    }
}
