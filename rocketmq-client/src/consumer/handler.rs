//! [`Handler`]: what is called with each message.

use super::Delivery;

/// What is called with each message. Closures go to [`start`](super::PushConsumerBuilder::start); a type that implements this goes to
/// [`start_with`](super::PushConsumerBuilder::start_with), and its future may borrow from it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{In}`",
    note = "closures go to `start`, handler types to `start_with`"
)]
pub trait Handler<In = Delivery>: Send + Sync + 'static {
    /// What it returns: see [`IntoOutcome`](super::IntoOutcome).
    type Output;

    /// Handles one message. Up to [`concurrency`](super::PushConsumerBuilder::concurrency) calls run at once. A panic counts as an
    /// error.
    fn handle(&self, input: In) -> impl Future<Output = Self::Output> + Send;
}

#[diagnostic::do_not_recommend] // or a type without an implementation is told that it is no closure
impl<In, F, Fut> Handler<In> for F
where
    F: Fn(In) -> Fut + Send + Sync + 'static,
    Fut: Future + Send,
{
    type Output = Fut::Output;

    fn handle(&self, input: In) -> impl Future<Output = Fut::Output> + Send {
        self(input)
    }
}
