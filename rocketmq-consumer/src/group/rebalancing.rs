//! Rebalancing: rounds, member lists, and what follows from them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_protocol::body::SubscriptionData;
use rocketmq_route::MessageQueue;

use super::{ConsumerGroup, closing::Phase};
use crate::{
    config::{Assignment, Model},
    delivery::Claim,
    io::{Action, Event, Failure, Leftovers, Now},
    queue::{ANSWER_GRACE, Acquiring, Lease, Popping, Queue, Stage},
    rebalance::{AllocateError, Plan, Questions, Share, Verdict, choose_brokers},
    subscriptions::{Question, Topic},
    timer::TimerKey,
};

impl ConsumerGroup {
    pub(super) fn subscribe(&mut self, now: Now, subscription: SubscriptionData) {
        if let Some(topic) = self.subscriptions.add(subscription, now.wall) {
            self.out.push(Action::WatchRoute { topic });
        }
        self.heartbeat.wanted = true;
    }

    pub(super) fn unsubscribe(&mut self, now: Now, topic: &Arc<str>) {
        if *topic == self.retry_topic || !self.subscriptions.remove(topic) {
            let why = "the topic is not subscribed, or is the group's retry topic";
            self.out.event(Event::Unexpected { input: "Unsubscribe", why });
            return;
        }
        self.out.push(Action::UnwatchRoute { topic: Arc::clone(topic) });
        self.heartbeat.wanted = true;
        for slot in self.queues.slots_of(topic) {
            self.revoke(now, slot, self.grace(now));
        }
    }

    /// How long handlers may go on with a queue that is to be given up. Where order counts nobody else may begin before
    /// they have ended.
    fn grace(&self, now: Now) -> Instant {
        let grace = self.config.revoke_grace;
        let strict = self.config.order.is_strict() && self.config.model == Model::Clustering;
        now.monotonic + if strict { grace.max(self.config.consume_timeout) } else { grace }
    }

    pub(super) fn route(&mut self, now: Now, topic: &Arc<str>, queues: Vec<MessageQueue>) {
        if !self.subscriptions.route(topic, queues, now.wall) {
            return;
        }
        self.round.hasten(now.monotonic);
        // What was deleted or closed may be back.
        for slot in self.queues.slots_of(topic) {
            self.touch(now, slot, |queue, ctx| {
                if let Stage::Reading(reading) = &mut queue.stage {
                    reading.look_if_failed(&queue.tenure, ctx);
                }
            });
        }
    }

    /// Begins a round that is due, or ends one whose answers are.
    pub(super) fn go_on_rebalancing(&mut self, now: Now) {
        if self.round.next().is_none_or(|at| at > now.monotonic) {
            return;
        }
        if self.round.is_asking() {
            for (broker, topics) in self.round.expire() {
                self.without_members(&broker, &topics);
            }
        } else {
            self.begin_round(now);
        }
        self.end_round(now);
    }

    fn begin_round(&mut self, now: Now) {
        if self.config.assignment == Assignment::ByHand {
            self.round.begin(now.monotonic, Questions::new(), now.monotonic);
            return self.take_assigned(now);
        }
        if self.config.model == Model::Broadcasting {
            self.round.begin(now.monotonic, Questions::new(), now.monotonic);
            return self.take_all(now);
        }
        if self.config.pop.enabled {
            return self.ask_for_assignments(now);
        }
        let topics = self.subscriptions.iter().filter_map(|(name, topic)| {
            topic.queues.as_deref().filter(|queues| !queues.is_empty()).map(|queues| (name, queues))
        });
        let questions = choose_brokers(&self.config.group, &mut self.membership, topics);
        let deadline = now.monotonic + self.config.request_timeout;
        let (mut asked, mut known) = (Questions::new(), Vec::new());
        for (broker, topics) in questions {
            if let Some(members) = self.membership.just_listed(now.monotonic, &broker) {
                known.push((members, topics));
            } else {
                self.out.push(Action::QueryMembers { broker: Arc::clone(&broker), deadline });
                asked.insert(broker, topics);
            }
        }
        self.round.begin(now.monotonic, asked, deadline + ANSWER_GRACE);
        for (members, topics) in known {
            for topic in &topics {
                self.allocate(now, topic, &members);
            }
        }
    }

