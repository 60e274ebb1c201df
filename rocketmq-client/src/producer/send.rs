//! [`SendCall`]: one message, and the ways to send it.

use std::{fmt, time::Duration};

use rocketmq_protocol::message::string_hash;
use rocketmq_route::MessageQueue;

use super::{
    PendingReceipt, Producer, SendReceipt, accumulate::Adding, choosing::Target, launch::Launched,
    room::Place, sending::Draft,
};
use crate::{Call, Error, Message};

/// A key whose hash equals Java's `hashCode`, so that clients of both languages choose the same queue for it.
pub trait QueueKey {
    /// The hash.
    fn java_hash(&self) -> i32;
}

impl QueueKey for str {
    fn java_hash(&self) -> i32 {
        string_hash(self)
    }
}

impl QueueKey for String {
    fn java_hash(&self) -> i32 {
        string_hash(self)
    }
}

impl QueueKey for i32 {
    fn java_hash(&self) -> i32 {
        *self
    }
}

impl QueueKey for i64 {
    fn java_hash(&self) -> i32 {
        // `Long.hashCode`: both halves, the upper folded onto the lower.
        (*self ^ self.cast_unsigned().wrapping_shr(32).cast_signed()) as i32
    }
}

impl<T: QueueKey + ?Sized> QueueKey for &T {
    fn java_hash(&self) -> i32 {
        (**self).java_hash()
    }
}

/// A message about to be sent. Await it for the receipt, or end with [`oneway`](Self::oneway), [`enqueue`](Self::enqueue) or
/// [`try_enqueue`](Self::try_enqueue).
///
/// # Errors
///
/// [`Invalid`](crate::ErrorKind::Invalid) before anything is sent, if the message cannot be;
/// [`TopicNotFound`](crate::ErrorKind::TopicNotFound); otherwise the error of the last attempt, whose
/// [`outcome_unknown`](Error::outcome_unknown) is set if *any* attempt may have stored the message.
///
/// # Cancel safety
///
/// Dropping the future does not take back what was sent: the message may be stored.
#[must_use = "nothing is sent until awaited"]
pub struct SendCall<'a> {
    producer: &'a Producer,
    draft: Draft,
}

impl<'a> SendCall<'a> {
    pub(super) fn new(producer: &'a Producer, draft: Draft) -> Self {
        Self { producer, draft }
    }

    /// Sends it to this queue, in one attempt: another would not keep the order.
    pub fn to_queue(mut self, queue: MessageQueue) -> Self {
        self.draft.target = Target::Queue(queue);
        self
    }

    /// Sends it to the queue that belongs to this key, the same that Java's `SelectMessageQueueByHash` takes for it, in one
    /// attempt: messages of one key stay in order as long as the topic's queues stay the same.
    pub fn to_queue_for(mut self, key: impl QueueKey) -> Self {
        self.draft.target = Target::Hash(key.java_hash());
        self
    }

    /// Sends it to the queue whose index `choose` returns, among the topic's queues in their order, in one attempt. An
    /// index beyond the last is an [`Invalid`](crate::ErrorKind::Invalid) call.
    #[doc(alias = "MessageQueueSelector")]
    pub fn to_queue_by(
        mut self,
        choose: impl Fn(&[MessageQueue]) -> usize + Send + Sync + 'static,
    ) -> Self {
        self.draft.target = Target::Chosen(Box::new(choose));
        self
    }

    /// How long all attempts together may take. Default: the producer's [`send_timeout`](super::ProducerBuilder::send_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.draft.timeout = Some(timeout);
        self
    }

    /// Sends it once and waits for no answer: whether it is stored will not be known. Returns when the bytes are on their
    /// way to the socket, as fast as the socket takes them.
    ///
    /// Nothing is lost on this side without a word ([`ProducerStats::oneway`](super::ProducerStats::oneway)), but a broker that is sent
    /// more than it can store drops the rest, and tells nobody: whatever is beyond the 10,000 requests that may wait
    /// (`sendThreadPoolQueueCapacity`), and whatever has waited for more than 200 ms (`waitTimeMillsInSendQueue`). What must be stored
    /// wants a receipt; [`enqueue`](Self::enqueue) is nearly as fast, and goes at the broker's own pace.
    ///
    /// # Errors
    ///
    /// Only what goes wrong on this side: an invalid message, no route, no connection.
    ///
    /// # Cancel safety
    ///
    /// The message may or may not be sent if the future is dropped.
    pub async fn oneway(self) -> Result<(), Error> {
        self.producer.admit(self.draft)?.oneway().await
    }

    /// Returns as soon as the producer has room for it; the receipt comes later. Waits while
    /// [`max_in_flight`](super::ProducerBuilder::max_in_flight) sends, or as many bytes as
    /// [`max_in_flight_bytes`](super::ProducerBuilder::max_in_flight_bytes), have no receipt yet.
    ///
    /// The timeout counts from the call, waiting included.
    ///
    /// # Errors
    ///
    /// An invalid message, or no room before the timeout. What becomes of the send itself is in the receipt.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been sent if the future is dropped. The receipt can be dropped: the send goes on.
    pub async fn enqueue(self) -> Result<PendingReceipt, Error> {
        let Self { producer, draft } = self;
        if let Some(accumulator) = producer.accumulator_for(&draft) {
            return Adding { producer, accumulator, message: draft.message }.enqueue().await;
        }
        let sending = producer.admit(draft)?;
        let place = Place::wait(producer, sending.size(), sending.deadline()).await?;
        Ok(Launched::start(sending, place))
    }

    /// As [`enqueue`](Self::enqueue), but fails with [`Full`](crate::ErrorKind::Full) where that would wait.
    ///
    /// # Errors
    ///
    /// An invalid message, or no room. What becomes of the send itself is in the receipt.
    pub fn try_enqueue(self) -> Result<PendingReceipt, Error> {
        let sending = self.producer.admit(self.draft)?;
        let place = Place::take(self.producer, sending.size())?;
        Ok(Launched::start(sending, place))
    }
}

impl<'a> IntoFuture for SendCall<'a> {
    type Output = Result<SendReceipt, Error>;
    type IntoFuture = Call<'a, SendReceipt>;

    fn into_future(self) -> Self::IntoFuture {
        Call::new(async move {
            let Self { producer, draft } = self;
            match producer.accumulator_for(&draft) {
                None => producer.admit(draft)?.run().await,
                Some(accumulator) => {
                    Adding { producer, accumulator, message: draft.message }.wait().await
                }
            }
        })
    }
}

impl fmt::Debug for SendCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message: &Message = &self.draft.message;
        f.debug_struct("SendCall").field("message", message).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_hash_of_java() {
        assert_eq!("hello".java_hash(), 99_162_322);
        assert_eq!(String::from("TagA").java_hash(), 2_598_919);
        assert_eq!(7i32.java_hash(), 7);
        assert_eq!(7i64.java_hash(), 7);
        assert_eq!((-1i64).java_hash(), 0);
        assert_eq!(1_700_000_000_000i64.java_hash(), -807_048_821);
    }
}
