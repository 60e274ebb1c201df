//! Positions: where the brokers say a queue begins and ends, where the group stands, and going elsewhere.

use std::{sync::Arc, time::Duration};

use rocketmq_consumer::{Input, Seek, Stored, Vouch};
use rocketmq_route::TopicRoute;
use tokio::{sync::oneshot, time::Instant};

use super::{LitePullConsumer, gone};
use crate::{
    Error, ErrorKind, MessageQueue,
    consumer::{driver::Request, presence::no_topic},
};

/// How long brokers may take to confirm offsets.
const COMMIT_TIME: Duration = Duration::from_secs(10);

impl LitePullConsumer {
    /// Commits everything that has been polled so far, and returns when the brokers have confirmed it.
    ///
    /// # Errors
    ///
    /// When a broker does not confirm within 10 s. It is tried again with the next commit.
    ///
    /// # Cancel safety
    ///
    /// The commit goes its way all the same.
    #[doc(alias = "commitSync")]
    pub async fn commit(&self) -> Result<(), Error> {
        self.commit_what(Vouch::HandedOut).await
    }

    /// Commits these offsets: for each queue the next message to read. Smaller ones than before are taken at their word.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a negative offset and for a queue that this consumer does not have; otherwise as
    /// [`commit`](Self::commit).
    ///
    /// # Cancel safety
    ///
    /// The commit goes its way all the same.
    pub async fn commit_offsets(
        &self,
        offsets: impl IntoIterator<Item = (MessageQueue, i64)>,
    ) -> Result<(), Error> {
        let offsets: Vec<_> = offsets.into_iter().collect();
        let assignment = self.assignment().await?;
        for (queue, offset) in &offsets {
            if *offset < 0 {
                return Err(Error::invalid(format!("offset {offset} is negative")));
            }
            if !assignment.contains(queue) {
                return Err(not_ours(queue));
            }
        }
        let namespace = self.namespace();
        let on_the_wire = |(queue, offset)| (namespace.wrap_queue(&queue).into_owned(), offset);
        self.commit_what(Vouch::Before(offsets.into_iter().map(on_the_wire).collect())).await
    }

    async fn commit_what(&self, vouch: Vouch) -> Result<(), Error> {
        let (done, confirmed) = oneshot::channel();
        self.tell(Input::Vouch(vouch))?;
        self.send(Request::Commit(done))?;
        match tokio::time::timeout(COMMIT_TIME, confirmed).await {
            Ok(confirmed) => confirmed.map_err(|_| gone()),
            Err(_) => Err(Error::timeout("the brokers confirmed all offsets").unknown_outcome()),
        }
    }

    /// The offset that the group has stored of a queue, if any.
    ///
    /// Of a young queue, whose first message it has in memory, a broker answers 0 for a group that has stored none.
    ///
    /// # Errors
    ///
    /// When the queue's broker does not answer. That is not to be taken for "none".
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    pub async fn committed(&self, queue: &MessageQueue) -> Result<Option<i64>, Error> {
        let queue = self.namespace().wrap_queue(queue);
        match self.requests.stored_offset(&queue, self.deadline()).await? {
            Stored::At(offset) => Ok(Some(offset)),
            Stored::Young => Ok(Some(0)),
            Stored::Never => Ok(None),
        }
    }

    /// The first message of a queue that was stored at or after a time, in milliseconds since 1970. Of a time after the last message
    /// 5.x answers the end of the queue, 4.x the last message.
    ///
    /// # Errors
    ///
    /// When the queue's broker does not answer.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    #[doc(alias = "offsetForTimestamp")]
    pub async fn offset_for_time(&self, queue: &MessageQueue, millis: i64) -> Result<i64, Error> {
        let queue = self.namespace().wrap_queue(queue);
        self.requests.start_offset(&queue, Seek::Time(millis), self.deadline()).await
    }

    /// The queues of a topic that can be read, as the name servers tell them now.
    ///
    /// # Errors
    ///
    /// [`TopicNotFound`](ErrorKind::TopicNotFound), or no name server answers.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    #[doc(alias = "fetchMessageQueues")]
    pub async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, Error> {
        let (routes, wire_topic) =
            (&self.requests.core.routes, self.namespace().wrap(&topic.into()));
        let route = routes.refreshed(&wire_topic, self.deadline()).await?;
        let route = route.ok_or_else(|| no_topic(topic))?;
        Ok(self.namespace().unwrap_queues(route.subscribe_queues()))
    }

    /// Reads a queue on from another offset. What has been pulled of it and not been polled is dropped, and what was polled before
    /// does not count any more.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for an offset outside of the queue, and for a queue that this consumer does not have; otherwise
    /// when the queue's broker does not answer.
    ///
    /// # Cancel safety
    ///
    /// Nothing has changed if the future is dropped.
    pub async fn seek(&self, queue: &MessageQueue, offset: i64) -> Result<(), Error> {
        let (first, end) = (self.first(queue).await?, self.end(queue).await?);
        if !(first..=end).contains(&offset) {
            let text =
                format!("offset {offset} lies outside of {queue}, which has {first} to {end}");
            return Err(Error::invalid(text));
        }
        self.go_to(queue, offset).await
    }

    /// Reads a queue from its first message on.
    ///
    /// # Errors
    ///
    /// As [`seek`](Self::seek).
    ///
    /// # Cancel safety
    ///
    /// As [`seek`](Self::seek).
    pub async fn seek_to_begin(&self, queue: &MessageQueue) -> Result<(), Error> {
        let first = self.first(queue).await?;
        self.go_to(queue, first).await
    }

    /// Reads only what comes to a queue from now on.
    ///
    /// # Errors
    ///
    /// As [`seek`](Self::seek).
    ///
    /// # Cancel safety
    ///
    /// As [`seek`](Self::seek).
    pub async fn seek_to_end(&self, queue: &MessageQueue) -> Result<(), Error> {
        let end = self.end(queue).await?;
        self.go_to(queue, end).await
    }

    /// Reads a queue on from the first message stored at or after a time, in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// As [`seek`](Self::seek).
    ///
    /// # Cancel safety
    ///
    /// As [`seek`](Self::seek).
    pub async fn seek_to_time(&self, queue: &MessageQueue, millis: i64) -> Result<(), Error> {
        let offset = self.offset_for_time(queue, millis).await?;
        self.go_to(queue, offset).await
    }

    async fn first(&self, queue: &MessageQueue) -> Result<i64, Error> {
        self.requests.min_offset(&self.namespace().wrap_queue(queue), self.deadline()).await
    }

    async fn end(&self, queue: &MessageQueue) -> Result<i64, Error> {
        let queue = self.namespace().wrap_queue(queue);
        self.requests.start_offset(&queue, Seek::Max, self.deadline()).await
    }

    async fn go_to(&self, queue: &MessageQueue, offset: i64) -> Result<(), Error> {
        if !self.assignment().await?.contains(queue) {
            return Err(not_ours(queue));
        }
        self.tell(Input::MoveTo(vec![(self.namespace().wrap_queue(queue).into_owned(), offset)]))
    }

    pub(super) async fn find(&self, topic: &Arc<str>) -> Result<Arc<TopicRoute>, Error> {
        let wire_topic = self.namespace().wrap(topic);
        let route = self.requests.core.routes.find(&wire_topic, self.deadline()).await?;
        route.ok_or_else(|| no_topic(topic))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.requests.core.options.request_timeout
    }
}

fn not_ours(queue: &MessageQueue) -> Error {
    Error::new(ErrorKind::Invalid, format!("this consumer does not have {queue}"))
}
