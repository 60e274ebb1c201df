//! Giving messages back: to the broker that has them, or, when it cannot take them, as new messages to any broker of the group's
//! retry topic.

use std::sync::Arc;

use bytes::Bytes;
use rocketmq_consumer::SendBack;
use rocketmq_protocol::{
    Text,
    header::{ConsumerSendMsgBackRequestHeader, SendMessageRequestHeaderV2, TopicFields},
    message::{MessageExt, Properties, PropertiesWriter, PropertyError, property},
    names,
};
use rocketmq_route::INNER_PRODUCER_GROUP;
use tokio::time::Instant;

use super::{
    holders::is_logical,
    requests::{Requests, towards},
};
use crate::{Error, client::wall_millis};

/// A message that is to be delivered for the n-th time waits at level 3 + n.
const RETRY_LEVEL: i32 = 3;

impl Requests {
    /// Has a message delivered again, or buried (`DefaultMQPushConsumerImpl.sendMessageBack`).
    pub(super) async fn send_back(&self, plan: &SendBack) -> Result<(), Error> {
        let deadline = Instant::from(plan.deadline);
        if let Ok(message) = plan.delivery.message()
            && is_logical(&plan.delivery.queue().broker_name)
        {
            // No broker knows the place of a message by that name.
            return self.send_again(plan, message, deadline).await;
        }
        let now = Instant::now();
        // A broker that does not answer must not use up the time for the other way.
        let halfway = now + deadline.saturating_duration_since(now) / 2;
        let Err(cause) = self.hand_back(plan, halfway).await else { return Ok(()) };
        let Ok(message) = plan.delivery.message() else { return Err(cause) };
        tracing::debug!(delivery = ?plan.delivery, %cause, "handed to the retry topic instead");
        self.send_again(plan, message, deadline).await
    }

    async fn hand_back(&self, plan: &SendBack, deadline: Instant) -> Result<(), Error> {
        let queue = plan.delivery.queue();
        let (offset, message_id, topic) = match plan.delivery.message() {
            Ok(message) => {
                let id = Text::from(message.message_id().to_string());
                (message.commit_log_offset, Some(id), message.topic.detach())
            }
            Err(poison) => {
                let offset = poison.commit_log_offset;
                let offset = offset.ok_or_else(|| {
                    Error::invalid("a message without a place cannot be sent back")
                })?;
                (offset, None, Text::from(&queue.topic))
            }
        };
        let request = ConsumerSendMsgBackRequestHeader {
            offset,
            group: (&self.group).into(),
            delay_level: plan.delay_level,
            origin_msg_id: message_id,
            origin_topic: Some(topic),
            unit_mode: Some(false),
            max_reconsume_times: Some(plan.max_redeliveries),
            shared: towards(queue).rpc,
        };
        self.core.call_master(&queue.broker_name, &request, Bytes::new(), deadline).await?;
        Ok(())
    }

    /// Sends a copy to the retry topic. A broker buries what has been delivered more often than it may be.
    async fn send_again(
        &self,
        plan: &SendBack,
        message: &MessageExt,
        deadline: Instant,
    ) -> Result<(), Error> {
        let topic: Arc<str> = names::retry_topic(&self.group).into();
        let route = self.core.routes.find(&topic, deadline).await?;
        let queues = route.as_ref().map_or(&[][..], |route| route.publish_queues());
        if queues.is_empty() {
            return Err(super::presence::no_topic(&topic));
        }
        let queue = &queues[fastrand::usize(..queues.len())];
        let times = plan.delivery.reconsume_times().saturating_add(1);
        let is_buried = plan.delay_level < 0;
        let properties = properties(plan, message, times).map_err(|error| {
            Error::invalid("properties that cannot be sent again").with_source(error)
        })?;
        let request = SendMessageRequestHeaderV2 {
            producer_group: Text::from_static(INNER_PRODUCER_GROUP),
            topic: (&topic).into(),
            default_topic: Text::from_static(names::AUTO_CREATE_TOPIC),
            default_topic_queue_nums: 4,
            queue_id: queue.queue_id,
            sys_flag: message.sys_flag.0,
            born_timestamp: wall_millis(),
            flag: message.flag,
            properties: Text::from_utf8(properties.as_bytes().clone()).ok(),
            reconsume_times: Some(if is_buried {
                plan.max_redeliveries.saturating_add(1)
            } else {
                times
            }),
            unit_mode: Some(false),
            max_reconsume_times: Some(plan.max_redeliveries),
            batch: Some(false),
            broker_name: Some(Text::from(&queue.broker_name)),
            shared: TopicFields::default(),
        };
        let body = message.body.clone();
        self.core.call_master(&queue.broker_name, &request, body, deadline).await?;
        Ok(())
    }
}

/// Those of the message, but for what made it come here, and what makes it come again: where it was sent to and what it was called
/// then, how often it has been delivered, and when it is to be delivered next.
fn properties(
    plan: &SendBack,
    message: &MessageExt,
    times: i32,
) -> Result<Properties, PropertyError> {
    const OURS: [&str; 6] = [
        property::RETRY_TOPIC,
        property::ORIGIN_MESSAGE_ID,
        property::RECONSUME_TIME,
        property::MAX_RECONSUME_TIMES,
        property::DELAY_TIME_LEVEL,
        property::TRANSACTION_PREPARED,
    ];
    let before = &message.properties;
    let mut writer = PropertiesWriter::with_capacity(before.as_bytes().len() + 128);
    for (name, value) in before.iter().filter(|(name, _)| !OURS.contains(name)) {
        writer.put(name, value)?;
    }
    let origin = before.get(property::RETRY_TOPIC).unwrap_or(&message.topic);
    writer.put(property::RETRY_TOPIC, origin)?;
    let id = message.message_id().to_string();
    let origin_id = before.get(property::ORIGIN_MESSAGE_ID).unwrap_or(&id);
    writer.put(property::ORIGIN_MESSAGE_ID, origin_id)?;
    writer.put(property::RECONSUME_TIME, &times.to_string())?;
    writer.put(property::MAX_RECONSUME_TIMES, &plan.max_redeliveries.to_string())?;
    let level = match plan.delay_level {
        0 => RETRY_LEVEL + times - 1,
        level => level.max(0),
    };
    writer.put(property::DELAY_TIME_LEVEL, &level.to_string())?;
    writer.finish()
}
