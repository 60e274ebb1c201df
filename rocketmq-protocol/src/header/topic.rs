//! Routes, clusters and topics.

use super::{EmptyHeader, TopicFields};
use crate::Text;

super::headers! {
    /// Asks a name server who serves a topic; the answer is a [`TopicRouteData`](crate::body::TopicRouteData) body
    /// (`namesrv/GetRouteInfoRequestHeader.java`).
    GetRouteInfoRequestHeader: GET_ROUTEINFO_BY_TOPIC -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        /// Whether only strictly valid JSON will do.
        accept_standard_json_only: Option<bool> = "acceptStandardJsonOnly",
        ..shared: TopicFields,
    }

    /// Asks a name server for every cluster and broker; the answer is a [`ClusterInfo`](crate::body::ClusterInfo) body.
    GetBrokerClusterInfoRequestHeader: GET_BROKER_CLUSTER_INFO -> EmptyHeader [SUCCESS] {}

    /// Creates or changes a topic on one broker (`CreateTopicRequestHeader.java`).
    CreateTopicRequestHeader: UPDATE_AND_CREATE_TOPIC -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        default_topic: Text = "defaultTopic",
        read_queue_nums: i32 = "readQueueNums",
        write_queue_nums: i32 = "writeQueueNums",
        /// 4 to read, 2 to write, 1 to inherit.
        perm: i32 = "perm",
        /// `SINGLE_TAG` or `MULTI_TAG`.
        topic_filter_type: Text = "topicFilterType",
        topic_sys_flag: Option<i32> = "topicSysFlag",
        order: bool = "order",
        /// `+key=value` or `-key`, joined by commas (5.x).
        attributes: Option<Text> = "attributes",
        force: Option<bool> = "force",
        ..shared: TopicFields,
    }

    /// Reads one message by its offset in the commit log (`ViewMessageRequestHeader.java`).
    ViewMessageRequestHeader: VIEW_MESSAGE_BY_ID -> ViewMessageResponseHeader [SUCCESS] {
        topic: Option<Text> = "topic",
        offset: i64 = "offset",
    }

    /// The message is the body (`ViewMessageResponseHeader.java`).
    ViewMessageResponseHeader {}
}
