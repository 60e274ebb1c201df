//! Passing replies on (`broker/processor/ReplyMessageProcessor.java`).

use rocketmq_protocol::{
    Command, Text,
    code::{RequestCode, ResponseCode},
    header::{ReplyMessageRequestHeader, SendMessageRequestHeader, SendMessageResponseHeader},
    message::{Properties, property},
};

use super::{Broker, Outgoing, Peer, Refusal, answer};

impl Broker {
    /// Pushes a reply to the client that it names. A real broker waits until that client has it; here it counts as had.
    pub(super) fn reply(
        &mut self,
        now: i64,
        from: Peer,
        request: &Command,
        header: &SendMessageRequestHeader,
        out: &mut Vec<Outgoing>,
    ) -> Result<Command, Refusal> {
        let text = header.properties.as_deref().unwrap_or_default().to_owned();
        let properties = Properties::from_bytes(text.into());
        let client = properties.get(property::MESSAGE_REPLY_TO_CLIENT).unwrap_or_default();
        let to = self.producers.client(client).ok_or_else(|| {
            let remark = format!("push reply message fail, channel of <{client}> not found.");
            Refusal::new(ResponseCode::SYSTEM_ERROR, remark)
        })?;
        let push = ReplyMessageRequestHeader {
            producer_group: header.producer_group.clone(),
            topic: header.topic.clone(),
            default_topic: header.default_topic.clone(),
            default_topic_queue_nums: header.default_topic_queue_nums,
            queue_id: header.queue_id,
            sys_flag: header.sys_flag,
            born_timestamp: header.born_timestamp,
            flag: header.flag,
            properties: header.properties.clone(),
            reconsume_times: header.reconsume_times,
            unit_mode: header.unit_mode,
            born_host: format!("/{}", from.address).into(),
            store_host: format!("/{}", self.address).into(),
            store_timestamp: now,
            ..ReplyMessageRequestHeader::default()
        };
        let mut command = self.request(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT, &push);
        command.flags = rocketmq_protocol::Flags::default();
        out.push(Outgoing { to, command: command.with_body(request.body.clone()) });
        let response = SendMessageResponseHeader {
            msg_id: Text::from_static("0"),
            queue_id: header.queue_id,
            ..SendMessageResponseHeader::default()
        };
        Ok(answer(request, ResponseCode::SUCCESS).with_header(&response))
    }
}
