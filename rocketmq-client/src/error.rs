//! [`Error`]: what failed, whether trying again makes sense, and whether it may have happened all the same.

use std::{error::Error as StdError, fmt, sync::Arc};

use rocketmq_protocol::code::ResponseCode;

/// Anything an application's error can be turned into, and what handlers may return.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// An operation of this client that did not succeed.
///
/// [`kind`](Self::kind) says what failed, [`is_retryable`](Self::is_retryable) whether the same call may succeed
/// later, [`outcome_unknown`](Self::outcome_unknown) whether the servers may have carried it out nevertheless. The
/// cause is in [`source`](StdError::source) only, and not repeated in the text.
pub struct Error(Box<Facts>);

/// What failed. New kinds may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call itself is wrong (a name, a size, a combination of options): nothing was sent.
    Invalid,
    /// No name server gave an answer.
    NameServer,
    /// The topic has no route: it does not exist, or no broker that serves it is up.
    TopicNotFound,
    /// No connection to the broker could be made, or it was lost.
    Connection,
    /// The deadline of the call passed.
    Timeout,
    /// A server does not let this user do this, or does not believe who asks: no attempt will do better until somebody changes
    /// keys or permissions.
    Denied,
    /// A server answered with an error; [`Error::response_code`] has its code.
    Refused,
    /// A server answered with something that this client cannot read.
    Protocol,
    /// A received message was settled after its time was over: it may have come again already.
    Expired,
    /// There is no room for more at the moment, and the call was not to wait: nothing was sent.
    Full,
    /// A hook refused it: nothing was sent.
    Vetoed,
    /// The client, producer or consumer was shut down.
    Closed,
}

#[derive(Clone)]
struct Facts {
    kind: ErrorKind,
    text: String,
    code: Option<ResponseCode>,
    broker: Option<String>,
    outcome_unknown: bool,
    /// Shared, since a failed batch fails each of its messages.
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            kind,
            text: text.into(),
            code: None,
            broker: None,
            outcome_unknown: false,
            source: None,
        }))
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, text)
    }

    pub(crate) fn closed(what: &str) -> Self {
        Self::new(ErrorKind::Closed, format!("the {what} has been shut down"))
    }

    pub(crate) fn timeout(what: &str) -> Self {
        Self::new(ErrorKind::Timeout, format!("the deadline passed before {what}"))
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    pub(crate) fn with_code(mut self, code: ResponseCode) -> Self {
        self.0.code = Some(code);
        self
    }

    pub(crate) fn at(mut self, server: impl Into<String>) -> Self {
        self.0.broker = Some(server.into());
        self
    }

    pub(crate) fn unknown_outcome(mut self) -> Self {
        self.0.outcome_unknown = true;
        self
    }

    /// The same error once more, for another of those that it concerns.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// What failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later without anybody changing it.
    ///
    /// Sends have already been tried again, on another broker where there is one, before their error is returned.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Invalid
            | ErrorKind::Vetoed
            | ErrorKind::Closed
            | ErrorKind::Expired
            | ErrorKind::Protocol
            | ErrorKind::Denied => false,
            ErrorKind::Refused => self.0.code.is_some_and(passes_with_time),
            ErrorKind::NameServer
            | ErrorKind::TopicNotFound
            | ErrorKind::Connection
            | ErrorKind::Timeout
            | ErrorKind::Full => true,
        }
    }

    /// Whether the servers may have carried the request out: it was sent, and no answer came.
    pub fn outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// The code that the server answered with, when it did.
    pub fn response_code(&self) -> Option<ResponseCode> {
        self.0.code
    }

    /// The server this is about: a broker's name or an address.
    pub fn broker(&self) -> Option<&str> {
        self.0.broker.as_deref()
    }
}

/// Codes that mean "not now" or "not here", as Java's producer reads them
/// (`client/producer/DefaultMQProducer.java`, `retryResponseCodes`). A refused permission is not among them: asking
/// again does not grant it.
pub(crate) fn passes_with_time(code: ResponseCode) -> bool {
    matches!(
        code,
        ResponseCode::SYSTEM_ERROR
            | ResponseCode::SYSTEM_BUSY
            | ResponseCode::SERVICE_NOT_AVAILABLE
            | ResponseCode::TOPIC_NOT_EXIST
            | ResponseCode::FLOW_CONTROL
            | ResponseCode::GO_AWAY
    )
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.0.kind).field("text", &self.0.text);
        if let Some(code) = self.0.code {
            shown.field("code", &code);
        }
        if let Some(broker) = &self.0.broker {
            shown.field("broker", broker);
        }
        if self.0.outcome_unknown {
            shown.field("outcome_unknown", &true);
        }
        if let Some(source) = &self.0.source {
            shown.field("source", source);
        }
        shown.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_in_a_result() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn the_cause_is_told_once() {
        let error = Error::new(ErrorKind::Connection, "cannot reach broker-a")
            .with_source(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert_eq!(error.to_string(), "cannot reach broker-a");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("connection refused"));
    }

    #[test]
    fn only_what_time_can_mend_is_retryable() {
        let check =
            |error: Error, expected| assert_eq!(error.is_retryable(), expected, "{error:?}");
        let refused = |code| Error::new(ErrorKind::Refused, "refused").with_code(code);
        check(refused(ResponseCode::SYSTEM_BUSY), true);
        check(refused(ResponseCode::NO_PERMISSION), false);
        check(refused(ResponseCode::MESSAGE_ILLEGAL), false);
        check(Error::timeout("an answer came"), true);
        check(Error::invalid("no topic"), false);
        check(Error::closed("client"), false);
    }
}
