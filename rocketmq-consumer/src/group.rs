//! [`ConsumerGroup`]: the machine.

mod assigning;
mod closing;
mod committing;
mod leasing;
mod popping;
mod rebalancing;
mod vouching;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use rocketmq_protocol::{body::SubscriptionData, names, subscription};
use rocketmq_route::MessageQueue;

use crate::{
    config::{Assignment, Config, Consumption, Model},
    delivery::Batch,
    error::ConfigError,
    flow::Budget,
    io::{Action, Epoch, Event, Input, MoveCause, Now, Settlement},
    locks::Locks,
    offsets::Committer,
    queue::{Context, Outbox, Queue, Queues, Stage, Wishes},
    random::Random,
    rebalance::{Membership, Round},
    snapshot::{Counters, QueueSnapshot, Snapshot, Tally},
    subscriptions::Subscriptions,
    timer::{TimerKey, Timers},
};
use closing::Phase;

/// One member of a consumer group: which queues are its own, what to pull, what to hand
/// out, what to commit.
///
/// It does nothing by itself; [the crate's documentation](crate) says how to drive it. Dropping it is leaving without
/// a word: what was not committed is delivered again, to this member or to another.
#[derive(Debug)]
pub struct ConsumerGroup {
    config: Config,
    retry_topic: Arc<str>,
    subscriptions: Subscriptions,
    queues: Queues,
    /// Queues being given up, by slot.
    revoking: BTreeSet<u32>,
    /// Queues with something to take, each once, in the order of their turns.
    line: VecDeque<u32>,
    /// The queues that the application has assigned, where it does.
    assigned: Vec<MessageQueue>,
    /// Queues of which messages have been handed out that nobody has vouched for, by slot.
    unvouched: BTreeSet<u32>,
    membership: Membership,
    round: Round,
    heartbeat: Heartbeat,
    committer: Committer,
    locks: Locks,
    budget: Budget,
    /// How many queues have no room to pull.
    starved: usize,
    phase: Phase,
    paused: bool,
    timers: Timers,
    random: Random,
    counters: Counters,
    /// Of queues that were given up, by topic.
    tallies: BTreeMap<Arc<str>, Tally>,
    out: Outbox,
}

/// Heartbeats that this group asks for beside the regular ones.
#[derive(Debug, Default)]
struct Heartbeat {
    wanted: bool,
    last: Option<Instant>,
}

impl ConsumerGroup {
    /// A member that has just been started. It has things to do already: [`poll`](Self::poll).
    ///
    /// # Errors
    ///
    /// When an option is out of range.
    pub fn new(config: Config, now: Now) -> Result<Self, ConfigError> {
        config.check()?;
        let retry_topic = Arc::<str>::from(names::retry_topic(&config.group));
        let mut group = Self {
            retry_topic: Arc::clone(&retry_topic),
            subscriptions: Subscriptions::default(),
            queues: Queues::default(),
            revoking: BTreeSet::new(),
            line: VecDeque::new(),
            assigned: Vec::new(),
            unvouched: BTreeSet::new(),
            membership: Membership::default(),
            round: Round::new(),
            heartbeat: Heartbeat { wanted: true, last: None },
            committer: Committer::default(),
            locks: Locks::default(),
            budget: Budget::new(config.budget),
            starved: 0,
            phase: Phase::Running,
            paused: false,
            timers: Timers::default(),
            random: Random::new(config.seed),
            counters: Counters::default(),
            tallies: BTreeMap::new(),
            out: Outbox::default(),
            config,
        };
        for subscription in std::mem::take(&mut group.config.subscriptions) {
            group.subscribe(now, subscription);
        }
        let everything = subscription::tags(&retry_topic, subscription::ALL, now.wall);
        if let Ok(subscription) = everything
            && group.config.model == Model::Clustering
            && group.config.retries
        {
            group.subscribe(now, subscription);
        }
        if group.config.assignment == Assignment::ByHand {
            // Nobody has to know us before we begin.
            group.round.registered(now.monotonic);
        }
        group.arm_commit_tick(now.monotonic);
        group.arm_sweep(now.monotonic);
        group.wind_up(now);
        Ok(group)
    }

