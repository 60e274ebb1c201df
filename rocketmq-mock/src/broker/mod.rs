//! [`Broker`]: one broker as a value.

mod assignment;
mod group;
mod later;
mod lite;
mod lock;
mod offset;
mod pop;
mod producers;
mod pull;
mod query;
mod reply;
mod send;
mod slave;
mod topic;
mod transaction;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use rocketmq_protocol::{
    Command, Header, HeaderError,
    body::DecodeBodyError,
    code::{LanguageCode, RequestCode, ResponseCode, Version},
    names::{AUTO_CREATE_TOPIC, reply_topic},
};

use crate::{
    log::{Draft, Log, QueueKey},
    name_server::CLUSTER,
};
use assignment::Modes;
use group::ConsumerGroups;
use lite::LiteTopics;
use pop::Pops;
use producers::Producers;
use pull::Held;
use transaction::Halves;

/// A connection, as the servers know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Peer {
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
}

/// Something to write to a connection.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) to: Peer,
    pub(crate) command: Command,
}

/// The settings of a topic on a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) read_queues: i32,
    pub(crate) write_queues: i32,
    pub(crate) perm: i32,
}

/// One broker: topics, messages, offsets, groups. It never waits and reads no clock; `now` is in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) name: Arc<str>,
    pub(crate) address: SocketAddr,
    pub(crate) topics: BTreeMap<Arc<str>, Topic>,
    pub(crate) log: Log,
    offsets: BTreeMap<(Arc<str>, QueueKey), i64>,
    groups: ConsumerGroups,
    leases: lock::Leases,
    producers: Producers,
    halves: Halves,
    pub(crate) recall_enabled: bool,
    held: Vec<Held>,
    pops: Pops,
    lite_topics: LiteTopics,
    modes: Modes,
    /// Messages that are to be delivered later.
    delayed: BTreeMap<(i64, u64), Draft>,
    delayed_count: u64,
    delay_step: Duration,
    auto_create: bool,
    opaque: i32,
}

/// Queues of a topic that is created on demand, at most (`defaultTopicQueueNums` of a broker).
const DEFAULT_QUEUES: i32 = 8;

impl Broker {
    pub(crate) fn new(
        name: Arc<str>,
        address: SocketAddr,
        delay_step: Duration,
        auto_create: bool,
    ) -> Self {
        let template = Topic { read_queues: DEFAULT_QUEUES, write_queues: DEFAULT_QUEUES, perm: 7 };
        let replies = Topic { read_queues: 1, write_queues: 1, perm: 6 };
        let mut topics = BTreeMap::from([(reply_topic(CLUSTER).into(), replies)]);
        if auto_create {
            topics.insert(AUTO_CREATE_TOPIC.into(), template);
        }
        Self {
            name,
            address,
            topics,
            log: Log::default(),
            offsets: BTreeMap::new(),
            groups: ConsumerGroups::default(),
            leases: lock::Leases::default(),
            producers: Producers::default(),
            halves: Halves::default(),
            recall_enabled: false,
            held: Vec::new(),
            pops: Pops::default(),
            lite_topics: LiteTopics::default(),
            modes: Modes::default(),
            delayed: BTreeMap::new(),
            delayed_count: 0,
            delay_step,
            auto_create,
            opaque: 0,
        }
    }

