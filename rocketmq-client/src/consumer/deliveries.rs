//! [`Deliveries`]: a push consumer as a stream.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use rocketmq_consumer::{self as machine, DeliveryId, Settlement};
use tokio::sync::futures::OwnedNotified;

use super::{
    Concurrent, Mode, PushConsumer, ShutdownReport, Unsettled, desk::Desk, unsettled::Settle,
    work_queue::Taken, workers::Work,
};
use crate::Error;

/// The messages of a push consumer, as a stream: each waits to be [settled](Unsettled). Up to
/// [`concurrency`](super::PushConsumerBuilder::concurrency) may be unsettled at a time.
///
/// It ends when the consumer does. Dropping it stops the consumer at once; [`shutdown`](Self::shutdown) takes leave.
#[must_use = "a stream that is dropped stops its consumer"]
pub struct Deliveries<M: Mode = Concurrent> {
    work: Arc<Work<machine::Delivery>>,
    /// Set while there is nothing.
    ready: Option<Pin<Box<OwnedNotified>>>,
    desk: Arc<Desk>,
    consumer: PushConsumer,
    /// It has been told that nothing follows.
    ended: bool,
    mode: PhantomData<fn() -> M>,
}

impl<M: Mode> Deliveries<M> {
    pub(super) fn new(
        work: Arc<Work<machine::Delivery>>,
        desk: Arc<Desk>,
        consumer: PushConsumer,
    ) -> Self {
        Self { work, ready: None, desk, consumer, ended: false, mode: PhantomData }
    }

    /// The next message; `None` once the consumer has been shut down.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client has been shut down under the consumer. Nothing follows.
    ///
    /// # Cancel safety
    ///
    /// Safe: a message is taken only by a call that returns it.
    pub async fn next(&mut self) -> Option<Result<Unsettled<M>, Error>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The consumer behind it: to pause it, to ask for its lag.
    pub fn consumer(&self) -> &PushConsumer {
        &self.consumer
    }

    /// Stops in order: see [`PushConsumer::shutdown`]. What has been taken from the stream can still be settled until the deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the consumer at once.
    pub async fn shutdown(self, deadline: Duration) -> ShutdownReport {
        self.consumer.shutdown(deadline).await
    }

    fn unsettled(&self, item: machine::Delivery) -> Option<Unsettled<M>> {
        let id = item.id();
        match self.desk.open(item) {
            Ok(delivery) => {
                let owed_to: Arc<dyn Settle> = Arc::clone(&self.work) as Arc<dyn Settle>;
                let reported = self.desk.report(std::slice::from_ref(&delivery));
                Some(Unsettled::new(delivery, id, owed_to, reported))
            }
            Err(outcome) => {
                self.work.settle(id, outcome);
                None
            }
        }
    }
}

impl Settle for Work<machine::Delivery> {
    fn settle(&self, delivery: DeliveryId, outcome: machine::Outcome) {
        self.finish(Settlement { delivery, outcome });
    }
}

impl<M: Mode> Stream for Deliveries<M> {
    type Item = Result<Unsettled<M>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(ready) = &mut self.ready {
                std::task::ready!(ready.as_mut().poll(cx));
                self.ready = None;
            }
            match self.work.take() {
                Taken::Item(item) => {
                    if let Some(unsettled) = self.unsettled(item) {
                        return Poll::Ready(Some(Ok(unsettled)));
                    }
                }
                Taken::Closed if self.consumer.was_cut_off() && !self.ended => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(Error::closed("client"))));
                }
                Taken::Closed => return Poll::Ready(None),
                Taken::Nothing => self.ready = Some(Box::pin(self.work.ready())),
            }
        }
    }
}

impl<M: Mode> fmt::Debug for Deliveries<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deliveries").field(&self.consumer).finish()
    }
}
