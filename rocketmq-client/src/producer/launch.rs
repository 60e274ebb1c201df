//! [`Launched`]: an enqueued message on its way.
//!
//! ```text
//!            nothing to wait for                     stored
//!   start ───────────────────────► first attempt ───────────► receipt
//!     │                                 │                        ▲
//!     │ route, connection, room or      │ failed                 │
//!     │ compression to wait for         ▼                        │
//!     └───────────────────────────► a task for the rest ─────────┘
//! ```
//!
//! Most messages need no task, and so no wake-up: the connection that has their answer makes the receipt of it.

use std::sync::Arc;

use rocketmq_protocol::header::SendMessageResponseHeader;
use rocketmq_remoting::{Answer, CallError, NotSent};
use tokio::sync::oneshot;
use tracing::Span;

use super::{
    PendingReceipt, SendReceipt,
    room::Place,
    sending::{Begun, Sending, Step, Stored},
};
use crate::Error;

pub(super) struct Launched {
    sending: Sending,
    /// Given back when the receipt is there.
    _place: Place,
    answer: oneshot::Sender<Result<SendReceipt, Error>>,
    span: Span,
}

impl Launched {
    /// Starts the first attempt here and now if it can; in no case does this wait.
    pub(super) fn start(sending: Sending, place: Place) -> PendingReceipt {
        let (answer, receipt) = oneshot::channel();
        let span = sending.span();
        let mut launched = Self { sending, _place: place, answer, span };
        match launched.sending.first_step() {
            Some(Ok(step)) => launched.attempt(step),
            Some(Err(error)) => launched.end(Err(error)),
            None => launched.run(None),
        }
        PendingReceipt(receipt)
    }

    fn attempt(self, step: Step) {
        let attempt = self.sending.attempt(&step);
        let Some(channel) = attempt.open_channel() else {
            return self.run(Some(Begun { step, outcome: None }));
        };
        let (header, body, deadline) =
            (attempt.header(false), attempt.wire.body.clone(), attempt.deadline);
        channel.call_then(&header, body, deadline, move |answer| self.answered(step, answer));
    }

    fn answered(self, step: Step, answer: Result<Answer<SendMessageResponseHeader>, CallError>) {
        if let Err(error) = &answer
            && (error.is_go_away()
                || matches!(error, CallError::NotSent { reason: NotSent::Full, .. }))
        {
            return self.run(Some(Begun { step, outcome: None }));
        }
        let attempt = self.sending.attempt(&step);
        let answer = answer.map_err(|error| {
            let address = Arc::clone(error.address());
            attempt.core.failed(error, &address)
        });
        let outcome = attempt.stored(1, answer);
        if self.sending.is_settled(&step, &outcome) {
            return self.end(outcome);
        }
        self.run(Some(Begun { step, outcome: Some(outcome) }));
    }

    fn end(mut self, outcome: Result<Stored, Error>) {
        self.sending.ended(None, &outcome);
        self.sending.observe(&self.span, &outcome);
        // Whoever waited may have gone; the outcome is nobody's then.
        let _ = self.answer.send(outcome.map(|stored| stored.receipt));
    }

    fn run(mut self, begun: Option<Begun>) {
        let tasks = self.sending.producer().shared.client.core().tasks.clone();
        tasks.spawn("send", async move {
            let outcome = self.sending.deliver_within(&self.span, begun).await;
            let _ = self.answer.send(outcome.map(|stored| stored.receipt));
            drop(self._place);
        });
    }
}
