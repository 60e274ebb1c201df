//! A consumer group on virtual time: inputs are told, actions are expected one by one.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rocketmq_consumer::{
    Action, Batch, CommitId, Config, ConsumerGroup, Delivery, DeliveryId, Epoch, Event, Failure,
    Input, LockId, Now, OffsetCommit, Outcome, PullAnswer, PullPlan, PullStatus, PullToken,
    SendBack, Settlement, Stored,
};
use rocketmq_protocol::{
    Text,
    message::{Damage, MessageExt, Properties, PropertiesWriter, SysFlag, Undecodable, property},
    names, subscription,
};
use rocketmq_route::MessageQueue;

pub(crate) const GROUP: &str = "g";
pub(crate) const ME: &str = "me@1";
pub(crate) const OTHER: &str = "other@1";

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A moment to start virtual time from.
#[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
pub(crate) fn start() -> Now {
    Now { monotonic: Instant::now(), wall: 1_700_000_000_000 }
}

pub(crate) fn after(now: Now, duration: Duration) -> Now {
    Now { monotonic: now.monotonic + duration, wall: now.wall + duration.as_millis() as i64 }
}

/// `topic/broker/id`.
pub(crate) fn queue(name: &str) -> MessageQueue {
    let mut parts = name.split('/');
    let mut part = || parts.next().expect("topic/broker/id").to_owned();
    MessageQueue::new(part(), part(), part().parse().expect("a number"))
}

pub(crate) fn queues(names: &[&str]) -> Vec<MessageQueue> {
    names.iter().map(|name| queue(name)).collect()
}

pub(crate) fn names_of(members: &[&str]) -> Vec<Arc<str>> {
    members.iter().map(|member| Arc::from(*member)).collect()
}

/// A configuration that reads `topic`.
pub(crate) fn config(topics: &[&str]) -> Config {
    let mut config = Config::new(GROUP, ME, 7);
    for topic in topics {
        config.subscriptions.push(subscription::tags(topic, "*", 0).expect("an expression"));
    }
    config
}

pub(crate) fn message(
    queue: &MessageQueue,
    offset: i64,
    properties: &[(&str, &str)],
) -> MessageExt {
    let mut writer = PropertiesWriter::with_capacity(64);
    for (name, value) in properties {
        writer.put(name, value).expect("a property");
    }
    MessageExt {
        topic: Text::from(queue.topic.to_string()),
        queue_id: queue.queue_id,
        queue_offset: offset,
        commit_log_offset: 1_000_000 + offset,
        flag: 0,
        sys_flag: SysFlag::default(),
        born_timestamp: 0,
        born_host: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        store_timestamp: 0,
        store_host: SocketAddr::from((Ipv4Addr::LOCALHOST, 10_911)),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body_crc: 0,
        body: Bytes::from_static(b"body"),
        properties: writer.finish().unwrap_or_else(|_| Properties::default()),
        store_size: 100,
    }
}

pub(crate) fn tagged(queue: &MessageQueue, offset: i64, tag: &str) -> MessageExt {
    message(queue, offset, &[(property::TAGS, tag)])
}

pub(crate) fn poison() -> Undecodable {
    Undecodable {
        bytes: Bytes::from_static(b"rubbish"),
        queue_id: Some(-3),
        queue_offset: Some(1 << 60),
        commit_log_offset: None,
        damage: Damage::TotalSize,
    }
}

pub(crate) fn retry_queue() -> MessageQueue {
    MessageQueue::new(names::retry_topic(GROUP), "a", 0)
}

/// The answer to a pull, without messages.
pub(crate) fn nothing(status: PullStatus, next: i64) -> PullAnswer {
    PullAnswer {
        status,
        next_begin_offset: next,
        min_offset: 0,
        max_offset: next,
        suggest_which_broker_id: 0,
        messages: Vec::new(),
    }
}

/// The answer to a pull with the messages of these offsets.
pub(crate) fn found(queue: &MessageQueue, offsets: std::ops::Range<i64>) -> PullAnswer {
    let next = offsets.end;
    let messages = offsets.map(|offset| Ok(message(queue, offset, &[]))).collect();
    PullAnswer { messages, ..nothing(PullStatus::Found, next) }
}

