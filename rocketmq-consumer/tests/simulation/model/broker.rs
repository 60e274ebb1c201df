//! Brokers as simple as can be: logs, stored offsets, a register of members. Time and chance come from outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rocketmq_consumer::{
    CommitId, Epoch, Failure, Input, LockId, Now, OffsetCommit, PopAck, PopPlan, PullAnswer,
    PullPlan, PullStatus, Reappearance, Seek, SendBack, Stored,
};
use rocketmq_protocol::{
    Text,
    code::ResponseCode,
    message::{MessageExt, PropertiesWriter, SysFlag, property},
    names,
};
use rocketmq_route::MessageQueue;

use super::{pops::Pops, world::GROUP};

/// A member that is silent for so long is not one any more.
const EXPIRY: Duration = Duration::from_secs(40);

/// How long a queue stays leased to a member that does not ask again.
const LEASE: Duration = Duration::from_secs(60);

/// A message, wherever it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Stock {
    /// Unique, and the same in the retry topic.
    pub(crate) id: u64,
    pub(crate) topic: Arc<str>,
    pub(crate) times: i32,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) messages: Vec<Stock>,
    /// Offsets below are deleted.
    pub(crate) min: i64,
}

#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) name: Arc<str>,
    pub(crate) logs: BTreeMap<MessageQueue, Log>,
    pub(crate) stored: BTreeMap<MessageQueue, i64>,
    /// What survives a crash.
    pub(crate) flushed: BTreeMap<MessageQueue, i64>,
    /// Resets by an administrator that no pull has seen yet.
    pub(crate) resets: BTreeMap<MessageQueue, i64>,
    pub(crate) members: BTreeMap<Arc<str>, Now>,
    /// Who has taken leave: a heartbeat that was overtaken does not bring it back.
    pub(crate) left: BTreeSet<Arc<str>>,
    /// Who has leased a queue, and since when.
    pub(crate) leases: BTreeMap<MessageQueue, (Arc<str>, Now)>,
    pub(crate) held: Vec<Held>,
    pub(crate) pops: Pops,
    pub(crate) dead_letters: BTreeSet<u64>,
}

/// A pull that waits for messages.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) member: u32,
    pub(crate) plan: PullPlan,
    pub(crate) until: Now,
}

/// What a member asks of a broker.
#[derive(Debug)]
pub(crate) enum Request {
    Heartbeat { client_id: Arc<str> },
    Unregister { client_id: Arc<str> },
    Members,
    Stored { queue: MessageQueue, epoch: Epoch },
    Start { queue: MessageQueue, epoch: Epoch, seek: Seek },
    Pull(PullPlan),
    SendBack(SendBack),
    Commit { commit: CommitId, offsets: Vec<OffsetCommit> },
    Lock { lock: LockId, client_id: Arc<str>, queues: Vec<MessageQueue> },
    Unlock { lock: LockId, client_id: Arc<str>, queues: Vec<MessageQueue> },
    Assignment { topic: Arc<str> },
    Pop(PopPlan),
    Ack(PopAck),
    Reappear(Reappearance),
}

impl Request {
    /// What a member learns if no answer arrives.
    pub(crate) fn failed(&self, broker: &Arc<str>, failure: Failure) -> Option<Input> {
        Some(match self {
            Self::Heartbeat { .. } => return None,
            Self::Unregister { .. } => Input::Unregistered,
            Self::Members => Input::Members { broker: Arc::clone(broker), answer: Err(failure) },
            Self::Stored { epoch, .. } => {
                Input::StoredOffset { epoch: *epoch, answer: Err(failure) }
            }
            Self::Start { epoch, .. } => Input::StartOffset { epoch: *epoch, answer: Err(failure) },
            Self::Pull(plan) => Input::Pulled { pull: plan.pull, answer: Err(failure) },
            Self::SendBack(send_back) => {
                Input::SentBack { delivery: send_back.delivery.id(), answer: Err(failure) }
            }
            Self::Commit { commit, offsets } => {
                let failed = offsets.iter().map(|offset| (offset.epoch, failure)).collect();
                Input::Committed { commit: *commit, failed }
            }
            Self::Lock { lock, .. } => Input::Locked { lock: *lock, answer: Err(failure) },
            Self::Unlock { lock, .. } => Input::Unlocked { lock: *lock, answer: Err(failure) },
            Self::Assignment { topic } => {
                Input::Assignment { topic: Arc::clone(topic), answer: Err(failure) }
            }
            Self::Pop(plan) => Input::Popped { pop: plan.pop, answer: Err(failure) },
            Self::Ack(plan) => Input::Acked { epoch: plan.epoch, answer: Err(failure) },
            Self::Reappear(plan) => {
                Input::Reappears { delivery: plan.delivery, answer: Err(failure) }
            }
        })
    }
}

