//! What brokers ask clients, mostly on behalf of operators.

use super::{EmptyHeader, RpcFields, TopicFields};
use crate::Text;

super::headers! {
    /// What does this consumer hold and do? (`GetConsumerRunningInfoRequestHeader.java`)
    GetConsumerRunningInfoRequestHeader: GET_CONSUMER_RUNNING_INFO -> EmptyHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        client_id: Text = "clientId",
        jstack_enable: Option<bool> = "jstackEnable",
        ..shared: RpcFields,
    }

    /// Move the offsets of a group (`ResetOffsetRequestHeader.java`). One-way, and from 4.x brokers only: later ones move the
    /// offset themselves.
    ResetOffsetRequestHeader: RESET_CONSUMER_CLIENT_OFFSET -> EmptyHeader [SUCCESS] {
        group: Text = "group",
        topic: Text = "topic",
        queue_id: Option<i32> = "queueId",
        offset: Option<i64> = "offset",
        timestamp: i64 = "timestamp",
        is_force: bool = "isForce",
        ..shared: TopicFields,
    }

    /// Which offsets does this consumer hold? (`GetConsumerStatusRequestHeader.java`)
    GetConsumerStatusRequestHeader: GET_CONSUMER_STATUS_FROM_CLIENT -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        group: Text = "group",
        client_addr: Option<Text> = "clientAddr",
        ..shared: TopicFields,
    }
}
