//! [`End`]: telling a broker what became of a half message.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use rocketmq_protocol::{
    Text,
    header::{EndTransactionRequestHeader, RpcFields},
    message::MessageId,
    trace::{DEFAULT_REGION, EndTransactionTrace, MessageType, ProducedMessage, TraceRecord},
};
use rocketmq_route::MessageQueue;
use tokio::time::Instant;

use super::{Producer, Resolution};
use crate::{
    Error,
    client::{from_call, wall_millis},
};

/// What a broker has to be told about a half message, but for the decision.
pub(super) struct End {
    pub(super) message_id: MessageId,
    /// In the queue of half messages.
    pub(super) offset: i64,
    pub(super) commit_log_offset: i64,
    pub(super) transaction_id: Option<Text>,
    /// The message's own topic, on the wire. Brokers that ask give the topic of half messages, which nobody may write to.
    pub(super) topic: Arc<str>,
    pub(super) at: Server,
    /// Whether a broker has asked.
    pub(super) asked: bool,
    pub(super) tag: Option<Text>,
    pub(super) keys: String,
}

/// Who has to be told.
pub(super) enum Server {
    /// The broker that has stored it.
    Broker(MessageQueue),
    /// The one that has asked.
    Address(Arc<str>),
}

/// What a hook sees of the end of a transaction ([`SendHook::after_transaction`](super::SendHook::after_transaction)).
#[derive(Debug)]
#[non_exhaustive]
pub struct EndedTransaction<'a> {
    /// The id of the message.
    pub message_id: &'a MessageId,
    /// Its topic.
    pub topic: &'a str,
    /// What was decided.
    pub resolution: Resolution,
    /// Whether a broker had asked.
    pub from_check: bool,
    /// Why the broker could not be told, if it could not.
    pub error: Option<&'a Error>,
}

impl End {
    /// Answers a broker's question, which is not confirmed, or sends a decision, which is.
    pub(super) async fn send(
        self,
        producer: &Producer,
        resolution: Resolution,
    ) -> Result<(), Error> {
        let shared = &producer.shared;
        let core = shared.client.core();
        let deadline = Instant::now() + core.options.request_timeout;
        let (address, broker_name) = match &self.at {
            Server::Broker(queue) => (core.master_of(queue)?, Some(Text::from(&queue.broker_name))),
            Server::Address(address) => (Arc::clone(address), None),
        };
        let confirmed = !self.asked && resolution != Resolution::Unknown;
        let request = EndTransactionRequestHeader {
            topic: Some((&self.topic).into()),
            producer_group: (&shared.wire_group).into(),
            tran_state_table_offset: self.offset,
            commit_log_offset: self.commit_log_offset,
            commit_or_rollback: resolution.flag(),
            from_transaction_check: Some(self.asked),
            msg_id: Text::from(self.message_id.to_string()),
            transaction_id: self.transaction_id.clone(),
            shared: RpcFields { broker_name, ..RpcFields::default() },
        };
        let outcome = if confirmed {
            core.call(&address, &request, Bytes::new(), deadline).await.map(drop)
        } else {
            let channel = core.channel(&address, deadline).await?;
            let sent = channel.oneway(&request, Bytes::new(), deadline).await;
            sent.map_err(|error| from_call(error, &address))
        };
        self.report(producer, &address, resolution, outcome.as_ref().err());
        if outcome.is_err() {
            // The broker will ask, and can only ask who has told it of the group over a living connection.
            core.registry.heartbeat_wanted.notify_one();
        }
        outcome
    }

    pub(super) async fn send_and_log(self, producer: &Producer, resolution: Resolution) {
        if let Err(cause) = self.send(producer, resolution).await {
            tracing::debug!(%cause, "the end of a transaction was not sent: the broker will ask");
        }
    }

    fn report(
        &self,
        producer: &Producer,
        address: &str,
        resolution: Resolution,
        error: Option<&Error>,
    ) {
        let shared = &producer.shared;
        let topic = shared.client.core().namespace().unwrap(&self.topic);
        for hook in &*shared.options.hooks {
            hook.after_transaction(&EndedTransaction {
                message_id: &self.message_id,
                topic: &topic,
                resolution,
                from_check: self.asked,
                error,
            });
        }
        if let Some(tracer) = shared.tracer.as_ref().filter(|_| error.is_none()) {
            let own = |text: &str| Cow::<'static, str>::Owned(text.to_owned());
            tracer.record(TraceRecord::EndTransaction(EndTransactionTrace {
                message: ProducedMessage {
                    timestamp: wall_millis(),
                    region_id: Cow::Borrowed(DEFAULT_REGION),
                    group: own(&shared.group),
                    topic: own(&topic),
                    message_id: own(self.message_id.as_str()),
                    tags: self.tag.as_deref().map(own),
                    keys: Some(&*self.keys).filter(|keys| !keys.is_empty()).map(own),
                    store_host: own(address),
                    message_type: MessageType::TransactionCommit,
                },
                transaction_id: self.transaction_id.as_deref().map(own),
                state: resolution.traced(),
                from_check: self.asked,
            }));
        }
    }
}
