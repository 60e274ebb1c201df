//! Finding brokers, and calling them.

use std::{
    borrow::{Borrow, Cow},
    sync::Arc,
};

use bytes::Bytes;
use rocketmq_protocol::{code::ResponseCode, header::Request};
use rocketmq_remoting::{Answer, CallError, Channel, NotSent};
use rocketmq_route::{LOGICAL_BROKER_PREFIX, MessageQueue};
use tokio::time::Instant;

use super::Core;
#[cfg(feature = "acl")]
use super::exposure;
use crate::{Error, ErrorKind};

impl Core {
    /// Calls the master of a broker name.
    pub(crate) async fn call_master<R: Request>(
        &self,
        broker_name: &str,
        request: &R,
        body: impl Borrow<Bytes>,
        deadline: Instant,
    ) -> Result<Answer<R::Response>, Error> {
        let address = self.preferred_address(self.master(broker_name)?);
        self.call(&address, request, body, deadline).await
    }

    /// Calls the server at an address.
    pub(crate) async fn call<R: Request>(
        &self,
        address: &str,
        request: &R,
        body: impl Borrow<Bytes>,
        deadline: Instant,
    ) -> Result<Answer<R::Response>, Error> {
        let answer = self.remoting.call(address, request, body, deadline).await;
        answer.map_err(|error| self.failed(error, address))
    }

    /// The connection to an address, made if need be.
    pub(crate) async fn channel(&self, address: &str, deadline: Instant) -> Result<Channel, Error> {
        let channel = self.remoting.channel(address, deadline).await;
        channel.map_err(|error| self.failed(error, address))
    }

    /// The address of a broker's VIP channel, for requests that it serves: all but pulls and pops
    /// (`common/MixAll.java`, `brokerVIPChannel`).
    pub(crate) fn preferred_address(&self, address: Arc<str>) -> Arc<str> {
        if !self.options.vip_channel {
            return address;
        }
        vip_address(&address).map_or(address, Arc::from)
    }

    /// What a failed call means, with what may help where an address leads nowhere.
    pub(crate) fn failed(&self, error: CallError, address: &str) -> Error {
        let unreachable =
            matches!(&error, CallError::NotSent { reason: NotSent::Unreachable(_), .. });
        if !unreachable || is_exposed(&error) || !self.routes.table().knows_address(address) {
            return from_call(error, address);
        }
        let is_allowed =
            self.options.allowed_brokers.as_ref().is_none_or(|list| list.allows(address));
        let text = match self.options.address_map.dialled(address) {
            _ if !is_allowed => format!(
                "{address}, the address that a broker advertises, is not among `ClientBuilder::allowed_brokers`"
            ),
            Cow::Borrowed(_) => format!(
                "cannot connect to {address}, the address that a broker advertises; if it has another one here, \
                 `ClientBuilder::address_map` takes it"
            ),
            Cow::Owned(dialled) => format!(
                "cannot connect to {dialled}, which the address map gives for a broker that advertises {address}"
            ),
        };
        Error::new(ErrorKind::Connection, text).at(address).with_source(error)
    }

    /// The address of the master that holds a queue. Queues of static topics do not name it themselves.
    pub(crate) fn master_of(&self, queue: &MessageQueue) -> Result<Arc<str>, Error> {
        if !queue.broker_name.starts_with(LOGICAL_BROKER_PREFIX) {
            return self.master(&queue.broker_name);
        }
        let table = self.routes.table();
        let holder =
            table.route(&self.namespace().wrap(&queue.topic)).map(|route| route.broker_of(queue));
        let master = holder.and_then(|holder| table.master(holder));
        master.cloned().ok_or_else(|| unknown_broker(&queue.broker_name))
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
        #[cfg(feature = "acl")]
        error if is_exposed(error) => exposure::refused(&format!("nothing was sent to {address}")),
        CallError::NotSent { .. } => {
            Error::new(ErrorKind::Connection, format!("nothing was sent to {address}"))
        }
        CallError::OutcomeUnknown { .. } => {
            Error::new(ErrorKind::Timeout, format!("no answer came from {address}"))
                .unknown_outcome()
        }
        CallError::Refused { refusal, .. } => {
            let kind = if is_denial(refusal.code, refusal.remark.as_deref().unwrap_or_default()) {
                ErrorKind::Denied
            } else {
                ErrorKind::Refused
            };
            return Error::new(kind, error.to_string()).with_code(refusal.code).at(address);
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

/// Whether it would have shown signed requests to whoever listens.
#[cfg(feature = "acl")]
fn is_exposed(error: &CallError) -> bool {
    exposure::is_refusal(error)
}

#[cfg(not(feature = "acl"))]
fn is_exposed(_: &CallError) -> bool {
    false
}

/// The port two below.
fn vip_address(address: &str) -> Option<String> {
    let (host, port) = address.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    Some(format!("{host}:{}", port.checked_sub(2)?))
}

/// Whether a server refuses because of who asks, which asking again does not mend.
///
/// 5.x answers `NO_PERMISSION`, and so does a broker or topic that is closed for writing: those say "forbidden". 4.x has no code for
/// it and answers `SYSTEM_ERROR` with the name of an exception. There is nothing else to tell them by
/// (`broker/processor/AbstractSendMessageProcessor.java`, `acl/plain/PlainAccessValidator.java`).
fn is_denial(code: ResponseCode, remark: &str) -> bool {
    match code {
        ResponseCode::NO_PERMISSION => !remark.contains("forbidden"),
        ResponseCode::SYSTEM_ERROR => {
            remark.starts_with("org.apache.rocketmq.acl.common.AclException")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_is_told_from_what_is_closed() {
        let check = |code, remark, denied| assert_eq!(is_denial(code, remark), denied, "{remark}");
        check(ResponseCode::NO_PERMISSION, "check signature failed.", true);
        check(ResponseCode::NO_PERMISSION, "User:u has no permission to access Topic:t", true);
        check(
            ResponseCode::NO_PERMISSION,
            "the broker[10.0.0.1] sending message is forbidden",
            false,
        );
        let of_4 = "org.apache.rocketmq.acl.common.AclException: No accessKey is configured";
        check(ResponseCode::SYSTEM_ERROR, of_4, true);
        check(ResponseCode::SYSTEM_ERROR, "java.lang.NullPointerException", false);
        check(ResponseCode::SYSTEM_BUSY, "", false);
    }

    #[test]
    fn the_vip_channel_is_two_ports_below() {
        assert_eq!(vip_address("10.0.0.1:10911").as_deref(), Some("10.0.0.1:10909"));
        assert_eq!(vip_address("[::1]:10911").as_deref(), Some("[::1]:10909"));
        for none in ["10.0.0.1", "host:port", "host:1"] {
            assert_eq!(vip_address(none), None, "{none}");
        }
    }
}
