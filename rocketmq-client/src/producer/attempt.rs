//! One attempt to send one message to one queue.

use std::sync::Arc;

use rocketmq_protocol::{
    Text,
    code::ResponseCode,
    header::{
        RpcFields, SendBatchMessageRequestHeader, SendMessageRequestHeaderV2,
        SendMessageResponseHeader, SendReplyMessageRequestHeaderV2, TopicFields,
    },
    message::MessageId,
    names,
};
use rocketmq_remoting::{Answer, CallError, Channel};
use rocketmq_route::MessageQueue;
use tokio::time::Instant;

use super::{
    SendReceipt, SendStatus,
    sending::Stored,
    wire::{Kind, Wire},
};
use crate::{
    Error, ErrorKind,
    client::{Core, from_call},
};

pub(super) struct Attempt<'a> {
    pub(super) core: &'a Core,
    pub(super) group: &'a Arc<str>,
    pub(super) queue: &'a MessageQueue,
    pub(super) id: MessageId,
    pub(super) wire: &'a Wire,
    pub(super) new_topic_queues: i32,
    pub(super) deadline: Instant,
    /// Whether somebody looks at more of the answer than a receipt tells.
    pub(super) keep_answer: bool,
}

impl Attempt<'_> {
    pub(super) async fn run(&self, nth: u32) -> Result<Stored, Error> {
        let address = self.address()?;
        let (core, body, deadline) = (self.core, &self.wire.body, self.deadline);
        let send = self.header(false);
        let answer = match self.wire.kind {
            Kind::Message | Kind::Half => core.call(&address, &send, body, deadline).await,
            Kind::Batch => {
                let request = SendBatchMessageRequestHeader { send };
                core.call(&address, &request, body, deadline).await
            }
            Kind::Reply => {
                let request = SendReplyMessageRequestHeaderV2 { send };
                core.call(&address, &request, body, deadline).await
            }
        };
        self.stored(nth, answer)
    }

    /// The connection that the attempt can be made over at once.
    pub(super) fn open_channel(&self) -> Option<Channel> {
        self.core.remoting.existing(&self.address().ok()?)
    }

    fn address(&self) -> Result<Arc<str>, Error> {
        Ok(self.core.preferred_address(self.core.master_of(self.queue)?))
    }

    /// What an answer to the `nth` attempt comes to.
    pub(super) fn stored(
        &self,
        nth: u32,
        answer: Result<Answer<SendMessageResponseHeader>, Error>,
    ) -> Result<Stored, Error> {
        let answer = answer.map_err(|error| error.at(&*self.queue.broker_name))?;
        let receipt = self.receipt(&answer, nth)?;
        let kept = self.keep_answer.then(|| Box::new(answer.header));
        Ok(Stored { receipt, answer: kept })
    }

    pub(super) async fn oneway(&self) -> Result<(), Error> {
        let address = self.address()?;
        let channel = self.core.channel(&address, self.deadline).await?;
        let (body, deadline, send) = (&self.wire.body, self.deadline, self.header(true));
        let sent: Result<(), CallError> = match self.wire.kind {
            Kind::Message | Kind::Half => channel.oneway(&send, body, deadline).await,
            Kind::Batch => {
                channel.oneway(&SendBatchMessageRequestHeader { send }, body, deadline).await
            }
            Kind::Reply => {
                channel.oneway(&SendReplyMessageRequestHeaderV2 { send }, body, deadline).await
            }
        };
        sent.map_err(|error| from_call(error, &address).at(&*self.queue.broker_name))
    }

    pub(super) fn header(&self, oneway: bool) -> SendMessageRequestHeaderV2 {
        let broker_name = Text::from(&self.queue.broker_name);
        SendMessageRequestHeaderV2 {
            producer_group: self.group.into(),
            topic: (&self.queue.topic).into(),
            default_topic: Text::from_static(names::AUTO_CREATE_TOPIC),
            default_topic_queue_nums: self.new_topic_queues,
            queue_id: self.queue.queue_id,
            sys_flag: self.wire.sys_flag.0,
            born_timestamp: self.wire.born_timestamp,
            flag: self.wire.flag,
            properties: Some(self.wire.properties.clone()),
            reconsume_times: Some(0),
            unit_mode: Some(self.core.options.unit_mode),
            max_reconsume_times: None,
            batch: Some(self.wire.kind == Kind::Batch),
            broker_name: Some(broker_name.clone()),
            shared: TopicFields {
                logical: None,
                // A proxy sends one-way requests on by this name.
                rpc: RpcFields {
                    broker_name: oneway.then_some(broker_name),
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
        let queue = MessageQueue {
            queue_id: answer.header.queue_id,
            ..self.core.namespace().unwrap_queue(self.queue)
        };
        Ok(SendReceipt {
            status,
            message_id: self.id,
            offset_message_id: answer.header.msg_id.parse().ok(),
            queue,
            queue_offset: answer.header.queue_offset,
            attempts,
            recall_handle: answer.header.recall_handle.as_ref().map(Text::detach),
        })
    }
}
