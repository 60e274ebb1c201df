//! [`RouteTable`]: every route a client holds, and where its brokers are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::{MessageQueue, TopicRoute, topic_route::Addresses, topic_route::MASTER};

/// How long a name server has to go on denying a topic before its known route is believed to be gone. A name server
/// that has just started knows no topic until the brokers have registered again, which they do every 30 s.
pub const DENIAL_CONFIRMED_AFTER: Duration = Duration::from_secs(90);

/// How long nobody may ask for a route before it is no longer kept up to date. It is asked for again when somebody does.
pub const UNUSED_AFTER: Duration = Duration::from_secs(600);

/// Every route a client holds, and the addresses of the brokers in them.
///
/// A route is only ever replaced by another one. "There is no such topic", and a route without queues, are not believed
/// of a topic that had queues, until they have been said for [`DENIAL_CONFIRMED_AFTER`].
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    routes: BTreeMap<Arc<str>, Entry>,
    brokers: BTreeMap<Arc<str>, Addresses>,
}

#[derive(Debug, Clone)]
struct Entry {
    route: Arc<TopicRoute>,
    denied_since: Option<Instant>,
    /// Somebody has looked since this was last asked; all clones of a table share it.
    used: Arc<AtomicBool>,
    unused_since: Option<Instant>,
}

impl Entry {
    fn new(route: TopicRoute) -> Self {
        let used = Arc::new(AtomicBool::new(true));
        Self { route: Arc::new(route), denied_since: None, used, unused_since: None }
    }
}

/// What an answer of a name server has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChange {
    /// Nothing.
    Same,
    /// The topic has a route now, or another one.
    Changed,
    /// The answer takes queues away that were there; it is not believed yet.
    Doubted,
    /// The topic is gone.
    Removed,
}

impl RouteTable {
    /// Takes an answer for a topic.
    pub fn apply(&mut self, topic: &Arc<str>, route: TopicRoute, now: Instant) -> RouteChange {
        if route.is_empty() && self.routes.get(topic).is_some_and(|held| !held.route.is_empty()) {
            return self.deny(topic, now);
        }
        for (name, addresses) in route.brokers() {
            if self.brokers.get(name) != Some(addresses) {
                self.brokers.insert(Arc::clone(name), addresses.clone());
            }
        }
        match self.routes.get_mut(topic) {
            Some(held) if *held.route == route => {
                held.denied_since = None;
                RouteChange::Same
            }
            held => {
                match held {
                    Some(held) => {
                        held.route = Arc::new(route);
                        held.denied_since = None;
                    }
                    None => _ = self.routes.insert(Arc::clone(topic), Entry::new(route)),
                }
                self.forget_unused_brokers();
                RouteChange::Changed
            }
        }
    }

    /// Takes "there is no such topic".
    pub fn deny(&mut self, topic: &str, now: Instant) -> RouteChange {
        let Some(held) = self.routes.get_mut(topic) else {
            return RouteChange::Same;
        };
        let since = *held.denied_since.get_or_insert(now);
        if now.duration_since(since) < DENIAL_CONFIRMED_AFTER {
            return RouteChange::Doubted;
        }
        self.forget(topic);
        RouteChange::Removed
    }

    /// Drops a topic that nobody uses any more.
    pub fn forget(&mut self, topic: &str) {
        self.routes.remove(topic);
        self.forget_unused_brokers();
    }

    /// Brokers that no route mentions are not spoken to (`MQClientInstance.cleanOfflineBroker`).
    fn forget_unused_brokers(&mut self) {
        let used: BTreeSet<&Arc<str>> =
            self.routes.values().flat_map(|held| held.route.brokers().keys()).collect();
        self.brokers.retain(|name, _| used.contains(name));
    }

    /// The route of a topic. Asking for it keeps it from [falling out of use](Self::is_unused).
    pub fn route(&self, topic: &str) -> Option<&Arc<TopicRoute>> {
        let held = self.routes.get(topic)?;
        // Many read, and a write that changes nothing would still take the cache line from all of them.
        if !held.used.load(Relaxed) {
            held.used.store(true, Relaxed);
        }
        Some(&held.route)
    }

    /// Whether nobody has asked for a topic's route for [`UNUSED_AFTER`]. To be called from time to time.
    pub fn is_unused(&mut self, topic: &str, now: Instant) -> bool {
        let Some(held) = self.routes.get_mut(topic) else { return false };
        if held.used.swap(false, Relaxed) {
            held.unused_since = Some(now);
        }
        let since = *held.unused_since.get_or_insert(now);
        now.duration_since(since) >= UNUSED_AFTER
    }

