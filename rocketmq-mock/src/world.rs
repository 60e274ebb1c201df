//! All servers of a cluster, as one value.

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_protocol::Command;

use crate::{
    broker::{Broker, Outgoing, Peer},
    faults::Faults,
    name_server,
};

/// Which server a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Server {
    NameServer,
    Broker(Arc<str>),
}

impl Server {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::NameServer => "name-server",
            Self::Broker(name) => name,
        }
    }
}

/// All servers of a cluster. Nothing here waits; see the crate's documentation.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) brokers: BTreeMap<Arc<str>, Seat>,
    pub(crate) faults: Faults,
}

/// A broker, and whether it is up.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) broker: Broker,
    pub(crate) up: bool,
}

impl World {
    pub(crate) fn handle(
        &mut self,
        now: i64,
        server: &Server,
        from: Peer,
        request: &Command,
    ) -> Vec<Outgoing> {
        match server {
            Server::NameServer => {
                let up = self.brokers.values().filter(|seat| seat.up).map(|seat| &seat.broker);
                vec![Outgoing { to: from, command: name_server::handle(up, request) }]
            }
            Server::Broker(name) => self
                .brokers
                .get_mut(name)
                .map_or_else(Vec::new, |seat| seat.broker.handle(now, from, request)),
        }
    }

    pub(crate) fn disconnected(&mut self, server: &Server, peer: Peer) -> Vec<Outgoing> {
        match server {
            Server::NameServer => Vec::new(),
            Server::Broker(name) => self
                .brokers
                .get_mut(name)
                .map_or_else(Vec::new, |seat| seat.broker.disconnected(peer)),
        }
    }

    pub(crate) fn tick(&mut self, now: i64) -> Vec<Outgoing> {
        let up = self.brokers.values_mut().filter(|seat| seat.up);
        up.flat_map(|seat| seat.broker.tick(now)).collect()
    }
}
