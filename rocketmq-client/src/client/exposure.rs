//! [`Exposure`]: signed requests over connections that are not encrypted.

use std::{
    error::Error as StdError,
    fmt, io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use rocketmq_remoting::{CallError, ConnectFuture, Connector, DialError, NotSent};
use tokio::time::Instant;

use crate::{Error, ErrorKind};

/// What is done about signed requests that would go in plaintext to another machine. A signature has neither time nor nonce
/// (`acl/common/AclUtils.java`): who can listen can send the request again.
pub(super) enum Exposure {
    /// They go, and a warning says so, once.
    WarnedOf,
    /// No such connection is made.
    Refused,
}

impl Exposure {
    /// A connector over one whose streams are plaintext.
    pub(super) fn over(self, inner: Arc<dyn Connector>) -> Exposed {
        Exposed { exposure: self, inner, warned: AtomicBool::new(false) }
    }
}

/// See [`Exposure::over`].
pub(super) struct Exposed {
    exposure: Exposure,
    inner: Arc<dyn Connector>,
    warned: AtomicBool,
}

impl Connector for Exposed {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        if is_this_machine(address) {
            return self.inner.connect(address, deadline);
        }
        Box::pin(async move {
            if matches!(self.exposure, Exposure::Refused) {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, Refusal));
            }
            let stream = self.inner.connect(address, deadline).await?;
            if !self.warned.swap(true, Relaxed) {
                tracing::warn!(
                    %address,
                    "signed requests travel in plaintext to another machine: whoever can listen can replay them"
                );
            }
            Ok(stream)
        })
    }
}

/// By what it is called: a name that only happens to lead here may lead elsewhere the next time.
fn is_this_machine(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Why [`Exposed`] made no stream.
#[derive(Debug)]
struct Refusal;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signed requests are not sent in plaintext to another machine")
    }
}

impl StdError for Refusal {}

/// What a refusal means to the caller of this crate; it keeps its cause.
pub(super) fn refused(what: &str) -> Error {
    let text = format!(
        "{what}: requests are signed, nothing encrypts them (`ClientBuilder::tls`), and \
         `ClientBuilder::plaintext_credentials` keeps them from going to another machine in plaintext"
    );
    Error::new(ErrorKind::Invalid, text)
}

/// Whether this is why a call failed.
pub(super) fn is_refusal(error: &CallError) -> bool {
    match error {
        CallError::NotSent { reason: NotSent::Unreachable(DialError { cause, .. }), .. } => {
            cause.get_ref().is_some_and(|cause| cause.is::<Refusal>())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_no_other_machine() {
        for address in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"] {
            assert!(is_this_machine(address), "{address}");
        }
        for address in ["10.0.0.1:1", "[fd00::1]:1", "localhost.example:1", ""] {
            assert!(!is_this_machine(address), "{address}");
        }
    }
}