    /// Tells what has happened. Drain [`poll`](Self::poll) afterwards.
    pub fn handle(&mut self, now: Now, input: Input) {
        if !matches!(self.phase, Phase::Running) && is_news(&input) {
            return;
        }
        match input {
            Input::Route { topic, queues } => self.route(now, &topic, queues),
            Input::Registered => self.round.registered(now.monotonic),
            Input::MembersChanged => self.round.noticed(now.monotonic),
            Input::Members { broker, answer } => self.members(now, &broker, answer),
            Input::StoredOffset { epoch, answer } => {
                self.answered(now, epoch, |queue, ctx| queue.stored_offset(ctx, answer));
            }
            Input::StartOffset { epoch, answer } => {
                self.answered(now, epoch, |queue, ctx| queue.start_offset(ctx, answer));
            }
            Input::Pulled { pull, answer } => {
                self.answered(now, pull.epoch, |queue, ctx| {
                    queue.pulled(ctx, pull.sequence, answer);
                });
            }
            Input::Assignment { topic, answer } => self.assignment(now, &topic, answer),
            Input::Popped { pop, answer } => {
                self.answered(now, pop.epoch, |queue, ctx| {
                    queue.with_popping(ctx, |popping, tenure, ctx| {
                        popping.popped(tenure, ctx, pop.sequence, answer);
                    });
                });
            }
            Input::Acked { epoch, answer } => {
                self.answered(now, epoch, |queue, ctx| {
                    queue.with_popping(ctx, |popping, _, ctx| popping.acked(ctx, answer));
                });
            }
            Input::Reappears { delivery, answer } => {
                self.answered(now, delivery.epoch, |queue, ctx| {
                    queue.with_popping(ctx, |popping, tenure, ctx| {
                        popping.reappears(tenure, ctx, delivery.offset, answer);
                    });
                });
            }
            Input::Settled(settlements) => self.settled(now, settlements),
            Input::SentBack { delivery, answer } => {
                let offset = delivery.offset;
                self.answered(now, delivery.epoch, |queue, ctx| {
                    queue.sent_back(ctx, offset, answer);
                });
            }
            Input::Committed { commit, failed } => self.committed(now, commit, &failed),
            Input::AssignDone { epoch } => self.assign_done(now, epoch),
            Input::RevokeDone { epoch } => self.answered(now, epoch, Queue::revoke_done),
            Input::Locked { lock, answer } => self.locked(now, lock, answer),
            Input::Unlocked { lock, answer } => self.unlocked(now.monotonic, lock, answer),
            Input::Subscribe(subscription) => self.subscribe(now, subscription),
            Input::Unsubscribe { topic } => self.unsubscribe(now, &topic),
            Input::Assign(queues) => self.assign(now, queues),
            Input::Vouch(vouch) => self.vouch(now, vouch),
            Input::Commit => self.committer.want_all(),
            Input::PauseQueues(queues) => self.pause_queues(now, &queues, true),
            Input::ResumeQueues(queues) => self.pause_queues(now, &queues, false),
            Input::Pause => self.paused = true,
            Input::Resume => self.resume(now),
            Input::MoveTo(offsets) => self.move_to(now, offsets),
            Input::Close { grace } => self.close(now, grace),
            Input::Unregistered => self.unregistered(),
        }
        self.wind_up(now);
    }

