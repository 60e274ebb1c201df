//! One process: a group and a driver that is as lazy as it may be.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_consumer::{
    Action, CloseReport, CommitId, Config, ConsumerGroup, Delivery, DeliveryId, Epoch, Event,
    Input, Limits, Model, Now, Order, Outcome, PullToken, Settlement,
};
use rocketmq_protocol::subscription;
use rocketmq_route::MessageQueue;

use super::{
    bugs::{Bug, Spoiler},
    setup::{Kind, Setup},
    world::GROUP,
};

/// Workers, and deliveries drawn ahead for them.
const WORKERS: usize = 6;
const AHEAD: usize = 4;

pub(crate) struct Member {
    pub(crate) client_id: Arc<str>,
    pub(crate) group: ConsumerGroup,
    pub(crate) spoiler: Spoiler,
    kind: Kind,
    /// Drawn and not begun.
    ahead: VecDeque<Delivery>,
    running: BTreeSet<DeliveryId>,
    settlements: Vec<Settlement>,
    /// What brokers have not confirmed yet to store again.
    sending_back: BTreeSet<DeliveryId>,
    /// How many of both there were of queues in the moment in which they were given up.
    left_out: usize,
    /// Pulls whose answer the driver still passes on.
    pub(crate) pulls: BTreeSet<PullToken>,
    committed: BTreeMap<Epoch, i64>,
    /// The commit that each broker has not answered yet.
    committing: BTreeMap<Arc<str>, CommitId>,
    pub(crate) watched: BTreeSet<Arc<str>>,
    /// Of a broadcasting member: the offsets that it keeps itself.
    pub(crate) local: BTreeMap<MessageQueue, i64>,
    pub(crate) closed: Option<CloseReport>,
}

impl Member {
    pub(crate) fn new(number: u32, setup: &Setup, now: Now) -> Self {
        let seed = setup.seed;
        let client_id = Arc::<str>::from(format!("10.0.0.{number}@1"));
        let mut config = Config::new(GROUP, Arc::clone(&client_id), seed ^ u64::from(number));
        config.subscriptions.push(subscription::tags("t", "*", 0).expect("an expression"));
        // Brokers begin with offsets, so that nothing may ever start at the end.
        config.start_from = rocketmq_consumer::StartFrom::Last;
        if setup.kind == Kind::Ordered {
            config.order = Order::Strict { auto_commit: true };
            config.run = 1 + (seed % 3) as usize;
            config.suspend_time = Duration::from_millis(100);
        }
        match setup.kind {
            Kind::Popping => {
                config.pop.enabled = true;
                config.pop.invisible = Duration::from_secs(9);
                config.pop.wait = Duration::from_secs(5);
                config.pop.limit = 40;
            }
            Kind::Broadcasting => {
                config.model = Model::Broadcasting;
                config.start_from = rocketmq_consumer::StartFrom::First;
            }
            Kind::Concurrent | Kind::Ordered => {}
        }
        config.limits = Limits { messages: 40, span: 90, ..Limits::JAVA };
        config.budget = Some(150_000);
        config.pull_batch_bytes = 32_000;
        config.max_redeliveries = 4;
        config.listen = seed.is_multiple_of(3).then_some(Duration::from_millis(1_500));
        Self {
            client_id,
            group: ConsumerGroup::new(config, now).expect("good options"),
            spoiler: Spoiler::new(setup.bug),
            kind: setup.kind,
            ahead: VecDeque::new(),
            running: BTreeSet::new(),
            settlements: Vec::new(),
            sending_back: BTreeSet::new(),
            left_out: 0,
            pulls: BTreeSet::new(),
            committed: BTreeMap::new(),
            committing: BTreeMap::new(),
            watched: BTreeSet::new(),
            local: BTreeMap::new(),
            closed: None,
        }
    }

