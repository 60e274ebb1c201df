//! [`Teller`]: what a consumer says about itself, to logs and to whoever reads the client's events.

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_consumer::Event;

use super::requests::Requests;
use crate::{ClientEvent, client::Namespace};

/// Tells what happens to one consumer group.
pub(super) struct Teller {
    requests: Requests,
    /// Queues of topics that are written to and not read from, as they were told.
    unread: BTreeMap<Arc<str>, usize>,
}

impl Teller {
    pub(super) fn new(requests: Requests) -> Self {
        Self { requests, unread: BTreeMap::new() }
    }

    /// Tells an event of the machine.
    pub(super) fn tell(&self, event: &Event) {
        log(&self.requests.group, event);
        if let Some(event) = self.for_users(event) {
            self.requests.core.telemetry.events.tell(event);
        }
    }

    /// So many queues of a topic nobody can read, by its last route.
    pub(super) fn unread(&mut self, topic: &Arc<str>, queues: usize) {
        let before = self.unread.insert(Arc::clone(topic), queues).unwrap_or_default();
        if queues == before || queues == 0 {
            return;
        }
        let (group, topic) = (self.group(), self.namespace().unwrap_topic(topic));
        tracing::warn!(%group, %topic, queues, "queues are written to that nobody can read");
        let event = ClientEvent::QueuesUnread { group, topic, queues };
        self.requests.core.telemetry.events.tell(event);
    }

    fn for_users(&self, event: &Event) -> Option<ClientEvent> {
        let group = self.group();
        Some(match event {
            Event::IdShared { .. } => ClientEvent::IdShared { group },
            Event::Contested { topic } => ClientEvent::SubscriptionContested {
                group,
                topic: self.namespace().unwrap_topic(topic),
            },
            Event::Stalled { queue, activity } => {
                let queue = self.namespace().unwrap_queue(queue);
                ClientEvent::QueueStalled { group, queue, activity: *activity }
            }
            Event::Unstalled { queue } => {
                ClientEvent::QueueRecovered { group, queue: self.namespace().unwrap_queue(queue) }
            }
            _ => return None,
        })
    }

    fn group(&self) -> Arc<str> {
        self.namespace().unwrap_topic(&self.requests.group)
    }

    fn namespace(&self) -> &Namespace {
        self.requests.core.namespace()
    }
}

fn log(group: &str, event: &Event) {
    match event {
        Event::Unexpected { .. }
        | Event::AllocationFailed { .. }
        | Event::Expelled { .. }
        | Event::IdShared { .. }
        | Event::Contested { .. } => {
            tracing::error!(group, ?event, "consumer");
        }
        Event::PullFailing { .. }
        | Event::CommitFailing { .. }
        | Event::SendBackFailed { .. }
        | Event::NotListed { .. }
        | Event::SkippedExpired { .. }
        | Event::Stalled { .. }
        | Event::Moved { .. } => tracing::warn!(group, ?event, "consumer"),
        _ => tracing::debug!(group, ?event, "consumer"),
    }
}
