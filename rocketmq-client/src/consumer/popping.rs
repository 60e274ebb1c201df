//! POP on the wire: taking messages out, settling them, and waiting until there are some.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use rocketmq_consumer::{
    Assigned, Failure, Input, PopAck, PopPlan as Plan, Reappearance,
    pop::{self, Popped},
};
use rocketmq_protocol::{
    Text,
    body::{
        self, BatchAck, BatchAckMessageRequestBody, MessageRequestMode, QueryAssignmentRequestBody,
        QueryAssignmentResponseBody, SubscriptionData,
    },
    code::ResponseCode,
    header::{
        AckMessageRequestHeader, BatchAckMessageRequestHeader, ChangeInvisibleTimeRequestHeader,
        NotificationRequestHeader, PopMessageRequestHeader, QueryAssignmentRequestHeader,
    },
    message::decode_messages,
    pop::Receipt,
};
use rocketmq_route::MessageQueue;
use tokio::{sync::oneshot, time::Instant};

use super::requests::{Requests, failure, to_broker, towards};
use crate::{Error, ErrorKind, client::unknown_broker};

/// Takes from any queue of a broker.
pub(super) const ANY_QUEUE: i32 = -1;

/// When a message that nobody waits for is to come again.
const GIVEN_BACK_AFTER: Duration = Duration::from_millis(500);

/// What a pop asks for.
pub(super) struct PopPlan<'a> {
    /// Number [`ANY_QUEUE`] for all of the broker's.
    pub(super) queue: &'a MessageQueue,
    pub(super) max_messages: u32,
    pub(super) invisible: Duration,
    /// How long the broker may wait for messages.
    pub(super) wait: Duration,
    /// Where a group without an offset begins: at the first message rather than behind the last.
    pub(super) from_first: bool,
    pub(super) subscription: &'a SubscriptionData,
    /// Of an orderly pop: the same for all attempts of one.
    pub(super) attempt: Option<Text>,
}

/// A message under its topic, and what settles it.
pub(super) struct Ticket<'a> {
    pub(super) topic: &'a str,
    /// The lite topic under it, if that is where the message was popped from.
    pub(super) lite_topic: Option<&'a str>,
    pub(super) receipt: &'a Receipt,
}

impl<'a> Ticket<'a> {
    pub(super) fn new(topic: &'a str, receipt: &'a Receipt) -> Self {
        Self { topic, lite_topic: None, receipt }
    }

    fn lite_topic(&self) -> Option<Text> {
        self.lite_topic.map(|name| name.to_owned().into())
    }
}

impl Requests {
    pub(super) async fn pop(
        &self,
        plan: &PopPlan<'_>,
        deadline: Instant,
    ) -> Result<Vec<Popped>, Error> {
        let request = PopMessageRequestHeader {
            consumer_group: (&self.group).into(),
            topic: (&plan.queue.topic).into(),
            queue_id: plan.queue.queue_id,
            max_msg_nums: i32::try_from(plan.max_messages).unwrap_or(i32::MAX),
            invisible_time: millis(plan.invisible),
            poll_time: millis(plan.wait),
            // By the broker's clock: by ours it may be too late already.
            born_time: 0,
            init_mode: i32::from(!plan.from_first),
            exp_type: Some(plan.subscription.expression_type.as_str().into()),
            exp: Some(plan.subscription.sub_string.clone().into()),
            order: Some(plan.attempt.is_some()),
            attempt_id: plan.attempt.clone(),
            shared: towards(plan.queue),
        };
        let broker = &plan.queue.broker_name;
        let answer = self.core.call_master(broker, &request, Bytes::new(), deadline).await?;
        if answer.code != ResponseCode::SUCCESS {
            return Ok(Vec::new());
        }
        let messages = decode_messages(answer.body).collect();
        pop::popped(&broker.into(), &answer.header, messages).map_err(|error| {
            Error::new(ErrorKind::Protocol, "an answer to a pop that cannot be read")
                .at(&**broker)
                .with_source(error)
        })
    }

