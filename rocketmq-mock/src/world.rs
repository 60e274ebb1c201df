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
pub(crate) enum Endpoint {
    NameServer(Arc<str>),
    Broker(Arc<str>),
    /// The slave of a broker: its own name, and that of both.
    Slave(Arc<str>, Arc<str>),
}

impl Endpoint {
    /// The name of the first, second, … name server.
    pub(crate) fn nth_name_server(nth: usize) -> Self {
        Self::NameServer(match nth {
            0 => "name-server".into(),
            nth => format!("name-server-{nth}").into(),
        })
    }

    pub(crate) fn slave_of(broker: &str) -> Self {
        Self::Slave(format!("{broker}-slave").into(), broker.into())
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::NameServer(name) | Self::Broker(name) | Self::Slave(name, _) => name,
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
    /// Of static topics, the broker that holds each queue.
    pub(crate) holders: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Users and their secret keys; with none, requests need not be signed.
    pub(crate) users: Users,
    /// How often each server was connected to.
    connections: BTreeMap<Arc<str>, usize>,
}

/// A broker, whether it is up, and who holds a copy of it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) broker: Broker,
    pub(crate) up: bool,
    /// It can be read, and follows the master as long as that is up.
    pub(crate) slave: Option<Broker>,
}

impl Seat {
    pub(crate) fn new(broker: Broker) -> Self {
        Self { broker, up: true, slave: None }
    }

    /// Stops as a killed process stops; the slave has all that was stored.
    pub(crate) fn stop(&mut self) {
        let _copied = self.slave();
        self.up = false;
        self.broker.restarted();
    }

    fn slave(&mut self) -> Option<&mut Broker> {
        let slave = self.slave.as_mut()?;
        if self.up {
            slave.follow(&self.broker);
        }
        Some(slave)
    }
}

impl World {
    pub(crate) fn handle(
        &mut self,
        now: i64,
        server: &Endpoint,
        from: Peer,
        request: &Command,
    ) -> Vec<Outgoing> {
        if let Err(remark) = self.users.check(request) {
            let command = answer(request, ResponseCode::NO_PERMISSION).with_remark(remark);
            return vec![Outgoing { to: from, command }];
        }
        match server {
            Endpoint::NameServer(server) => {
                let heard = self.brokers.iter().filter(|(name, seat)| {
                    let pair = (Arc::clone(server), Arc::clone(*name));
                    (seat.up || seat.slave.is_some()) && !self.unheard.contains(&pair)
                });
                let heard = heard.map(|(_, seat)| seat);
                let command = name_server::handle(heard, &self.advertised, &self.holders, request);
                vec![Outgoing { to: from, command }]
            }
            Endpoint::Broker(name) if request.request_code() == RequestCode::QUERY_ASSIGNMENT => {
                self.assignment(name, from, request)
            }
            Endpoint::Broker(name) => self
                .brokers
                .get_mut(name)
                .map_or_else(Vec::new, |seat| seat.broker.handle(now, from, request)),
            Endpoint::Slave(_, name) => {
                let slave = self.brokers.get_mut(name).and_then(Seat::slave);
                slave.map_or_else(Vec::new, |slave| slave.handle_as_slave(now, from, request))
            }
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

    pub(crate) fn count_connection(&mut self, server: &Endpoint) {
        *self.connections.entry(server.name().into()).or_default() += 1;
    }

    /// How often a server was connected to.
    pub(crate) fn connections_made(&self, server: &str) -> usize {
        self.connections.get(server).copied().unwrap_or_default()
    }

    pub(crate) fn disconnected(&mut self, server: &Endpoint, peer: Peer) -> Vec<Outgoing> {
        match server {
            Endpoint::NameServer(_) => Vec::new(),
            Endpoint::Broker(name) => self
                .brokers
                .get_mut(name)
                .map_or_else(Vec::new, |seat| seat.broker.disconnected(peer)),
            Endpoint::Slave(_, name) => self
                .brokers
                .get_mut(name)
                .and_then(|seat| seat.slave.as_mut())
                .map_or_else(Vec::new, |slave| slave.disconnected(peer)),
        }
    }

    pub(crate) fn tick(&mut self, now: i64) -> Vec<Outgoing> {
        let mut out = Vec::new();
        for seat in self.brokers.values_mut() {
            if seat.up {
                out.extend(seat.broker.tick(now));
            }
            if let Some(slave) = &mut seat.slave {
                out.extend(slave.tick_as_slave(now));
            }
        }
        out
    }
}
