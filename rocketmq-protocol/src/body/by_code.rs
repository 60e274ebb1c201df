//! Which bodies travel under which code: for inspectors, proxies and tests, which have a code and bytes.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::*;
use crate::code::RequestCode;

#[cfg(not(feature = "base64"))]
type BatchAckMessageRequestBody = Value;

/// The bodies of a request and of its answer.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Bodies {
    /// What comes with the request.
    pub request: BodyKind,
    /// What comes with an answer that says success.
    pub response: BodyKind,
}

/// What a body is.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum BodyKind {
    /// There is none.
    Nothing,
    /// A JSON document.
    Json(JsonBody),
    /// Stored messages, one behind the other: see [`decode_messages`](crate::message::decode_messages).
    Messages,
    /// Messages of a batch: see [`decode_batch`](crate::message::decode_batch).
    Batch,
    /// UTF-8 that is no JSON: options as properties text, the name of a group.
    Text,
    /// The body of one message, or what is no format of its own.
    Bytes,
}

/// A JSON document of a known type.
#[derive(Debug, Clone, Copy)]
pub struct JsonBody {
    /// The name of the type here.
    pub name: &'static str,
    value: fn(&[u8]) -> Result<Value, DecodeBodyError>,
    canonical: fn(&[u8]) -> Result<Bytes, DecodeBodyError>,
}

impl JsonBody {
    const fn new<T: Serialize + DeserializeOwned>(name: &'static str) -> Self {
        Self {
            name,
            // Numbers and texts always have a value.
            value: |bytes| Ok(serde_json::to_value(decode::<T>(bytes)?).unwrap_or_default()),
            canonical: |bytes| Ok(encode(&decode::<T>(bytes)?)),
        }
    }

    /// Reads a body as its type, and shows it as strictly valid JSON.
    ///
    /// # Errors
    ///
    /// When it is not of that type.
    pub fn value(&self, bytes: &[u8]) -> Result<Value, DecodeBodyError> {
        (self.value)(bytes)
    }

    /// Reads a body as its type and writes it again, as [`encode`] does.
    ///
    /// # Errors
    ///
    /// When it is not of that type.
    pub fn canonical(&self, bytes: &[u8]) -> Result<Bytes, DecodeBodyError> {
        (self.canonical)(bytes)
    }
}

/// One row a code: the body of the request, the body of the answer. A type in brackets is a list of it.
macro_rules! by_code {
    ($($code:ident: $request:tt -> $response:tt,)*) => {
        /// Which bodies travel under a code. A code without a row has none in either direction.
        pub fn by_code(code: RequestCode) -> Bodies {
            #[deny(unreachable_patterns)] // a code given twice does not compile
            match code {
                $(RequestCode::$code => Bodies {
                    request: by_code!(@ $request),
                    response: by_code!(@ $response),
                },)*
                _ => Bodies { request: BodyKind::Nothing, response: BodyKind::Nothing },
            }
        }
    };
    (@ nothing) => { BodyKind::Nothing };
    (@ messages) => { BodyKind::Messages };
    (@ batch) => { BodyKind::Batch };
    (@ text) => { BodyKind::Text };
    (@ bytes) => { BodyKind::Bytes };
    (@ [$element:ident]) => {
        BodyKind::Json(JsonBody::new::<Vec<$element>>(concat!("[", stringify!($element), "]")))
    };
    (@ $body:ident) => { BodyKind::Json(JsonBody::new::<$body>(stringify!($body))) };
}

