//! Offsets of groups and queues.

use rocketmq_protocol::{
    Command,
    code::ResponseCode,
    header::{
        GetEarliestMsgStoretimeRequestHeader, GetEarliestMsgStoretimeResponseHeader,
        GetMaxOffsetRequestHeader, GetMinOffsetRequestHeader, OffsetResponseHeader,
        QueryConsumerOffsetRequestHeader, SearchOffsetRequestHeader,
        UpdateConsumerOffsetRequestHeader,
    },
};

use super::{Broker, Refusal, answer};
use crate::log::QueueKey;

impl Broker {
    /// A group without an offset is told 0 if the queue's first message is still in memory, which here it always is
    /// (`broker/processor/ConsumerManageProcessor.java`); of an empty queue, that there is none.
    pub(super) fn query_offset(&self, request: &Command) -> Result<Command, Refusal> {
        let header: QueryConsumerOffsetRequestHeader = request.header()?;
        let key: QueueKey = (header.topic.to_shared(), header.queue_id);
        let young = self.log.max_offset(&key) > 0 && header.set_zero_if_not_found != Some(false);
        let stored = self.offsets.get(&(header.consumer_group.to_shared(), key)).copied();
        match stored.or_else(|| young.then_some(0)) {
            Some(offset) => Ok(one_offset(request, offset)),
            None => Err(Refusal::new(
                ResponseCode::QUERY_NOT_FOUND,
                "Not found, maybe this group consumer boot first",
            )),
        }
    }

    pub(super) fn update_offset(&mut self, request: &Command) -> Result<Command, Refusal> {
        let header: UpdateConsumerOffsetRequestHeader = request.header()?;
        let topic = header.topic.to_shared();
        if !self.topics.contains_key(&topic) {
            let remark = format!("Topic {topic} not exist!");
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
        }
        let key = (header.consumer_group.to_shared(), (topic, header.queue_id));
        self.offsets.insert(key, header.commit_offset);
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    /// Topics that do not exist have offset 0, as with a real broker.
    pub(super) fn max_offset(&self, request: &Command) -> Result<Command, Refusal> {
        let header: GetMaxOffsetRequestHeader = request.header()?;
        Ok(one_offset(request, self.log.max_offset(&(header.topic.to_shared(), header.queue_id))))
    }

    pub(super) fn min_offset(&self, request: &Command) -> Result<Command, Refusal> {
        let _: GetMinOffsetRequestHeader = request.header()?;
        Ok(one_offset(request, 0))
    }

    pub(super) fn search_offset(&self, request: &Command) -> Result<Command, Refusal> {
        let header: SearchOffsetRequestHeader = request.header()?;
        let key = (header.topic.to_shared(), header.queue_id);
        Ok(one_offset(request, self.log.offset_at(&key, header.timestamp)))
    }

    /// -1 for a queue without messages (`store/DefaultMessageStore.java`, `getEarliestMessageTime`).
    pub(super) fn earliest_store_time(&self, request: &Command) -> Result<Command, Refusal> {
        let header: GetEarliestMsgStoretimeRequestHeader = request.header()?;
        let first = self.log.from(&(header.topic.to_shared(), header.queue_id), 0).first();
        let timestamp = first.map_or(-1, |stored| stored.message.store_timestamp);
        let header = GetEarliestMsgStoretimeResponseHeader { timestamp };
        Ok(answer(request, ResponseCode::SUCCESS).with_header(&header))
    }

    /// Forgets what a group has stored since, as a broker that is killed before it writes.
    pub(crate) fn roll_back_offset(&mut self, group: &str, queue: QueueKey, offset: i64) {
        self.offsets.insert((group.into(), queue), offset);
    }

    /// The stored offset of a group, for assertions.
    pub(crate) fn stored_offset(&self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        self.offsets.get(&(group.into(), (topic.into(), queue_id))).copied()
    }
}

fn one_offset(request: &Command, offset: i64) -> Command {
    answer(request, ResponseCode::SUCCESS).with_header(&OffsetResponseHeader { offset })
}
