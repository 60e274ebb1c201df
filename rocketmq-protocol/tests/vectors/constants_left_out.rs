//! Constants and words of upstream's classes that ours has nothing for, by the reason.

use crate::reader::{Case, cases};

/// The reason, the class, its constants.
const NOT_HERE: &[(&str, &str, &[&str])] = &[
    (
        "numbers of bits whose values there are, and a bit that nobody reads",
        "PermName",
        &[
            "INDEX_PERM_INHERIT",
            "INDEX_PERM_PRIORITY",
            "INDEX_PERM_READ",
            "INDEX_PERM_WRITE",
            "PERM_PRIORITY",
        ],
    ),
    (
        "of unit deployments, which no open server has",
        "TopicSysFlag",
        &["FLAG_UNIT", "FLAG_UNIT_SUB"],
    ),
    ("of unit deployments, which no open server has", "SubscriptionSysFlag", &["FLAG_UNIT"]),
    (
        "a number in the answer to a pull, said beside it",
        "ForbiddenType",
        &[
            "BROADCASTING_DISABLE_FORBIDDEN",
            "BROKER_FORBIDDEN",
            "GROUP_FORBIDDEN",
            "SUBSCRIPTION_FORBIDDEN",
            "TOPIC_FORBIDDEN",
        ],
    ),
    ("a number in the header of a pop, said beside it", "ConsumeInitMode", &["MAX", "MIN"]),
    (
        "in the store and the timers of brokers",
        "MessageConst",
        &[
            "INDEX_KEY_TYPE",
            "INDEX_TAG_TYPE",
            "INDEX_UNIQUE_TYPE",
            "PROPERTY_TIMER_ROLL_LABEL",
            "TIMER_ENGINE_FILE_TIME_WHEEL",
            "TIMER_ENGINE_ROCKSDB_TIMELINE",
            "TIMER_ENGINE_TYPE",
        ],
    ),
    (
        "written by nobody, or never on the wire",
        "MessageConst",
        &[
            "PROPERTY_TRANSIENT_GROUP_CONFIG",
            "PROPERTY_TRANSIENT_PREFIX",
            "PROPERTY_TRANSIENT_TOPIC_CONFIG",
            "PROPERTY_TRANS_OFFSET",
        ],
    ),
    (
        "settings, files and hosts of a Java process",
        "MixAll",
        &[
            "ACL_CONF_TOOLS_FILE",
            "CONSUME_CONTEXT_TYPE",
            "DEFAULT_CHARSET",
            "DEFAULT_NAMESRV_ADDR_LOOKUP",
            "MESSAGE_COMPRESS_LEVEL",
            "MESSAGE_COMPRESS_TYPE",
            "MILLS_FOR_HOUR",
            "MULTI_PATH_SPLITTER",
            "NAMESRV_ADDR_PROPERTY",
            "ROCKETMQ_ZONE_MODE_PROPERTY",
            "ROCKETMQ_ZONE_PROPERTY",
            "UNIT_PRE_SIZE_FOR_MSG",
            "WS_DOMAIN_NAME",
            "WS_DOMAIN_SUBGROUP",
        ],
    ),
    (
        "groups that are ordinary ones to a client",
        "MixAll",
        &[
            "CID_ONSAPI_OWNER_GROUP",
            "CID_ONSAPI_PERMISSION_GROUP",
            "CID_ONSAPI_PULL_GROUP",
            "CID_SYS_RMQ_TRANS",
            "CLIENT_INNER_PRODUCER_GROUP",
            "FILTERSRV_CONSUMER_GROUP",
            "MONITOR_CONSUMER_GROUP",
            "ONS_HTTP_PROXY_GROUP",
            "PREDEFINE_GROUP_SET",
            "SCHEDULE_CONSUMER_GROUP",
            "SELF_TEST_CONSUMER_GROUP",
            "SELF_TEST_PRODUCER_GROUP",
            "TOOLS_CONSUMER_GROUP",
        ],
    ),
    (
        "among servers, or of clients that say in which zone they are: fields that a hook may add",
        "MixAll",
        &[
            "ALL_ACK_IN_SYNC_STATE_SET",
            "FIRST_BROKER_CONTROLLER_ID",
            "FIRST_SLAVE_ID",
            "LMQ_DISPATCH_SEPARATOR",
            "LMQ_QUEUE_ID",
            "MULTI_DISPATCH_QUEUE_SPLITTER",
            "REQ_T",
            "ZONE_MODE",
            "ZONE_NAME",
        ],
    ),
    (
        "read in rocketmq-route and rocketmq-client, whose rules these are",
        "MixAll",
        &[
            "LOGICAL_QUEUE_MOCK_BROKER_NAME_NOT_EXIST",
            "LOGICAL_QUEUE_MOCK_BROKER_PREFIX",
            "MASTER_ID",
            "REPLY_MESSAGE_FLAG",
        ],
    ),
    (
        "places in a message, which the cases of messages show; and what lies between files of a store",
        "MessageDecoder",
        &[
            "BLANK_MAGIC_CODE",
            "MESSAGE_FLAG_POSITION",
            "MESSAGE_FLAG_POSTION",
            "MESSAGE_MAGIC_CODE_POSITION",
            "MESSAGE_MAGIC_CODE_POSTION",
            "MESSAGE_PHYSIC_OFFSET_POSITION",
            "MESSAGE_PHYSIC_OFFSET_POSTION",
            "MESSAGE_STORE_TIMESTAMP_POSITION",
            "PHY_POS_POSITION",
            "QUEUE_OFFSET_POSITION",
            "SYSFLAG_POSITION",
        ],
    ),
    ("for Java's split", "KeyBuilder", &["POP_RETRY_REGEX_SEPARATOR_V2"]),
    (
        "records that brokers write for themselves",
        "PopAckConstants",
        &[
            "ACK_TAG",
            "BATCH_ACK_TAG",
            "CK_TAG",
            "LOCAL_HOST",
            "REVIVE_GROUP",
            "REVIVE_TOPIC",
            "SECOND",
            "SPLIT",
        ],
    ),
    ("empty", "NamespaceUtil", &["STRING_BLANK"]),
    (
        "of Java's bridge to OpenTracing, and the names of its own producer",
        "TraceConstants",
        &[
            "FROM_PREFIX",
            "ROCKETMQ_BODY_LENGTH",
            "ROCKETMQ_IS_FROM_TRANSACTION_CHECK",
            "ROCKETMQ_KEYS",
            "ROCKETMQ_MSG_ID",
            "ROCKETMQ_MSG_TYPE",
            "ROCKETMQ_REGION_ID",
            "ROCKETMQ_RETRY_TIMERS",
            "ROCKETMQ_SERVICE",
            "ROCKETMQ_SOTRE_HOST",
            "ROCKETMQ_STORE_HOST",
            "ROCKETMQ_SUCCESS",
            "ROCKETMQ_TAGS",
            "ROCKETMQ_TRANSACTION_ID",
            "ROCKETMQ_TRANSACTION_STATE",
            "TO_PREFIX",
            "TRACE_INSTANCE_NAME",
        ],
    ),
    ("of the names that brokers judge, which are shorter", "Validators", &["CHARACTER_MAX_LENGTH"]),
    ("a setting of a Java process", "RequestSource", &["SYSTEM_PROPERTY_KEY"]),
    (
        "which part of a proxy asks; a number in the header of a pull",
        "RequestSource",
        &["PROXY_FOR_BROADCAST", "PROXY_FOR_ORDER", "PROXY_FOR_STREAM", "SDK"],
    ),
    (
        "a number in trace records, said beside it",
        "ConsumeReturnType",
        &["EXCEPTION", "FAILED", "RETURNNULL", "SUCCESS", "TIME_OUT"],
    ),
    (
        "a value of the field that is called ReqT, which no open server reads",
        "RequestType",
        &["STREAM"],
    ),
];

