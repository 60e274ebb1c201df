//! What may become of a message, and what a handler may return to say so.

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

impl From<Outcome> for rocketmq_consumer::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ack => Self::Ack,
            Outcome::Retry => Self::Retry,
            Outcome::RetryAfter(level) => Self::RetryAfter(level),
            Outcome::DeadLetter => Self::DeadLetter,
        }
    }
}

/// A set of outcomes that belongs to one way of consuming. Sealed: the ways are this crate's.
pub trait Verdict: sealed::Sealed + Send + Unpin + 'static {
    /// What `()` and `Ok(())` mean.
    const ACK: Self;
    /// What an `Err` and a panic mean.
    const FAILED: Self;
}

impl Verdict for Outcome {
    const ACK: Self = Self::Ack;
    const FAILED: Self = Self::Retry;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Sealed {}
    impl Sealed for super::Outcome {}
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
    /// The outcome, or the error that stands for [`Verdict::FAILED`] and is logged.
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
}