    /// Every topic that has a route.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.routes.keys()
    }

    /// The addresses of every broker.
    pub fn brokers(&self) -> &BTreeMap<Arc<str>, Addresses> {
        &self.brokers
    }

    /// Whether a broker of some route has this address.
    pub fn knows_address(&self, address: &str) -> bool {
        self.brokers.values().flat_map(BTreeMap::values).any(|known| &**known == address)
    }

    /// The master of a broker name: where sends, locks and commits go.
    pub fn master(&self, broker_name: &str) -> Option<&Arc<str>> {
        self.brokers.get(broker_name)?.get(&MASTER)
    }

    /// Where to pull from: the broker id that was suggested, the next one if that slave is gone, otherwise any
    /// (`MQClientInstance.findBrokerAddressInSubscribe`). The id that was found comes along.
    pub fn reader(&self, broker_name: &str, suggested: i64) -> Option<(i64, &Arc<str>)> {
        let known = self.brokers.get(broker_name)?;
        let exact = |id: i64| known.get(&id).map(|address| (id, address));
        exact(suggested)
            .or_else(|| if suggested == MASTER { None } else { exact(suggested + 1) })
            .or_else(|| known.first_key_value().map(|(id, address)| (*id, address)))
    }

    /// Some broker that serves the topic, its master if it has one: whom to ask about groups. `pick` chooses among them.
    pub fn any_broker(&self, topic: &str, pick: usize) -> Option<&Arc<str>> {
        let route = self.route(topic)?;
        let count = route.brokers().len();
        let name = route.brokers().keys().nth(pick.checked_rem(count)?)?;
        self.reader(name, MASTER).map(|(_, address)| address)
    }

    /// The queues of a topic that can be read.
    pub fn subscribe_queues(&self, topic: &str) -> &[MessageQueue] {
        self.route(topic).map_or(&[], |route| route.subscribe_queues())
    }
}

#[cfg(test)]
mod tests {
    use rocketmq_protocol::body::{BrokerData, QueueData, TopicRouteData};

    use super::*;

    fn route(brokers: &[(&str, &[i64])]) -> TopicRoute {
        let data = TopicRouteData {
            broker_datas: brokers
                .iter()
                .map(|(name, ids)| BrokerData {
                    broker_name: (*name).into(),
                    broker_addrs: ids.iter().map(|id| (*id, format!("{name}-{id}"))).collect(),
                    ..BrokerData::default()
                })
                .collect(),
            queue_datas: brokers
                .iter()
                .map(|(name, _)| QueueData {
                    broker_name: (*name).into(),
                    perm: 6,
                    read_queue_nums: 1,
                    write_queue_nums: 1,
                    ..QueueData::default()
                })
                .collect(),
            ..TopicRouteData::default()
        };
        TopicRoute::new("t", &data)
    }

    #[test]
    fn only_news_is_a_change() {
        let (mut table, topic, now) = (RouteTable::default(), Arc::from("t"), crate::any_instant());
        let mut check = |answer, change| assert_eq!(table.apply(&topic, answer, now), change);
        check(route(&[("a", &[0])]), RouteChange::Changed);
        check(route(&[("a", &[0])]), RouteChange::Same);
        check(route(&[("a", &[0]), ("b", &[0])]), RouteChange::Changed);
        assert_eq!(table.brokers().len(), 2);
        assert_eq!(table.apply(&topic, route(&[("b", &[0])]), now), RouteChange::Changed);
        assert_eq!(table.master("a"), None, "no route mentions it any more");
    }

    #[test]
    fn a_name_server_that_knows_nothing_is_not_believed_at_once() {
        let (mut table, topic, now) = (RouteTable::default(), Arc::from("t"), crate::any_instant());
        table.apply(&topic, route(&[("a", &[0])]), now);
        let later = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(table.deny("t", later(1)), RouteChange::Doubted);
        assert_eq!(table.apply(&topic, TopicRoute::default(), later(31)), RouteChange::Doubted);
        assert!(table.route("t").is_some_and(|held| !held.is_empty()));
        // One good answer clears the doubt.
        table.apply(&topic, route(&[("a", &[0])]), later(61));
        assert_eq!(table.deny("t", later(100)), RouteChange::Doubted);
        assert_eq!(table.deny("t", later(189)), RouteChange::Doubted);
        assert_eq!(table.deny("t", later(190)), RouteChange::Removed);
        assert_eq!(table.route("t"), None);
        assert_eq!(table.deny("never heard of", now), RouteChange::Same);
    }

    #[test]
    fn a_route_that_nobody_asks_for_falls_out_of_use() {
        let (mut table, topic, now) = (RouteTable::default(), Arc::from("t"), crate::any_instant());
        table.apply(&topic, route(&[("a", &[0])]), now);
        let later = |seconds| now + Duration::from_secs(seconds);
        assert!(!table.is_unused("t", later(0)));
        assert!(!table.is_unused("t", later(599)));
        let published = table.clone();
        assert!(published.route("t").is_some(), "a reader of another clone");
        assert!(!table.is_unused("t", later(600)));
        assert!(!table.is_unused("t", later(1_199)));
        assert!(table.is_unused("t", later(1_200)));
        assert!(!table.is_unused("never heard of", later(0)));
    }

    #[test]
    fn readers_are_found_as_java_finds_them() {
        let (mut table, topic) = (RouteTable::default(), Arc::from("t"));
        table.apply(&topic, route(&[("a", &[0, 2])]), crate::any_instant());
        let check = |suggested, expected| {
            assert_eq!(table.reader("a", suggested).map(|(id, _)| id), Some(expected));
        };
        check(0, 0);
        check(2, 2);
        check(1, 2);
        check(7, 0);
        assert_eq!(table.reader("b", 0), None);
        assert_eq!(table.any_broker("t", 5).map(|address| &**address), Some("a-0"));
        assert!(table.knows_address("a-2") && !table.knows_address("a-1"));
    }
}