/// Classes of words of Java's own API, or of a broker's own files.
const NEVER_ON_THE_WIRE: &[&str] = &[
    "AccessChannel",
    "AckStatus",
    "CQType",
    "CleanupPolicy",
    "ClientErrorCode",
    "CommunicationMode",
    "ConsumeConcurrentlyStatus",
    "ConsumeOrderlyStatus",
    "PopStatus",
    "PullStatus",
    "ReadOffsetType",
    "RemotingCommandType",
    "SendStatus",
    "ServiceState",
    "TlsMode",
];

/// Whether it is said why ours has nothing for a constant.
pub(crate) fn is_left_out(class: &str, name: &str) -> bool {
    let listed = |(_, of, names): &(&str, &str, &[&str])| *of == class && names.contains(&name);
    NEVER_ON_THE_WIRE.contains(&class) || NOT_HERE.iter().any(listed)
}

#[test]
fn whatever_is_left_out_exists() {
    let cases = cases("codes");
    for (_, class, names) in NOT_HERE {
        for name in *names {
            let exists = |case: &Case| case.line["class"] == *class && case.line["name"] == *name;
            assert!(cases.iter().any(exists), "{class} {name}");
        }
    }
    for class in NEVER_ON_THE_WIRE {
        assert!(cases.iter().any(|case| case.line["class"] == *class), "{class}");
    }
}
