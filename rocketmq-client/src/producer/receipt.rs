//! What a send comes back with.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use rocketmq_protocol::{
    Text,
    message::{MessageId, OffsetMessageId},
};
use rocketmq_route::MessageQueue;
use tokio::{sync::oneshot, task::coop};

use crate::Error;

/// A message is stored: where, and how safely.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "SendResult")]
pub struct SendReceipt {
    pub(super) status: SendStatus,
    pub(super) message_id: MessageId,
    pub(super) offset_message_id: Option<OffsetMessageId>,
    pub(super) queue: MessageQueue,
    pub(super) queue_offset: i64,
    pub(super) attempts: u32,
    pub(super) recall_handle: Option<Text>,
}

/// How safely a message is stored. It is stored in each case, and sending it again makes two of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendStatus {
    /// As safely as the broker is configured to store.
    Stored,
    /// That it has reached the disk was not confirmed in time.
    FlushTimeout,
    /// That a slave has copied it was not confirmed in time.
    SlaveTimeout,
    /// No slave was there to copy it.
    SlaveMissing,
}

impl SendReceipt {
    /// How safely the message is stored.
    pub fn status(&self) -> SendStatus {
        self.status
    }

    /// The id that this client gave the message: what a consumer sees, whichever attempt stored it.
    pub fn message_id(&self) -> &MessageId {
        &self.message_id
    }

    /// Where the broker stored it, as an id to look it up by.
    pub fn offset_message_id(&self) -> Option<&OffsetMessageId> {
        self.offset_message_id.as_ref()
    }

    /// The queue it lies in.
    pub fn queue(&self) -> &MessageQueue {
        &self.queue
    }

    /// Its position there.
    pub fn queue_offset(&self) -> i64 {
        self.queue_offset
    }

    /// What takes a timer message back before it is delivered, where the broker allows that (5.3.2 and later): see
    /// [`Producer::recall`](super::Producer::recall).
    pub fn recall_handle(&self) -> Option<&str> {
        self.recall_handle.as_deref()
    }

    /// Which attempt it was that succeeded, from 1. After an attempt whose outcome is unknown, the message may be stored
    /// twice, under the same id.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// The receipt of an enqueued send, to be awaited whenever it suits. Dropping it does not take the message back.
#[derive(Debug)]
#[must_use = "whether the message was stored is known only to who awaits this"]
pub struct PendingReceipt(pub(super) oneshot::Receiver<Result<SendReceipt, Error>>);

impl Future for PendingReceipt {
    type Output = Result<SendReceipt, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Outside of tokio's budget: within it, thousands of receipts in one set are polled again and again for nothing.
        let answer = ready!(Pin::new(&mut coop::unconstrained(&mut self.0)).poll(cx));
        Poll::Ready(answer.unwrap_or_else(|_| Err(Error::closed("client").unknown_outcome())))
    }
}
