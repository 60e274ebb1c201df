//! Response codes: how a request was answered.

use super::codes;

codes! {
    /// How a request was answered (`remoting/protocol/ResponseCode.java` and `RemotingSysResponseCode.java`, 5.5.0).
    ///
    /// 209 to 211 mean something else on 4.x brokers: read them by the request that was sent.
    pub struct ResponseCode(i32) {
        /// Between brokers: no answer in time.
        RPC_TIME_OUT = -1006,
        /// Between brokers: could not be sent.
        RPC_SEND_TO_CHANNEL_FAILED = -1004,
        /// Between brokers: no address is known.
        RPC_ADDR_IS_NULL = -1002,
        /// Between brokers: some other failure.
        RPC_UNKNOWN = -1000,
        /// Done.
        SUCCESS = 0,
        /// Something failed at the server; also "not found" for several look-ups.
        SYSTEM_ERROR = 1,
        /// The server does not take this request now, or (a slave) not here.
        SYSTEM_BUSY = 2,
        /// The server does not know the code of the request.
        REQUEST_CODE_NOT_SUPPORTED = 3,
        /// A transaction could not be ended.
        TRANSACTION_FAILED = 4,
        /// Stored; that it reached the disk was not confirmed in time.
        FLUSH_DISK_TIMEOUT = 10,
        /// Stored; no slave is there to copy it. Of a transaction's end: asked at a slave.
        SLAVE_NOT_AVAILABLE = 11,
        /// Stored; that a slave copied it was not confirmed in time.
        FLUSH_SLAVE_TIMEOUT = 12,
        /// The message breaks a rule: size, properties, timer, batch.
        MESSAGE_ILLEGAL = 13,
        /// The broker does not store now: disk full, slave, or shutting down.
        SERVICE_NOT_AVAILABLE = 14,
        /// The request is not of a form that this server takes.
        VERSION_NOT_SUPPORTED = 15,
        /// Not allowed: by the topic, the group, the broker or access control.
        NO_PERMISSION = 16,
        /// There is no such topic here.
        TOPIC_NOT_EXIST = 17,
        /// There is such a topic already.
        TOPIC_EXIST_ALREADY = 18,
        /// No new message.
        PULL_NOT_FOUND = 19,
        /// Nothing for this subscription here; go on from the offset given.
        PULL_RETRY_IMMEDIATELY = 20,
        /// The offset is out of range, or was reset; go on from the offset given.
        PULL_OFFSET_MOVED = 21,
        /// Nothing is stored under what was asked for.
        QUERY_NOT_FOUND = 22,
        /// The subscription expression cannot be understood.
        SUBSCRIPTION_PARSE_FAILED = 23,
        /// The broker knows no such group, or no subscription of it to this topic.
        SUBSCRIPTION_NOT_EXIST = 24,
        /// The broker knows only an older subscription.
        SUBSCRIPTION_NOT_LATEST = 25,
        /// There is no such group, and groups are not created on demand.
        SUBSCRIPTION_GROUP_NOT_EXIST = 26,
        /// The broker has no compiled filter for the subscription.
        FILTER_DATA_NOT_EXIST = 27,
        /// The broker has only an older filter for the subscription.
        FILTER_DATA_NOT_LATEST = 28,
        /// A parameter is wrong (5.3.2 and later; `SYSTEM_ERROR` before).
        INVALID_PARAMETER = 29,
        /// Of old brokers: commit.
        TRANSACTION_SHOULD_COMMIT = 200,
        /// Of old brokers: roll back.
        TRANSACTION_SHOULD_ROLLBACK = 201,
        /// Of old brokers: not decided.
        TRANSACTION_STATE_UNKNOW = 202,
        /// Of old brokers: the half message is another group's.
        TRANSACTION_STATE_GROUP_WRONG = 203,
        /// Of unit deployments: no buyer id.
        NO_BUYER_ID = 204,
        /// Of unit deployments: belongs to another unit.
        NOT_IN_CURRENT_UNIT = 205,
        /// No member of the group is connected.
        CONSUMER_NOT_ONLINE = 206,
        /// The consumer that was asked did not answer in time.
        CONSUME_MSG_TIMEOUT = 207,
        /// The offset to acknowledge is not in the queue.
        NO_MESSAGE = 208,
        /// Too many requests wait already; on 4.x brokers an access control change failed.
        POLLING_FULL = 209,
        /// Nothing came while the request waited; on 4.x brokers an access control removal failed.
        POLLING_TIMEOUT = 210,
        /// There is no such broker; on 4.x brokers a white list change failed.
        BROKER_NOT_EXIST = 211,
        /// The broker has not dispatched everything yet.
        BROKER_DISPATCH_NOT_COMPLETE = 212,
        /// The group broadcasts, which this request does not apply to.
        BROADCAST_CONSUMPTION = 213,
        /// Slow down.
        FLOW_CONTROL = 215,
        /// The static queue lives on another broker now.
        NOT_LEADER_FOR_QUEUE = 501,
        /// The operation is not allowed in this state.
        ILLEGAL_OPERATION = 604,
        /// The server is shutting down: connect anew and ask again.
        GO_AWAY = 1500,
        /// Controller: an old master epoch.
        CONTROLLER_FENCED_MASTER_EPOCH = 2000,
        /// Controller: an old epoch of the in-sync set.
        CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH = 2001,
        /// Controller: not the master.
        CONTROLLER_INVALID_MASTER = 2002,
        /// Controller: replicas do not fit.
        CONTROLLER_INVALID_REPLICAS = 2003,
        /// Controller: there is no master.
        CONTROLLER_MASTER_NOT_AVAILABLE = 2004,
        /// Controller: the request is wrong.
        CONTROLLER_INVALID_REQUEST = 2005,
        /// Controller: the broker is not alive.
        CONTROLLER_BROKER_NOT_ALIVE = 2006,
        /// Controller: ask the leader.
        CONTROLLER_NOT_LEADER = 2007,
        /// Controller: the broker is unknown.
        CONTROLLER_BROKER_METADATA_NOT_EXIST = 2008,
        /// Controller: the broker cannot be removed.
        CONTROLLER_INVALID_CLEAN_BROKER_METADATA = 2009,
        /// Controller: the broker has to register first.
        CONTROLLER_BROKER_NEED_TO_BE_REGISTERED = 2010,
        /// Controller: there is a master already.
        CONTROLLER_MASTER_STILL_EXIST = 2011,
        /// Controller: no master could be elected.
        CONTROLLER_ELECT_MASTER_FAILED = 2012,
        /// Controller: the in-sync set was not changed.
        CONTROLLER_ALTER_SYNC_STATE_SET_FAILED = 2013,
        /// Controller: the broker id is taken or wrong.
        CONTROLLER_BROKER_ID_INVALID = 2014,
        /// Controller: its log failed.
        CONTROLLER_JRAFT_INTERNAL_ERROR = 2015,
        /// Controller: nothing is known of the broker's life.
        CONTROLLER_BROKER_LIVE_INFO_NOT_EXISTS = 2016,
        /// Too many light queues (5.5.0 and later).
        LMQ_QUOTA_EXCEEDED = 2017,
        /// Too many lite subscriptions (5.5.0 and later).
        LITE_SUBSCRIPTION_QUOTA_EXCEEDED = 2018,
        /// There is no such user.
        USER_NOT_EXIST = 3001,
        /// There is no such permission.
        POLICY_NOT_EXIST = 3002,
    }
}