by_code! {
    // producing
    SEND_MESSAGE: bytes -> nothing,
    SEND_MESSAGE_V2: bytes -> nothing,
    SEND_BATCH_MESSAGE: batch -> nothing,
    SEND_REPLY_MESSAGE: bytes -> nothing,
    SEND_REPLY_MESSAGE_V2: bytes -> nothing,
    PUSH_REPLY_MESSAGE_TO_CLIENT: bytes -> nothing,
    CHECK_TRANSACTION_STATE: messages -> nothing,
    // consuming
    PULL_MESSAGE: nothing -> messages,
    LITE_PULL_MESSAGE: nothing -> messages,
    POP_MESSAGE: nothing -> messages,
    POP_LITE_MESSAGE: nothing -> messages,
    PEEK_MESSAGE: nothing -> messages,
    BATCH_ACK_MESSAGE: BatchAckMessageRequestBody -> nothing,
    QUERY_ASSIGNMENT: QueryAssignmentRequestBody -> QueryAssignmentResponseBody,
    LOCK_BATCH_MQ: LockBatchRequestBody -> LockBatchResponseBody,
    UNLOCK_BATCH_MQ: UnlockBatchRequestBody -> nothing,
    LITE_SUBSCRIPTION_CTL: LiteSubscriptionCtlRequestBody -> nothing,
    // clients and groups
    HEART_BEAT: HeartbeatData -> nothing,
    CHECK_CLIENT_CONFIG: CheckClientRequestBody -> nothing,
    GET_CONSUMER_LIST_BY_GROUP: nothing -> ConsumerIds,
    // looking messages up
    QUERY_MESSAGE: nothing -> messages,
    VIEW_MESSAGE_BY_ID: nothing -> messages,
    QUERY_CONSUME_QUEUE: nothing -> QueryConsumeQueueResponseBody,
    // what brokers ask clients, and operators brokers
    RESET_CONSUMER_CLIENT_OFFSET: ResetOffsetBody -> nothing,
    INVOKE_BROKER_TO_RESET_OFFSET: nothing -> ResetOffsetBody,
    GET_CONSUMER_STATUS_FROM_CLIENT: nothing -> GetConsumerStatusBody,
    INVOKE_BROKER_TO_GET_CONSUMER_STATUS: nothing -> GetConsumerStatusBody,
    GET_CONSUMER_RUNNING_INFO: nothing -> ConsumerRunningInfo,
    CONSUME_MESSAGE_DIRECTLY: messages -> ConsumeMessageDirectlyResult,
    // name servers
    GET_ROUTEINFO_BY_TOPIC: nothing -> TopicRouteData,
    REGISTER_TOPIC_IN_NAMESRV: TopicRouteData -> nothing,
    GET_BROKER_CLUSTER_INFO: nothing -> ClusterInfo,
    GET_BROKER_MEMBER_GROUP: nothing -> GetBrokerMemberGroupResponseBody,
    GET_KVLIST_BY_NAMESPACE: nothing -> KVTable,
    GET_ALL_TOPIC_LIST_FROM_NAMESERVER: nothing -> TopicList,
    GET_TOPICS_BY_CLUSTER: nothing -> TopicList,
    GET_SYSTEM_TOPIC_LIST_FROM_NS: nothing -> TopicList,
    GET_UNIT_TOPIC_LIST: nothing -> TopicList,
    GET_HAS_UNIT_SUB_TOPIC_LIST: nothing -> TopicList,
    GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST: nothing -> TopicList,
    UPDATE_NAMESRV_CONFIG: text -> nothing,
    GET_NAMESRV_CONFIG: nothing -> text,
    // topics
    UPDATE_AND_CREATE_TOPIC_LIST: CreateTopicListRequestBody -> nothing,
    UPDATE_AND_CREATE_STATIC_TOPIC: TopicQueueMappingDetail -> nothing,
    GET_ALL_TOPIC_CONFIG: nothing -> TopicConfigSerializeWrapper,
    GET_TOPIC_CONFIG: nothing -> TopicConfig,
    GET_SYSTEM_TOPIC_LIST_FROM_BROKER: nothing -> TopicList,
    // consumer groups
    UPDATE_AND_CREATE_SUBSCRIPTIONGROUP: SubscriptionGroupConfig -> nothing,
    UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST: SubscriptionGroupList -> nothing,
    GET_ALL_SUBSCRIPTIONGROUP_CONFIG: nothing -> SubscriptionGroupWrapper,
    GET_SUBSCRIPTIONGROUP_CONFIG: nothing -> SubscriptionGroupConfig,
    UPDATE_AND_GET_GROUP_FORBIDDEN: nothing -> GroupForbidden,
    SET_MESSAGE_REQUEST_MODE: SetMessageRequestModeRequestBody -> nothing,
    GET_ALL_MESSAGE_REQUEST_MODE: nothing -> MessageRequestModeSerializeWrapper,
    // figures
    GET_TOPIC_STATS_INFO: nothing -> TopicStatsTable,
    GET_CONSUME_STATS: nothing -> ConsumeStats,
    GET_BROKER_CONSUME_STATS: nothing -> ConsumeStatsList,
    GET_CONSUMER_CONNECTION_LIST: nothing -> ConsumerConnection,
    GET_PRODUCER_CONNECTION_LIST: nothing -> ProducerConnection,
    GET_ALL_PRODUCER_INFO: nothing -> ProducerTableInfo,
    QUERY_TOPIC_CONSUME_BY_WHO: nothing -> GroupList,
    QUERY_TOPICS_BY_CONSUMER: nothing -> TopicList,
    QUERY_SUBSCRIPTION_BY_CONSUMER: nothing -> QuerySubscriptionResponseBody,
    QUERY_CONSUME_TIME_SPAN: nothing -> QueryConsumeTimeSpanBody,
    QUERY_CORRECTION_OFFSET: nothing -> QueryCorrectionOffsetBody,
    VIEW_BROKER_STATS_DATA: nothing -> BrokerStatsData,
    // brokers
    UPDATE_BROKER_CONFIG: text -> nothing,
    GET_BROKER_CONFIG: nothing -> text,
    GET_BROKER_RUNTIME_INFO: nothing -> KVTable,
    GET_ALL_CONSUMER_OFFSET: nothing -> ConsumerOffsetSerializeWrapper,
    GET_ALL_DELAY_OFFSET: nothing -> DelayOffsetSerializeWrapper,
    GET_TIMER_CHECK_POINT: nothing -> bytes,
    GET_TIMER_METRICS: nothing -> TimerMetrics,
    GET_BROKER_HA_STATUS: nothing -> HARuntimeInfo,
    UPDATE_COLD_DATA_FLOW_CTR_CONFIG: text -> nothing,
    REMOVE_COLD_DATA_FLOW_CTR_CONFIG: text -> nothing,
    GET_COLD_DATA_FLOW_CTR_INFO: nothing -> ColdDataFlowCtrInfo,
    CHECK_ROCKSDB_CQ_WRITE_PROGRESS: nothing -> CheckRocksdbCqWriteResult,
    // controllers
    CONTROLLER_GET_SYNC_STATE_DATA: [String] -> BrokerReplicasInfo,
    CONTROLLER_ELECT_MASTER: nothing -> ElectMasterResponseBody,
    GET_BROKER_EPOCH_CACHE: nothing -> EpochEntryCache,
    UPDATE_CONTROLLER_CONFIG: text -> nothing,
    GET_CONTROLLER_CONFIG: nothing -> text,
    // lite topics
    GET_BROKER_LITE_INFO: nothing -> GetBrokerLiteInfoResponseBody,
    GET_PARENT_TOPIC_INFO: nothing -> GetParentTopicInfoResponseBody,
    GET_LITE_TOPIC_INFO: nothing -> GetLiteTopicInfoResponseBody,
    GET_LITE_CLIENT_INFO: nothing -> GetLiteClientInfoResponseBody,
    GET_LITE_GROUP_INFO: nothing -> GetLiteGroupInfoResponseBody,
    // users and permissions
    AUTH_CREATE_USER: UserInfo -> nothing,
    AUTH_UPDATE_USER: UserInfo -> nothing,
    AUTH_GET_USER: nothing -> UserInfo,
    AUTH_LIST_USER: nothing -> [UserInfo],
    AUTH_CREATE_ACL: AclInfo -> nothing,
    AUTH_UPDATE_ACL: AclInfo -> nothing,
    AUTH_GET_ACL: nothing -> AclInfo,
    AUTH_LIST_ACL: nothing -> [AclInfo],
    GET_BROKER_CLUSTER_ACL_CONFIG: nothing -> GetBrokerClusterAclConfigResponseBody,
}
