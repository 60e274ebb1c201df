//! Lite topics (5.5.0): many small topics under one. The codes of this family fit the JSON form only.

use super::{EmptyHeader, RpcFields};
use crate::Text;

super::headers! {
    /// Takes messages out of the lite topics that this client has subscribed to (`PopLiteMessageRequestHeader.java`).
    PopLiteMessageRequestHeader: POP_LITE_MESSAGE -> PopLiteMessageResponseHeader
        [SUCCESS, PULL_NOT_FOUND, POLLING_FULL, POLLING_TIMEOUT] {
        client_id: Text = "clientId",
        consumer_group: Text = "consumerGroup",
        /// The topic above the lite topics.
        topic: Text = "topic",
        max_msg_num: i32 = "maxMsgNum",
        /// How long they stay out, in milliseconds.
        invisible_time: i64 = "invisibleTime",
        /// How long the broker may wait for messages, in milliseconds.
        poll_time: i64 = "pollTime",
        /// 0: now, by the broker's clock.
        born_time: i64 = "bornTime",
        attempt_id: Option<Text> = "attemptId",
        ..shared: RpcFields,
    }

    /// What a receipt is made of (`PopLiteMessageResponseHeader.java`).
    PopLiteMessageResponseHeader {
        /// Milliseconds since 1970, by the broker's clock.
        pop_time: i64 = "popTime",
        /// In milliseconds.
        invisible_time: i64 = "invisibleTime",
        revive_qid: i32 = "reviveQid",
        /// Declared; brokers leave it out.
        start_offset_info: Option<Text> = "startOffsetInfo",
        /// Declared; brokers leave it out.
        msg_offset_info: Option<Text> = "msgOffsetInfo",
        /// How often each was delivered before.
        order_count_info: Option<Text> = "orderCountInfo",
    }

    /// Subscribes to and unsubscribes from the lite topics in the body (`LiteSubscriptionCtlRequestHeader.java`).
    LiteSubscriptionCtlRequestHeader: LITE_SUBSCRIPTION_CTL -> EmptyHeader [SUCCESS] {
        ..shared: RpcFields,
    }

    /// From the broker: a subscription has been taken away. One-way (`NotifyUnsubscribeLiteRequestHeader.java`).
    NotifyUnsubscribeLiteRequestHeader: NOTIFY_UNSUBSCRIBE_LITE -> EmptyHeader [SUCCESS] {
        lite_topic: Text = "liteTopic",
        consumer_group: Text = "consumerGroup",
        client_id: Text = "clientId",
        ..shared: RpcFields,
    }

    /// Declared upstream, but no server takes it: lite messages are acknowledged as popped ones.
    AckLiteMessageRequestHeader: ACK_LITE_MESSAGE -> EmptyHeader [SUCCESS] {}

    /// Figures about the lite topics of a broker.
    GetBrokerLiteInfoRequestHeader: GET_BROKER_LITE_INFO -> EmptyHeader [SUCCESS] {}

    /// Figures about the lite topics under one topic (`GetParentTopicInfoRequestHeader.java`).
    GetParentTopicInfoRequestHeader: GET_PARENT_TOPIC_INFO -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
    }

    /// Who reads a lite topic, and how far it goes (`GetLiteTopicInfoRequestHeader.java`).
    GetLiteTopicInfoRequestHeader: GET_LITE_TOPIC_INFO -> EmptyHeader [SUCCESS] {
        parent_topic: Option<Text> = "parentTopic",
        lite_topic: Option<Text> = "liteTopic",
    }

    /// What a client has subscribed to (`GetLiteClientInfoRequestHeader.java`).
    GetLiteClientInfoRequestHeader: GET_LITE_CLIENT_INFO -> EmptyHeader [SUCCESS] {
        parent_topic: Option<Text> = "parentTopic",
        group: Option<Text> = "group",
        client_id: Option<Text> = "clientId",
        /// How many lite topics are listed at most.
        max_count: Option<i32> = "maxCount",
    }

    /// How far a group is behind (`GetLiteGroupInfoRequestHeader.java`).
    GetLiteGroupInfoRequestHeader: GET_LITE_GROUP_INFO -> EmptyHeader [SUCCESS] {
        group: Text = "group",
        lite_topic: Option<Text> = "liteTopic",
        /// How many lite topics are listed at most; has to be positive.
        top_k: Option<i32> = "topK",
    }

    /// Has a broker look again for messages (`TriggerLiteDispatchRequestHeader.java`).
    TriggerLiteDispatchRequestHeader: TRIGGER_LITE_DISPATCH -> EmptyHeader [SUCCESS] {
        group: Text = "group",
        client_id: Option<Text> = "clientId",
    }
}