    /// Every queue of every topic is read by every member.
    fn take_all(&mut self, now: Now) {
        let known =
            |(name, topic): (&Arc<str>, &Topic)| Some((Arc::clone(name), topic.queues.clone()?));
        let topics: Vec<_> = self.subscriptions.iter().filter_map(known).collect();
        for (topic, queues) in topics {
            self.apply(now, &topic, queues.to_vec(), Duration::ZERO);
        }
    }

    pub(super) fn members(
        &mut self,
        now: Now,
        broker: &Arc<str>,
        answer: Result<Vec<Arc<str>>, Failure>,
    ) {
        let Some(topics) = self.round.answered(broker) else {
            self.counters.late_answers += 1;
            return;
        };
        match answer {
            Ok(members) => self.judge(now, broker, &topics, members),
            Err(_) => self.without_members(broker, &topics),
        }
        self.end_round(now);
    }

    fn judge(&mut self, now: Now, broker: &Arc<str>, topics: &[Arc<str>], members: Vec<Arc<str>>) {
        let patience = self.config.heartbeat_interval;
        let me = &self.config.client_id;
        let broker = Arc::clone(broker);
        match self.membership.judge(now.monotonic, &broker, me, members, patience) {
            Verdict::Listed { members, namesake } => {
                if namesake {
                    self.out.event(Event::IdShared { broker });
                }
                for topic in topics {
                    self.allocate(now, topic, &members);
                }
            }
            Verdict::Missing { first } => {
                if first {
                    self.out.event(Event::NotListed { broker });
                }
                self.heartbeat.wanted = true;
                self.round.unbalanced();
            }
            Verdict::Expelled { first } => {
                if first {
                    self.out.event(Event::Expelled { broker });
                }
                for topic in topics {
                    self.apply(now, topic, Vec::new(), Duration::ZERO);
                }
                self.heartbeat.wanted = true;
                self.round.unbalanced();
            }
        }
    }

    /// Nothing is known about who else reads these topics: everything stays as it is. (An empty list would mean that
    /// all is ours.)
    fn without_members(&mut self, broker: &Arc<str>, topics: &[Arc<str>]) {
        self.membership.unanswered(broker);
        // The retry topic comes into being with the first heartbeat, and nobody is hurt by a late retry.
        if topics.iter().any(|topic| *topic != self.retry_topic) {
            self.round.unbalanced();
        }
    }

    fn allocate(&mut self, now: Now, topic: &Arc<str>, members: &Arc<[Arc<str>]>) {
        let Some(known) = self.subscriptions.topic(topic) else { return };
        let Some(queues) = &known.queues else { return };
        let question = Question { queues: Arc::clone(queues), members: Arc::clone(members) };
        if known.settled.as_ref().is_some_and(|settled| settled.is(&question)) {
            return;
        }
        let share =
            Share::of(&self.config.group, &self.config.client_id, members, &question.queues);
        match share.and_then(|share| self.config.strategy.allocate(&share)) {
            Ok(assigned) => {
                let delay =
                    if members.len() > 1 { self.config.acquire_delay } else { Duration::ZERO };
                if self.apply(now, topic, assigned, delay)
                    && let Some(known) = self.subscriptions.topic_mut(topic)
                {
                    known.settled = Some(question);
                }
            }
            Err(error) => self.allocation_failed(topic, error),
        }
    }

    fn allocation_failed(&mut self, topic: &Arc<str>, error: AllocateError) {
        self.out.event(Event::AllocationFailed { topic: Arc::clone(topic), error });
        self.round.unbalanced();
    }

    /// Makes `assigned` the queues of a topic that this member has. The answer says whether it has them now; one that
    /// was about to be given up first has to be gone.
    pub(super) fn apply(
        &mut self,
        now: Now,
        topic: &Arc<str>,
        mut assigned: Vec<MessageQueue>,
        delay: Duration,
    ) -> bool {
        assigned.retain(|queue| queue.topic == *topic);
        let slots = self.queues.slots_of(topic);
        let held = slots.iter().filter(|slot| !self.revoking.contains(slot));
        let held = held.filter_map(|slot| self.queues.get(*slot));
        let held = held.map(|queue| queue.tenure.queue.clone()).collect();
        let plan = Plan::between(held, assigned);
        if plan.is_settled() {
            return true;
        }
        self.round.changed();
        let mut owned = plan.keep;
        for queue in &plan.release {
            if let Some(slot) = self.queues.find(queue) {
                self.revoke(now, slot, self.grace(now));
            }
        }
        let mut complete = true;
        for queue in plan.acquire {
            if self.queues.find(&queue).is_some() {
                complete = false;
                continue;
            }
            owned.push(queue.clone());
            self.acquire(now, queue, delay);
        }
        owned.sort();
        if let Some(known) = self.subscriptions.topic_mut(topic) {
            known.held = owned.len();
            known.settled = None;
        }
        if !complete {
            self.round.unbalanced();
        }
        self.subscriptions.renew(topic, now.wall);
        self.heartbeat.wanted = true;
        self.out.event(Event::Rebalanced { topic: Arc::clone(topic), owned });
        complete
    }

