//! What others learn of sends: spans around them, and records in message traces.

use std::{borrow::Cow, pin::pin};

use rocketmq_protocol::{
    message::property,
    trace::{MessageType, ProducedMessage, PubTrace, TraceRecord},
};
use tokio::time::Instant;
use tracing::Span;

use super::{
    SendStatus,
    sending::{Begun, Sending, Stored},
};
use crate::{
    Error,
    client::wall_millis,
    spans::{self, Outgoing},
    trace::Tracer,
};

impl Sending {
    /// Sends the message, and tells everybody how that ended.
    pub(super) async fn deliver(&mut self) -> Result<Stored, Error> {
        let span = self.span();
        self.deliver_within(&span, None).await
    }

    /// The same in a span that is open already, from the attempt on that is begun.
    pub(super) async fn deliver_within(
        &mut self,
        span: &Span,
        begun: Option<Begun>,
    ) -> Result<Stored, Error> {
        let outcome = spans::within(span, pin!(self.deliver_and_tell(begun))).await;
        self.observe(span, &outcome);
        outcome
    }

    /// Notes how the send ended.
    pub(super) fn observe(&self, span: &Span, outcome: &Result<Stored, Error>) {
        match outcome {
            Ok(stored) => spans::stored(span, self.core(), stored.receipt.queue()),
            Err(error) => spans::failed(span, error),
        }
    }

    /// Hands the message to a connection, once.
    pub(super) async fn oneway(&mut self) -> Result<(), Error> {
        let span = self.span();
        let outcome = spans::within(&span, pin!(self.hand_over())).await;
        if let Err(error) = &outcome {
            spans::failed(&span, error);
        }
        outcome
    }

    pub(super) fn span(&self) -> Span {
        spans::send(|| Outgoing {
            core: self.core(),
            topic: self.topic(),
            id: self.id(),
            messages: self.messages(),
            properties: self.properties(),
        })
    }

    /// Reports a stored message (`client/hook/SendMessageTraceHookImpl.java`).
    pub(super) fn trace(&self, tracer: &Tracer, began: Instant, stored: &Stored) {
        let (core, receipt) = (self.core(), &stored.receipt);
        let topic = core.namespace().unwrap(self.topic());
        let Some(answer) = &stored.answer else { return };
        let Some(region) = answer.region.as_deref() else { return };
        if answer.trace_on == Some(false) || tracer.leaves_out(&topic) {
            return;
        }
        let own = |text: &str| Cow::<'static, str>::Owned(text.to_owned());
        let properties = self.properties();
        let elapsed = began.elapsed();
        tracer.record(TraceRecord::Pub(PubTrace {
            message: ProducedMessage {
                timestamp: wall_millis() - i64::try_from(elapsed.as_millis()).unwrap_or(0),
                region_id: own(region),
                group: own(self.producer().group()),
                topic: own(&topic),
                message_id: own(receipt.message_id().as_str()),
                tags: properties.get(property::TAGS).map(own),
                keys: properties.get(property::KEYS).map(own),
                store_host: core
                    .master_of(receipt.queue())
                    .map_or(Cow::Borrowed(""), |address| own(&address)),
                message_type: MessageType::of_message(&properties),
            },
            body_length: i32::try_from(self.plain_length()).unwrap_or(i32::MAX),
            cost_time: i32::try_from(elapsed.as_millis()).unwrap_or(i32::MAX),
            offset_message_id: Some(own(&answer.msg_id)),
            success: receipt.status() == SendStatus::Stored,
            client_host: None,
        }));
    }
}
