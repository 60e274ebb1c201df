//! Which groups live in a client, and how they are told that something has happened.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rocketmq_protocol::{
    body::{ConsumerData, HeartbeatData, ProducerData},
    header::HeartbeatResponseHeader,
};
use rocketmq_route::{Briefed, Groups, INNER_PRODUCER_GROUP, RouteTable};
use tokio::sync::{Notify, watch};

use super::questions::Answers;
use crate::{Error, consumer::LiteTopics};

/// The groups of a client.
pub(crate) struct Registry {
    state: Mutex<State>,
    /// The next heartbeat is to go out now.
    pub(crate) heartbeat_wanted: Notify,
    /// Counts answers to heartbeats, so that waiters look again.
    pub(crate) answers: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    groups: Groups,
    /// How many producers share a group.
    producers: BTreeMap<Arc<str>, usize>,
    consumers: BTreeMap<Arc<str>, Arc<Signals>>,
    /// Those of them that can say more about themselves.
    answering: BTreeMap<Arc<str>, Arc<dyn Answers>>,
    /// The lite topics of those that read such.
    lite_topics: BTreeMap<Arc<str>, Arc<LiteTopics>>,
    briefed: Briefed,
    /// The brokers that know the groups here, over the connection they have now.
    told: BTreeSet<Arc<str>>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        let mut state = State::default();
        // Consumers hand messages back through this group when their broker cannot.
        let inner = ProducerData { group_name: INNER_PRODUCER_GROUP.to_owned() };
        state.groups.producers.insert(INNER_PRODUCER_GROUP.into(), inner);
        Self {
            state: Mutex::new(state),
            heartbeat_wanted: Notify::new(),
            answers: watch::Sender::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Several producers of one client may share a group.
    pub(crate) fn add_producer(&self, group: &Arc<str>) {
        let mut state = self.state();
        *state.producers.entry(Arc::clone(group)).or_default() += 1;
        let data = ProducerData { group_name: group.to_string() };
        state.groups.producers.insert(Arc::clone(group), data);
        drop(state);
        self.heartbeat_wanted.notify_one();
    }

    /// Whether it was the last of its group.
    pub(crate) fn remove_producer(&self, group: &str) -> bool {
        let mut state = self.state();
        let Some(count) = state.producers.get_mut(group) else { return false };
        *count -= 1;
        if *count > 0 {
            return false;
        }
        state.producers.remove(group);
        state.groups.producers.remove(group);
        true
    }

    /// A group can have one consumer in a client: brokers know members by the client's id.
    pub(crate) fn add_consumer(
        &self,
        group: &Arc<str>,
        signals: &Arc<Signals>,
    ) -> Result<(), Error> {
        let mut state = self.state();
        if state.consumers.contains_key(group) {
            return Err(Error::invalid(format!(
                "group `{group}` already has a consumer in this client"
            )));
        }
        state.consumers.insert(Arc::clone(group), Arc::clone(signals));
        Ok(())
    }

    pub(crate) fn remove_consumer(&self, group: &str) {
        let mut state = self.state();
        state.consumers.remove(group);
        state.answering.remove(group);
        state.lite_topics.remove(group);
        state.groups.consumers.remove(group);
    }

    /// Who answers what brokers ask about a consumer group from now on.
    pub(crate) fn answer_by(&self, group: &Arc<str>, answers: Arc<dyn Answers>) {
        self.state().answering.insert(Arc::clone(group), answers);
    }

    pub(crate) fn answers_of(&self, group: &str) -> Option<Arc<dyn Answers>> {
        self.state().answering.get(group).cloned()
    }

    /// Brokers may take lite topics away from this group.
    pub(crate) fn lite_topics(&self, group: &Arc<str>, topics: &Arc<LiteTopics>) {
        self.state().lite_topics.insert(Arc::clone(group), Arc::clone(topics));
    }

    pub(crate) fn lite_topics_of(&self, group: &str) -> Option<Arc<LiteTopics>> {
        self.state().lite_topics.get(group).cloned()
    }

    /// What heartbeats say about a consumer group from now on.
    pub(crate) fn announce(&self, group: &Arc<str>, data: ConsumerData) {
        let mut state = self.state();
        if state.consumers.contains_key(group) {
            state.groups.consumers.insert(Arc::clone(group), data);
        }
        drop(state);
        self.heartbeat_wanted.notify_one();
    }

    /// What to tell brokers, and which.
    pub(crate) fn heartbeat(
        &self,
        client_id: &str,
        routes: &RouteTable,
    ) -> Option<(HeartbeatData, Vec<Arc<str>>)> {
        let state = self.state();
        let data = state.groups.heartbeat(client_id)?;
        Some((data, state.groups.addresses(routes).into_iter().cloned().collect()))
    }

    /// What to tell a broker that may have the subscriptions already.
    pub(crate) fn briefing(&self, address: &str, full: &HeartbeatData) -> HeartbeatData {
        self.state().briefed.message(address, full)
    }

    /// A broker has taken a heartbeat.
    pub(crate) fn told(
        &self,
        address: &Arc<str>,
        message: &HeartbeatData,
        answer: &HeartbeatResponseHeader,
        full: &HeartbeatData,
    ) {
        let mut state = self.state();
        state.briefed.answered(address, message, answer);
        state.told.insert(Arc::clone(address));
        drop(state);
        for data in &full.consumer_data_set {
            self.signal(&data.group_name, |news| news.registered = true);
        }
        self.answers.send_modify(|count| *count += 1);
    }

    /// A broker has not taken a heartbeat, or is a new one behind an old address: it knows nothing of the groups here.
    pub(crate) fn not_told(&self, address: &str) {
        let mut state = self.state();
        state.briefed.forget(address);
        state.told.remove(address);
    }

    /// Whether a broker knows the groups here.
    pub(crate) fn is_told(&self, address: &str) -> bool {
        self.state().told.contains(address)
    }

    /// A broker says that the members of a group have changed. Whether that group lives here.
    pub(crate) fn members_changed(&self, group: &str) -> bool {
        self.signal(group, |news| news.members_changed = true)
    }

    /// A name server has answered about a topic, whatever it said.
    pub(crate) fn route_answered(&self, topic: &Arc<str>) {
        for signals in self.state().consumers.values() {
            signals.raise(|news| {
                news.routes.insert(Arc::clone(topic));
            });
        }
    }

    /// Routes have changed. Brokers that are new in them have to hear of the groups before they serve them.
    pub(crate) fn routes_changed(&self, routes: &RouteTable) {
        let state = self.state();
        if state.groups.addresses(routes).into_iter().any(|address| !state.told.contains(address)) {
            self.heartbeat_wanted.notify_one();
        }
    }

    fn signal(&self, group: &str, change: impl FnOnce(&mut News)) -> bool {
        let state = self.state();
        let found = state.consumers.get(group);
        if let Some(signals) = found {
            signals.raise(change);
        }
        found.is_some()
    }
}

/// News for one consumer. They coalesce: however often something happens before the consumer looks, it is told once.
#[derive(Default)]
pub(crate) struct Signals {
    news: Mutex<News>,
    raised: Notify,
}

/// What has happened since the consumer last looked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) registered: bool,
    pub(crate) members_changed: bool,
    pub(crate) routes: BTreeSet<Arc<str>>,
}

