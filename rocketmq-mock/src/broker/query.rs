//! Looking messages up by key (`broker/processor/QueryMessageProcessor.java`).

use bytes::BytesMut;
use rocketmq_protocol::{
    Command,
    code::ResponseCode,
    header::{QueryMessageRequestHeader, QueryMessageResponseHeader},
    message::{MessageExt, property},
};

use super::{Broker, Refusal, answer};

impl Broker {
    pub(super) fn query_message(&self, request: &Command) -> Result<Command, Refusal> {
        let header: QueryMessageRequestHeader = request.header()?;
        let unique = header.unique_key_query == Some(true);
        let is_it = |message: &MessageExt| {
            let at = message.store_timestamp;
            let found = match unique {
                true => message.properties.get(property::UNIQ_KEY) == Some(&*header.key),
                false => message.keys().any(|key| key == &*header.key),
            };
            found && (header.begin_timestamp..=header.end_timestamp).contains(&at)
        };
        let max = usize::try_from(header.max_num).unwrap_or(0);
        let found = self.log.of_topic(&header.topic).filter(|stored| is_it(&stored.message));
        let mut body = BytesMut::new();
        for stored in found.take(max) {
            body.extend_from_slice(&stored.bytes);
        }
        if body.is_empty() {
            let remark = "can not find message, maybe time range not correct";
            return Err(Refusal::new(ResponseCode::QUERY_NOT_FOUND, remark));
        }
        let response = QueryMessageResponseHeader::default();
        Ok(answer(request, ResponseCode::SUCCESS).with_header(&response).with_body(body.freeze()))
    }
}
