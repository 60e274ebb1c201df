//! Finding brokers, and calling them.

use std::sync::Arc;

use bytes::Bytes;
use rocketmq_protocol::header::Request;
use rocketmq_remoting::{Answer, CallError, Channel};
use tokio::time::Instant;

use super::Core;
use crate::{Error, ErrorKind};

impl Core {
    /// Calls the master of a broker name.
    pub(crate) async fn call_master<R: Request>(
        &self,
        broker_name: &str,
        request: &R,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Answer<R::Response>, Error> {
        let address = self.master(broker_name)?;
        self.call(&address, request, body, deadline).await
    }

    /// Calls the server at an address.
    pub(crate) async fn call<R: Request>(
        &self,
        address: &str,
        request: &R,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Answer<R::Response>, Error> {
        let channel = self.channel(address, deadline).await?;
        channel.call(request, body, deadline).await.map_err(|error| from_call(error, address))
    }

    /// The connection to an address, made if need be.
    pub(crate) async fn channel(&self, address: &str, deadline: Instant) -> Result<Channel, Error> {
        let channel = self.remoting.channel(address, deadline).await;
        channel.map_err(|error| {
            Error::new(ErrorKind::Connection, format!("cannot connect to {address}"))
                .at(address)
                .with_source(error)
        })
    }

    /// The address of the master of a broker name.
    pub(crate) fn master(&self, broker_name: &str) -> Result<Arc<str>, Error> {
        self.routes.table().master(broker_name).cloned().ok_or_else(|| unknown_broker(broker_name))
    }
}

pub(crate) fn unknown_broker(broker_name: &str) -> Error {
    Error::new(ErrorKind::Connection, format!("no address of broker {broker_name} is known"))
        .at(broker_name)
}

/// What a failed call means to the caller of this crate.
pub(crate) fn from_call(error: CallError, address: &str) -> Error {
    match &error {
        CallError::NotSent { .. } => {
            Error::new(ErrorKind::Connection, format!("nothing was sent to {address}"))
        }
        CallError::OutcomeUnknown { .. } => {
            Error::new(ErrorKind::Timeout, format!("no answer came from {address}"))
                .unknown_outcome()
        }
        CallError::Refused { refusal, .. } => {
            return Error::new(ErrorKind::Refused, error.to_string())
                .with_code(refusal.code)
                .at(address);
        }
        // It was answered as if done, so it may have been.
        _ => {
            Error::new(ErrorKind::Protocol, format!("{address} sent an answer that cannot be read"))
                .unknown_outcome()
        }
    }
    .at(address)
    .with_source(error)
}
