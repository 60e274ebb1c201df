//! [`LitePullStream`]: messages one by one.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio::{sync::oneshot, task::coop};

use super::{LitePullConsumer, gone};
use crate::{
    Error,
    consumer::{Delivery, polls::Polled},
};

/// The messages of a [`LitePullConsumer`], one by one; never ends, but for an error when the client is shut down.
///
/// It polls for more when the last message of a poll has been taken *and the next one is asked for*: so a message counts as consumed
/// when the one after it is wanted, at the earliest.
#[must_use = "a stream does nothing unless polled"]
pub struct LitePullStream<'a> {
    consumer: &'a LitePullConsumer,
    ready: VecDeque<Delivery>,
    asked: Option<oneshot::Receiver<Polled>>,
}

impl<'a> LitePullStream<'a> {
    pub(super) fn new(consumer: &'a LitePullConsumer) -> Self {
        Self { consumer, ready: VecDeque::new(), asked: None }
    }

    /// The next message.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: a message is taken only by a call that returns it.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        std::future::poll_fn(|cx| self.poll_delivery(cx)).await
    }

    fn poll_delivery(&mut self, cx: &mut Context<'_>) -> Poll<Result<Delivery, Error>> {
        loop {
            while let Some(delivery) = self.ready.pop_front() {
                // A seek or a rebalance may have come in between.
                if !delivery.is_stale() {
                    return Poll::Ready(Ok(delivery));
                }
            }
            let asked = match &mut self.asked {
                Some(asked) => asked,
                None => self.asked.insert(self.consumer.ask()?),
            };
            let polled = ready!(Pin::new(&mut coop::unconstrained(asked)).poll(cx));
            self.asked = None;
            self.ready.extend(self.consumer.open(polled.map_err(|_| gone())?));
        }
    }
}

impl Stream for LitePullStream<'_> {
    type Item = Result<Delivery, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_delivery(cx).map(Some)
    }
}

impl fmt::Debug for LitePullStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LitePullStream").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}
