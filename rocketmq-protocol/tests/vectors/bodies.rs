//! Bodies: what Java writes is read to the same content, and what ours writes of it is read back.

use rocketmq_protocol::body::{self, DecodeBodyError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    body_rules::{self, is_left_out},
    reader::{Case, Outcome, equal, text},
};

/// A body that was read.
struct Read {
    /// What it says, keys that are queues as their text.
    content: Value,
    written: Vec<u8>,
}

type Reader = fn(&str) -> Result<Read, DecodeBodyError>;

fn read<T: DeserializeOwned + Serialize + PartialEq>(json: &str) -> Result<Read, DecodeBodyError> {
    let body: T = body::decode(json.as_bytes())?;
    let written = body::encode(&body);
    assert!(body::decode::<T>(&written)? == body, "ours is read back otherwise: {written:?}");
    let content = serde_json::to_value(&body).expect("a body");
    Ok(Read { content, written: written.to_vec() })
}

macro_rules! classes {
    ($($class:ident $(is $body:ident)?,)*) => {
        const CLASSES: &[(&str, Reader)] = &[$((stringify!($class), classes!(@ $($body,)? $class))),*];
    };
    (@ $body:ident $(, $_class:ident)?) => { read::<body::$body> };
}

classes! {
    AclInfo,
    BatchAck,
    BatchAckMessageRequestBody,
    BrokerData,
    BrokerMemberGroup,
    BrokerReplicasInfo,
    BrokerStatsData,
    BrokerStatsItem,
    CheckClientRequestBody,
    ClusterInfo,
    Connection,
    ConsumeMessageDirectlyResult,
    ConsumeQueueData,
    ConsumeStats,
    ConsumeStatsList,
    ConsumeStatus,
    ConsumerConnection,
    ConsumerData,
    ConsumerOffsetSerializeWrapper,
    ConsumerRunningInfo,
    CreateTopicListRequestBody,
    DataVersion,
    ElectMasterResponseBody,
    EpochEntry,
    EpochEntryCache,
    GetBrokerClusterAclConfigResponseBody,
    GetBrokerLiteInfoResponseBody,
    GetBrokerMemberGroupResponseBody,
    GetConsumerListByGroupResponseBody is ConsumerIds,
    GetConsumerStatusBody,
    GetLiteClientInfoResponseBody,
    GetLiteGroupInfoResponseBody,
    GetLiteTopicInfoResponseBody,
    GetParentTopicInfoResponseBody,
    GroupForbidden,
    GroupList,
    GroupRetryPolicy,
    HAClientRuntimeInfo,
    HAConnectionRuntimeInfo,
    HARuntimeInfo,
    HeartbeatData,
    KVTable,
    LiteLagInfo,
    LiteSubscriptionCtlRequestBody,
    LiteSubscriptionDTO,
    LockBatchRequestBody,
    LockBatchResponseBody,
    LogicQueueMappingItem,
    MessageQueue,
    MessageQueueAssignment,
    MessageQueueForC,
    MessageRequestModeSerializeWrapper,
    OffsetOption,
    OffsetWrapper,
    PlainAccessConfig,
    PopProcessQueueInfo,
    ProcessQueueInfo,
    ProducerConnection,
    ProducerData,
    ProducerInfo,
    ProducerTableInfo,
    QueryAssignmentRequestBody,
    QueryAssignmentResponseBody,
    QueryConsumeQueueResponseBody,
    QueryConsumeTimeSpanBody,
    QueryCorrectionOffsetBody,
    QuerySubscriptionResponseBody,
    QueueData,
    QueueTimeSpan,
    ReplicaIdentity,
    ReplicasInfo,
    ResetOffsetBody,
    ResetOffsetBodyForC,
    SetMessageRequestModeRequestBody,
    SimpleSubscriptionData,
    SubscriptionData,
    SubscriptionGroupConfig,
    SubscriptionGroupList,
    SubscriptionGroupWrapper,
    TopicConfig,
    TopicConfigAndMappingSerializeWrapper is TopicConfigSerializeWrapper,
    TopicConfigAndQueueMapping is TopicConfig,
    TopicConfigSerializeWrapper,
    TopicList,
    TopicOffset,
    TopicQueueMappingDetail,
    TopicQueueMappingInfo,
    TopicRouteData,
    TopicStatsTable,
    UnlockBatchRequestBody,
    UserInfo,
}

/// How a class is read. `None`: it is left out.
fn reader(case: &Case) -> Result<Option<Reader>, String> {
    let class = case.text("class");
    let found = CLASSES.iter().find(|(name, _)| *name == class).map(|(_, read)| *read);
    equal("has a type or is left out", &found.is_none(), &is_left_out(class))?;
    Ok(found)
}

/// A text of Java's, and what it says in Java's opinion.
fn compare(case: &Case, read: Reader, json: &str, content: &Value) -> Outcome {
    let ours = read(json);
    if let Some(reason) = body_rules::refused(json) {
        return equal(reason, &ours.is_err(), &true);
    }
    let original = json;
    let (json, content) = body_rules::adjusted(json, content);
    equal("an unknown word is refused", &ours.is_err(), &(json != original))?;
    let ours = read(&json).map_err(|error| format!("{error}, in {json}"))?;
    body_rules::same(case, &json, &ours.content, &content)?;
    let raw_keys = |text: &str| text.contains(r#"{{"brokerName":"#);
    let written = String::from_utf8(ours.written).expect("UTF-8");
    // Java may have written the key as text itself: `strict`.
    let keys_as_objects = !raw_keys(&json) || raw_keys(&written);
    equal("queues are keys as objects", &keys_as_objects, &true)
}

/// `json` → `content`, in every form that the case has.
pub(crate) fn encode(case: &Case) -> Outcome {
    let Some(read) = reader(case)? else {
        return Ok(());
    };
    for form in ["json", "strict", "standardJson"] {
        if let Some(json) = text(case.get(form)) {
            compare(case, read, &json, case.get("content"))?;
        }
    }
    Ok(())
}

/// `json` → `decoded`.
pub(crate) fn decode(case: &Case) -> Outcome {
    let Some(read) = reader(case)? else {
        return Ok(());
    };
    let json = text(case.get("json")).expect("a text");
    match case.get("decoded").get("ok") {
        Some(content) => compare(case, read, &json, content),
        None => {
            let forgiven = body_rules::forgiven(&json);
            equal("refused, as in Java", &read(&json).is_err(), &!forgiven)
        }
    }
}