pub(crate) struct Scenario {
    pub(crate) now: Now,
    pub(crate) group: ConsumerGroup,
    pending: VecDeque<Action>,
    trace: Vec<String>,
    begun: Instant,
    last_lock: Option<LockId>,
}

impl Scenario {
    /// A group that has just been made.
    pub(crate) fn new(config: Config) -> Self {
        let now = start();
        let group = ConsumerGroup::new(config, now).expect("good options");
        let (pending, trace) = (VecDeque::new(), Vec::new());
        let mut scenario =
            Self { now, group, pending, trace, begun: now.monotonic, last_lock: None };
        scenario.drain();
        scenario
    }

    /// A group that reads these queues alone, from offset 0, with a pull in flight for each. The pulls, in order.
    pub(crate) fn reading(config: Config, names: &[&str]) -> (Self, Vec<PullPlan>) {
        let mut scenario = Self::new(config);
        scenario.route(names);
        scenario.tell(Input::Registered);
        let pulls = scenario.join(&[ME], 0);
        (scenario, pulls)
    }

    /// A group that has been given this queue alone a moment ago, and is about to ask for its offset.
    pub(crate) fn acquired(config: Config, name: &str) -> (Self, Epoch) {
        let mut scenario = Self::new(config);
        scenario.route(&[name]);
        scenario.tell(Input::Registered);
        scenario.rest();
        scenario.tell(Input::Members { broker: "a".into(), answer: Ok(names_of(&[ME])) });
        let epoch = scenario.epoch_of(name).expect("acquired");
        (scenario, epoch)
    }

    /// Tells routes: one for each topic among these queues.
    pub(crate) fn route(&mut self, names: &[&str]) {
        let mut all = queues(names);
        while let Some(topic) = all.first().map(|queue| Arc::clone(&queue.topic)) {
            let (queues, others) = all.into_iter().partition(|queue| queue.topic == topic);
            all = others;
            self.tell(Input::Route { topic, queues });
        }
    }

    /// Answers whatever is asked until there are pulls: these members, this stored offset.
    pub(crate) fn join(&mut self, members: &[&str], stored: i64) -> Vec<PullPlan> {
        let mut pulls = Vec::new();
        loop {
            match self.pending.pop_front() {
                Some(Action::QueryMembers { broker, .. }) => {
                    self.tell(Input::Members { broker, answer: Ok(names_of(members)) });
                }
                Some(Action::QueryStoredOffset { epoch, .. }) => {
                    self.tell(Input::StoredOffset { epoch, answer: Ok(Stored::At(stored)) });
                }
                Some(Action::Pull(plan)) => pulls.push(plan),
                Some(_) => {}
                None => return pulls,
            }
        }
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.trace.push(format!("{:>9.3} > {input:?}", self.clock()));
        self.group.handle(self.now, input);
        self.drain();
    }

    /// Lets time pass, with a stop at each timer.
    pub(crate) fn wait(&mut self, duration: Duration) {
        let until = after(self.now, duration);
        while let Some(next) = self.group.poll_timeout().filter(|next| *next <= until.monotonic) {
            self.now = after(self.now, next.saturating_duration_since(self.now.monotonic));
            self.group.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn clock(&self) -> f64 {
        self.now.monotonic.duration_since(self.begun).as_secs_f64()
    }

    fn drain(&mut self) {
        while let Some(action) = self.group.poll() {
            self.trace.push(format!("{:>9.3} < {action:?}", self.clock()));
            if let Action::Lock { lock, .. } = &action {
                self.last_lock = Some(*lock);
            }
            self.pending.push_back(action);
        }
    }

    /// The next action.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Action {
        match self.pending.pop_front() {
            Some(action) => action,
            None => panic!("no action\n{}", self.trace.join("\n")),
        }
    }

    /// The next action that is more than an event or a heartbeat.
    #[track_caller]
    pub(crate) fn next_request(&mut self) -> Action {
        self.pending.retain(|action| !matches!(action, Action::Event(_) | Action::Heartbeat));
        self.next()
    }

    /// Everything that was to be done up to now.
    pub(crate) fn rest(&mut self) -> Vec<Action> {
        self.pending.drain(..).collect()
    }

    /// All events up to now; other actions stay.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let (events, others) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition::<VecDeque<_>, _>(|action| matches!(action, Action::Event(_)));
        self.pending = others;
        let event = |action| match action {
            Action::Event(event) => Some(event),
            _ => None,
        };
        events.into_iter().filter_map(event).collect()
    }

