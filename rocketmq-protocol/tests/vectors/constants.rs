//! Constants and words of upstream's classes, codes aside: what ours has for each, or why it has nothing.

use bytes::BytesMut;
use rocketmq_protocol::{
    Perm, Text,
    body::{
        self, CMResult, ConsumeFromWhere, ConsumerRunningInfo, ExpressionType,
        LiteSubscriptionAction, TopicFilterType, TopicQueueMappingInfo,
    },
    header::{HeaderInfo, HeartbeatResponseHeader, QueryMessageRequestHeader, RpcFields},
    message::{
        Compression, MessageExt, Properties, PropertiesWriter, PullSysFlag, SysFlag,
        encode_message, property,
    },
    names::{self, NameError, namespace},
    pop::ORDERLY_REVIVE_QUEUE,
    subscription,
    trace::{self, MessageType, TransactionState},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    constants_left_out::is_left_out,
    reader::{Case, Outcome, equal},
};

/// A constant of another class than those of codes.
pub(crate) fn constant(case: &Case) -> Outcome {
    let theirs = case.get("value");
    if case.text("name") == "STRING_HASH_SET" {
        return equal("reserved", &reserved(case), theirs);
    }
    let found = [flags, properties, names_of_places, texts, limits]
        .into_iter()
        .find_map(|ours| ours(case.text("class"), case.text("name"), theirs));
    compare(case, found, theirs)
}

/// A word of another enum than those of codes.
pub(crate) fn word(case: &Case) -> Outcome {
    let name = case.text("name");
    let found = match case.text("class") {
        // Java has given these up, and reads them as the first.
        "ConsumeFromWhere" if !GIVEN_UP.contains(&name) => known::<ConsumeFromWhere>(case),
        "ConsumeFromWhere" => {
            let first =
                read::<ConsumeFromWhere>(&json!(name)) == Some(ConsumeFromWhere::LastOffset);
            first.then(|| json!(name))
        }
        "MessageModel" => known::<body::MessageModel>(case),
        "ConsumeType" => known::<body::ConsumeType>(case),
        "CMResult" => known::<CMResult>(case),
        "TopicFilterType" => known::<TopicFilterType>(case),
        "MessageRequestMode" => known::<body::MessageRequestMode>(case),
        "GroupRetryPolicyType" => known::<body::GroupRetryPolicyType>(case),
        "LiteSubscriptionAction" => known::<LiteSubscriptionAction>(case),
        "MessageType" => message_type(case),
        "TopicMessageType" => topic_message_type(name),
        "TraceType" => traced_as(name),
        "LocalTransactionState" => {
            [TransactionState::Commit, TransactionState::Rollback, TransactionState::Unknown]
                .iter()
                .find(|state| state.as_str() == name)
                .map(|state| json!(state.as_str()))
        }
        "CompressionType" => {
            let compression = name.parse::<Compression>().ok();
            let bits = compression.map(|compression| json!({ "value": compression.bits() }));
            equal("bits", &bits.as_ref(), &Some(case.get("fields")))?;
            compression.map(|compression| json!(compression.as_str()))
        }
        "MessageVersion" => {
            let topic = "t".repeat(if name.ends_with("V2") { 200 } else { 1 });
            let ours = json!({ "magicCode": magic_of(&topic) });
            equal("magic", &ours, case.get("fields"))?;
            Some(json!(name))
        }
        _ => None,
    };
    compare(case, found, case.get("name"))
}

/// Words that Java has given up, and reads as the first.
const GIVEN_UP: &[&str] = &[
    "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
    "CONSUME_FROM_MAX_OFFSET",
    "CONSUME_FROM_MIN_OFFSET",
];

