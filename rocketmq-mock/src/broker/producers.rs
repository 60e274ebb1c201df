//! The producers that have said so in heartbeats (`broker/client/ProducerManager.java`).

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_protocol::body::HeartbeatData;

use super::Peer;

#[derive(Debug, Default)]
pub(super) struct Producers(BTreeMap<Arc<str>, Producer>);

#[derive(Debug)]
struct Producer {
    peer: Peer,
    groups: Vec<String>,
}

impl Producers {
    pub(super) fn heartbeat(&mut self, from: Peer, heartbeat: &HeartbeatData) {
        let groups: Vec<String> =
            heartbeat.producer_data_set.iter().map(|data| data.group_name.clone()).collect();
        if !groups.is_empty() {
            self.0.insert(heartbeat.client_id.as_str().into(), Producer { peer: from, groups });
        }
    }

    pub(super) fn unregister(&mut self, client: &str, group: &str) {
        if let Some(producer) = self.0.get_mut(client) {
            producer.groups.retain(|known| known != group);
        }
        self.0.retain(|_, producer| !producer.groups.is_empty());
    }

    pub(super) fn disconnected(&mut self, peer: Peer) {
        self.0.retain(|_, producer| producer.peer != peer);
    }

    /// One of a group's, each in its turn.
    pub(super) fn of_group(&self, group: &str, turn: u32) -> Option<Peer> {
        let of_group = |producer: &&Producer| producer.groups.iter().any(|known| known == group);
        let all: Vec<Peer> =
            self.0.values().filter(of_group).map(|producer| producer.peer).collect();
        all.get((turn as usize).checked_rem(all.len())?).copied()
    }

    pub(super) fn client(&self, client: &str) -> Option<Peer> {
        self.0.get(client).map(|producer| producer.peer)
    }
}
