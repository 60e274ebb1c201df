//! What a client tells about itself: events and counters, shared by all that upkeep does.

use std::sync::Arc;

use rocketmq_route::RouteChange;

use crate::{
    events::{ClientEvent, EventSink},
    stats::UpkeepCounters,
};

#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    pub(crate) events: EventSink,
    pub(crate) counters: UpkeepCounters,
}

impl Telemetry {
    /// What an answer of a name server has changed.
    pub(crate) fn route(&self, topic: &Arc<str>, change: RouteChange) {
        let topic = Arc::clone(topic);
        match change {
            RouteChange::Same => {}
            RouteChange::Changed => {
                tracing::debug!(%topic, "route changed");
                self.events.tell(ClientEvent::RouteChanged { topic });
            }
            RouteChange::Doubted => {
                self.counters.routes_doubted.add_one();
                tracing::warn!(
                    %topic,
                    "a name server denies a topic that it had; the old route stays for now"
                );
                self.events.tell(ClientEvent::RouteDoubted { topic });
            }
            RouteChange::Removed => {
                tracing::info!(%topic, "route removed");
                self.events.tell(ClientEvent::RouteRemoved { topic });
            }
        }
    }

    /// One name server knows a topic that another does not.
    pub(crate) fn disagreement(&self, topic: &Arc<str>) {
        self.counters.route_disagreements.add_one();
        tracing::warn!(%topic, "name servers disagree about a topic");
        self.events.tell(ClientEvent::NameServersDisagree { topic: Arc::clone(topic) });
    }
}
