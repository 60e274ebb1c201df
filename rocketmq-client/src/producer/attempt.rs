//! One attempt to send one message to one queue.

use std::sync::Arc;

use bytes::Bytes;
use rocketmq_protocol::{
    Text,
    code::ResponseCode,
    header::{RpcFields, SendMessageRequestHeaderV2, SendMessageResponseHeader, TopicFields},
    message::{MessageId, Properties},
    names,
};
use rocketmq_remoting::Answer;
use rocketmq_route::MessageQueue;
use tokio::time::Instant;

use super::{SendReceipt, SendStatus};
use crate::{
    Error, ErrorKind, Message,
    client::{Core, from_call, wall_millis},
};

/// What is the same in every attempt: built once, so that a repeated message is the same message.
pub(super) struct Wire {
    body: Bytes,
    properties: Text,
    flag: i32,
    born_timestamp: i64,
}

impl Wire {
    pub(super) fn new(message: &Message, properties: Properties) -> Self {
        Self {
            body: message.body().clone(),
            // What a writer has written is text.
            properties: Text::from_utf8(properties.as_bytes().clone()).unwrap_or_default(),
            flag: message.flag_word(),
            born_timestamp: wall_millis(),
        }
    }
}

pub(super) struct Attempt<'a> {
    pub(super) core: &'a Core,
    pub(super) group: &'a Arc<str>,
    pub(super) queue: &'a MessageQueue,
    pub(super) id: MessageId,
    pub(super) wire: &'a Wire,
    pub(super) new_topic_queues: i32,
    pub(super) deadline: Instant,
    pub(super) oneway: bool,
}

impl Attempt<'_> {
    pub(super) async fn run(&self, nth: u32) -> Result<SendReceipt, Error> {
        let address = self.core.master(&self.queue.broker_name)?;
        let answer =
            self.core.call(&address, &self.header(), self.wire.body.clone(), self.deadline).await;
        let answer = answer.map_err(|error| error.at(&*self.queue.broker_name))?;
        self.receipt(&answer, nth)
    }

    pub(super) async fn oneway(&self) -> Result<(), Error> {
        let address = self.core.master(&self.queue.broker_name)?;
        let channel = self.core.channel(&address, self.deadline).await?;
        let sent = channel.oneway(&self.header(), self.wire.body.clone(), self.deadline).await;
        sent.map_err(|error| from_call(error, &address).at(&*self.queue.broker_name))
    }

    fn header(&self) -> SendMessageRequestHeaderV2 {
        let broker_name = Text::from(&self.queue.broker_name);
        SendMessageRequestHeaderV2 {
            producer_group: self.group.into(),
            topic: (&self.queue.topic).into(),
            default_topic: Text::from_static(names::AUTO_CREATE_TOPIC),
            default_topic_queue_nums: self.new_topic_queues,
            queue_id: self.queue.queue_id,
            sys_flag: 0,
            born_timestamp: self.wire.born_timestamp,
            flag: self.wire.flag,
            properties: Some(self.wire.properties.clone()),
            reconsume_times: Some(0),
            unit_mode: Some(false),
            max_reconsume_times: None,
            batch: Some(false),
            broker_name: Some(broker_name.clone()),
            shared: TopicFields {
                logical: None,
                // A proxy sends one-way requests on by this name.
                rpc: RpcFields {
                    broker_name: self.oneway.then_some(broker_name),
                    ..RpcFields::default()
                },
            },
        }
    }

    fn receipt(
        &self,
        answer: &Answer<SendMessageResponseHeader>,
        attempts: u32,
    ) -> Result<SendReceipt, Error> {
        let status = match answer.code {
            ResponseCode::SUCCESS => SendStatus::Stored,
            ResponseCode::FLUSH_DISK_TIMEOUT => SendStatus::FlushTimeout,
            ResponseCode::FLUSH_SLAVE_TIMEOUT => SendStatus::SlaveTimeout,
            ResponseCode::SLAVE_NOT_AVAILABLE => SendStatus::SlaveMissing,
            code => {
                let text = format!("code {code} as the answer to a send");
                return Err(Error::new(ErrorKind::Protocol, text).unknown_outcome());
            }
        };
        let queue = MessageQueue { queue_id: answer.header.queue_id, ..self.queue.clone() };
        Ok(SendReceipt {
            status,
            message_id: self.id,
            offset_message_id: answer.header.msg_id.parse().ok(),
            queue,
            queue_offset: answer.header.queue_offset,
            attempts,
        })
    }
}