/// What comes of a request.
pub(crate) enum Effect {
    Answer(Input),
    /// The members have changed: all are told.
    Changed(Vec<Arc<str>>),
    /// The message is to be stored again.
    Retry {
        stock: Stock,
        from: (MessageQueue, i64),
    },
    /// Nobody will see the message again.
    Buried {
        id: u64,
        from: (MessageQueue, i64),
    },
    /// Popped messages have been acknowledged.
    Acked(Vec<u64>),
    /// An offset has been stored.
    Committed {
        queue: MessageQueue,
        offset: i64,
    },
}

impl Broker {
    pub(crate) fn new(name: &str, queues: i32) -> Self {
        let name = Arc::<str>::from(name);
        let retry = MessageQueue::new(names::retry_topic(GROUP), Arc::clone(&name), 0);
        let queue = |id| MessageQueue::new("t", Arc::clone(&name), id);
        let queues: Vec<_> = (0..queues).map(queue).chain([retry]).collect();
        let queues = queues.into_iter();
        Self {
            stored: queues.clone().map(|queue| (queue, 0)).collect(),
            flushed: queues.clone().map(|queue| (queue, 0)).collect(),
            logs: queues.map(|queue| (queue, Log::default())).collect(),
            name,
            resets: BTreeMap::new(),
            members: BTreeMap::new(),
            left: BTreeSet::new(),
            leases: BTreeMap::new(),
            held: Vec::new(),
            pops: Pops::default(),
            dead_letters: BTreeSet::new(),
        }
    }

    /// One more queue, of which the group has stored that it begins at the beginning.
    pub(crate) fn add_queue(&mut self, queue: MessageQueue) {
        self.stored.insert(queue.clone(), 0);
        self.flushed.insert(queue.clone(), 0);
        self.logs.insert(queue, Log::default());
    }

    pub(crate) fn retry_queue(&self) -> MessageQueue {
        MessageQueue::new(names::retry_topic(GROUP), Arc::clone(&self.name), 0)
    }

    /// Forgets who is there and what was not flushed, and answers no pull that waits.
    pub(crate) fn restart(&mut self) -> Vec<Held> {
        // Leases stay. A real broker forgets them too, and then whoever asks first has the queue, whatever its former
        // owner believes for as long as it trusts its lease: nothing that a client does can keep the two apart.
        self.members.clear();
        self.stored = self.flushed.clone();
        std::mem::take(&mut self.held)
    }

    fn current_members(&mut self, now: Now) -> Vec<Arc<str>> {
        self.members.retain(|_, seen| now.monotonic - seen.monotonic < EXPIRY);
        self.members.keys().cloned().collect()
    }

    pub(crate) fn handle(&mut self, now: Now, member: u32, request: Request) -> Vec<Effect> {
        match request {
            Request::Heartbeat { client_id } => {
                let before = self.current_members(now);
                if !self.left.contains(&client_id) {
                    self.members.insert(client_id, now);
                }
                let after = self.current_members(now);
                let changed = (before != after).then_some(Effect::Changed(after));
                changed.into_iter().chain([Effect::Answer(Input::Registered)]).collect()
            }
            Request::Unregister { client_id } => {
                self.members.remove(&client_id);
                self.left.insert(client_id);
                let changed = Effect::Changed(self.current_members(now));
                vec![changed, Effect::Answer(Input::Unregistered)]
            }
            Request::Members => {
                let broker = Arc::clone(&self.name);
                let members = self.current_members(now);
                // As real ones do when they know nobody.
                let unknown = Failure::Refused(ResponseCode::SYSTEM_ERROR);
                let answer = if members.is_empty() { Err(unknown) } else { Ok(members) };
                vec![Effect::Answer(Input::Members { broker, answer })]
            }
            Request::Stored { queue, epoch } => {
                let stored = self.stored.get(&queue).map_or(Stored::Never, |at| Stored::At(*at));
                vec![Effect::Answer(Input::StoredOffset { epoch, answer: Ok(stored) })]
            }
            Request::Start { queue, epoch, seek } => {
                assert_eq!(seek, Seek::Max, "no run asks for a time");
                let end = self.logs[&queue].messages.len() as i64;
                vec![Effect::Answer(Input::StartOffset { epoch, answer: Ok(end) })]
            }
            Request::Pull(plan) => self.pull(now, member, plan),
            Request::SendBack(send_back) => self.send_back(&send_back),
            Request::Lock { lock, client_id, queues } => {
                let free = |queue: &MessageQueue| {
                    self.leases.get(queue).is_none_or(|(owner, since)| {
                        *owner == client_id || now.monotonic - since.monotonic > LEASE
                    })
                };
                let granted: Vec<_> = queues.into_iter().filter(free).collect();
                for queue in &granted {
                    self.leases.insert(queue.clone(), (Arc::clone(&client_id), now));
                }
                vec![Effect::Answer(Input::Locked { lock, answer: Ok(granted) })]
            }
            Request::Unlock { lock, client_id, queues } => {
                for queue in queues {
                    if self.leases.get(&queue).is_some_and(|(owner, _)| *owner == client_id) {
                        self.leases.remove(&queue);
                    }
                }
                vec![Effect::Answer(Input::Unlocked { lock, answer: Ok(()) })]
            }
            Request::Assignment { topic } => vec![Effect::Answer(self.assignment(topic))],
            Request::Pop(plan) => self.pop(now, member, plan),
            Request::Ack(plan) => self.ack(&plan),
            Request::Reappear(plan) => vec![Effect::Answer(self.reappear(now, plan))],
            Request::Commit { commit, offsets } => {
                let stored = offsets.into_iter().filter_map(|it| self.commit(it.queue, it.offset));
                let mut effects: Vec<_> = stored.collect();
                effects.push(Effect::Answer(Input::Committed { commit, failed: Vec::new() }));
                effects
            }
        }
    }

