//! [`SendPlan`]: which queue a message goes to, and which next if that fails.

use std::sync::Arc;

use crate::MessageQueue;

/// The choice of queues for one message, over all its attempts.
///
/// Round robin over the queues, and after a failure another broker if there is one
/// (`client/impl/producer/TopicPublishInfo.java`, `selectOneMessageQueue`).
#[derive(Debug)]
pub struct SendPlan {
    attempts_left: u32,
    fixed: Option<MessageQueue>,
    avoid: Option<Arc<str>>,
}

impl SendPlan {
    /// Any queue; `attempts` in all.
    pub fn round_robin(attempts: u32) -> Self {
        Self { attempts_left: attempts.max(1), fixed: None, avoid: None }
    }

    /// This queue and no other, once: whoever chose it wants order, which a later attempt would not keep
    /// (`DefaultMQProducerImpl.send(Message, MessageQueue)`).
    pub fn to_queue(queue: MessageQueue) -> Self {
        Self { attempts_left: 1, fixed: Some(queue), avoid: None }
    }

    /// The next queue to try. `ticket` draws from a counter that all messages of the topic share.
    ///
    /// `None`: the attempts are used up, or there is no queue.
    pub fn next(
        &mut self,
        queues: &[MessageQueue],
        mut ticket: impl FnMut() -> usize,
    ) -> Option<MessageQueue> {
        self.attempts_left = self.attempts_left.checked_sub(1)?;
        if let Some(queue) = &self.fixed {
            return Some(queue.clone());
        }
        let count = queues.len();
        if let Some(avoid) = self.avoid.clone() {
            for _ in 0..count {
                let queue = queues.get(ticket() % count)?;
                if queue.broker_name != avoid {
                    return Some(queue.clone());
                }
            }
        }
        queues.get(ticket().checked_rem(count)?).cloned()
    }

    /// The attempt on this broker has failed: the next goes to another.
    pub fn failed(&mut self, broker_name: &Arc<str>) {
        self.avoid = Some(Arc::clone(broker_name));
    }

    /// Whether another attempt is allowed.
    pub fn may_retry(&self) -> bool {
        self.attempts_left > 0
    }
}

/// The queue that Java's hash selector chooses for a key: the hash's absolute value, modulo the number of queues
/// (`client/producer/selector/SelectMessageQueueByHash.java`).
pub fn queue_by_hash(queues: &[MessageQueue], hash: i32) -> Option<&MessageQueue> {
    // The absolute value of the smallest i32 does not exist; Java takes 0 for it.
    let index = usize::try_from(hash.checked_abs().unwrap_or(0)).ok()?;
    queues.get(index.checked_rem(queues.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(brokers: &[(&str, i32)]) -> Vec<MessageQueue> {
        brokers
            .iter()
            .flat_map(|(broker, count)| {
                (0..*count).map(move |id| MessageQueue::new("t", *broker, id))
            })
            .collect()
    }

    fn counter() -> impl FnMut() -> usize {
        let mut next = 0;
        move || {
            next += 1;
            next - 1
        }
    }

    #[test]
    fn every_queue_gets_its_turn() {
        let (queues, mut ticket) = (queues(&[("a", 2), ("b", 2)]), counter());
        let chosen: Vec<_> =
            (0..8).map(|_| SendPlan::round_robin(3).next(&queues, &mut ticket).unwrap()).collect();
        assert_eq!(&chosen[..4], &queues[..]);
        assert_eq!(&chosen[4..], &queues[..]);
    }

    #[test]
    fn a_retry_goes_to_another_broker() {
        let (queues, mut ticket) = (queues(&[("a", 3), ("b", 1)]), counter());
        let mut plan = SendPlan::round_robin(3);
        let first = plan.next(&queues, &mut ticket).unwrap();
        assert_eq!(&*first.broker_name, "a");
        plan.failed(&first.broker_name);
        assert_eq!(&*plan.next(&queues, &mut ticket).unwrap().broker_name, "b");
        plan.failed(&"b".into());
        assert_eq!(&*plan.next(&queues, &mut ticket).unwrap().broker_name, "a");
        assert_eq!(plan.next(&queues, &mut ticket), None, "three attempts are all");
    }

    #[test]
    fn the_only_broker_is_tried_again() {
        let (queues, mut ticket) = (queues(&[("a", 2)]), counter());
        let mut plan = SendPlan::round_robin(2);
        let first = plan.next(&queues, &mut ticket).unwrap();
        plan.failed(&first.broker_name);
        assert!(plan.next(&queues, &mut ticket).is_some());
    }

    #[test]
    fn no_queue_is_no_choice() {
        assert_eq!(SendPlan::round_robin(3).next(&[], counter()), None);
        assert_eq!(queue_by_hash(&[], 7), None);
    }

    #[test]
    fn a_chosen_queue_is_tried_once() {
        let queue = MessageQueue::new("t", "a", 7);
        let mut plan = SendPlan::to_queue(queue.clone());
        assert_eq!(plan.next(&[], counter()), Some(queue));
        assert_eq!(plan.next(&[], counter()), None);
    }

    #[test]
    fn keys_go_where_java_sends_them() {
        let queues = queues(&[("a", 4)]);
        let check = |key: &str, expected| {
            let hash = rocketmq_protocol::message::string_hash(key);
            assert_eq!(queue_by_hash(&queues, hash).map(|queue| queue.queue_id), Some(expected));
        };
        check("order-1", 2);
        check("order-2", 1);
        assert_eq!(queue_by_hash(&queues, i32::MIN).map(|queue| queue.queue_id), Some(0));
    }
}
