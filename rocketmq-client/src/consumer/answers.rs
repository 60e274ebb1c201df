//! What a push consumer answers brokers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use rocketmq_consumer as machine;
use rocketmq_protocol::{
    body::{self, CMResult, ConsumeMessageDirectlyResult, GetConsumerStatusBody, QueueTable},
    message::MessageExt,
};
use rocketmq_route::MessageQueue;
use tokio::sync::{mpsc, oneshot};

use super::driver::Request;
use crate::client::{
    questions::{Answering, Answers},
    routes::std_now,
};

/// Calls the handler of a consumer with one message that no queue has brought. What becomes of it, or why that is not known.
pub(super) type Direct = Arc<dyn Fn(machine::Delivery) -> Directly + Send + Sync>;

/// See [`Direct`].
pub(super) type Directly =
    std::pin::Pin<Box<dyn Future<Output = Result<machine::Outcome, crate::BoxError>> + Send>>;

/// A consumer as brokers can ask it. It does not keep the consumer alive.
pub(super) struct PushAnswers {
    pub(super) commands: mpsc::WeakUnboundedSender<Request>,
    /// `None` where the application has turned it off, and for streams, which have no handler.
    pub(super) direct: Option<Direct>,
    pub(super) order: machine::Order,
}

/// An operator waits for so long (`broker/processor/AdminBrokerProcessor.java`).
const DIRECT_TIMEOUT: Duration = Duration::from_secs(10);

impl PushAnswers {
    /// Asks the driver; `None` if there is none any more.
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Request,
        answer: impl FnOnce(T) -> Bytes + Send + 'static,
    ) -> Answering {
        let (sender, received) = oneshot::channel();
        let asked = self.commands.upgrade().is_some_and(|commands| {
            let question = question(sender);
            commands.send(question).is_ok()
        });
        Box::pin(async move {
            if !asked {
                return None;
            }
            received.await.ok().map(answer)
        })
    }
}

impl Answers for PushAnswers {
    fn running_info(&self, with_tasks: bool) -> Answering {
        let question = |answer| Request::RunningInfo { with_tasks, answer };
        self.ask(question, |info| body::encode(&info))
    }

    fn status(&self, topic: &str) -> Answering {
        let topic: Arc<str> = topic.into();
        self.ask(Request::Snapshot, move |snapshot| {
            let of_topic = snapshot.queues.iter().filter(|queue| queue.queue.topic == topic);
            let table: QueueTable<i64> = of_topic
                .filter_map(|queue| Some((on_the_wire(&queue.queue), queue.commit_offset?)))
                .collect();
            body::encode(&GetConsumerStatusBody {
                consumer_table: BTreeMap::new(),
                message_queue_table: table,
            })
        })
    }

    fn consume_directly(&self, queue: MessageQueue, message: MessageExt) -> Answering {
        let Some(direct) = self.direct.clone() else { return Box::pin(async { None }) };
        let order = self.order;
        Box::pin(async move {
            let begun = std_now();
            let delivery = machine::Delivery::detached(begun, queue, Ok(message));
            let consumed = tokio::time::timeout(DIRECT_TIMEOUT, direct(delivery)).await;
            let spent = std_now().saturating_duration_since(begun);
            let (consume_result, remark) = match consumed {
                Ok(Ok(outcome)) => (result(outcome), None),
                Ok(Err(error)) => (CMResult::ThrowException, Some(error.to_string())),
                Err(_) => (CMResult::Later, Some("the handler has not returned yet".to_owned())),
            };
            Some(body::encode(&ConsumeMessageDirectlyResult {
                auto_commit: order != machine::Order::Strict { auto_commit: false },
                consume_result: Some(consume_result),
                order: order != machine::Order::Any,
                remark,
                spent_time_mills: i64::try_from(spent.as_millis()).unwrap_or(i64::MAX),
            }))
        })
    }

    fn reset(&self, offsets: Vec<(MessageQueue, i64)>) {
        if let Some(commands) = self.commands.upgrade() {
            // A consumer that has just ended has nothing to reset.
            let _ = commands.send(Request::Tell(machine::Input::MoveTo(offsets)));
        }
    }
}

fn result(outcome: machine::Outcome) -> CMResult {
    match outcome {
        machine::Outcome::Ack => CMResult::Success,
        machine::Outcome::Commit => CMResult::Commit,
        machine::Outcome::Rollback => CMResult::Rollback,
        _ => CMResult::Later,
    }
}

pub(super) fn on_the_wire(queue: &MessageQueue) -> body::MessageQueue {
    body::MessageQueue {
        broker_name: queue.broker_name.to_string(),
        queue_id: queue.queue_id,
        topic: queue.topic.to_string(),
    }
}
