//! [`Choosing`]: the queue that each attempt to send a message goes to.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use rocketmq_route::{MessageQueue, SendPlan, queue_by_hash};
use tokio::time::Instant;

use super::Shared;
use crate::{Error, client::Namespace};

/// Tells the index of a queue among all of the topic.
pub(super) type QueueChoice = Box<dyn Fn(&[MessageQueue]) -> usize + Send + Sync>;

/// Which queue a message goes to.
pub(super) enum Target {
    Any,
    Queue(MessageQueue),
    Hash(i32),
    Chosen(QueueChoice),
    /// Some queue of this broker, where the topic has one.
    Broker(Arc<str>),
}

impl Target {
    /// A choice is made once: another queue would not keep the order.
    fn plan(&self, retries: u32) -> SendPlan {
        match self {
            Self::Any | Self::Broker(_) => SendPlan::round_robin(1 + retries),
            Self::Queue(queue) => SendPlan::to_queue(queue.clone()),
            Self::Hash(_) | Self::Chosen(_) => SendPlan::round_robin(1),
        }
    }
}

/// The choice of queues for one message, over all its attempts.
pub(super) struct Choosing {
    target: Target,
    plan: SendPlan,
}

impl Choosing {
    pub(super) fn new(target: Target, retries: u32) -> Self {
        Self { plan: target.plan(retries), target }
    }

    /// The next queue to try, of those of the topic. `None`: there is none, or there have been enough attempts.
    pub(super) fn next(
        &mut self,
        producer: &Shared,
        topic: &Arc<str>,
        queues: &[MessageQueue],
    ) -> Result<Option<MessageQueue>, Error> {
        match &self.target {
            Target::Hash(hash) => {
                let chosen = queue_by_hash(queues, *hash).cloned();
                Ok(self.plan.next(queues, || 0).and(chosen))
            }
            Target::Chosen(choice) => match self.plan.next(queues, || 0) {
                Some(_) => chosen(choice, queues, producer.client.core().namespace()).map(Some),
                None => Ok(None),
            },
            Target::Broker(name) if queues.iter().any(|queue| queue.broker_name == *name) => {
                let there = queues.iter().filter(|queue| queue.broker_name == *name);
                Ok(self.plan.next(&there.cloned().collect::<Vec<_>>(), || fastrand::usize(..)))
            }
            Target::Any | Target::Queue(_) | Target::Broker(_) => {
                Ok(self.in_turn(producer, topic, queues))
            }
        }
    }

    fn in_turn(
        &mut self,
        producer: &Shared,
        topic: &Arc<str>,
        queues: &[MessageQueue],
    ) -> Option<MessageQueue> {
        let ticket = || producer.turns.draw(topic);
        let Some(faults) = &producer.faults else { return self.plan.next(queues, ticket) };
        let now = Instant::now().into_std();
        self.plan.next_avoiding(queues, &faults.table(), now, ticket)
    }

    /// The attempt on this broker has failed.
    pub(super) fn failed(&mut self, broker_name: &Arc<str>) {
        self.plan.failed(broker_name);
    }

    /// Whether another attempt is allowed.
    pub(super) fn may_retry(&self) -> bool {
        self.plan.may_retry()
    }
}

/// The application is shown the queues under the names that it knows.
fn chosen(
    choice: &QueueChoice,
    queues: &[MessageQueue],
    namespace: &Namespace,
) -> Result<MessageQueue, Error> {
    let shown: Vec<_> = queues.iter().map(|queue| namespace.unwrap_queue(queue)).collect();
    queues.get(choice(&shown)).cloned().ok_or_else(|| {
        Error::invalid(format!("the chosen queue is beyond the {} there are", shown.len()))
    })
}

/// Whose turn it is among the queues of each topic: one counter a topic, whichever thread sends.
#[derive(Default)]
pub(super) struct Turns(RwLock<BTreeMap<Arc<str>, AtomicUsize>>);

impl Turns {
    fn draw(&self, topic: &Arc<str>) -> usize {
        let next = |turns: &AtomicUsize| turns.fetch_add(1, Ordering::Relaxed);
        if let Some(turns) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(topic) {
            return next(turns);
        }
        let mut turns = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // A random start, so that producers started together do not all begin with the same queue.
        next(turns.entry(Arc::clone(topic)).or_insert_with(|| fastrand::usize(..).into()))
    }
}