fn compare(case: &Case, ours: Option<Value>, theirs: &Value) -> Outcome {
    let (class, name) = (case.text("class"), case.text("name"));
    let left_out = is_left_out(class, name);
    match (ours, left_out) {
        (Some(ours), false) => equal("value", &ours, theirs),
        (None, true) => Ok(()),
        (None, false) => Err(format!("{class} {name}: nothing here, and no reason for it")),
        (Some(_), true) => Err(format!("{class} {name} is said to be left out")),
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

/// The name that ours writes for a word that is read by its name and by its place alike.
fn known<T: DeserializeOwned + Serialize + PartialEq>(case: &Case) -> Option<Value> {
    let by_name = read::<T>(case.get("name"))?;
    (read::<T>(case.get("ordinal")).as_ref() == Some(&by_name))
        .then(|| serde_json::to_value(by_name).expect("a word"))
}

fn message_type(case: &Case) -> Option<Value> {
    let kind = match case.text("name") {
        "Normal_Msg" => MessageType::Normal,
        "Trans_Msg_Half" => MessageType::TransactionHalf,
        "Trans_msg_Commit" => MessageType::TransactionCommit,
        "Delay_Msg" => MessageType::Delay,
        "Order_Msg" => MessageType::Order,
        _ => return None,
    };
    (case.get("ordinal") == kind as i32).then(|| case.get("name").clone())
}

/// The values of the attribute `message.type`.
fn topic_message_type(name: &str) -> Option<Value> {
    let attribute = rocketmq_protocol::attributes::OF_TOPICS
        .iter()
        .find(|known| known.name == "message.type")?;
    attribute.accepts(name).then(|| json!(name))
}

/// The word that a record begins with, if a record that begins so is one.
fn traced_as(name: &str) -> Option<Value> {
    let state = TransactionState::Commit.as_str();
    // The eleventh field is a number, or how a transaction ended.
    let written = ["1", state].iter().find_map(|eleventh| {
        let text = format!("{name}{}\u{1}{eleventh}\u{1}true\u{2}", "\u{1}1".repeat(10));
        let mut written = String::new();
        trace::decode(&text).next()?.ok()?.encode(&mut written);
        Some(written)
    })?;
    written.split('\u{1}').next().map(|word| json!(word))
}

fn flags(class: &str, name: &str, _: &Value) -> Option<Value> {
    let compressed = |bits| SysFlag(0).with_compression_bits(bits).0;
    Some(json!(match (class, name) {
        ("PermName", "PERM_READ") => Perm::READ.0,
        ("PermName", "PERM_WRITE") => Perm::WRITE.0,
        ("PermName", "PERM_INHERIT") => Perm::INHERIT.0,
        ("PullSysFlag", "FLAG_COMMIT_OFFSET") => PullSysFlag::COMMIT_OFFSET.0,
        ("PullSysFlag", "FLAG_SUSPEND") => PullSysFlag::SUSPEND.0,
        ("PullSysFlag", "FLAG_SUBSCRIPTION") => PullSysFlag::SUBSCRIPTION.0,
        ("PullSysFlag", "FLAG_CLASS_FILTER") => PullSysFlag::CLASS_FILTER.0,
        ("PullSysFlag", "FLAG_LITE_PULL_MESSAGE") => PullSysFlag::LITE_PULL.0,
        ("MessageSysFlag", "COMPRESSED_FLAG") => SysFlag::COMPRESSED.0,
        ("MessageSysFlag", "MULTI_TAGS_FLAG") => SysFlag::MULTI_TAGS.0,
        ("MessageSysFlag", "TRANSACTION_NOT_TYPE") => SysFlag::default().0,
        ("MessageSysFlag", "TRANSACTION_PREPARED_TYPE") => SysFlag::TRANSACTION_PREPARED.0,
        ("MessageSysFlag", "TRANSACTION_COMMIT_TYPE") => SysFlag::TRANSACTION_COMMIT.0,
        ("MessageSysFlag", "TRANSACTION_ROLLBACK_TYPE") => SysFlag::TRANSACTION_ROLLBACK.0,
        ("MessageSysFlag", "BORNHOST_V6_FLAG") => SysFlag::BORN_HOST_V6.0,
        ("MessageSysFlag", "STOREHOSTADDRESS_V6_FLAG") => SysFlag::STORE_HOST_V6.0,
        ("MessageSysFlag", "NEED_UNWRAP_FLAG") => SysFlag::NEED_UNWRAP.0,
        ("MessageSysFlag", "INNER_BATCH_FLAG") => SysFlag::INNER_BATCH.0,
        ("MessageSysFlag", "COMPRESSION_LZ4_TYPE") => compressed(Compression::Lz4.bits()),
        ("MessageSysFlag", "COMPRESSION_ZSTD_TYPE") => compressed(Compression::Zstd.bits()),
        ("MessageSysFlag", "COMPRESSION_ZLIB_TYPE") => compressed(Compression::Zlib.bits()),
        ("MessageSysFlag", "COMPRESSION_TYPE_COMPARATOR") => compressed(-1),
        _ => return None,
    }))
}

macro_rules! properties {
    ($($name:ident)*) => {
        const PROPERTIES: &[(&str, &str)] =
            &[$((concat!("PROPERTY_", stringify!($name)), property::$name)),*];
    };
}

properties! {
    KEYS TAGS WAIT_STORE_MSG_OK DELAY_TIME_LEVEL RETRY_TOPIC ORIGIN_GROUP REAL_TOPIC REAL_QUEUE_ID
    TRANSACTION_PREPARED PRODUCER_GROUP MIN_OFFSET MAX_OFFSET BUYER_ID ORIGIN_MESSAGE_ID TRANSFER_FLAG
    CORRECTION_FLAG MQ2_FLAG RECONSUME_TIME MSG_REGION TRACE_SWITCH EXTEND_UNIQ_INFO
    MAX_RECONSUME_TIMES CONSUME_START_TIMESTAMP PRIORITY INNER_NUM INNER_BASE
    CHECK_IMMUNITY_TIME_IN_SECONDS TRANSACTION_PREPARED_QUEUE_OFFSET TRANSACTION_ID
    TRANSACTION_CHECK_TIMES INSTANCE_ID CORRELATION_ID MESSAGE_REPLY_TO_CLIENT MESSAGE_TTL
    REPLY_MESSAGE_ARRIVE_TIME PUSH_REPLY_TIME CLUSTER MESSAGE_TYPE POP_CK POP_CK_OFFSET FIRST_POP_TIME
    SHARDING_KEY LITE_TOPIC FORWARD_QUEUE_ID REDIRECT INNER_MULTI_DISPATCH INNER_MULTI_QUEUE_OFFSET
    TRACE_CONTEXT TIMER_DELAY_SEC TIMER_DELIVER_MS BORN_HOST BORN_TIMESTAMP TIMER_ENQUEUE_MS
    TIMER_DEQUEUE_MS TIMER_ROLL_TIMES TIMER_OUT_MS TIMER_DEL_UNIQKEY TIMER_DELAY_LEVEL TIMER_DELAY_MS
    CRC32 DLQ_ORIGIN_TOPIC DLQ_ORIGIN_MESSAGE_ID
}

fn properties(class: &str, name: &str, _: &Value) -> Option<Value> {
    if class != "MessageConst" {
        return None;
    }
    let separated = MessageExt {
        properties: Properties::from_bytes("KEYS\u{1}a b\u{2}".into()),
        ..message("t")
    };
    Some(match name {
        "PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX" => json!(property::UNIQ_KEY),
        "DUP_INFO" => json!(property::DUP_INFO),
        "KEY_SEPARATOR" => json!(if separated.keys().eq(["a", "b"]) { " " } else { "?" }),
        _ => json!(PROPERTIES.iter().find(|(known, _)| *known == name)?.1),
    })
}

/// The names that are refused as an application's own. Those that 4.9.7 does not know yet are refused as well.
fn reserved(case: &Case) -> Value {
    let known_to_it = |name: &str| {
        let theirs = case.get("value").as_array().expect("names");
        !case.is_4_9_7() || theirs.iter().any(|known| known == name)
    };
    let all = PROPERTIES.iter().map(|(_, name)| *name);
    let mut names: Vec<&str> = all
        .chain([property::UNIQ_KEY, property::DUP_INFO])
        .filter(|name| property::is_reserved(name) && known_to_it(name))
        .collect();
    names.sort_unstable();
    json!(names)
}

fn names_of_places(class: &str, name: &str, theirs: &Value) -> Option<Value> {
    let echoed = |is: bool| if is { theirs.clone() } else { Value::Null };
    Some(match (class, name) {
        ("TopicValidator", "TOPIC_MAX_LENGTH") | ("Validators", "TOPIC_MAX_LENGTH") => {
            json!(names::TOPIC_MAX)
        }
        ("TopicValidator", "GROUP_MAX_LENGTH") | ("Validators", "GROUP_MAX_LENGTH") => {
            json!(names::GROUP_MAX)
        }
        ("TopicValidator", "RETRY_OR_DLQ_TOPIC_MAX_LENGTH") => json!(names::DERIVED_TOPIC_MAX),
        ("TopicValidator", "SYSTEM_TOPIC_PREFIX") => json!(names::SYSTEM_TOPIC_PREFIX),
        ("TopicValidator", "AUTO_CREATE_TOPIC_KEY_TOPIC") => json!(names::AUTO_CREATE_TOPIC),
        ("TopicValidator", "RMQ_SYS_TRACE_TOPIC") => json!(names::TRACE_TOPIC),
        ("TopicValidator", "SYSTEM_TOPIC_SET") => those(theirs, names::is_system_topic),
        ("TopicValidator", "NOT_ALLOWED_SEND_TOPIC_SET") => {
            those(theirs, |name| matches!(names::validate_topic(name), Err(NameError::Reserved(_))))
        }
        ("TopicValidator", _) => echoed(names::is_system_topic(theirs.as_str()?)),
        ("MixAll", "DEFAULT_PRODUCER_GROUP" | "DEFAULT_CONSUMER_GROUP") => {
            echoed(matches!(names::validate_group(theirs.as_str()?), Err(NameError::Reserved(_))))
        }
        ("MixAll", "CID_RMQ_SYS_PREFIX") => json!(names::SYSTEM_GROUP_PREFIX),
        ("MixAll", "RETRY_GROUP_TOPIC_PREFIX") => json!(names::RETRY_PREFIX),
        ("MixAll", "DLQ_GROUP_TOPIC_PREFIX") => json!(names::DLQ_PREFIX),
        ("MixAll", "REPLY_TOPIC_POSTFIX") => json!(names::reply_topic("").trim_start_matches('_')),
        ("MixAll", "LMQ_PREFIX") => json!(names::LMQ_PREFIX),
        ("LiteUtil", "LITE_TOPIC_PREFIX") => {
            json!(names::lite_queue("a", "b")?.strip_suffix("a$b")?)
        }
        ("LiteUtil", "SEPARATOR") => {
            json!(names::lite_queue("a", "b")?.as_bytes().iter().rev().nth(1)?)
        }
        ("KeyBuilder", "POP_RETRY_SEPARATOR_V1") => {
            json!(names::pop_retry_topic_v1("", "").bytes().next_back()?)
        }
        ("KeyBuilder", "POP_RETRY_SEPARATOR_V2") => json!(names::POP_RETRY_V2_SEPARATOR as u32),
        ("NamespaceUtil", "NAMESPACE_SEPARATOR") => json!(namespace::wrap("a", "b").as_bytes()[1]),
        ("NamespaceUtil", "RETRY_PREFIX_LENGTH") => json!(names::RETRY_PREFIX.len()),
        ("NamespaceUtil", "DLQ_PREFIX_LENGTH") => json!(names::DLQ_PREFIX.len()),
        _ => return None,
    })
}

/// Those of the names for which ours holds the same.
fn those(names: &Value, hold: impl Fn(&str) -> bool) -> Value {
    let names = names.as_array().expect("names").iter();
    names.filter(|name| name.as_str().is_some_and(&hold)).cloned().collect()
}

fn texts(class: &str, name: &str, theirs: &Value) -> Option<Value> {
    /// The key, if the table has it.
    fn key(info: &HeaderInfo, key: &Value) -> Value {
        json!(info.rows.iter().map(|row| row[0]).find(|known| key == known))
    }
    use rocketmq_protocol::header::Header as _;
    Some(match (class, name) {
        (
            "MixAll",
            "RPC_REQUEST_HEADER_NAMESPACED_FIELD" | "RPC_REQUEST_HEADER_NAMESPACE_FIELD",
        ) => key(RpcFields::INFO, theirs),
        ("MixAll", "IS_SUPPORT_HEART_BEAT_V2" | "IS_SUB_CHANGE") => {
            key(HeartbeatResponseHeader::INFO, theirs)
        }
        ("MixAll", "UNIQUE_MSG_QUERY_FLAG") => key(QueryMessageRequestHeader::INFO, theirs),
        ("MixAll", "DEFAULT_TRACE_REGION_ID") => json!(trace::DEFAULT_REGION),
        ("MixAll", "METADATA_SCOPE_GLOBAL") => json!(TopicQueueMappingInfo::default().scope),
        ("TraceConstants", "GROUP_NAME_PREFIX") => json!(trace::PRODUCER_GROUP_PREFIX),
        ("TraceConstants", "TRACE_TOPIC_PREFIX") => json!(trace::CLOUD_TOPIC_PREFIX),
        ("TraceConstants", "END_TRANSACTION") => traced_as(theirs.as_str()?).unwrap_or_default(),
        ("ExpressionType", "TAG") => json!(ExpressionType::Tag.as_str()),
        ("ExpressionType", "SQL92") => json!(ExpressionType::Sql92.as_str()),
        ("SubscriptionData", "SUB_ALL") => json!(subscription::ALL),
        ("ConsumerRunningInfo", name) => json!(match name {
            "PROP_NAMESERVER_ADDR" => ConsumerRunningInfo::PROP_NAMESERVER_ADDR,
            "PROP_THREADPOOL_CORE_SIZE" => ConsumerRunningInfo::PROP_THREADPOOL_CORE_SIZE,
            "PROP_CONSUME_ORDERLY" => ConsumerRunningInfo::PROP_CONSUMEORDERLY,
            "PROP_CONSUME_TYPE" => ConsumerRunningInfo::PROP_CONSUME_TYPE,
            "PROP_CLIENT_VERSION" => ConsumerRunningInfo::PROP_CLIENT_VERSION,
            "PROP_CONSUMER_START_TIMESTAMP" => ConsumerRunningInfo::PROP_CONSUMER_START_TIMESTAMP,
            _ => return None,
        }),
        _ => return None,
    })
}

/// Numbers and bytes that show in what ours writes.
fn limits(class: &str, name: &str, _: &Value) -> Option<Value> {
    let pair = || {
        let mut writer = PropertiesWriter::default();
        writer.put("a", "b").ok()?;
        writer.finish().ok().map(|pair| pair.as_bytes().clone())
    };
    let record = || {
        let mut text = String::new();
        trace::decode("Recall\u{1}1\u{1}1\u{1}1\u{1}1\u{1}1\u{1}true")
            .next()?
            .ok()?
            .encode(&mut text);
        Some(text)
    };
    Some(match (class, name) {
        ("KeyBuilder", "POP_ORDER_REVIVE_QUEUE") => json!(ORDERLY_REVIVE_QUEUE),
        ("MessageDecoder", "MESSAGE_MAGIC_CODE") => json!(magic_of("t")),
        ("MessageDecoder", "MESSAGE_MAGIC_CODE_V2") => json!(magic_of(&"t".repeat(200))),
        ("MessageDecoder", "NAME_VALUE_SEPARATOR") => json!(pair()?[1]),
        ("MessageDecoder", "PROPERTY_SEPARATOR") => json!(pair()?[3]),
        ("TraceConstants", "CONTENT_SPLITOR") => json!(record()?.as_bytes()["Recall".len()]),
        ("TraceConstants", "FIELD_SPLITOR") => json!(record()?.bytes().next_back()?),
        _ => return None,
    })
}

fn magic_of(topic: &str) -> i32 {
    let mut out = BytesMut::new();
    encode_message(&message(topic), &mut out);
    i32::from_be_bytes(out[4..8].try_into().expect("four"))
}

fn message(topic: &str) -> MessageExt {
    let host = ([0, 0, 0, 0], 0).into();
    MessageExt {
        topic: Text::from(topic.to_owned()),
        ..crate::messages::empty(host, Default::default())
    }
}
