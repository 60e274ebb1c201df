//! Requests that brokers send to this client.

use std::sync::{Arc, OnceLock, Weak};

use rocketmq_protocol::{
    Command,
    code::{RequestCode, ResponseCode},
    header::{NotifyConsumerIdsChangedRequestHeader, NotifyUnsubscribeLiteRequestHeader},
};
use rocketmq_remoting::{Channel, CloseReason, DialError, HandlerFuture, RequestHandler};

use super::{questions, registry::Registry, routes::Routes, telemetry::Telemetry};
use crate::{
    events::ClientEvent,
    producer::{CheckedGroups, Replies},
};

/// Answers what brokers ask, about groups that live here (`client/impl/ClientRemotingProcessor.java`).
///
/// Only brokers of some route are listened to: a connection to a name server has nothing to ask.
pub(super) struct Inbound {
    pub(super) registry: Arc<Registry>,
    pub(super) routes: KnownRoutes,
    pub(super) replies: Arc<Replies>,
    pub(super) checked_groups: Arc<CheckedGroups>,
    pub(super) telemetry: Arc<Telemetry>,
}

/// The routes, set once connections can be made. Weak, since they are asked for over those connections.
pub(super) type KnownRoutes = Arc<OnceLock<Weak<Routes>>>;

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

    fn lite_topic_taken(&self, request: &Command) {
        let Ok(header) = request.header::<NotifyUnsubscribeLiteRequestHeader>() else { return };
        let topics = self.registry.lite_topics_of(&header.consumer_group);
        if topics.is_some_and(|topics| topics.taken_away(&header.client_id, &header.lite_topic)) {
            let (group, lite_topic) =
                (header.consumer_group.to_shared(), header.lite_topic.to_shared());
            self.telemetry.events.tell(ClientEvent::LiteTopicTaken { group, lite_topic });
        }
    }
}

impl RequestHandler for Inbound {
    fn handle<'a>(&'a self, from: &'a Channel, request: Command) -> HandlerFuture<'a> {
        Box::pin(async move {
            if !self.is_broker(from) {
                return Some(Command::answer(&request, ResponseCode::NO_PERMISSION));
            }
            match request.request_code() {
                RequestCode::NOTIFY_CONSUMER_IDS_CHANGED => self.members_changed(&request),
                RequestCode::NOTIFY_UNSUBSCRIBE_LITE => self.lite_topic_taken(&request),
                RequestCode::CHECK_TRANSACTION_STATE => {
                    self.checked_groups.asked(from.address(), &request);
                }
                RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT => {
                    return Some(self.replies.arrived(&request));
                }
                _ => return questions::answer(&self.registry, &request).await,
            }
            None
        })
    }

    /// A broker that has been reconnected to has forgotten which groups live here, and refuses their pulls until it hears
    /// of them.
    fn opened(&self, to: &Channel) {
        self.registry.not_told(to.address());
        self.registry.heartbeat_wanted.notify_one();
        self.telemetry.events.tell(ClientEvent::Connected { address: Arc::clone(to.address()) });
    }

    fn closed(&self, from: &Channel, reason: &CloseReason) {
        self.registry.not_told(from.address());
        let (address, reason) = (Arc::clone(from.address()), reason.to_string().into());
        let requests = from.stats().oneways_lost;
        if requests > 0 {
            let address = Arc::clone(&address);
            self.telemetry.events.tell(ClientEvent::OnewaysLost { address, requests });
        }
        self.telemetry.events.tell(ClientEvent::Disconnected { address, reason });
    }

    fn unreachable(&self, address: &str, error: &DialError) {
        let (reason, failures) = (error.cause.to_string().into(), error.failures);
        let event = ClientEvent::Unreachable { address: address.into(), reason, failures };
        self.telemetry.events.tell(event);
    }
}
