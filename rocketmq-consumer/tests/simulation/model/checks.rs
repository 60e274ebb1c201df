//! What must hold, all the time and at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rocketmq_consumer::Delivery;
use rocketmq_route::MessageQueue;

use super::{
    setup::Kind,
    world::{EVERYBODY, World},
};

impl World {
    /// The heart of the matter: whatever lies below a stored offset will never be read again.
    pub(super) fn check_commit(
        &self,
        whom: u32,
        queue: &MessageQueue,
        offset: i64,
    ) -> Result<(), String> {
        let is_dealt_with = |at: &i64| {
            self.deleted.contains(&(queue.clone(), *at))
                || self.dealt_with.contains(&(whom, queue.clone(), *at))
        };
        let skipped = (0..offset).find(|at| !is_dealt_with(at));
        match skipped {
            Some(at) => {
                Err(format!("{offset} of {queue:?} is stored, but nobody has consumed {at}"))
            }
            None => Ok(()),
        }
    }

    /// Nobody else handles the queue with a right to it, and all that lies before has been dealt with.
    pub(super) fn check_order(&mut self, member: u32, delivery: &Delivery) -> Result<(), String> {
        let now = self.now.monotonic;
        let alive = &self.members;
        let handling = self.handling.entry(delivery.queue().clone()).or_default();
        handling.retain(|(by, it)| alive.contains_key(by) && !it.is_stale(now));
        if let Some((by, other)) = handling.first() {
            return Err(format!("{member} begins {delivery:?} while {by} is at {other:?}"));
        }
        handling.push((member, delivery.clone()));
        self.check_commit(EVERYBODY, delivery.queue(), delivery.id().offset)
    }

    /// Every message has come to its end, nothing is with a handler, and every queue is where it should be.
    pub(super) fn rest(&self) -> Result<(), String> {
        if self.next_message != self.setup.messages {
            return Err("not all is sent".to_owned());
        }
        let everybody = [EVERYBODY];
        let of_members: Vec<u32> = self.members.keys().copied().collect();
        let broadcasting = self.setup.kind == Kind::Broadcasting;
        for whom in if broadcasting { &of_members[..] } else { &everybody } {
            let ended = |id: &u64| {
                self.finished.contains(&(*whom, *id)) || self.finished.contains(&(EVERYBODY, *id))
            };
            if let Some(missing) = (0..self.setup.messages).find(|id| !ended(id)) {
                return Err(format!("message {missing} has not come to its end"));
            }
        }
        for (number, member) in &self.members {
            if member.group.snapshot().queues.iter().any(|queue| queue.out > 0) {
                return Err(format!("{number} has something out, but all is consumed"));
            }
        }
        match self.setup.kind {
            Kind::Concurrent | Kind::Ordered => self.owners(),
            Kind::Broadcasting => self.everybody_reads_everything("t"),
            Kind::Popping => self.everybody_pops_everywhere(),
        }
    }

    /// Every queue has one owner, and the shares of each topic are even.
    fn owners(&self) -> Result<(), String> {
        let mut owners = BTreeMap::<MessageQueue, u32>::new();
        let mut shares = BTreeMap::<(Arc<str>, u32), usize>::new();
        for (number, member) in &self.members {
            for queue in member.group.snapshot().queues {
                *shares.entry((Arc::clone(&queue.queue.topic), *number)).or_default() += 1;
                if let Some(other) = owners.insert(queue.queue.clone(), *number) {
                    return Err(format!("{:?} belongs to {other} and {number}", queue.queue));
                }
            }
        }
        let all = self.brokers.iter().flat_map(|broker| broker.logs.keys());
        if let Some(queue) = all.into_iter().find(|queue| !owners.contains_key(*queue)) {
            return Err(format!("{queue:?} belongs to nobody"));
        }
        let of = |number| shares.get(&(Arc::from("t"), number)).copied().unwrap_or(0);
        let sizes = || self.members.keys().map(|number| of(*number));
        if sizes().max() > sizes().min().map(|least| least + 1) {
            return Err(format!("shares are not even: {shares:?}"));
        }
        Ok(())
    }

    fn everybody_reads_everything(&self, topic: &str) -> Result<(), String> {
        let all = self.brokers.iter().flat_map(|broker| broker.logs.keys());
        let all = all.filter(|queue| *queue.topic == *topic).cloned().collect();
        self.everybody_holds(&all)
    }

    fn everybody_pops_everywhere(&self) -> Result<(), String> {
        let any = |broker| MessageQueue::new("t", broker, -1);
        self.everybody_holds(&["a", "b"].map(any).into())
    }

    fn everybody_holds(&self, all: &BTreeSet<MessageQueue>) -> Result<(), String> {
        for (number, member) in &self.members {
            let queues = member.group.snapshot().queues;
            let held: BTreeSet<_> = queues.into_iter().map(|queue| queue.queue).collect();
            if held != *all {
                return Err(format!("{number} reads {held:?}"));
            }
        }
        Ok(())
    }
}
