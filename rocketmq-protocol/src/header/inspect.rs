//! What brokers ask clients on behalf of operators, who ask with the same headers.

use super::{EmptyHeader, RpcFields, TopicFields};
use crate::Text;

super::headers! {
    /// What does this consumer hold and do? Operators ask a broker, which asks the client
    /// (`GetConsumerRunningInfoRequestHeader.java`).
    GetConsumerRunningInfoRequestHeader: GET_CONSUMER_RUNNING_INFO -> EmptyHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        client_id: Text = "clientId",
        jstack_enable: Option<bool> = "jstackEnable",
        ..shared: RpcFields,
    }

    /// Consume this message now and say what came of it. Operators name a message to a broker, which reads it and asks the
    /// client (`ConsumeMessageDirectlyResultRequestHeader.java`).
    ConsumeMessageDirectlyResultRequestHeader: CONSUME_MESSAGE_DIRECTLY -> EmptyHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        client_id: Option<Text> = "clientId",
        /// The offset message id.
        msg_id: Option<Text> = "msgId",
        /// Filled in by the broker.
        broker_name: Option<Text> = "brokerName",
        topic: Option<Text> = "topic",
        /// Filled in by the broker.
        topic_sys_flag: Option<i32> = "topicSysFlag",
        /// Filled in by the broker.
        group_sys_flag: Option<i32> = "groupSysFlag",
        ..shared: TopicFields,
    }

    /// Move the offsets of a group (`ResetOffsetRequestHeader.java`). One-way, and from 4.x brokers only: later ones move the
    /// offset themselves.
    ResetOffsetRequestHeader: RESET_CONSUMER_CLIENT_OFFSET -> EmptyHeader [SUCCESS] {
        group: Text = "group",
        topic: Text = "topic",
        /// -1, as `offset`: every queue, by time.
        queue_id: Option<i32> = "queueId",
        offset: Option<i64> = "offset",
        /// Milliseconds since 1970; -1 for the end of the queue.
        timestamp: i64 = "timestamp",
        /// Whether offsets may go forwards too.
        is_force: bool = "isForce",
        ..shared: TopicFields,
    }

    /// From an operator: the same, for every member of the group.
    InvokeBrokerToResetOffsetRequestHeader: INVOKE_BROKER_TO_RESET_OFFSET -> EmptyHeader [SUCCESS] {
        ..reset: ResetOffsetRequestHeader,
    }

    /// Which offsets does this consumer hold? (`GetConsumerStatusRequestHeader.java`)
    GetConsumerStatusRequestHeader: GET_CONSUMER_STATUS_FROM_CLIENT -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        group: Text = "group",
        /// The id of one client; every member if absent.
        client_addr: Option<Text> = "clientAddr",
        ..shared: TopicFields,
    }

    /// From an operator: the same, of every member of the group.
    InvokeBrokerToGetConsumerStatusRequestHeader: INVOKE_BROKER_TO_GET_CONSUMER_STATUS -> EmptyHeader [SUCCESS] {
        ..status: GetConsumerStatusRequestHeader,
    }
}