    fn acquire(&mut self, now: Now, queue: MessageQueue, delay: Duration) {
        let broker = Arc::clone(&queue.broker_name);
        let leased = self.config.order.is_strict() && self.config.model == Model::Clustering;
        let lease = if leased { Lease::Wanted } else { Lease::Unneeded };
        let claim = Claim::new(now.monotonic, leased.then_some(now.monotonic));
        let popped = self.subscriptions.topic(&queue.topic).is_some_and(|topic| topic.popped);
        let stage = if popped {
            Stage::Popping(Popping::new(self.config.pop))
        } else {
            Stage::Acquiring(Acquiring::at(now.monotonic + delay))
        };
        let epoch = self.queues.insert(queue, stage, lease, claim);
        self.committer.add(&broker, epoch.slot);
        self.touch(now, epoch.slot, |queue, ctx| {
            queue.timeout(ctx);
            if popped {
                queue.welcome(ctx);
            }
        });
    }

    pub(super) fn end_round(&mut self, now: Now) {
        if !self.round.is_complete() {
            return;
        }
        let balanced = self.random.shorten(self.config.rebalance_interval);
        let retry = self.random.shorten(self.config.rebalance_retry);
        self.round.finish(now.monotonic, balanced, retry);
    }

    /// Begins to give a queue up, within this time.
    pub(super) fn revoke(&mut self, now: Now, slot: u32, until: Instant) {
        if self.revoking.contains(&slot) {
            return;
        }
        match self.touch(now, slot, |queue, ctx| queue.revoke(ctx, until)) {
            Some(true) => {
                self.revoking.insert(slot);
                // What is settled by now reaches the next owner even if the rest takes long. One who closes has all
                // the time that was granted.
                if matches!(self.phase, Phase::Running) {
                    self.want_commit(slot);
                }
            }
            Some(false) => self.release(slot, Leftovers::default()),
            None => {}
        }
    }

    /// Forgets a queue.
    pub(super) fn release(&mut self, slot: u32, left: Leftovers) {
        self.revoking.remove(&slot);
        self.unvouched.remove(&slot);
        let Some(queue) = self.queues.remove(slot) else { return };
        self.budget.adjust(queue.bytes(), 0);
        self.starved -= usize::from(queue.is_starved());
        self.timers.arm(TimerKey::Queue(slot), None);
        if let Some(ledger) = queue.ledger() {
            let topic = Arc::clone(&queue.tenure.queue.topic);
            self.tallies.entry(topic).or_default().add(ledger.tally);
        }
        let tenure = queue.tenure;
        tenure.claim.end();
        // While a handler still runs nobody else may begin: the lease is left to end by itself.
        self.locks.release(&tenure.queue, queue.lease != Lease::Lost && left.unsettled == 0);
        self.committer.remove(&tenure.queue.broker_name, slot);
        self.out.event(Event::Revoked { queue: tenure.queue, epoch: tenure.epoch, left });
    }

    /// Lets go of queues whose handlers, listeners and commit are done, or late.
    pub(super) fn finish_revocations(&mut self, now: Now) {
        if !matches!(self.phase, Phase::Running) {
            return;
        }
        for slot in self.revoking.clone() {
            let Some(queue) = self.queues.get(slot) else { continue };
            if !queue.is_drained(now.monotonic) {
                continue;
            }
            let (is_done, left) = (queue.is_done(now.monotonic), queue.leftovers());
            if queue.standing.is_to_part() {
                self.touch(now, slot, Queue::part);
            } else if is_done && queue.standing.has_parted() {
                self.release(slot, left);
                continue;
            }
            if !is_done {
                self.want_commit(slot);
            }
        }
    }
}