    /// Handles a request to its end. The answer, where there is one now, is among what is to be written.
    pub(crate) fn handle(&mut self, now: i64, from: Peer, request: &Command) -> Vec<Outgoing> {
        let mut out = Vec::new();
        let answer = match request.request_code() {
            RequestCode::SEND_MESSAGE
            | RequestCode::SEND_MESSAGE_V2
            | RequestCode::SEND_BATCH_MESSAGE
            | RequestCode::SEND_REPLY_MESSAGE
            | RequestCode::SEND_REPLY_MESSAGE_V2 => self.send(now, from, request, &mut out),
            RequestCode::END_TRANSACTION => self.end_transaction(now, request, &mut out).map(Some),
            RequestCode::RECALL_MESSAGE => self.recall(now, request).map(Some),
            RequestCode::QUERY_MESSAGE => self.query_message(request).map(Some),
            RequestCode::CONSUMER_SEND_MSG_BACK => self.send_back(now, from, request, &mut out),
            RequestCode::PULL_MESSAGE => self.pull(now, from, request),
            RequestCode::POP_MESSAGE => self.pop(now, from, request),
            RequestCode::POP_LITE_MESSAGE => self.pop_lite(now, from, request),
            RequestCode::LITE_SUBSCRIPTION_CTL => {
                self.lite_subscriptions(now, request, &mut out).map(Some)
            }
            RequestCode::SET_MESSAGE_REQUEST_MODE => self.set_mode(request).map(Some),
            RequestCode::NOTIFICATION => self.notification(now, from, request),
            RequestCode::ACK_MESSAGE => self.ack(request).map(Some),
            RequestCode::BATCH_ACK_MESSAGE => self.batch_ack(request).map(Some),
            RequestCode::CHANGE_MESSAGE_INVISIBLETIME => {
                self.change_invisible(now, request).map(Some)
            }
            RequestCode::QUERY_CONSUMER_OFFSET => self.query_offset(request).map(Some),
            RequestCode::CHECK_CLIENT_CONFIG => self.check_client(request).map(Some),
            RequestCode::LOCK_BATCH_MQ => self.lock(now, request).map(Some),
            RequestCode::UNLOCK_BATCH_MQ => self.unlock(request).map(Some),
            RequestCode::UPDATE_CONSUMER_OFFSET => self.update_offset(request).map(Some),
            RequestCode::GET_MAX_OFFSET => self.max_offset(request).map(Some),
            RequestCode::GET_MIN_OFFSET => self.min_offset(request).map(Some),
            RequestCode::SEARCH_OFFSET_BY_TIMESTAMP => self.search_offset(request).map(Some),
            RequestCode::GET_EARLIEST_MSG_STORETIME => self.earliest_store_time(request).map(Some),
            RequestCode::HEART_BEAT => self.heartbeat(from, request, &mut out).map(Some),
            RequestCode::UNREGISTER_CLIENT => self.unregister(from, request, &mut out).map(Some),
            RequestCode::GET_CONSUMER_LIST_BY_GROUP => self.consumer_list(request).map(Some),
            RequestCode::UPDATE_AND_CREATE_TOPIC => self.create_topic(request).map(Some),
            RequestCode::VIEW_MESSAGE_BY_ID => self.view_message(request).map(Some),
            code => {
                let remark = format!(" request type {} not supported", code.0);
                Ok(Some(
                    answer(request, ResponseCode::REQUEST_CODE_NOT_SUPPORTED).with_remark(remark),
                ))
            }
        };
        let answer = answer.unwrap_or_else(|refusal| Some(refusal.to_answer(request)));
        if let Some(command) = answer.filter(|_| !request.is_oneway()) {
            out.push(Outgoing { to: from, command });
        }
        out
    }

    /// Lets time pass: delivers what is due, and answers pulls that have waited long enough.
    pub(crate) fn tick(&mut self, now: i64) -> Vec<Outgoing> {
        let mut out = Vec::new();
        while let Some(entry) = self.delayed.first_entry()
            && entry.key().0 <= now
        {
            let draft = entry.remove();
            self.store(draft, now, &mut out);
        }
        self.check_halves(now, &mut out);
        self.expire_held(now, &mut out);
        self.expire_pops(now, &mut out);
        self.answer_lite_pops(now, &mut out);
        out
    }

    /// A connection has gone, and with it the members that spoke over it.
    pub(crate) fn disconnected(&mut self, peer: Peer) -> Vec<Outgoing> {
        let mut out = Vec::new();
        self.held.retain(|held| held.peer != peer);
        self.pops.disconnected(peer);
        self.lite_topics.disconnected(peer);
        self.producers.disconnected(peer);
        let changed = self.groups.disconnected(peer);
        self.notify(changed, &mut out);
        out
    }

    /// Everything but messages, offsets and topics is forgotten when a broker restarts.
    pub(crate) fn restarted(&mut self) {
        self.groups = ConsumerGroups::default();
        self.leases = lock::Leases::default();
        self.producers = Producers::default();
        self.held.clear();
        self.pops.restarted();
        self.lite_topics.restarted();
    }

    /// How long half messages wait for a first check, and between checks.
    pub(crate) fn check_transactions_after(&mut self, interval: Duration) {
        self.halves.check_interval = interval;
    }

    /// A request of the broker's own. It numbers them as it likes.
    fn request(&mut self, code: RequestCode, header: &impl Header) -> Command {
        self.opaque += 1;
        let mut command = Command::default().with_header(header).with_opaque(self.opaque).oneway();
        command.code = code.0;
        command.version = Version::V5_5_0;
        command
    }
}

/// Why a request is refused: a code and a remark.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: ResponseCode,
    remark: String,
}

impl Refusal {
    pub(crate) fn new(code: ResponseCode, remark: impl Into<String>) -> Self {
        Self { code, remark: remark.into() }
    }

    pub(crate) fn to_answer(&self, request: &Command) -> Command {
        answer(request, self.code).with_remark(self.remark.clone())
    }
}

/// A real broker runs into a null pointer where a field is missing, and answers so.
impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        Self::new(ResponseCode::SYSTEM_ERROR, error.to_string())
    }
}

/// As one does where a body is not what it should be.
impl From<DecodeBodyError> for Refusal {
    fn from(error: DecodeBodyError) -> Self {
        Self::new(ResponseCode::SYSTEM_ERROR, error.to_string())
    }
}

/// An answer as a server of 5.5.0 heads it.
pub(crate) fn answer(request: &Command, code: ResponseCode) -> Command {
    let mut command = Command::answer(request, code);
    command.language = LanguageCode::JAVA;
    command.version = Version::V5_5_0;
    command
}
