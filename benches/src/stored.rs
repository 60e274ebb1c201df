//! What a broker has stored, and what it says when it has.

use bytes::Bytes;
use rocketmq_protocol::{
    Text,
    header::SendMessageResponseHeader,
    message::{MessageExt, Properties, SysFlag},
};

/// A message of this body at a place of a queue.
pub fn message(
    (topic, queue_id, queue_offset): (Text, i32, i64),
    commit_log_offset: i64,
    body: Bytes,
    properties: Properties,
) -> MessageExt {
    let host = ([127, 0, 0, 1], 10_911).into();
    MessageExt {
        topic,
        queue_id,
        queue_offset,
        commit_log_offset,
        flag: 0,
        sys_flag: SysFlag(0),
        born_timestamp: 1_700_000_000_000,
        born_host: host,
        store_timestamp: 1_700_000_000_001,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body_crc: 0,
        body,
        properties,
        store_size: 0,
    }
}

/// The answer to a send.
pub fn header() -> SendMessageResponseHeader {
    SendMessageResponseHeader {
        msg_id: Text::from_static("7F00000100002A9F0000000000012345"),
        queue_id: 3,
        queue_offset: 123_456,
        region: Some(Text::from_static("DefaultRegion")),
        trace_on: Some(true),
        ..SendMessageResponseHeader::default()
    }
}