    /// Lets time pass: call it at [`poll_timeout`](Self::poll_timeout), or at any other time. Drain
    /// [`poll`](Self::poll) afterwards.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(key) = self.timers.pop_due(now.monotonic) {
            match key {
                // What these wait for is looked at in any case.
                TimerKey::Round | TimerKey::Heartbeat | TimerKey::Close => {}
                TimerKey::CommitTick => {
                    self.vouch_for_the_unwanted(now);
                    self.committer.want_all();
                    self.arm_commit_tick(now.monotonic);
                }
                TimerKey::CommitLanes => self.commits_overdue(now),
                TimerKey::Locks => self.locks_overdue(now),
                TimerKey::Sweep => self.sweep(now),
                TimerKey::Queue(slot) => {
                    self.touch(now, slot, Queue::timeout);
                    self.check_lease(now, slot);
                }
            }
        }
        self.wind_up(now);
    }

    /// The next thing to do; `None` when there is nothing more for now.
    pub fn poll(&mut self) -> Option<Action> {
        self.out.pop()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Hands out up to `max` messages of one queue. Queues have their turns; `None` means that no queue has any, or
    /// that `max` is 0. Each delivery is to be settled by [`Input::Settled`], or to be [vouched](Input::Vouch) for where
    /// that is how messages are consumed: then drain [`poll`](Self::poll) afterwards, for there is room to pull again.
    ///
    /// An ordered group hands out no more than [`run`](Config::run) of a queue, and more of it only when these are
    /// settled; whoever handles them one by one gives back those behind a failure ([`Outcome::Returned`]).
    ///
    /// [`Outcome::Returned`]: crate::Outcome::Returned
    pub fn take(&mut self, now: Now, max: usize) -> Option<Batch> {
        let order = self.config.order;
        while max > 0
            && let Some(slot) = self.line.pop_front()
        {
            let Some(queue) = self.queues.get_mut(slot) else { continue };
            queue.in_line = false;
            if !queue.has_waiting(order) || !queue.lease.is_valid(now.monotonic) {
                continue;
            }
            let deliveries = match self.config.consumption {
                Consumption::Settled if matches!(queue.stage, Stage::Popping(_)) => {
                    self.take_popped(now, slot, max)
                }
                Consumption::Settled => {
                    let epoch = queue.tenure.epoch;
                    let Some(ledger) = queue.ledger_mut() else { continue };
                    let max = if order.is_strict() { max.min(self.config.run) } else { max };
                    let deliveries = ledger.take(epoch, max, now);
                    queue.in_line = queue.has_waiting(order);
                    if queue.in_line {
                        self.line.push_back(slot);
                    }
                    deliveries
                }
                Consumption::Vouched { .. } => self.hand_over(now, slot, max),
            };
            self.counters.delivered += deliveries.len() as u64;
            return Some(Batch { deliveries });
        }
        None
    }

    /// Whether something waits for settlements rather than for time or answers: room to pull, a queue to be given up,
    /// closing. A driver that collects settlements lazily should not be lazy then.
    pub fn awaits_settlements(&self) -> bool {
        self.starved > 0 || !self.revoking.is_empty()
    }

    /// What heartbeats should say that this group reads.
    pub fn subscriptions(&self) -> impl Iterator<Item = &SubscriptionData> {
        self.subscriptions.iter().map(|(_, topic)| &*topic.announced)
    }

    /// Whether a delivery of this epoch still counts: `false` once its queue has moved to another member, or on.
    pub fn is_current(&self, epoch: Epoch) -> bool {
        self.queues.is_current(epoch)
    }

    /// Whether [`Event::Closed`] has been told.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// What the group looks like now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            queues: self.queues.iter().map(QueueSnapshot::of).collect(),
            paused: self.paused,
            held_bytes: self.budget.held(),
            counters: self.counters,
            topics: self.tallies(),
        }
    }

    fn tallies(&self) -> BTreeMap<Arc<str>, Tally> {
        let mut tallies = self.tallies.clone();
        for queue in self.queues.iter() {
            let topic = Arc::clone(&queue.tenure.queue.topic);
            let tally = queue.ledger().map(|ledger| ledger.tally).unwrap_or_default();
            tallies.entry(topic).or_default().add(tally);
        }
        tallies
    }

    fn answered(
        &mut self,
        now: Now,
        epoch: Epoch,
        apply: impl FnOnce(&mut Queue, &mut Context<'_>),
    ) {
        if self.queues.is_current(epoch) {
            self.touch(now, epoch.slot, apply);
        } else {
            self.counters.late_answers += 1;
        }
    }

    /// A queue may have been moved while the application was told of it, and is the same one for all that.
    fn assign_done(&mut self, now: Now, epoch: Epoch) {
        let told = self.touch(now, epoch.slot, |queue, ctx| queue.assign_done(ctx, epoch));
        if told.is_none() {
            self.counters.late_answers += 1;
        }
    }

    fn settled(&mut self, now: Now, mut settlements: Vec<Settlement>) {
        // Workers take turns among queues; each queue is looked up once.
        settlements.sort_unstable_by_key(|settlement| settlement.delivery);
        for of_queue in settlements.chunk_by(|a, b| a.delivery.epoch == b.delivery.epoch) {
            let Some(epoch) = of_queue.first().map(|settlement| settlement.delivery.epoch) else {
                continue;
            };
            if self.queues.is_current(epoch) {
                self.touch(now, epoch.slot, |queue, ctx| {
                    for settlement in of_queue {
                        queue.settle(ctx, *settlement);
                    }
                    queue.after_settling(ctx);
                });
            } else {
                self.counters.late_settlements += of_queue.len() as u64;
            }
        }
    }

    fn resume(&mut self, now: Now) {
        self.paused = false;
        for slot in self.queues.slots() {
            self.touch(now, slot, |queue, ctx| {
                if let Stage::Reading(reading) = &mut queue.stage {
                    reading.look_if_off(&queue.tenure, ctx);
                }
                queue.after_settling(ctx);
            });
        }
    }

    fn move_to(&mut self, now: Now, offsets: Vec<(MessageQueue, i64)>) {
        for (queue, offset) in offsets {
            if offset < 0 {
                let why = "the offset is negative";
                self.out.event(Event::Unexpected { input: "MoveTo", why });
            } else if let Some(slot) = self.queues.find(&queue) {
                self.touch(now, slot, |queue, ctx| queue.move_to(ctx, offset, MoveCause::Asked));
            }
        }
    }

    fn arm_sweep(&mut self, now: Instant) {
        let interval = self.config.consume_timeout.min(self.config.stall_after) / SWEEPS;
        self.timers.arm(TimerKey::Sweep, Some(now + interval));
    }

    /// Looks at every queue for handlers that do not return, and for progress.
    fn sweep(&mut self, now: Now) {
        for slot in self.queues.slots() {
            self.touch(now, slot, Queue::sweep);
        }
        self.arm_sweep(now.monotonic);
    }

    /// Runs something on a queue and brings in line with it what the group keeps about queues: the budget, the line of
    /// those with something to take, its timer.
    fn touch<R>(
        &mut self,
        now: Now,
        slot: u32,
        apply: impl FnOnce(&mut Queue, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let queue = self.queues.get_mut(slot)?;
        let topic = self.subscriptions.topic(&queue.tenure.queue.topic);
        let sharing = topic.map_or(1, |topic| topic.held);
        let mut ctx = Context {
            now,
            config: &self.config,
            topic,
            limits: self.config.limits_of_one(sharing),
            paused: self.paused || queue.paused,
            is_retry_topic: queue.tenure.queue.topic == self.retry_topic,
            lease: queue.lease,
            out: &mut self.out,
            budget: &mut self.budget,
            counters: &mut self.counters,
            wishes: Wishes::default(),
        };
        let (before, was_starved) = (queue.bytes(), queue.is_starved());
        let result = apply(queue, &mut ctx);
        let wishes = ctx.wishes;
        self.budget.adjust(before, queue.bytes());
        self.starved = self.starved + usize::from(queue.is_starved()) - usize::from(was_starved);
        self.heartbeat.wanted |= wishes.heartbeat;
        if wishes.commit {
            self.committer.want(&queue.tenure.queue.broker_name);
        }
        if wishes.lock {
            self.locks.want(now.monotonic, &queue.tenure.queue);
        }
        if wishes.doubt
            && let Some(topic) = self.subscriptions.topic_mut(&queue.tenure.queue.topic)
            && topic.doubt(now.monotonic)
        {
            let topic = Arc::clone(&queue.tenure.queue.topic);
            self.out.event(Event::Contested { topic });
        }
        if !queue.in_line && queue.has_waiting(self.config.order) {
            queue.in_line = true;
            self.line.push_back(slot);
        }
        self.timers.arm(TimerKey::Queue(slot), queue.next_timeout(now.monotonic));
        if wishes.gone {
            let topic = Arc::clone(&queue.tenure.queue.topic);
            self.queues.note_gone(&topic);
        }
        Some(result)
    }

    /// Does what has become possible, and arms the group's own timers. Ends every call that may change anything.
    fn wind_up(&mut self, now: Now) {
        self.go_on_rebalancing(now);
        self.admit_waiting(now);
        self.finish_revocations(now);
        self.flush_commits(now);
        self.flush_locks(now);
        self.go_on_closing(now);
        self.send_heartbeat(now);
        self.timers.arm(TimerKey::Round, self.round.next());
        self.timers.arm(TimerKey::CommitLanes, self.committer.next());
        self.timers.arm(TimerKey::Locks, self.locks.next());
        self.timers.arm(TimerKey::Close, self.phase.next());
    }

    /// Lets queues pull that waited for room in the budget.
    fn admit_waiting(&mut self, now: Now) {
        while let Some(slot) = self.budget.first_in_line() {
            let waits = self.touch(now, slot, |queue, ctx| match &mut queue.stage {
                Stage::Reading(reading) => reading.look_if_budget(&queue.tenure, ctx),
                Stage::Popping(popping) => popping.look_if_budget(&queue.tenure, ctx),
                Stage::Acquiring(_) | Stage::Revoking(_) => false,
            });
            if waits == Some(true) {
                break;
            }
            self.budget.leave(slot);
        }
    }

    /// Asks for a heartbeat if one is wanted, but for no more than one a second.
    fn send_heartbeat(&mut self, now: Now) {
        if !self.heartbeat.wanted || !matches!(self.phase, Phase::Running) {
            self.timers.arm(TimerKey::Heartbeat, None);
            return;
        }
        let at = self.heartbeat.last.map(|last| last + HEARTBEAT_SPACING);
        if let Some(at) = at.filter(|at| *at > now.monotonic) {
            self.timers.arm(TimerKey::Heartbeat, Some(at));
            return;
        }
        self.heartbeat = Heartbeat { wanted: false, last: Some(now.monotonic) };
        self.out.push(Action::Heartbeat);
    }
}

const HEARTBEAT_SPACING: std::time::Duration = std::time::Duration::from_secs(1);

/// How often a queue is looked at in the time after which something would be amiss.
const SWEEPS: u32 = 16;

/// What does not matter to a group that is closing.
fn is_news(input: &Input) -> bool {
    match input {
        Input::Route { .. }
        | Input::Registered
        | Input::MembersChanged
        | Input::Members { .. }
        | Input::Subscribe(_)
        | Input::Unsubscribe { .. }
        | Input::Assignment { .. }
        | Input::Assign(_)
        | Input::Vouch(_)
        | Input::Commit
        | Input::PauseQueues(_)
        | Input::ResumeQueues(_)
        | Input::Pause
        | Input::Resume
        | Input::MoveTo(_) => true,
        Input::StoredOffset { .. }
        | Input::StartOffset { .. }
        | Input::Pulled { .. }
        | Input::Settled(_)
        | Input::Popped { .. }
        | Input::Acked { .. }
        | Input::Reappears { .. }
        | Input::SentBack { .. }
        | Input::Committed { .. }
        | Input::AssignDone { .. }
        | Input::RevokeDone { .. }
        | Input::Locked { .. }
        | Input::Unlocked { .. }
        | Input::Close { .. }
        | Input::Unregistered => false,
    }
}
