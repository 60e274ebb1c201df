//! Queues that brokers assign, to be popped or to be pulled.

use std::{sync::Arc, time::Duration};

use rocketmq_protocol::code::ResponseCode;
use rocketmq_route::MessageQueue;

use super::ConsumerGroup;
use crate::{
    delivery::Delivery,
    io::{Action, Assigned, Failure, Now},
    queue::{ANSWER_GRACE, Stage},
    rebalance::Questions,
};

impl ConsumerGroup {
    /// Asks some broker of each topic for the queues of this member.
    pub(super) fn ask_for_assignments(&mut self, now: Now) {
        let deadline = now.monotonic + self.config.request_timeout;
        let strategy = Arc::<str>::from(self.config.strategy.name());
        let mut questions = Questions::new();
        for (topic, known) in self.subscriptions.iter() {
            let mut brokers: Vec<_> = known
                .queues
                .iter()
                .flat_map(|queues| queues.iter())
                .map(|queue| &queue.broker_name)
                .collect();
            brokers.dedup();
            let Some(broker) = self.membership.choose(&self.config.group, &brokers) else {
                continue;
            };
            self.out.push(Action::QueryAssignment {
                topic: Arc::clone(topic),
                broker: Arc::clone(broker),
                strategy: Arc::clone(&strategy),
                deadline,
            });
            // Every topic has an answer of its own.
            questions.insert(Arc::clone(topic), vec![Arc::clone(topic)]);
        }
        self.round.begin(now.monotonic, questions, deadline + ANSWER_GRACE);
    }

    pub(super) fn assignment(
        &mut self,
        now: Now,
        topic: &Arc<str>,
        answer: Result<Option<Vec<Assigned>>, Failure>,
    ) {
        if self.round.answered(topic).is_none() {
            self.counters.late_answers += 1;
            return;
        }
        match answer {
            Ok(Some(assigned)) => self.follow(now, topic, assigned),
            // Before 5.0 members share queues by themselves (`RebalanceImpl.tryQueryAssignment`).
            Err(Failure::Refused(ResponseCode::REQUEST_CODE_NOT_SUPPORTED)) => {
                self.config.pop.enabled = false;
                self.round.unbalanced();
            }
            Ok(None) | Err(_) if *topic != self.retry_topic => self.round.unbalanced(),
            Ok(None) | Err(_) => {}
        }
        self.end_round(now);
    }

    /// Makes what the broker says true. A topic that changes from one way of reading to the other is given up first.
    fn follow(&mut self, now: Now, topic: &Arc<str>, assigned: Vec<Assigned>) {
        let popped = assigned.iter().any(|it| it.popped);
        let slots = self.queues.slots_of(topic);
        let mut held = slots.iter().filter_map(|slot| self.queues.get(*slot));
        let other_way = held.any(|queue| matches!(queue.stage, Stage::Popping(_)) != popped);
        if other_way {
            self.apply(now, topic, Vec::new(), Duration::ZERO);
            self.round.unbalanced();
            return;
        }
        if let Some(known) = self.subscriptions.topic_mut(topic) {
            known.popped = popped;
        }
        let chosen = assigned.into_iter().filter(|it| it.popped == popped);
        let queues: Vec<MessageQueue> = chosen.map(|it| it.queue).collect();
        let delay = if popped { Duration::ZERO } else { self.config.acquire_delay };
        self.apply(now, topic, queues, delay);
    }

    /// Hands out popped messages.
    pub(super) fn take_popped(&mut self, now: Now, slot: u32, max: usize) -> Vec<Delivery> {
        let taken = self.touch(now, slot, |queue, ctx| match &mut queue.stage {
            Stage::Popping(popping) => popping.take(&queue.tenure, ctx, max),
            Stage::Acquiring(_) | Stage::Reading(_) | Stage::Revoking(_) => Vec::new(),
        });
        taken.unwrap_or_default()
    }
}