    /// Whether a broker has something to pop, or gets it in time.
    pub(super) async fn has_messages(
        &self,
        plan: &PopPlan<'_>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let request = NotificationRequestHeader {
            consumer_group: (&self.group).into(),
            topic: (&plan.queue.topic).into(),
            queue_id: plan.queue.queue_id,
            poll_time: millis(plan.wait),
            born_time: 0,
            order: Some(plan.attempt.is_some()),
            attempt_id: plan.attempt.clone(),
            exp_type: Some(plan.subscription.expression_type.as_str().into()),
            exp: Some(plan.subscription.sub_string.clone().into()),
            shared: towards(plan.queue),
        };
        let broker = &plan.queue.broker_name;
        let answer = self.core.call_master(broker, &request, Bytes::new(), deadline).await?;
        Ok(answer.header.has_msg)
    }

    pub(super) async fn ack(&self, ticket: &Ticket<'_>, deadline: Instant) -> Result<(), Error> {
        let Ticket { topic, receipt, .. } = *ticket;
        let request = AckMessageRequestHeader {
            consumer_group: (&self.group).into(),
            topic: receipt.kind.real_topic(topic, &self.group).into(),
            queue_id: receipt.queue_id,
            extra_info: receipt.to_string().into(),
            offset: receipt.queue_offset,
            lite_topic: ticket.lite_topic(),
            shared: to_broker(&receipt.broker_name),
        };
        self.core.call_master(&receipt.broker_name, &request, Bytes::new(), deadline).await?;
        Ok(())
    }

    /// Acknowledges messages of one broker together. Brokers before 5.1.3 are told one by one.
    pub(super) async fn ack_together(
        &self,
        broker: &str,
        tickets: &[Ticket<'_>],
        deadline: Instant,
    ) -> Result<(), Error> {
        if let [ticket] = tickets {
            return self.ack(ticket, deadline).await;
        }
        let batch = body::encode(&self.batch(broker, tickets));
        let request = BatchAckMessageRequestHeader {};
        match self.core.call_master(broker, &request, batch, deadline).await {
            Err(error)
                if error.response_code() == Some(ResponseCode::REQUEST_CODE_NOT_SUPPORTED) =>
            {
                for ticket in tickets {
                    self.ack(ticket, deadline).await?;
                }
                Ok(())
            }
            answer => answer.map(drop),
        }
    }

    fn batch(&self, broker: &str, tickets: &[Ticket<'_>]) -> BatchAckMessageRequestBody {
        let mut acks = BTreeMap::new();
        for Ticket { topic, receipt, .. } in tickets {
            let together =
                (*topic, receipt.kind, receipt.queue_id, receipt.start_offset, receipt.pop_time);
            let ack = acks.entry(together).or_insert_with(|| BatchAck {
                consumer_group: self.group.to_string(),
                topic: (*topic).to_owned(),
                retry: receipt.kind.to_string(),
                queue_id: receipt.queue_id,
                revive_queue_id: receipt.revive_queue_id,
                start_offset: receipt.start_offset,
                pop_time: receipt.pop_time,
                invisible_time: receipt.invisible_time,
                ..BatchAck::default()
            });
            if let Ok(distance) = u32::try_from(receipt.queue_offset - receipt.start_offset) {
                ack.bits.insert(distance);
            }
        }
        BatchAckMessageRequestBody {
            acks: acks.into_values().collect(),
            broker_name: broker.to_owned(),
        }
    }

    /// The answer is the receipt from now on.
    pub(super) async fn change_invisible(
        &self,
        ticket: &Ticket<'_>,
        invisible: Duration,
        deadline: Instant,
    ) -> Result<Receipt, Error> {
        let Ticket { topic, receipt, .. } = *ticket;
        let request = ChangeInvisibleTimeRequestHeader {
            consumer_group: (&self.group).into(),
            topic: receipt.kind.real_topic(topic, &self.group).into(),
            queue_id: receipt.queue_id,
            extra_info: receipt.to_string().into(),
            offset: receipt.queue_offset,
            invisible_time: millis(invisible),
            lite_topic: ticket.lite_topic(),
            suspend: Some(false),
            shared: to_broker(&receipt.broker_name),
        };
        let broker = &receipt.broker_name;
        let answer = self.core.call_master(broker, &request, Bytes::new(), deadline).await?;
        Ok(pop::changed(receipt, &answer.header))
    }
}

/// For a machine: each ends in the input it answers.
impl Requests {
    /// Pops. A broker cannot be told that nobody waits any more: what it hands out to nobody is given back, or it would be out of
    /// sight until its time is over.
    pub(super) fn popping(&self, plan: Plan) -> impl Future<Output = Input> + Send + 'static {
        let (pop, topic) = (plan.pop, plan.queue.topic.clone());
        let (requests, tasks) = (self.clone(), self.core.tasks.clone());
        let (answered, answer) = oneshot::channel();
        let work = async move {
            if let Err(input) = answered.send(requests.popped(plan).await) {
                requests.give_back(&topic, input).await;
            }
        };
        let work = async move {
            tokio::select! {
                () = work => {}
                () = tasks.cancelled() => {}
            }
        };
        self.core.tasks.spawn("pop", work);
        async move {
            let gone = |_| Input::Popped { pop, answer: Err(Failure::Unanswered) };
            answer.await.unwrap_or_else(gone)
        }
    }

    async fn give_back(&self, topic: &str, input: Input) {
        let Input::Popped { answer: Ok(popped), .. } = input else { return };
        for receipt in popped.iter().filter_map(|popped| popped.receipt.as_ref()) {
            let deadline = Instant::now() + self.core.options.request_timeout;
            let ticket = Ticket::new(topic, receipt);
            if let Err(cause) = self.change_invisible(&ticket, GIVEN_BACK_AFTER, deadline).await {
                tracing::debug!(%receipt, %cause, "a message that nobody waits for comes again later");
            }
        }
    }

    async fn popped(&self, plan: Plan) -> Input {
        let asked = PopPlan {
            queue: &plan.queue,
            max_messages: plan.max_messages,
            invisible: plan.invisible,
            wait: plan.wait,
            from_first: plan.from_first,
            subscription: &plan.subscription,
            attempt: None,
        };
        let answer = self.pop(&asked, plan.deadline.into()).await;
        Input::Popped { pop: plan.pop, answer: answer.map_err(failure) }
    }

    pub(super) async fn acknowledged(&self, plan: PopAck) -> Input {
        let ticket = |receipt| Ticket::new(&plan.queue.topic, receipt);
        let tickets: Vec<_> = plan.receipts.iter().map(ticket).collect();
        let broker = &plan.queue.broker_name;
        let answer = self.ack_together(broker, &tickets, plan.deadline.into()).await;
        Input::Acked { epoch: plan.epoch, answer: answer.map_err(failure) }
    }

    pub(super) async fn reappears(&self, plan: Reappearance) -> Input {
        let ticket = Ticket::new(&plan.queue.topic, &plan.receipt);
        let answer = self.change_invisible(&ticket, plan.after, plan.deadline.into()).await;
        Input::Reappears { delivery: plan.delivery, answer: answer.map_err(failure) }
    }

    /// This member's queues of a topic, as a broker shares them out. `None`: it cannot say.
    pub(super) async fn assignment(
        &self,
        topic: &str,
        broker: &str,
        strategy: &str,
        deadline: Instant,
    ) -> Result<Option<Vec<Assigned>>, Error> {
        let question = QueryAssignmentRequestBody {
            client_id: self.core.id.to_string(),
            consumer_group: self.group.to_string(),
            strategy_name: strategy.to_owned(),
            topic: topic.to_owned(),
            ..QueryAssignmentRequestBody::default()
        };
        let table = self.core.routes.table();
        let address = table.reader(broker, 0).map(|(_, address)| address.clone());
        drop(table);
        let address = address.ok_or_else(|| unknown_broker(broker))?;
        let request = QueryAssignmentRequestHeader {};
        let answer = self.core.call(&address, &request, body::encode(&question), deadline).await?;
        let answer: QueryAssignmentResponseBody = body::decode(&answer.body).map_err(|error| {
            Error::new(ErrorKind::Protocol, "an assignment that cannot be read").with_source(error)
        })?;
        let assigned = |it: body::MessageQueueAssignment| Assigned {
            queue: MessageQueue::new(
                it.message_queue.topic,
                it.message_queue.broker_name,
                it.message_queue.queue_id,
            ),
            popped: it.mode == MessageRequestMode::Pop,
        };
        let assignments = answer.message_queue_assignments;
        Ok(assignments.map(|all| all.into_iter().map(assigned).collect()))
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
