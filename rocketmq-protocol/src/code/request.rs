//! Request codes: what a command asks for.

use super::codes;

codes! {
    /// What a request asks for (`remoting/protocol/RequestCode.java`, 4.9.7 and 5.5.0).
    pub struct RequestCode(i32) {
        /// Stores one message; the header has long field names.
        SEND_MESSAGE = 10,
        /// Reads messages of one queue from an offset on, waiting at the broker if there are none.
        PULL_MESSAGE = 11,
        /// Looks messages up by key or by unique id.
        QUERY_MESSAGE = 12,
        /// Broker-internal: the offset of a broker.
        QUERY_BROKER_OFFSET = 13,
        /// The stored offset of a group in one queue.
        QUERY_CONSUMER_OFFSET = 14,
        /// Stores the offset of a group in one queue.
        UPDATE_CONSUMER_OFFSET = 15,
        /// Creates or changes a topic on one broker.
        UPDATE_AND_CREATE_TOPIC = 17,
        /// Creates or changes several topics on one broker (5.3.0 and later).
        UPDATE_AND_CREATE_TOPIC_LIST = 18,
        /// Every topic of a broker.
        GET_ALL_TOPIC_CONFIG = 21,
        /// No broker answers this any more.
        GET_TOPIC_CONFIG_LIST = 22,
        /// No broker answers this any more.
        GET_TOPIC_NAME_LIST = 23,
        /// Changes broker options at run time.
        UPDATE_BROKER_CONFIG = 25,
        /// The options of a broker as properties text.
        GET_BROKER_CONFIG = 26,
        /// No broker answers this any more.
        TRIGGER_DELETE_FILES = 27,
        /// A table of figures about a running broker.
        GET_BROKER_RUNTIME_INFO = 28,
        /// The offset of the first message stored at a time or later.
        SEARCH_OFFSET_BY_TIMESTAMP = 29,
        /// One past the last offset of a queue.
        GET_MAX_OFFSET = 30,
        /// The first offset that a queue still holds.
        GET_MIN_OFFSET = 31,
        /// When the first message of a queue was stored.
        GET_EARLIEST_MSG_STORETIME = 32,
        /// Reads one message by its commit-log offset.
        VIEW_MESSAGE_BY_ID = 33,
        /// Tells a broker which groups and subscriptions live in this client.
        HEART_BEAT = 34,
        /// Tells a broker that a group has left this client.
        UNREGISTER_CLIENT = 35,
        /// Hands a failed message back for redelivery or to the dead letters.
        CONSUMER_SEND_MSG_BACK = 36,
        /// Commits or rolls back a half message.
        END_TRANSACTION = 37,
        /// The client ids of the members of a group.
        GET_CONSUMER_LIST_BY_GROUP = 38,
        /// From the broker: asks what became of a half message.
        CHECK_TRANSACTION_STATE = 39,
        /// From the broker: the members of a group have changed.
        NOTIFY_CONSUMER_IDS_CHANGED = 40,
        /// Leases queues to one consumer, for ordered consumption.
        LOCK_BATCH_MQ = 41,
        /// Gives leases of queues back.
        UNLOCK_BATCH_MQ = 42,
        /// Every stored offset of a broker.
        GET_ALL_CONSUMER_OFFSET = 43,
        /// How far the delay queues have been delivered.
        GET_ALL_DELAY_OFFSET = 45,
        /// Has a broker check a subscription expression.
        CHECK_CLIENT_CONFIG = 46,
        /// Declared, never used.
        GET_CLIENT_CONFIG = 47,
        /// Changes access control of the first generation (until 5.3.2).
        UPDATE_AND_CREATE_ACL_CONFIG = 50,
        /// Removes an account of the first generation of access control (until 5.3.2).
        DELETE_ACL_CONFIG = 51,
        /// Versions of the access control files of a broker (until 5.3.2).
        GET_BROKER_CLUSTER_ACL_INFO = 52,
        /// Changes the white list of the first generation of access control (until 5.3.2).
        UPDATE_GLOBAL_WHITE_ADDRS_CONFIG = 53,
        /// The access control configuration of a broker (until 5.3.2).
        GET_BROKER_CLUSTER_ACL_CONFIG = 54,
        /// Broker-internal: how far the timer wheel has come.
        GET_TIMER_CHECK_POINT = 60,
        /// Figures about waiting timer messages.
        GET_TIMER_METRICS = 61,
        /// Stores a pair in a namespace of a name server.
        PUT_KV_CONFIG = 100,
        /// Reads a value from a namespace of a name server.
        GET_KV_CONFIG = 101,
        /// Removes a pair from a namespace of a name server.
        DELETE_KV_CONFIG = 102,
        /// Broker-internal: registers a broker at a name server.
        REGISTER_BROKER = 103,
        /// Broker-internal: removes a broker from a name server.
        UNREGISTER_BROKER = 104,
        /// Which brokers serve the queues of a topic.
        GET_ROUTEINFO_BY_TOPIC = 105,
        /// Every cluster and broker that a name server knows.
        GET_BROKER_CLUSTER_INFO = 106,
        /// Creates or changes a consumer group on one broker.
        UPDATE_AND_CREATE_SUBSCRIPTIONGROUP = 200,
        /// Every consumer group of a broker.
        GET_ALL_SUBSCRIPTIONGROUP_CONFIG = 201,
        /// Minimum, maximum and last write of each queue of a topic.
        GET_TOPIC_STATS_INFO = 202,
        /// The connections and subscriptions of a consumer group.
        GET_CONSUMER_CONNECTION_LIST = 203,
        /// The connections of a producer group.
        GET_PRODUCER_CONNECTION_LIST = 204,
        /// Takes a broker out of writing in every route.
        WIPE_WRITE_PERM_OF_BROKER = 205,
        /// Every topic name that a name server knows.
        GET_ALL_TOPIC_LIST_FROM_NAMESERVER = 206,
        /// Removes a consumer group from one broker.
        DELETE_SUBSCRIPTIONGROUP = 207,
        /// How far a group has consumed each queue.
        GET_CONSUME_STATS = 208,
        /// Declared, never used.
        SUSPEND_CONSUMER = 209,
        /// Declared, never used.
        RESUME_CONSUMER = 210,
        /// Declared, never used.
        RESET_CONSUMER_OFFSET_IN_CONSUMER = 211,
        /// Declared, never used.
        RESET_CONSUMER_OFFSET_IN_BROKER = 212,
        /// Declared, never used.
        ADJUST_CONSUMER_THREAD_POOL = 213,
        /// Declared, never used.
        WHO_CONSUME_THE_MESSAGE = 214,
        /// Removes a topic from one broker.
        DELETE_TOPIC_IN_BROKER = 215,
        /// Removes a topic from one name server.
        DELETE_TOPIC_IN_NAMESRV = 216,
        /// Adds a topic's route to one name server.
        REGISTER_TOPIC_IN_NAMESRV = 217,
        /// Every pair of a namespace of a name server.
        GET_KVLIST_BY_NAMESPACE = 219,
        /// From the broker: move the offsets of a group (4.x servers).
        RESET_CONSUMER_CLIENT_OFFSET = 220,
        /// From the broker: the offsets that a consumer holds.
        GET_CONSUMER_STATUS_FROM_CLIENT = 221,
        /// Has a broker move the offsets of a group.
        INVOKE_BROKER_TO_RESET_OFFSET = 222,
        /// Has a broker ask its consumers for their offsets.
        INVOKE_BROKER_TO_GET_CONSUMER_STATUS = 223,
        /// The topics of one cluster.
        GET_TOPICS_BY_CLUSTER = 224,
        /// Creates or changes several consumer groups (5.3.1 and later).
        UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST = 225,
        /// The groups that consume a topic.
        QUERY_TOPIC_CONSUME_BY_WHO = 300,
        /// Declared, never used.
        REGISTER_FILTER_SERVER = 301,
        /// Declared, never used.
        REGISTER_MESSAGE_FILTER_CLASS = 302,
        /// How old the messages are that a group has yet to consume.
        QUERY_CONSUME_TIME_SPAN = 303,
        /// The topics of the system itself, as a name server knows them.
        GET_SYSTEM_TOPIC_LIST_FROM_NS = 304,
        /// The topics of the system itself, as a broker knows them.
        GET_SYSTEM_TOPIC_LIST_FROM_BROKER = 305,
        /// Removes expired consume queue files.
        CLEAN_EXPIRED_CONSUMEQUEUE = 306,
        /// What a consumer holds and does; relayed by the broker.
        GET_CONSUMER_RUNNING_INFO = 307,
        /// The lowest offsets among groups that filter.
        QUERY_CORRECTION_OFFSET = 308,
        /// Has one consumer consume one message now; relayed by the broker.
        CONSUME_MESSAGE_DIRECTLY = 309,
        /// Stores one message; the header has one-letter field names.
        SEND_MESSAGE_V2 = 310,
        /// The topics marked as unit topics.
        GET_UNIT_TOPIC_LIST = 311,
        /// The topics with unit subscriptions.
        GET_HAS_UNIT_SUB_TOPIC_LIST = 312,
        /// The topics with unit subscriptions that are no unit topics.
        GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST = 313,
        /// Copies the offsets of one group to another.
        CLONE_GROUP_OFFSET = 314,
        /// One statistic of a broker per minute, hour and day.
        VIEW_BROKER_STATS_DATA = 315,
        /// Removes topics that nobody uses.
        CLEAN_UNUSED_TOPIC = 316,
        /// Consumption of every group on a broker.
        GET_BROKER_CONSUME_STATS = 317,
        /// Changes name server options at run time.
        UPDATE_NAMESRV_CONFIG = 318,
        /// The options of a name server as properties text.
        GET_NAMESRV_CONFIG = 319,
        /// Stores several messages of one queue.
        SEND_BATCH_MESSAGE = 320,
        /// Reads entries of a consume queue.
        QUERY_CONSUME_QUEUE = 321,
        /// Broker-internal: whether a registration is up to date.
        QUERY_DATA_VERSION = 322,
        /// Has a broker ask once more about a half message it gave up.
        RESUME_CHECK_HALF_MESSAGE = 323,
        /// Stores a reply and pushes it to the requester; long field names.
        SEND_REPLY_MESSAGE = 324,
        /// Stores a reply and pushes it to the requester; one-letter field names.
        SEND_REPLY_MESSAGE_V2 = 325,
        /// From the broker: a reply to a request of this client.
        PUSH_REPLY_MESSAGE_TO_CLIENT = 326,
        /// Takes a broker back into writing in every route.
        ADD_WRITE_PERM_OF_BROKER = 327,
        /// Every producer connected to a broker.
        GET_ALL_PRODUCER_INFO = 328,
        /// Removes expired commit-log files.
        DELETE_EXPIRED_COMMITLOG = 329,
        /// The topics that a group consumes.
        QUERY_TOPICS_BY_CONSUMER = 343,
        /// The subscription of a group to a topic.
        QUERY_SUBSCRIPTION_BY_CONSUMER = 345,
        /// The configuration of one topic.
        GET_TOPIC_CONFIG = 351,
        /// The configuration of one consumer group.
        GET_SUBSCRIPTIONGROUP_CONFIG = 352,
        /// Forbids or allows a group to read a topic.
        UPDATE_AND_GET_GROUP_FORBIDDEN = 353,
        /// Compares consume queues of both stores.
        CHECK_ROCKSDB_CQ_WRITE_PROGRESS = 354,
        /// Writes RocksDB configuration as JSON files.
        EXPORT_ROCKSDB_CONFIG_TO_JSON = 355,
        /// A pull of a lite pull consumer (5.x).
        LITE_PULL_MESSAGE = 361,
        /// Takes a timer message back before it is delivered.
        RECALL_MESSAGE = 370,
        /// Has the broker allocate the queues of a topic to a member.
        QUERY_ASSIGNMENT = 400,
        /// Switches a group between pull and POP.
        SET_MESSAGE_REQUEST_MODE = 401,
        /// Which groups pull and which pop.
        GET_ALL_MESSAGE_REQUEST_MODE = 402,
        /// Creates or changes a static topic's mapping on one broker.
        UPDATE_AND_CREATE_STATIC_TOPIC = 513,
        /// The addresses that share one broker name.
        GET_BROKER_MEMBER_GROUP = 901,
        /// Starts a broker in a container.
        ADD_BROKER = 902,
        /// Stops a broker in a container.
        REMOVE_BROKER = 903,
        /// Broker-internal: liveness for a name server or controller.
        BROKER_HEARTBEAT = 904,
        /// Server-internal: the acting master has changed.
        NOTIFY_MIN_BROKER_ID_CHANGE = 905,
        /// Broker-internal: replication addresses.
        EXCHANGE_BROKER_HA_INFO = 906,
        /// How far replicas are behind.
        GET_BROKER_HA_STATUS = 907,
        /// Sets the flush offset of a master.
        RESET_MASTER_FLUSH_OFFSET = 908,
        /// Controller-internal: changes the in-sync set.
        CONTROLLER_ALTER_SYNC_STATE_SET = 1001,
        /// Has a controller elect a master.
        CONTROLLER_ELECT_MASTER = 1002,
        /// Controller-internal: registers a broker.
        CONTROLLER_REGISTER_BROKER = 1003,
        /// Controller-internal: the replicas of a broker name.
        CONTROLLER_GET_REPLICA_INFO = 1004,
        /// Who leads the controllers.
        CONTROLLER_GET_METADATA_INFO = 1005,
        /// The in-sync sets that a controller knows.
        CONTROLLER_GET_SYNC_STATE_DATA = 1006,
        /// The epochs of a broker's log.
        GET_BROKER_EPOCH_CACHE = 1007,
        /// Controller-internal: a broker's role has changed.
        NOTIFY_BROKER_ROLE_CHANGED = 1008,
        /// Changes controller options at run time.
        UPDATE_CONTROLLER_CONFIG = 1009,
        /// The options of a controller as properties text.
        GET_CONTROLLER_CONFIG = 1010,
        /// Removes a broker from a controller.
        CLEAN_BROKER_DATA = 1011,
        /// Controller-internal: the next free broker id.
        CONTROLLER_GET_NEXT_BROKER_ID = 1012,
        /// Controller-internal: claims a broker id.
        CONTROLLER_APPLY_BROKER_ID = 1013,
        /// Controller-internal: a broker's connection has closed.
        BROKER_CLOSE_CHANNEL_REQUEST = 1014,
        /// Controller-internal: looks for dead brokers.
        CHECK_NOT_ACTIVE_BROKER_REQUEST = 1015,
        /// Controller-internal: which brokers live.
        GET_BROKER_LIVE_INFO_REQUEST = 1016,
        /// Controller-internal: in-sync sets.
        GET_SYNC_STATE_DATA_REQUEST = 1017,
        /// Controller-internal: a broker's heartbeat as a log entry.
        RAFT_BROKER_HEART_BEAT_EVENT_REQUEST = 1018,
        /// Limits how fast a group may read cold data.
        UPDATE_COLD_DATA_FLOW_CTR_CONFIG = 2001,
        /// Lifts a group's limit on cold data.
        REMOVE_COLD_DATA_FLOW_CTR_CONFIG = 2002,
        /// The limits on cold data and their use.
        GET_COLD_DATA_FLOW_CTR_INFO = 2003,
        /// How the commit log is read ahead.
        SET_COMMITLOG_READ_MODE = 2004,
        /// Adds a user (5.3.0 and later).
        AUTH_CREATE_USER = 3001,
        /// Changes a user.
        AUTH_UPDATE_USER = 3002,
        /// Removes a user.
        AUTH_DELETE_USER = 3003,
        /// Reads a user.
        AUTH_GET_USER = 3004,
        /// Lists users.
        AUTH_LIST_USER = 3005,
        /// Adds permissions of a subject.
        AUTH_CREATE_ACL = 3006,
        /// Changes permissions of a subject.
        AUTH_UPDATE_ACL = 3007,
        /// Removes permissions of a subject.
        AUTH_DELETE_ACL = 3008,
        /// Reads permissions of a subject.
        AUTH_GET_ACL = 3009,
        /// Lists permissions.
        AUTH_LIST_ACL = 3010,
        /// Switches between the two timer stores (5.4.0 and later).
        SWITCH_TIMER_ENGINE = 5001,
        /// Takes messages out for a while, whichever queue they are in.
        POP_MESSAGE = 200050,
        /// Acknowledges one popped message.
        ACK_MESSAGE = 200051,
        /// Reads messages without taking them.
        PEEK_MESSAGE = 200052,
        /// Changes how long a popped message stays out.
        CHANGE_MESSAGE_INVISIBLETIME = 200053,
        /// Waits until a queue has messages, without taking any.
        NOTIFICATION = 200054,
        /// How many requests wait for messages of a queue.
        POLLING_INFO = 200055,
        /// Moves the state of POP back from RocksDB to files.
        POP_ROLLBACK = 200056,
        /// Takes messages of lite topics (5.5.0 and later).
        POP_LITE_MESSAGE = 200070,
        /// Subscribes to and unsubscribes from lite topics.
        LITE_SUBSCRIPTION_CTL = 200071,
        /// Declared; brokers answer that they do not support it.
        ACK_LITE_MESSAGE = 200072,
        /// From the broker: a lite subscription has been taken away.
        NOTIFY_UNSUBSCRIBE_LITE = 200073,
        /// Figures about lite topics on a broker.
        GET_BROKER_LITE_INFO = 200074,
        /// Figures about the lite topics under one topic.
        GET_PARENT_TOPIC_INFO = 200075,
        /// Who reads one lite topic, and how far it goes.
        GET_LITE_TOPIC_INFO = 200076,
        /// What one client has subscribed to.
        GET_LITE_CLIENT_INFO = 200077,
        /// How far a group is behind on lite topics.
        GET_LITE_GROUP_INFO = 200078,
        /// Has a broker look again for lite messages.
        TRIGGER_LITE_DISPATCH = 200079,
        /// Acknowledges several popped messages (5.1.3 and later).
        BATCH_ACK_MESSAGE = 200151,
    }
}