impl Signals {
    pub(crate) fn raise(&self, change: impl FnOnce(&mut News)) {
        change(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.raised.notify_one();
    }

    /// Waits until there is something, and takes it.
    ///
    /// # Cancel safety
    ///
    /// Safe: news are taken only by a call that returns them.
    pub(crate) async fn next(&self) -> News {
        self.raised.notified().await;
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_one_consumer_and_many_producers() {
        let registry = Registry::new();
        let group: Arc<str> = "g".into();
        registry.add_producer(&group);
        registry.add_producer(&group);
        assert!(!registry.remove_producer("g"));
        assert!(registry.remove_producer("g"));
        assert!(!registry.remove_producer("g"), "it is gone");
        let signals = Arc::default();
        registry.add_consumer(&group, &signals).unwrap();
        assert!(registry.add_consumer(&group, &signals).is_err());
        registry.remove_consumer("g");
        registry.add_consumer(&group, &signals).unwrap();
    }

    #[tokio::test]
    async fn news_coalesce() {
        let registry = Registry::new();
        let signals = Arc::default();
        registry.add_consumer(&"g".into(), &signals).unwrap();
        assert!(registry.members_changed("g") && registry.members_changed("g"));
        assert!(!registry.members_changed("other"));
        registry.route_answered(&"t".into());
        let news = signals.next().await;
        assert!(news.members_changed && !news.registered);
        assert_eq!(news.routes.len(), 1);
        assert_eq!(*signals.news.lock().unwrap(), News::default());
    }
}
