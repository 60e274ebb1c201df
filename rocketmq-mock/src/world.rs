//! All servers of a cluster, as one value.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rocketmq_protocol::{
    Command,
    body::{self, QueryAssignmentRequestBody},
    code::{RequestCode, ResponseCode},
};

use crate::{
    broker::{Broker, Outgoing, Peer, Refusal, answer},
    faults::Faults,
    name_server,
    users::Users,
};

/// Which server a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Server {
    NameServer(Arc<str>),
    Broker(Arc<str>),
}

impl Server {
    /// The name of the first, second, … name server.
    pub(crate) fn nth_name_server(nth: usize) -> Self {
        Self::NameServer(match nth {
            0 => "name-server".into(),
            nth => format!("name-server-{nth}").into(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::NameServer(name) | Self::Broker(name) => name,
        }
    }
}

/// All servers of a cluster. Nothing here waits; see the crate's documentation.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) brokers: BTreeMap<Arc<str>, Seat>,
    pub(crate) faults: Faults,
    /// Brokers that a name server has not heard of: pairs of their names.
    pub(crate) unheard: BTreeSet<(Arc<str>, Arc<str>)>,
    /// The addresses that brokers advertise instead of their own.
    pub(crate) advertised: BTreeMap<Arc<str>, String>,
    /// Users and their secret keys; with none, requests need not be signed.
    pub(crate) users: Users,
    /// How often each server was connected to.
    connections: BTreeMap<Arc<str>, usize>,
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
        if let Err(remark) = self.users.check(request) {
            let command = answer(request, ResponseCode::NO_PERMISSION).with_remark(remark);
            return vec![Outgoing { to: from, command }];
        }
        match server {
            Server::NameServer(server) => {
                let heard = self.brokers.iter().filter(|(name, seat)| {
                    let pair = (Arc::clone(server), Arc::clone(*name));
                    seat.up && !self.unheard.contains(&pair)
                });
                let heard = heard.map(|(_, seat)| &seat.broker);
                let command = name_server::handle(heard, &self.advertised, request);
                vec![Outgoing { to: from, command }]
            }
            Server::Broker(name) if request.request_code() == RequestCode::QUERY_ASSIGNMENT => {
                self.assignment(name, from, request)
            }
            Server::Broker(name) => self
                .brokers
                .get_mut(name)
                .map_or_else(Vec::new, |seat| seat.broker.handle(now, from, request)),
        }
    }

    /// A broker assigns queues of all brokers.
    fn assignment(&self, server: &str, from: Peer, request: &Command) -> Vec<Outgoing> {
        let Some(seat) = self.brokers.get(server) else { return Vec::new() };
        let asked = body::decode::<QueryAssignmentRequestBody>(&request.body);
        let command = match asked.map_err(Refusal::from) {
            Ok(asked) => {
                let up = self.brokers.values().filter(|seat| seat.up);
                let queues = up.flat_map(|seat| seat.broker.read_queues(&asked.topic)).collect();
                seat.broker.query_assignment(request, &asked, queues)
            }
            Err(refusal) => refusal.to_answer(request),
        };
        vec![Outgoing { to: from, command }]
    }

    pub(crate) fn count_connection(&mut self, server: &Server) {
        *self.connections.entry(server.name().into()).or_default() += 1;
    }

    /// How often a server was connected to.
    pub(crate) fn connections_made(&self, server: &str) -> usize {
        self.connections.get(server).copied().unwrap_or_default()
    }

    pub(crate) fn disconnected(&mut self, server: &Server, peer: Peer) -> Vec<Outgoing> {
        match server {
            Server::NameServer(_) => Vec::new(),
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
