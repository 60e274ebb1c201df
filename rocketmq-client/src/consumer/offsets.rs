//! Offsets of queues: what brokers know about them, and what a group stores there.

use bytes::Bytes;
use rocketmq_consumer::{Seek, Stored};
use rocketmq_protocol::{
    Text,
    code::ResponseCode,
    header::{
        GetMaxOffsetRequestHeader, GetMinOffsetRequestHeader, OffsetResponseHeader,
        QueryConsumerOffsetRequestHeader, SearchOffsetRequestHeader,
        UpdateConsumerOffsetRequestHeader,
    },
};
use rocketmq_remoting::Answer;
use rocketmq_route::MessageQueue;
use tokio::time::Instant;

use super::requests::{Requests, towards};
use crate::{Error, client::unknown_broker};

impl Requests {
    /// What the group has stored, as the master says, or a slave where there is none. A queue whose first message is still in the broker's memory has offset 0 even for a group that
    /// has stored none.
    pub(super) async fn stored_offset(
        &self,
        queue: &MessageQueue,
        deadline: Instant,
    ) -> Result<Stored, Error> {
        let request = QueryConsumerOffsetRequestHeader {
            consumer_group: (&self.group).into(),
            topic: (&queue.topic).into(),
            queue_id: queue.queue_id,
            set_zero_if_not_found: None,
            shared: towards(queue),
        };
        let reader = self.reader(queue, 0);
        let (_, reader) = reader.ok_or_else(|| unknown_broker(&queue.broker_name))?;
        match self.core.call(&reader, &request, Bytes::new(), deadline).await {
            Ok(answer) if answer.header.offset == 0 => Ok(Stored::Young),
            Ok(answer) => Ok(Stored::At(answer.header.offset)),
            Err(error) if error.response_code() == Some(ResponseCode::QUERY_NOT_FOUND) => {
                Ok(Stored::Never)
            }
            Err(error) => Err(error),
        }
    }

    /// Stores the offset of the group.
    pub(super) async fn store_offset(
        &self,
        queue: &MessageQueue,
        offset: i64,
        deadline: Instant,
    ) -> Result<(), Error> {
        let request = UpdateConsumerOffsetRequestHeader {
            consumer_group: (&self.group).into(),
            topic: (&queue.topic).into(),
            queue_id: queue.queue_id,
            commit_offset: offset,
            shared: towards(queue),
        };
        self.call_holder(queue, &request, Bytes::new(), deadline).await?;
        Ok(())
    }

    /// The first offset that a queue still holds.
    pub(super) async fn min_offset(
        &self,
        queue: &MessageQueue,
        deadline: Instant,
    ) -> Result<i64, Error> {
        let request = GetMinOffsetRequestHeader {
            topic: (&queue.topic).into(),
            queue_id: queue.queue_id,
            shared: towards(queue),
        };
        let answer = self.call_holder(queue, &request, Bytes::new(), deadline).await?;
        Ok(answer.header.offset)
    }

    /// The offset to start from.
    pub(super) async fn start_offset(
        &self,
        queue: &MessageQueue,
        seek: Seek,
        deadline: Instant,
    ) -> Result<i64, Error> {
        let topic = Text::from(&queue.topic);
        let (queue_id, shared) = (queue.queue_id, towards(queue));
        let answer: Answer<OffsetResponseHeader> = match seek {
            Seek::Max => {
                let request =
                    GetMaxOffsetRequestHeader { topic, queue_id, committed: None, shared };
                self.call_holder(queue, &request, Bytes::new(), deadline).await?
            }
            Seek::Time(timestamp) => {
                let request = SearchOffsetRequestHeader {
                    topic,
                    lite_topic: None,
                    queue_id,
                    timestamp,
                    boundary_type: None,
                    shared,
                };
                self.call_holder(queue, &request, Bytes::new(), deadline).await?
            }
        };
        Ok(answer.header.offset)
    }
}
