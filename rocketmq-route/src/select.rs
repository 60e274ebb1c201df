//! [`SendPlan`]: which queue a message goes to, and which next if that fails.

use std::{sync::Arc, time::Instant};

use crate::{FaultTable, MessageQueue};

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
        ticket: impl FnMut() -> usize,
    ) -> Option<MessageQueue> {
        self.attempts_left = self.attempts_left.checked_sub(1)?;
        if let Some(queue) = &self.fixed {
            return Some(queue.clone());
        }
        let mut turn = Turn { queues, ticket };
        match &self.avoid {
            Some(avoid) => turn.find(|broker| broker != avoid).or_else(|| turn.next()),
            None => turn.next(),
        }
        .cloned()
    }

    /// The same, with an eye on brokers that have been slow or out of reach: first one that is neither, then one that can
    /// be reached, then any (`client/latency/MQFaultStrategy.java`, `selectOneMessageQueue`).
    pub fn next_avoiding(
        &mut self,
        queues: &[MessageQueue],
        faults: &FaultTable,
        now: Instant,
        ticket: impl FnMut() -> usize,
    ) -> Option<MessageQueue> {
        if self.fixed.is_some() {
            return self.next(queues, ticket);
        }
        self.attempts_left = self.attempts_left.checked_sub(1)?;
        let mut turn = Turn { queues, ticket };
        let avoid = self.avoid.clone();
        let fresh = |broker: &Arc<str>| avoid.as_ref() != Some(broker);
        turn.find(|broker| faults.is_available(broker, now) && fresh(broker))
            .or_else(|| turn.find(|broker| faults.is_reachable(broker) && fresh(broker)))
            .or_else(|| turn.next())
            .cloned()
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

/// Whose turn it is.
struct Turn<'a, T> {
    queues: &'a [MessageQueue],
    ticket: T,
}

impl<'a, T: FnMut() -> usize> Turn<'a, T> {
    fn next(&mut self) -> Option<&'a MessageQueue> {
        self.queues.get((self.ticket)().checked_rem(self.queues.len())?)
    }

    /// The next queue on a broker that will do, after one look at each queue.
    fn find(&mut self, will_do: impl Fn(&Arc<str>) -> bool) -> Option<&'a MessageQueue> {
        (0..self.queues.len()).find_map(|_| self.next().filter(|queue| will_do(&queue.broker_name)))
    }
}

/// The queue that Java's hash selector chooses for a key: the hash modulo the number of queues, without its sign
/// (`client/producer/selector/SelectMessageQueueByHash.java`).
pub fn queue_by_hash(queues: &[MessageQueue], hash: i32) -> Option<&MessageQueue> {
    let index = usize::try_from(hash.unsigned_abs()).ok()?;
    queues.get(index.checked_rem(queues.len())?)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;
    use crate::Contact;

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
    fn slow_brokers_are_chosen_only_when_there_is_no_other() {
        let (queues, mut ticket) = (queues(&[("a", 2), ("b", 1)]), counter());
        let (mut faults, now) = (FaultTable::default(), crate::any_instant());
        let mut chosen = |faults: &FaultTable, last: Option<&str>| {
            let mut plan = SendPlan::round_robin(1);
            if let Some(last) = last {
                plan.failed(&last.into());
            }
            plan.next_avoiding(&queues, faults, now, &mut ticket).unwrap().broker_name
        };
        faults.record(&"a".into(), Contact::Answered(Duration::from_secs(1)), now);
        assert!((0..6).all(|_| &*chosen(&faults, None) == "b"));
        assert_eq!(&*chosen(&faults, Some("b")), "a", "slow, but it can be reached");
        faults.record(&"a".into(), Contact::Lost, now);
        faults.record(&"b".into(), Contact::Answered(Duration::from_secs(1)), now);
        assert!((0..6).all(|_| &*chosen(&faults, None) == "b"), "slow is better than lost");
        faults.record(&"b".into(), Contact::Lost, now);
        let both: BTreeSet<_> = (0..6).map(|_| chosen(&faults, None)).collect();
        assert_eq!(both.len(), 2, "if all are lost, each gets its turn");
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
        let smallest = queue_by_hash(&queues, i32::MIN).map(|queue| queue.queue_id);
        assert_eq!(smallest, Some(0), "two to the 31st, modulo four");
    }
}