    /// What the driver does with an action before it sends anything: it keeps its own books, and checks the machine's.
    pub(crate) fn note(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Pull(plan) => {
                self.pulls.insert(plan.pull);
            }
            Action::SendBack(plan) => {
                self.sending_back.insert(plan.delivery.id());
            }
            Action::Pop(plan) => {
                self.pulls.insert(plan.pop);
            }
            Action::CancelPull { pull } if !self.pulls.remove(pull) => {
                return Err(format!("{pull:?} is cancelled, but not in flight"));
            }
            Action::Commit { commit, broker, offsets, .. } => {
                if let Some(other) = self.committing.insert(Arc::clone(broker), *commit) {
                    return Err(format!("{commit:?} overtakes {other:?} on its way to {broker}"));
                }
                for commit in offsets {
                    let last = self.committed.insert(commit.epoch, commit.offset);
                    if last > Some(commit.offset) {
                        return Err(format!("{commit:?} goes back from {last:?}"));
                    }
                }
            }
            Action::Event(Event::Revoking { epoch, .. } | Event::Moved { before: epoch, .. }) => {
                let (gone, ahead) = std::mem::take(&mut self.ahead)
                    .into_iter()
                    .partition::<Vec<_>, _>(|delivery| delivery.id().epoch == *epoch);
                self.ahead = ahead.into();
                for delivery in gone {
                    if !self.spoiler.is(Bug::LosesWhatIsDrawnAhead) {
                        self.mark(delivery.id(), Outcome::Returned);
                    }
                }
            }
            Action::Event(Event::Unexpected { input, why }) => {
                return Err(format!("{input} was not expected: {why}"));
            }
            Action::Event(Event::Revoked { epoch, left, .. }) => {
                let out = self.running.iter().chain(&self.sending_back);
                let out = out.filter(|delivery| delivery.epoch == *epoch).count();
                if left.unsettled > out {
                    return Err(format!("{left:?}, but {out} are out"));
                }
                self.left_out += out;
            }
            Action::Event(Event::Closed(report)) => {
                let out = self.left_out;
                if report.unsettled > out {
                    return Err(format!("{report:?}, but {out} were out"));
                }
                self.closed = Some(*report);
            }
            _ => {}
        }
        Ok(())
    }

    /// An input that the driver keeps books about.
    pub(crate) fn note_answer(&mut self, input: &Input) {
        match input {
            Input::Committed { commit, .. } => self.committing.retain(|_, sent| sent != commit),
            Input::SentBack { delivery, .. } => _ = self.sending_back.remove(delivery),
            _ => {}
        }
    }

    /// A handler of an ordered queue has failed: what lies behind it in its run is given back unseen.
    pub(crate) fn give_back_behind(&mut self, delivery: DeliveryId) {
        let (behind, ahead) = std::mem::take(&mut self.ahead)
            .into_iter()
            .partition::<Vec<_>, _>(|it| it.id().epoch == delivery.epoch);
        self.ahead = ahead.into();
        for it in behind {
            self.mark(it.id(), Outcome::Returned);
        }
    }

    /// When the driver is to look again.
    pub(crate) fn wakes(&self) -> Option<Instant> {
        self.group.poll_timeout().filter(|_| !self.spoiler.is(Bug::NeverLooksAtTheClock))
    }

    /// A handler is done, or something is given back.
    pub(crate) fn mark(&mut self, delivery: DeliveryId, outcome: Outcome) {
        self.running.remove(&delivery);
        self.settlements.push(Settlement { delivery, outcome });
    }

    pub(crate) fn is_running(&self, delivery: DeliveryId) -> bool {
        self.running.contains(&delivery)
    }

    /// Settlements, if it is time to hand them in.
    pub(crate) fn settlements(&mut self, due: bool) -> Option<Input> {
        let dry = self.ahead.is_empty() || self.settlements.len() > 20;
        let wanted = due || dry || self.group.awaits_settlements();
        (wanted && !self.settlements.is_empty())
            .then(|| Input::Settled(std::mem::take(&mut self.settlements)))
    }

    /// Whether order allows to begin it now: nothing else of its queue runs.
    fn may_begin(&self, delivery: &Delivery) -> bool {
        self.kind != Kind::Ordered
            || self.spoiler.is(Bug::BeginsAhead)
            || !self.running.iter().any(|it| it.epoch == delivery.id().epoch)
    }

    /// Draws deliveries and begins with as many as there are workers.
    pub(crate) fn begin(&mut self, now: Now) -> Result<Vec<Delivery>, String> {
        while self.ahead.len() < AHEAD
            && let Some(batch) = self.group.take(now, AHEAD - self.ahead.len())
        {
            self.ahead.extend(batch);
        }
        let mut begun = Vec::new();
        while self.running.len() < WORKERS
            && let Some(at) = self.ahead.iter().position(|it| self.may_begin(it))
            && let Some(delivery) = self.ahead.remove(at)
        {
            if self.kind == Kind::Ordered && !delivery.may_begin(now.monotonic) {
                self.mark(delivery.id(), Outcome::Returned);
                continue;
            }
            if self.spoiler.is(Bug::AcksBeforeHandled) {
                let settlement = Settlement { delivery: delivery.id(), outcome: Outcome::Ack };
                self.settlements.push(settlement);
            }
            if !self.running.insert(delivery.id()) {
                return Err(format!("{delivery:?} is out twice"));
            }
            begun.push(delivery);
        }
        Ok(begun)
    }
}
