//! Sends in their spans.

use tracing::{Instrument, Span};

use super::sending::{Begun, Sending, Stored};
use crate::{
    Error,
    spans::{self, Outgoing},
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
        let outcome = self.deliver_and_tell(begun).instrument(span.clone()).await;
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
        let outcome = self.hand_over().instrument(span.clone()).await;
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
}
