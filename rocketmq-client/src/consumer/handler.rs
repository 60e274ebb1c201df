//! [`Handler`]: what is called with each message.

use std::sync::Arc;

use rocketmq_remoting::Tasks;

use super::Delivery;
use crate::BoxError;

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

/// A closure that blocks, as a handler: it is called on the pool for blocking work.
pub(super) struct Blocking<F> {
    call: Arc<F>,
    tasks: Tasks,
}

impl<F> Blocking<F> {
    pub(super) fn new(call: F, tasks: &Tasks) -> Self {
        Self { call: Arc::new(call), tasks: tasks.clone() }
    }
}

impl<F, R> Handler for Blocking<F>
where
    F: Fn(Delivery) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    type Output = Result<R, BoxError>;

    async fn handle(&self, delivery: Delivery) -> Self::Output {
        let call = Arc::clone(&self.call);
        let span = tracing::Span::current();
        let called = self.tasks.spawn_blocking(move || span.in_scope(|| call(delivery))).await;
        called.map_err(|panic| format!("the handler panicked: {panic}").into())
    }
}
