//! Sends in their spans.

use tracing::{Instrument, Span};

use super::sending::{Sending, Stored};
use crate::{
    Error,
    spans::{self, Outgoing},
};

impl Sending {
    /// Sends the message, and tells everybody how that ended.
    pub(super) async fn deliver(&mut self) -> Result<Stored, Error> {
        let span = self.span();
        let outcome = self.deliver_and_tell().instrument(span.clone()).await;
        match &outcome {
            Ok(stored) => spans::stored(&span, self.core(), stored.receipt.queue()),
            Err(error) => spans::failed(&span, error),
        }
        outcome
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

    fn span(&self) -> Span {
        spans::send(|| Outgoing {
            core: self.core(),
            topic: self.topic(),
            id: self.id(),
            messages: self.messages(),
            properties: self.properties(),
        })
    }
}
