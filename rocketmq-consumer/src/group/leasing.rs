//! Leases: which queues are asked for, and what follows from the answers. Ordered groups only.

use std::time::Instant;

use rocketmq_route::MessageQueue;

use super::ConsumerGroup;
use crate::{
    io::{Action, Event, Failure, LeaseLoss, LockId, Now},
    locks::Departure,
    queue::{ANSWER_GRACE, Lease, Stage},
};

impl ConsumerGroup {
    /// Sends what is due to brokers that have answered the last time.
    pub(super) fn flush_locks(&mut self, now: Now) {
        if self.locks.next().is_none() && !self.locks.is_giving_back() {
            return;
        }
        let deadline = now.monotonic + self.config.request_timeout;
        for departure in self.locks.depart(now, deadline + ANSWER_GRACE) {
            let Departure { lock, broker, queues, is_lock } = departure;
            self.out.push(if is_lock {
                Action::Lock { lock, broker, queues, deadline }
            } else {
                Action::Unlock { lock, broker, queues, deadline }
            });
        }
    }

    pub(super) fn locked(
        &mut self,
        now: Now,
        lock: LockId,
        answer: Result<Vec<MessageQueue>, Failure>,
    ) {
        let interval = self.random.shorten(self.config.lock_interval);
        let Some(judged) = self.locks.locked(now.monotonic, lock, answer, interval) else {
            self.counters.late_answers += 1;
            return;
        };
        let until = judged.sent.monotonic + self.config.lock_lease;
        let held = Lease::Held { until, asked_at: judged.sent.wall };
        for queue in &judged.asked {
            let Some(slot) = self.queues.find(queue) else { continue };
            let lease = if judged.granted.contains(queue) { held } else { Lease::Wanted };
            if self.touch(now, slot, |queue, ctx| queue.leased(ctx, lease)) == Some(true) {
                self.lose(now, slot, LeaseLoss::Refused);
            }
        }
    }

    pub(super) fn unlocked(&mut self, now: Instant, lock: LockId, answer: Result<(), Failure>) {
        if !self.locks.unlocked(now, lock, answer) {
            self.counters.late_answers += 1;
        }
    }

    pub(super) fn locks_overdue(&mut self, now: Now) {
        for (lock, is_lock) in self.locks.overdue(now.monotonic) {
            if is_lock {
                self.locked(now, lock, Err(Failure::Unanswered));
            } else {
                self.unlocked(now.monotonic, lock, Err(Failure::Unanswered));
            }
        }
    }

    /// A lease that nobody has confirmed for too long.
    pub(super) fn check_lease(&mut self, now: Now, slot: u32) {
        let lease = self.queues.get(slot).map(|queue| queue.lease);
        if lease.and_then(Lease::ends).is_some_and(|ends| ends <= now.monotonic) {
            self.lose(now, slot, LeaseLoss::Expired);
        }
    }

    /// Another member may have the queue. It is given up without a word to the broker, and taken again if the next
    /// round says so, from where the group has stored that it is.
    fn lose(&mut self, now: Now, slot: u32, cause: LeaseLoss) {
        let Some(queue) = self.queues.get_mut(slot) else { return };
        queue.lease = Lease::Lost;
        queue.tenure.claim.end();
        if let Stage::Revoking(revoking) = &mut queue.stage {
            revoking.is_ours = false;
        }
        let tenure = queue.tenure.clone();
        let has_begun = !matches!(queue.stage, Stage::Acquiring(_));
        self.locks.release(&tenure.queue, false);
        if has_begun {
            let (queue, epoch) = (tenure.queue.clone(), tenure.epoch);
            self.out.event(Event::LeaseLost { queue, epoch, cause });
        }
        self.revoke(now, slot, now.monotonic + self.config.consume_timeout);
        if let Some(known) = self.subscriptions.topic_mut(&tenure.queue.topic) {
            known.settled = None;
        }
        self.round.hasten(now.monotonic);
    }
}
