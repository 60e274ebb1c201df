//! Topics on a broker: creating, changing, listing, removing.

use super::{EmptyHeader, RpcFields, TopicFields};
use crate::Text;

super::headers! {
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

    /// Creates or changes the topics in the body (`CreateTopicListRequestHeader.java`, 5.3.0).
    CreateTopicListRequestHeader: UPDATE_AND_CREATE_TOPIC_LIST -> EmptyHeader [SUCCESS] {
        ..shared: RpcFields,
    }

    /// Creates or changes the part of a static topic that one broker holds; the mapping is in the body.
    CreateStaticTopicRequestHeader: UPDATE_AND_CREATE_STATIC_TOPIC -> EmptyHeader [SUCCESS] {
        ..topic: CreateTopicRequestHeader,
    }

    /// Removes a topic from a broker. One that nobody knows is no error (`DeleteTopicRequestHeader.java`).
    DeleteTopicRequestHeader: DELETE_TOPIC_IN_BROKER -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        ..shared: TopicFields,
    }

    /// Reads how a topic is configured. Set `lo` for the mapping of a static one (`GetTopicConfigRequestHeader.java`).
    GetTopicConfigRequestHeader: GET_TOPIC_CONFIG -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        ..shared: TopicFields,
    }

    /// Reads how every topic is configured (`GetAllTopicConfigRequestHeader.java`). Without fields it is all of them; with
    /// them a page (5.4.0).
    GetAllTopicConfigRequestHeader: GET_ALL_TOPIC_CONFIG -> GetAllTopicConfigResponseHeader [SUCCESS] {
        /// How many to skip.
        topic_seq: Option<i32> = "topicSeq",
        /// The version of the table that the pages before were of.
        data_version: Option<Text> = "dataVersion",
        /// How many at most.
        max_topic_num: Option<i32> = "maxTopicNum",
    }

    /// How many there are (`GetAllTopicConfigResponseHeader.java`).
    GetAllTopicConfigResponseHeader {
        total_topic_num: Option<i32> = "totalTopicNum",
    }

    /// Lists the topics that the broker has made for itself.
    GetSystemTopicListFromBrokerRequestHeader: GET_SYSTEM_TOPIC_LIST_FROM_BROKER -> EmptyHeader [SUCCESS] {}

    /// No server answers this any more.
    GetTopicConfigListRequestHeader: GET_TOPIC_CONFIG_LIST -> EmptyHeader [SUCCESS] {}

    /// Removes topics that are nowhere in use.
    CleanUnusedTopicRequestHeader: CLEAN_UNUSED_TOPIC -> EmptyHeader [SUCCESS] {}
}