    fn commit(&mut self, queue: MessageQueue, offset: i64) -> Option<Effect> {
        if self.resets.contains_key(&queue) {
            return None;
        }
        self.stored.insert(queue.clone(), offset);
        Some(Effect::Committed { queue, offset })
    }

    fn pull(&mut self, now: Now, member: u32, plan: PullPlan) -> Vec<Effect> {
        assert!(plan.offset >= 0, "nobody pulls a negative offset");
        let committed = plan.commit_offset.and_then(|at| self.commit(plan.queue.clone(), at));
        let mut effects: Vec<_> = committed.into_iter().collect();
        match self.answer(&plan) {
            Some(answer) => {
                effects.push(Effect::Answer(Input::Pulled { pull: plan.pull, answer: Ok(answer) }));
            }
            None => {
                let until = Now { monotonic: now.monotonic + plan.suspend, ..now };
                self.held.push(Held { member, plan, until });
            }
        }
        effects
    }

    /// `None`: nothing is there yet.
    pub(crate) fn answer(&mut self, plan: &PullPlan) -> Option<PullAnswer> {
        let log = &self.logs[&plan.queue];
        let end = log.messages.len() as i64;
        if let Some(to) = self.resets.remove(&plan.queue) {
            self.stored.insert(plan.queue.clone(), to);
            return Some(answer(PullStatus::OffsetReset, to, log, Vec::new()));
        }
        if plan.offset > end {
            return Some(answer(PullStatus::OffsetIllegal, end, log, Vec::new()));
        }
        if plan.offset < log.min {
            return Some(answer(PullStatus::OffsetIllegal, log.min, log, Vec::new()));
        }
        let to = end.min(plan.offset + i64::from(plan.max_messages));
        let messages: Vec<_> = (plan.offset..to)
            .map(|offset| Ok(message(&plan.queue, offset, &log.messages[offset as usize])))
            .collect();
        (!messages.is_empty()).then(|| answer(PullStatus::Found, to, log, messages))
    }

    /// The answer to a pull that has waited in vain.
    pub(crate) fn nothing(&self, plan: &PullPlan) -> PullAnswer {
        answer(PullStatus::NoNewMessage, plan.offset, &self.logs[&plan.queue], Vec::new())
    }

    fn send_back(&mut self, send_back: &SendBack) -> Vec<Effect> {
        let delivery = &send_back.delivery;
        let message = delivery.message().expect("no run has poison");
        let from = (delivery.queue().clone(), delivery.id().offset);
        let stock = Stock {
            id: id(message),
            topic: (&*message.topic).into(),
            times: message.reconsume_times + 1,
        };
        let effect = if send_back.delay_level < 0 || stock.times > send_back.max_redeliveries {
            self.dead_letters.insert(stock.id);
            Effect::Buried { id: stock.id, from }
        } else {
            Effect::Retry { stock, from }
        };
        vec![effect, Effect::Answer(Input::SentBack { delivery: delivery.id(), answer: Ok(()) })]
    }
}

fn answer(
    status: PullStatus,
    next: i64,
    log: &Log,
    messages: Vec<Result<MessageExt, rocketmq_protocol::message::Undecodable>>,
) -> PullAnswer {
    PullAnswer {
        status,
        next_begin_offset: next,
        min_offset: log.min,
        max_offset: log.messages.len() as i64,
        suggest_which_broker_id: 0,
        messages,
    }
}

pub(crate) fn message(queue: &MessageQueue, offset: i64, stock: &Stock) -> MessageExt {
    let mut properties = PropertiesWriter::with_capacity(32);
    if stock.times > 0 {
        properties.put(property::RETRY_TOPIC, &stock.topic).expect("a good property");
    }
    MessageExt {
        topic: Text::from(queue.topic.to_string()),
        queue_id: queue.queue_id,
        queue_offset: offset,
        commit_log_offset: stock.id as i64,
        flag: 0,
        sys_flag: SysFlag::default(),
        born_timestamp: 0,
        born_host: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        store_timestamp: 0,
        store_host: SocketAddr::from((Ipv4Addr::LOCALHOST, 10_911)),
        reconsume_times: stock.times,
        prepared_transaction_offset: 0,
        body_crc: 0,
        body: Bytes::new(),
        properties: properties.finish().expect("good properties"),
        store_size: 1_000,
    }
}

/// The unique number of a message.
pub(crate) fn id(message: &MessageExt) -> u64 {
    message.commit_log_offset as u64
}