    /// The last request for leases.
    #[track_caller]
    pub(crate) fn last_lock(&self) -> LockId {
        self.last_lock.expect("leases were asked for")
    }

    /// Nothing is to be done but a heartbeat.
    #[track_caller]
    pub(crate) fn quiet(&mut self) {
        self.pending.retain(|action| !matches!(action, Action::Event(_) | Action::Heartbeat));
        if !self.pending.is_empty() {
            panic!("{:#?} after\n{}", self.pending, self.trace.join("\n"));
        }
    }

    #[track_caller]
    pub(crate) fn next_pull(&mut self) -> PullPlan {
        match self.next_request() {
            Action::Pull(plan) => plan,
            other => panic!("{other:?} is no pull\n{}", self.trace.join("\n")),
        }
    }

    #[track_caller]
    pub(crate) fn next_commit(&mut self) -> (CommitId, Vec<(String, i64)>) {
        match self.next_request() {
            Action::Commit { commit, offsets, .. } => (commit, commits(&offsets)),
            other => panic!("{other:?} is no commit\n{}", self.trace.join("\n")),
        }
    }

    #[track_caller]
    pub(crate) fn next_send_back(&mut self) -> SendBack {
        match self.next_request() {
            Action::SendBack(send_back) => send_back,
            other => panic!("{other:?} is no send back\n{}", self.trace.join("\n")),
        }
    }

    pub(crate) fn answer(&mut self, pull: PullToken, answer: PullAnswer) {
        self.tell(Input::Pulled { pull, answer: Ok(answer) });
    }

    pub(crate) fn fail(&mut self, pull: PullToken, failure: Failure) {
        self.tell(Input::Pulled { pull, answer: Err(failure) });
    }

    pub(crate) fn confirm(&mut self, commit: CommitId) {
        self.tell(Input::Committed { commit, failed: Vec::new() });
    }

    /// Takes up to `max` deliveries of whatever queue has its turn.
    pub(crate) fn take(&mut self, max: usize) -> Vec<Delivery> {
        let batch = self.group.take(self.now, max);
        self.trace.push(format!("{:>9.3} take {max}: {batch:?}", self.clock()));
        self.drain();
        batch.into_iter().flat_map(Batch::into_iter).collect()
    }

    pub(crate) fn settle(&mut self, deliveries: &[Delivery], outcome: Outcome) {
        let settle = |delivery: &Delivery| Settlement { delivery: delivery.id(), outcome };
        self.tell(Input::Settled(deliveries.iter().map(settle).collect()));
    }

    pub(crate) fn sent_back(&mut self, delivery: DeliveryId, answer: Result<(), Failure>) {
        self.tell(Input::SentBack { delivery, answer });
    }

    pub(crate) fn epoch_of(&self, name: &str) -> Option<Epoch> {
        let queue = queue(name);
        let snapshot = self.group.snapshot();
        snapshot.queues.iter().find(|known| known.queue == queue).map(|known| known.epoch)
    }

    /// The queues that the group has.
    pub(crate) fn owned(&self) -> Vec<String> {
        self.group.snapshot().queues.iter().map(|known| known.queue.to_string()).collect()
    }
}

pub(crate) fn commits(offsets: &[OffsetCommit]) -> Vec<(String, i64)> {
    offsets.iter().map(|commit| (commit.queue.to_string(), commit.offset)).collect()
}

/// What the next action is, or what it holds.
macro_rules! next_is {
    ($scenario:expr, $pattern:pat $(if $guard:expr)? $(=> $value:expr)?) => {
        match $scenario.next() {
            $pattern $(if $guard)? => ($($value)?),
            other => panic!("{other:?} is not {}", stringify!($pattern)),
        }
    };
}
pub(crate) use next_is;
