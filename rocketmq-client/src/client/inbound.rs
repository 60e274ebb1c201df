//! Requests that brokers send to this client.

use std::sync::{Arc, OnceLock, Weak};

use rocketmq_protocol::{
    Command,
    code::{RequestCode, ResponseCode},
    header::NotifyConsumerIdsChangedRequestHeader,
};
use rocketmq_remoting::{Channel, HandlerFuture, RequestHandler};

use super::{registry::Registry, routes::Routes};

/// Answers what brokers ask, about groups that live here (`client/impl/ClientRemotingProcessor.java`).
///
/// Only brokers of some route are listened to: a connection to a name server has nothing to ask.
pub(super) struct Inbound {
    pub(super) registry: Arc<Registry>,
    /// Set once connections can be made. Weak, since routes are asked for over those connections.
    pub(super) routes: Arc<OnceLock<Weak<Routes>>>,
}

impl Inbound {
    fn is_broker(&self, from: &Channel) -> bool {
        let routes = self.routes.get().and_then(Weak::upgrade);
        routes.is_some_and(|routes| routes.table().knows_address(from.address()))
    }

    fn members_changed(&self, request: &Command) {
        match request.header::<NotifyConsumerIdsChangedRequestHeader>() {
            Ok(header) => {
                self.registry.members_changed(&header.consumer_group);
            }
            Err(error) => tracing::debug!(%error, "a notification that cannot be read"),
        }
    }
}

impl RequestHandler for Inbound {
    fn handle<'a>(&'a self, from: &'a Channel, request: Command) -> HandlerFuture<'a> {
        Box::pin(async move {
            if !self.is_broker(from) {
                return Some(Command::answer(&request, ResponseCode::NO_PERMISSION));
            }
            if request.request_code() == RequestCode::NOTIFY_CONSUMER_IDS_CHANGED {
                self.members_changed(&request);
            }
            None
        })
    }

    /// A broker that has been reconnected to has forgotten which groups live here, and refuses their pulls until it hears
    /// of them.
    fn opened(&self, _to: &Channel) {
        self.registry.heartbeat_wanted.notify_one();
    }
}
