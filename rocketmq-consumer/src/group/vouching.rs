//! Messages that are handed out for good: whoever has them vouches for them.

use rocketmq_route::MessageQueue;

use super::ConsumerGroup;
use crate::{
    delivery::Delivery,
    io::{Event, Now, Vouch},
};

impl ConsumerGroup {
    /// Hands out messages of a queue. What that makes room for is pulled.
    pub(super) fn hand_over(&mut self, now: Now, slot: u32, max: usize) -> Vec<Delivery> {
        let deliveries = self.touch(now, slot, |queue, ctx| queue.hand_over(ctx, max));
        self.unvouched.insert(slot);
        self.wind_up(now);
        deliveries.unwrap_or_default()
    }

    pub(super) fn vouch(&mut self, now: Now, vouch: Vouch) {
        match vouch {
            Vouch::HandedOut => {
                for slot in std::mem::take(&mut self.unvouched) {
                    self.vouch_for(now, slot, None);
                }
            }
            Vouch::Before(offsets) => {
                for (queue, offset) in offsets {
                    self.vouch_before(now, &queue, offset);
                }
            }
        }
    }

    fn vouch_before(&mut self, now: Now, queue: &MessageQueue, offset: i64) {
        match self.queues.find(queue).filter(|_| offset >= 0) {
            Some(slot) => {
                self.unvouched.remove(&slot);
                self.vouch_for(now, slot, Some(offset));
            }
            None => {
                let why = "the queue is not held, or the offset is negative";
                self.out.event(Event::Unexpected { input: "Vouch", why });
            }
        }
    }

    /// Of what a filter has passed over nobody is told, so that nobody can vouch for it.
    pub(super) fn vouch_for_the_unwanted(&mut self, now: Now) {
        if !self.config.consumption.is_automatic() {
            return;
        }
        for slot in self.queues.slots() {
            if !self.unvouched.contains(&slot) {
                self.vouch_for(now, slot, None);
            }
        }
    }

    fn vouch_for(&mut self, now: Now, slot: u32, before: Option<i64>) {
        self.touch(now, slot, |queue, _| queue.vouch(before));
    }

    /// How many queues have an offset to be committed that no broker has confirmed.
    pub fn uncommitted(&self) -> usize {
        self.queues.iter().filter(|queue| queue.is_uncommitted()).count()
    }
}
