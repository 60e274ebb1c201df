//! Registration of clients with their groups.

use super::{EmptyHeader, RpcFields};
use crate::Text;

super::headers! {
    /// A heartbeat; what it says is in the body (`HeartbeatRequestHeader.java`).
    HeartbeatRequestHeader: HEART_BEAT -> HeartbeatResponseHeader [SUCCESS] {
        ..shared: RpcFields,
    }

    /// What brokers from 5.1.3 on add to the answer of a heartbeat (`broker/processor/ClientManageProcessor.java`).
    HeartbeatResponseHeader {
        /// Whether short heartbeats are understood.
        supports_v2: Option<bool> = "IS_SUPPORT_HEART_BEAT_V2",
        /// Whether the broker held another subscription until now.
        subscription_changed: Option<bool> = "IS_SUB_CHANGE",
    }

    /// Has a broker check the subscription in the body (`broker/processor/ClientManageProcessor.java`).
    CheckClientConfigRequestHeader: CHECK_CLIENT_CONFIG -> EmptyHeader [SUCCESS] {}

    /// A group leaves this client (`UnregisterClientRequestHeader.java`).
    UnregisterClientRequestHeader: UNREGISTER_CLIENT -> EmptyHeader [SUCCESS] {
        /// Spelt with a capital D on the wire.
        client_id: Text = "clientID",
        producer_group: Option<Text> = "producerGroup",
        consumer_group: Option<Text> = "consumerGroup",
        ..shared: RpcFields,
    }

    /// Asks who is in a group; the answer is a [`ConsumerIds`](crate::body::ConsumerIds) body
    /// (`GetConsumerListByGroupRequestHeader.java`).
    GetConsumerListByGroupRequestHeader: GET_CONSUMER_LIST_BY_GROUP -> EmptyHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        ..shared: RpcFields,
    }

    /// From the broker: members have come or gone. One-way (`NotifyConsumerIdsChangedRequestHeader.java`).
    NotifyConsumerIdsChangedRequestHeader: NOTIFY_CONSUMER_IDS_CHANGED -> EmptyHeader [SUCCESS] {
        consumer_group: Text = "consumerGroup",
        ..shared: RpcFields,
    }
}
