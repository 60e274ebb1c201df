//! Names of properties to which the system gives a meaning (`common/message/MessageConst.java`).

/// Keys under which the message can be looked up, joined by blanks.
pub const KEYS: &str = "KEYS";
/// The message's one tag.
pub const TAGS: &str = "TAGS";
/// Whether the broker answers only once the message is flushed and copied as configured.
pub const WAIT_STORE_MSG_OK: &str = "WAIT";
/// A delay level.
pub const DELAY_TIME_LEVEL: &str = "DELAY";
/// The topic that a message in a retry topic comes from.
pub const RETRY_TOPIC: &str = "RETRY_TOPIC";
/// The topic that a message in a system topic is meant for.
pub const REAL_TOPIC: &str = "REAL_TOPIC";
/// The queue that a message in a system topic is meant for.
pub const REAL_QUEUE_ID: &str = "REAL_QID";
/// `true`: a half message.
pub const TRANSACTION_PREPARED: &str = "TRAN_MSG";
/// The producer group that decides about a half message.
pub const PRODUCER_GROUP: &str = "PGROUP";
/// Local to the consumer: the first offset of the queue when the message was pulled.
pub const MIN_OFFSET: &str = "MIN_OFFSET";
/// Local to the consumer: the end of the queue when the message was pulled.
pub const MAX_OFFSET: &str = "MAX_OFFSET";
/// Historic.
pub const BUYER_ID: &str = "BUYER_ID";
/// The id of the message before it was sent back.
pub const ORIGIN_MESSAGE_ID: &str = "ORIGIN_MESSAGE_ID";
/// Historic.
pub const TRANSFER_FLAG: &str = "TRANSFER_FLAG";
/// Historic.
pub const CORRECTION_FLAG: &str = "CORRECTION_FLAG";
/// Historic.
pub const MQ2_FLAG: &str = "MQ2_FLAG";
/// How often the message has been consumed, on its way to a retry topic.
pub const RECONSUME_TIME: &str = "RECONSUME_TIME";
/// How often it may be, on its way to a retry topic.
pub const MAX_RECONSUME_TIMES: &str = "MAX_RECONSUME_TIMES";
/// The region of the broker.
pub const MSG_REGION: &str = "MSG_REGION";
/// `false`: the broker does not want traces.
pub const TRACE_SWITCH: &str = "TRACE_ON";
/// The message id made by the producer.
pub const UNIQ_KEY: &str = "UNIQ_KEY";
/// Historic.
pub const EXTEND_UNIQ_INFO: &str = "EXTEND_UNIQ_INFO";
/// Local to the consumer: when consuming began.
pub const CONSUME_START_TIMESTAMP: &str = "CONSUME_START_TIME";
/// How many messages a stored batch holds.
pub const INNER_NUM: &str = "INNER_NUM";
/// The first offset of a stored batch.
pub const INNER_BASE: &str = "INNER_BASE";
/// Of replication tools.
pub const DUP_INFO: &str = "DUP_INFO";
/// How long the broker waits before it asks about a half message.
pub const CHECK_IMMUNITY_TIME_IN_SECONDS: &str = "CHECK_IMMUNITY_TIME_IN_SECONDS";
/// Where the half message lies.
pub const TRANSACTION_PREPARED_QUEUE_OFFSET: &str = "TRAN_PREPARED_QUEUE_OFFSET";
/// The id of a transaction.
pub const TRANSACTION_ID: &str = "__transactionId__";
/// How often the broker has asked about a half message.
pub const TRANSACTION_CHECK_TIMES: &str = "TRANSACTION_CHECK_TIMES";
/// The namespace of the producer.
pub const INSTANCE_ID: &str = "INSTANCE_ID";
/// Pairs a reply with its request.
pub const CORRELATION_ID: &str = "CORRELATION_ID";
/// The client that waits for a reply.
pub const MESSAGE_REPLY_TO_CLIENT: &str = "REPLY_TO_CLIENT";
/// How long it waits, in milliseconds.
pub const MESSAGE_TTL: &str = "TTL";
/// When a reply arrived.
pub const REPLY_MESSAGE_ARRIVE_TIME: &str = "ARRIVE_TIME";
/// When a reply was pushed.
pub const PUSH_REPLY_TIME: &str = "PUSH_REPLY_TIME";
/// The cluster of the broker, which a reply has to name.
pub const CLUSTER: &str = "CLUSTER";
/// `reply` on replies.
pub const MESSAGE_TYPE: &str = "MSG_TYPE";
/// The receipt of a popped message.
pub const POP_CK: &str = "POP_CK";
/// Part of a receipt.
pub const POP_CK_OFFSET: &str = "POP_CK_OFFSET";
/// When a message was first popped.
pub const FIRST_POP_TIME: &str = "1ST_POP_TIME";
/// What keeps messages in one order.
pub const SHARDING_KEY: &str = "__SHARDINGKEY";
/// The priority of a message (5.4.0 and later).
pub const PRIORITY: &str = "_SYS_MSG_PRIORITY_";
/// The lite topic of a message (5.5.0 and later).
pub const LITE_TOPIC: &str = "__LITE_TOPIC";
/// The group that a message was popped by (5.4.0 and later).
pub const ORIGIN_GROUP: &str = "ORIGIN_GROUP";
/// Of bridges.
pub const FORWARD_QUEUE_ID: &str = "PROPERTY_FORWARD_QUEUE_ID";
/// Of bridges.
pub const REDIRECT: &str = "REDIRECT";
/// The light queues that a message is also put into.
pub const INNER_MULTI_DISPATCH: &str = "INNER_MULTI_DISPATCH";
/// Its offsets in them.
pub const INNER_MULTI_QUEUE_OFFSET: &str = "INNER_MULTI_QUEUE_OFFSET";
/// Of tracing tools.
pub const TRACE_CONTEXT: &str = "TRACE_CONTEXT";
/// Of cloud instances: deliver at this time.
pub const START_DELIVER_TIME: &str = "__STARTDELIVERTIME";
/// Deliver after this many seconds (5.x).
pub const TIMER_DELAY_SEC: &str = "TIMER_DELAY_SEC";
/// Deliver after this many milliseconds (5.x).
pub const TIMER_DELAY_MS: &str = "TIMER_DELAY_MS";
/// Deliver at this time, in milliseconds since 1970 (5.x).
pub const TIMER_DELIVER_MS: &str = "TIMER_DELIVER_MS";
/// The broker's book-keeping of timers.
pub const TIMER_ENQUEUE_MS: &str = "TIMER_ENQUEUE_MS";
/// The broker's book-keeping of timers.
pub const TIMER_DEQUEUE_MS: &str = "TIMER_DEQUEUE_MS";
/// The broker's book-keeping of timers.
pub const TIMER_ROLL_TIMES: &str = "TIMER_ROLL_TIMES";
/// The broker's book-keeping of timers.
pub const TIMER_OUT_MS: &str = "TIMER_OUT_MS";
/// The broker's book-keeping of timers.
pub const TIMER_DELAY_LEVEL: &str = "TIMER_DELAY_LEVEL";
/// The timer message that a recall takes back.
pub const TIMER_DEL_UNIQKEY: &str = "TIMER_DEL_UNIQKEY";
/// Who really sent the message, behind a proxy.
pub const BORN_HOST: &str = "__BORNHOST";
/// When it was really sent, behind a proxy.
pub const BORN_TIMESTAMP: &str = "BORN_TIMESTAMP";
/// A checksum over the whole message.
pub const CRC32: &str = "__CRC32#";
/// The topic that a dead letter comes from.
pub const DLQ_ORIGIN_TOPIC: &str = "DLQ_ORIGIN_TOPIC";
/// The id that a dead letter had.
pub const DLQ_ORIGIN_MESSAGE_ID: &str = "DLQ_ORIGIN_MESSAGE_ID";

