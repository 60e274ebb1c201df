//! POP on the wire: taking messages out, settling them, and waiting until there are some.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use rocketmq_consumer::pop::{self, Popped};
use rocketmq_protocol::{
    Text,
    body::{self, BatchAck, BatchAckMessageRequestBody, SubscriptionData},
    code::ResponseCode,
    header::{
        AckMessageRequestHeader, BatchAckMessageRequestHeader, ChangeInvisibleTimeRequestHeader,
        NotificationRequestHeader, PopMessageRequestHeader,
    },
    message::decode_messages,
    pop::Receipt,
};
use rocketmq_route::MessageQueue;
use tokio::time::Instant;

use super::requests::{Requests, to_broker, towards};
use crate::{Error, ErrorKind};

/// Takes from any queue of a broker.
pub(super) const ANY_QUEUE: i32 = -1;

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
    pub(super) receipt: &'a Receipt,
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
        let Ticket { topic, receipt } = *ticket;
        let request = AckMessageRequestHeader {
            consumer_group: (&self.group).into(),
            topic: receipt.kind.real_topic(topic, &self.group).into(),
            queue_id: receipt.queue_id,
            extra_info: receipt.to_string().into(),
            offset: receipt.queue_offset,
            lite_topic: None,
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
        for Ticket { topic, receipt } in tickets {
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
        let Ticket { topic, receipt } = *ticket;
        let request = ChangeInvisibleTimeRequestHeader {
            consumer_group: (&self.group).into(),
            topic: receipt.kind.real_topic(topic, &self.group).into(),
            queue_id: receipt.queue_id,
            extra_info: receipt.to_string().into(),
            offset: receipt.queue_offset,
            invisible_time: millis(invisible),
            lite_topic: None,
            suspend: Some(false),
            shared: to_broker(&receipt.broker_name),
        };
        let broker = &receipt.broker_name;
        let answer = self.core.call_master(broker, &request, Bytes::new(), deadline).await?;
        Ok(pop::changed(receipt, &answer.header))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
