//! What became of a request that did not succeed, and why a connection ended.
//!
//! The outcome classes answer the one question a caller has to ask before trying again: can the peer have acted on
//! the request? Whether to try again is the caller's business.

use std::{io, sync::Arc, time::Duration};

use rocketmq_protocol::{
    DecodeError, EncodeError, FrameError, HeaderError,
    code::{RequestCode, ResponseCode},
};
use thiserror::Error;
use tokio::time::Instant;

/// Why a request has no typed answer.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The peer has not seen the request: not all of its bytes were handed to the socket, and they never will be.
    #[error("{address}: not sent")]
    NotSent {
        /// Whom it was meant for.
        address: Arc<str>,
        /// Why.
        #[source]
        reason: NotSent,
    },
    /// The request was sent, and no answer came: the peer may have acted on it, or not.
    #[error("{address}: sent, outcome unknown")]
    OutcomeUnknown {
        /// Whom it was sent to.
        address: Arc<str>,
        /// Why there was no answer.
        #[source]
        reason: Unanswered,
    },
    /// The peer answered with a code that the request does not accept.
    #[error("{address}: {refusal}")]
    Refused {
        /// Who answered.
        address: Arc<str>,
        /// What it said.
        refusal: Box<Refusal>,
    },
    /// The peer answered with an accepted code, but its header is not what the request promises.
    #[error("{address}: malformed answer")]
    Malformed {
        /// Who answered.
        address: Arc<str>,
        /// What is wrong with the header.
        #[source]
        reason: HeaderError,
    },
}

impl CallError {
    /// The peer concerned.
    pub fn address(&self) -> &Arc<str> {
        match self {
            Self::NotSent { address, .. }
            | Self::OutcomeUnknown { address, .. }
            | Self::Refused { address, .. }
            | Self::Malformed { address, .. } => address,
        }
    }

    /// Whether the peer is shutting down and has not acted on the request: over another connection it may be sent again.
    pub fn is_go_away(&self) -> bool {
        match self {
            Self::NotSent { reason, .. } => matches!(reason, NotSent::Closed(CloseReason::GoAway)),
            _ => self.response_code() == Some(ResponseCode::GO_AWAY),
        }
    }

    /// The code with which the peer refused, if it did.
    pub fn response_code(&self) -> Option<ResponseCode> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.code),
            _ => None,
        }
    }
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("refused {request}: {code}{}", text(remark.as_deref()))]
#[non_exhaustive]
pub struct Refusal {
    /// What was asked for.
    pub request: RequestCode,
    /// How the peer answered.
    pub code: ResponseCode,
    /// The text that came with it.
    pub remark: Option<Arc<str>>,
}

fn text(remark: Option<&str>) -> String {
    remark.filter(|text| !text.is_empty()).map(|text| format!(": {text}")).unwrap_or_default()
}

/// Why a request was not sent.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum NotSent {
    /// The deadline passed before there was a connection, or before the socket took the request.
    #[error("timed out while waiting to be sent")]
    TimedOut,
    /// The connection ended first.
    #[error("the connection closed")]
    Closed(#[source] CloseReason),
    /// There is no connection, and dialling failed.
    #[error("no connection")]
    Unreachable(#[source] DialError),
    /// The request cannot be written.
    #[error("cannot be encoded")]
    Encode(#[source] EncodeError),
    /// Too much waits for the socket already, and the caller does not wait.
    #[error("no room in the queue")]
    Full,
    /// The client is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

/// Why a request that was sent has no answer.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// Its deadline passed. The connection lives on.
    #[error("timed out")]
    TimedOut,
    /// The connection ended.
    #[error("the connection closed")]
    Closed(#[source] CloseReason),
}

/// An address that could not be reached.
#[derive(Debug, Clone, Error)]
#[error("connecting failed, next attempt no earlier than {}", rest(*.retry_at))]
#[non_exhaustive]
pub struct DialError {
    /// What the last attempt ran into.
    #[source]
    pub cause: Arc<io::Error>,
    /// How many attempts failed in a row.
    pub failures: u32,
    /// Until then nobody dials this address.
    pub retry_at: Instant,
}

fn rest(retry_at: Instant) -> String {
    format!("{:?} from now", retry_at.saturating_duration_since(Instant::now()))
}

/// Why a connection ended. All its requests share it.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side closed it: no longer wanted, or shutting down.
    #[error("closed by this client")]
    Local,
    /// The peer closed it.
    #[error("closed by the peer")]
    Peer,
    /// Reading or writing failed.
    #[error("connection failed")]
    Io(#[source] Arc<io::Error>),
    /// The peer sent what is not a frame. Most often it speaks another protocol.
    #[error("the peer sent no frame")]
    Frame(#[source] FrameError),
    /// The peer sent a frame whose header cannot be read.
    #[error("the peer sent an undecodable frame")]
    Decode(#[source] DecodeError),
    /// A frame that had begun did not end.
    #[error("the peer left a frame unfinished for {0:?}")]
    HalfFrame(Duration),
    /// A request ran out of time, and for so long nothing at all was heard.
    #[error("the peer was silent for {0:?} while requests timed out")]
    Silent(Duration),
    /// The peer asked us to go (`GO_AWAY`): it is shutting down and takes no more requests on this connection.
    #[error("the peer asked to be left")]
    GoAway,
    /// The runtime of the owner task has ended.
    #[error("the runtime of the connection has ended")]
    Abandoned,
}