/// Whether a name is refused as a property of the application's own, as Java's `putUserProperty` refuses it.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

const RESERVED: &[&str] = &[
    KEYS,
    TAGS,
    WAIT_STORE_MSG_OK,
    DELAY_TIME_LEVEL,
    RETRY_TOPIC,
    REAL_TOPIC,
    REAL_QUEUE_ID,
    TRANSACTION_PREPARED,
    PRODUCER_GROUP,
    MIN_OFFSET,
    MAX_OFFSET,
    BUYER_ID,
    ORIGIN_MESSAGE_ID,
    TRANSFER_FLAG,
    CORRECTION_FLAG,
    MQ2_FLAG,
    RECONSUME_TIME,
    MAX_RECONSUME_TIMES,
    MSG_REGION,
    TRACE_SWITCH,
    UNIQ_KEY,
    EXTEND_UNIQ_INFO,
    DUP_INFO,
    CONSUME_START_TIMESTAMP,
    TRANSACTION_PREPARED_QUEUE_OFFSET,
    INSTANCE_ID,
    CORRELATION_ID,
    MESSAGE_REPLY_TO_CLIENT,
    MESSAGE_TTL,
    REPLY_MESSAGE_ARRIVE_TIME,
    PUSH_REPLY_TIME,
    CLUSTER,
    MESSAGE_TYPE,
    POP_CK,
    POP_CK_OFFSET,
    FIRST_POP_TIME,
    PRIORITY,
    LITE_TOPIC,
    ORIGIN_GROUP,
    INNER_MULTI_QUEUE_OFFSET,
    TIMER_DELAY_SEC,
    TIMER_DELAY_MS,
    TIMER_DELIVER_MS,
    TIMER_ENQUEUE_MS,
    TIMER_DEQUEUE_MS,
    TIMER_ROLL_TIMES,
    TIMER_OUT_MS,
    TIMER_DELAY_LEVEL,
    TIMER_DEL_UNIQKEY,
    BORN_HOST,
    BORN_TIMESTAMP,
    CRC32,
    DLQ_ORIGIN_TOPIC,
    DLQ_ORIGIN_MESSAGE_ID,
];
