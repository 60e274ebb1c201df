//! Popping, at a broker: messages that are out for a while, and come again.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use rocketmq_consumer::{
    Assigned, Failure, Input, Now, PopAck, PopPlan, Reappearance,
    pop::{self, Popped},
};
use rocketmq_protocol::{
    code::ResponseCode,
    header::PopMessageResponseHeader,
    pop::{Receipt, TopicKind},
};
use rocketmq_route::MessageQueue;

use super::broker::{Broker, Effect, Stock, message};

/// What the group has popped from a broker.
#[derive(Debug, Default)]
pub(crate) struct Pops {
    next: BTreeMap<MessageQueue, i64>,
    /// What comes again, in the order in which it does.
    again: Vec<Stock>,
    /// By message and pop.
    out: BTreeMap<(u64, i64), Out>,
    waiting: Vec<Waiting>,
    /// Each pop has a time of its own, which names it.
    clock: i64,
}

#[derive(Debug)]
struct Out {
    stock: Stock,
    visible_at: Instant,
}

/// A pop that waits for messages.
#[derive(Debug)]
struct Waiting {
    member: u32,
    plan: PopPlan,
    until: Instant,
}

/// The number of a message stands in for its place: where exactly it lies does not matter to who popped it.
fn receipt(broker: &Arc<str>, stock: &Stock, pop_time: i64) -> Receipt {
    Receipt {
        start_offset: stock.id as i64,
        pop_time,
        invisible_time: 0,
        revive_queue_id: 0,
        kind: if stock.times == 0 { TopicKind::Normal } else { TopicKind::RetryV1 },
        broker_name: broker.into(),
        queue_id: 0,
        queue_offset: stock.id as i64,
        commit_log_offset: None,
    }
}

impl Broker {
    pub(crate) fn assignment(&self, topic: Arc<str>) -> Input {
        let any = |broker: &str| Assigned {
            queue: MessageQueue::new(Arc::clone(&topic), broker, -1),
            popped: true,
        };
        let popped = &*topic == "t";
        let assigned = if popped { ["a", "b"].map(any).to_vec() } else { Vec::new() };
        Input::Assignment { topic, answer: Ok(Some(assigned)) }
    }

    pub(crate) fn pop(&mut self, now: Now, member: u32, plan: PopPlan) -> Vec<Effect> {
        match self.take_out(now.monotonic, &plan) {
            Some(answer) => vec![Effect::Answer(answer)],
            None => {
                let until = now.monotonic + plan.wait;
                self.pops.waiting.push(Waiting { member, plan, until });
                Vec::new()
            }
        }
    }

    fn take_out(&mut self, now: Instant, plan: &PopPlan) -> Option<Input> {
        let most = plan.max_messages as usize;
        let again = self.pops.again.len().min(most);
        let mut taken: Vec<Stock> = self.pops.again.drain(..again).collect();
        let Self { logs, pops, .. } = self;
        for (queue, log) in logs.iter().filter(|(queue, _)| queue.topic == plan.queue.topic) {
            let next = pops.next.entry(queue.clone()).or_default();
            let start = (*next).max(log.min) as usize;
            let fresh = log.messages.iter().skip(start).take(most - taken.len());
            let before = taken.len();
            taken.extend(fresh.cloned());
            *next = (start + taken.len() - before) as i64;
        }
        if taken.is_empty() {
            return None;
        }
        self.pops.clock += 1;
        let pop_time = self.pops.clock;
        let popped = taken.into_iter().map(|stock| {
            let receipt = receipt(&self.name, &stock, pop_time);
            let content = message(&plan.queue, stock.id as i64, &stock);
            let visible_at = now + plan.invisible;
            self.pops.out.insert((stock.id, pop_time), Out { stock, visible_at });
            (content, receipt)
        });
        let popped = popped.map(|(content, receipt)| popped_one(content, receipt));
        Some(Input::Popped { pop: plan.pop, answer: Ok(popped.collect()) })
    }

    pub(crate) fn ack(&mut self, plan: &PopAck) -> Vec<Effect> {
        let named = |receipt: &Receipt| (receipt.queue_offset as u64, receipt.pop_time);
        let known = plan.receipts.iter().map(named);
        let acked = known.filter_map(|key| self.pops.out.remove(&key).map(|out| out.stock.id));
        let acked = acked.collect();
        let answer = Input::Acked { epoch: plan.epoch, answer: Ok(()) };
        vec![Effect::Acked(acked), Effect::Answer(answer)]
    }

    pub(crate) fn reappear(&mut self, now: Now, plan: Reappearance) -> Input {
        let old = (plan.receipt.queue_offset as u64, plan.receipt.pop_time);
        let answer = match self.pops.out.remove(&old) {
            Some(Out { stock, .. }) => {
                self.pops.clock += 1;
                let receipt = receipt(&self.name, &stock, self.pops.clock);
                let visible_at = now.monotonic + plan.after;
                self.pops.out.insert((stock.id, self.pops.clock), Out { stock, visible_at });
                Ok(receipt)
            }
            None => Err(Failure::Refused(ResponseCode::NO_MESSAGE)),
        };
        Input::Reappears { delivery: plan.delivery, answer }
    }

    /// When a message comes again, or a pop has waited long enough.
    pub(crate) fn next_pop(&self) -> Option<Instant> {
        let out = self.pops.out.values().map(|out| out.visible_at);
        out.chain(self.pops.waiting.iter().map(|waiting| waiting.until)).min()
    }

    /// Lets time pass: what is out of time comes again, once more delivered. Answers are for members.
    pub(crate) fn revive(&mut self, now: Instant) -> Vec<(u32, Input)> {
        let late = self.pops.out.iter().filter(|(_, out)| out.visible_at <= now);
        let late: Vec<_> = late.map(|(key, _)| *key).collect();
        for key in late {
            let Some(Out { mut stock, .. }) = self.pops.out.remove(&key) else { continue };
            stock.times += 1;
            self.pops.again.push(stock);
        }
        let mut answers = Vec::new();
        for waiting in std::mem::take(&mut self.pops.waiting) {
            let Waiting { member, plan, until } = waiting;
            match self.take_out(now, &plan) {
                Some(answer) => answers.push((member, answer)),
                None if until <= now => {
                    answers.push((member, Input::Popped { pop: plan.pop, answer: Ok(Vec::new()) }));
                }
                None => self.pops.waiting.push(Waiting { member, plan, until }),
            }
        }
        answers
    }

    /// A broker that restarts answers no pop that waits. What is out it has on disk.
    pub(crate) fn forget_pops(&mut self) -> Vec<(u32, Input)> {
        let waiting = std::mem::take(&mut self.pops.waiting).into_iter();
        let failed = |Waiting { member, plan, .. }| {
            (member, Input::Popped { pop: plan.pop, answer: Err(Failure::Unanswered) })
        };
        waiting.map(failed).collect()
    }
}

/// A message as the machine gets it: its receipt made as from a broker's answer.
fn popped_one(mut content: rocketmq_protocol::message::MessageExt, receipt: Receipt) -> Popped {
    let mut properties = rocketmq_protocol::message::PropertiesWriter::with_capacity(64);
    let ck = rocketmq_protocol::message::property::POP_CK;
    properties.put(ck, &receipt.to_string()).expect("a good property");
    content.properties = properties.finish().expect("good properties");
    let broker = receipt.broker_name.clone();
    let header = PopMessageResponseHeader { pop_time: receipt.pop_time, ..Default::default() };
    let mut popped = pop::popped(&broker, &header, vec![Ok(content)]).expect("nothing to misread");
    popped.remove(0)
}
