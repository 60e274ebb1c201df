//! Pulls on the wire: what is asked of one queue, and what the answer says.

use std::{sync::Arc, time::Duration};

use rocketmq_consumer::{Failure, PullAnswer, PullStatus};
use rocketmq_protocol::{
    Text,
    body::SubscriptionData,
    code::ResponseCode,
    header::{PullMessageRequestHeader, PullMessageResponseHeader},
    message::{MessageExt, PullSysFlag, Undecodable, decode_messages},
};
use rocketmq_remoting::Answer;
use rocketmq_route::MessageQueue;

use super::requests::towards;

/// What a pull asks for.
pub(super) struct Wanted<'a> {
    pub(super) offset: i64,
    pub(super) max_messages: u32,
    pub(super) max_bytes: u32,
    /// How long the broker may wait for messages; it does not wait otherwise.
    pub(super) suspend: Option<Duration>,
    /// What the broker may store for the group on this occasion. Never for a slave.
    pub(super) commit_offset: Option<i64>,
    pub(super) sub_version: i64,
    /// The subscription, where the broker is not to take the one of the last heartbeat.
    pub(super) subscription: Option<&'a SubscriptionData>,
}

impl Wanted<'_> {
    pub(super) fn header(
        &self,
        group: &Arc<str>,
        queue: &MessageQueue,
    ) -> PullMessageRequestHeader {
        let flag = |set: bool, bit: PullSysFlag| if set { bit } else { PullSysFlag(0) };
        let sys_flag = flag(self.suspend.is_some(), PullSysFlag::SUSPEND)
            .with(flag(self.commit_offset.is_some(), PullSysFlag::COMMIT_OFFSET))
            .with(flag(self.subscription.is_some(), PullSysFlag::SUBSCRIPTION));
        let suspend = self.suspend.unwrap_or_default();
        PullMessageRequestHeader {
            consumer_group: Text::from(group),
            topic: (&queue.topic).into(),
            lite_topic: None,
            queue_id: queue.queue_id,
            queue_offset: self.offset,
            max_msg_nums: i32::try_from(self.max_messages).unwrap_or(i32::MAX),
            sys_flag: sys_flag.0,
            commit_offset: self.commit_offset.unwrap_or(0),
            suspend_timeout_millis: i64::try_from(suspend.as_millis()).unwrap_or(i64::MAX),
            subscription: self.subscription.map(|data| Text::from(data.sub_string.clone())),
            sub_version: self.sub_version,
            expression_type: self
                .subscription
                .map(|data| Text::from(data.expression_type.as_str())),
            max_msg_bytes: i32::try_from(self.max_bytes).ok(),
            request_source: None,
            proxy_forward_client_id: None,
            shared: towards(queue),
        }
    }
}

/// What an answered pull says.
pub(super) fn pull_answer(
    answer: Answer<PullMessageResponseHeader>,
) -> Result<PullAnswer, Failure> {
    let status = match answer.code {
        ResponseCode::SUCCESS => PullStatus::Found,
        ResponseCode::PULL_NOT_FOUND => PullStatus::NoNewMessage,
        ResponseCode::PULL_RETRY_IMMEDIATELY => PullStatus::NoMatchedMessage,
        ResponseCode::PULL_OFFSET_MOVED if is_reset(&answer) => PullStatus::OffsetReset,
        ResponseCode::PULL_OFFSET_MOVED => PullStatus::OffsetIllegal,
        code => return Err(Failure::Refused(code)),
    };
    Ok(PullAnswer {
        status,
        next_begin_offset: answer.header.next_begin_offset,
        min_offset: answer.header.min_offset,
        max_offset: answer.header.max_offset,
        suggest_which_broker_id: answer.header.suggest_which_broker_id,
        messages: match status {
            PullStatus::Found => placed(decode_messages(answer.body), answer.header.offset_delta),
            _ => Vec::new(),
        },
    })
}

/// Of a static topic brokers give the offsets that they themselves count, and how far those are from the queue's
/// (`client/impl/consumer/PullAPIWrapper.java`, `processPullResult`).
fn placed(
    messages: impl Iterator<Item = Result<MessageExt, Undecodable>>,
    offset_delta: Option<i64>,
) -> Vec<Result<MessageExt, Undecodable>> {
    let delta = offset_delta.unwrap_or_default();
    let shift = |offset: &mut i64| *offset = offset.saturating_add(delta);
    let placed = messages.map(|mut message| {
        match &mut message {
            Ok(message) => shift(&mut message.queue_offset),
            Err(poison) => poison.queue_offset.iter_mut().for_each(shift),
        }
        message
    });
    placed.collect()
}

/// The name of the broker's store status is its remark (`broker/processor/PullMessageProcessor.java`).
fn is_reset(answer: &Answer<PullMessageResponseHeader>) -> bool {
    answer.remark.as_deref() == Some("OFFSET_RESET")
}

#[cfg(test)]
mod tests {
    use rocketmq_protocol::message::Damage;

    use super::*;

    fn poison(queue_offset: Option<i64>) -> Undecodable {
        Undecodable {
            bytes: bytes::Bytes::new(),
            queue_id: None,
            queue_offset,
            commit_log_offset: None,
            damage: Damage::TotalSize,
        }
    }

    #[test]
    fn offsets_of_static_topics_are_the_queues_and_not_the_brokers() {
        let check = |delta: Option<i64>, offset: Option<i64>, expected: Option<i64>| {
            let placed = placed([Err(poison(offset))].into_iter(), delta);
            let offsets: Vec<_> =
                placed.into_iter().map(|it| it.unwrap_err().queue_offset).collect();
            assert_eq!(offsets, [expected]);
        };
        check(None, Some(3), Some(3));
        check(Some(100), Some(3), Some(103));
        check(Some(100), None, None);
        check(Some(1), Some(i64::MAX), Some(i64::MAX));
    }
}
