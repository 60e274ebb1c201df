//! Pulling messages.

use super::TopicFields;
use crate::Text;

super::headers! {
    /// Reads messages of one queue (`PullMessageRequestHeader.java`).
    PullMessageRequestHeader: PULL_MESSAGE -> PullMessageResponseHeader
        [SUCCESS, PULL_NOT_FOUND, PULL_RETRY_IMMEDIATELY, PULL_OFFSET_MOVED] {
        consumer_group: Text = "consumerGroup",
        topic: Text = "topic",
        lite_topic: Option<Text> = "liteTopic",
        queue_id: i32 = "queueId",
        /// The first offset wanted.
        queue_offset: i64 = "queueOffset",
        max_msg_nums: i32 = "maxMsgNums",
        /// See [`PullSysFlag`](crate::message::PullSysFlag).
        sys_flag: i32 = "sysFlag",
        /// Stored for the group if the flag says so.
        commit_offset: i64 = "commitOffset",
        /// How long the broker may wait for messages. It looks every 5 s only: allow for that much more.
        suspend_timeout_millis: i64 = "suspendTimeoutMillis",
        subscription: Option<Text> = "subscription",
        sub_version: i64 = "subVersion",
        expression_type: Option<Text> = "expressionType",
        max_msg_bytes: Option<i32> = "maxMsgBytes",
        request_source: Option<i32> = "requestSource",
        /// Spelt so upstream.
        proxy_forward_client_id: Option<Text> = "proxyFrowardClientId",
        ..shared: TopicFields,
    }

    /// The same, for consumers whose application pulls (5.x). Where `REQUEST_CODE_NOT_SUPPORTED` comes back, ask with
    /// [`PullMessageRequestHeader`].
    LitePullMessageRequestHeader: LITE_PULL_MESSAGE -> PullMessageResponseHeader
        [SUCCESS, PULL_NOT_FOUND, PULL_RETRY_IMMEDIATELY, PULL_OFFSET_MOVED] {
        ..pull: PullMessageRequestHeader,
    }

    /// Where the pulled messages lie in their queue (`PullMessageResponseHeader.java`).
    PullMessageResponseHeader {
        suggest_which_broker_id: i64 = "suggestWhichBrokerId",
        next_begin_offset: i64 = "nextBeginOffset",
        min_offset: i64 = "minOffset",
        max_offset: i64 = "maxOffset",
        /// To be added to the offset of each message of a static topic.
        offset_delta: Option<i64> = "offsetDelta",
        topic_sys_flag: Option<i32> = "topicSysFlag",
        group_sys_flag: Option<i32> = "groupSysFlag",
        forbidden_type: Option<i32> = "forbiddenType",
    }
}
