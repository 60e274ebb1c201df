//! [`Health`]: how a client is connected, at a glance.

use std::{fmt, sync::Arc};

use rocketmq_remoting::AddressState;

/// How a client is connected. See [`Client::health`](crate::Client::health).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Health {
    /// Every name server of the list.
    pub name_servers: Vec<ServerHealth>,
    /// Every broker of a route.
    pub brokers: Vec<ServerHealth>,
}

impl Health {
    /// Whether a name server is connected, and no broker that should be told of the groups here is left untold.
    pub fn is_ready(&self) -> bool {
        self.has_name_server()
            && self.brokers.iter().all(|server| !server.is_expected || server.is_told)
    }

    /// Whether a name server is connected.
    pub fn has_name_server(&self) -> bool {
        self.name_servers.iter().any(|server| server.state == ServerState::Connected)
    }
}

/// How one server is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerHealth {
    /// Its address, as the list or a route gives it.
    pub address: Arc<str>,
    /// The connection.
    pub state: ServerState,
    /// Whether it is to be told of the groups that live here.
    pub is_expected: bool,
    /// Whether it has been, over its present connection.
    pub is_told: bool,
}

/// The connection to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerState {
    /// It has not been needed yet, or not lately.
    Idle,
    /// It is being made.
    Connecting,
    /// It is open.
    Connected,
    /// It could not be made.
    Unreachable {
        /// How many attempts have failed in a row.
        failures: u32,
        /// What the last of them ran into.
        cause: Arc<str>,
    },
}

impl ServerState {
    pub(crate) fn of(state: Option<&AddressState>) -> Self {
        match state {
            Some(AddressState::Dialing) => Self::Connecting,
            Some(AddressState::Open) => Self::Connected,
            Some(AddressState::Resting(error)) => Self::Unreachable {
                failures: error.failures,
                cause: error.cause.to_string().into(),
            },
            _ => Self::Idle,
        }
    }
}

impl fmt::Display for ServerHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            ServerState::Idle => write!(f, "{}: idle", self.address),
            ServerState::Connecting => write!(f, "{}: connecting", self.address),
            ServerState::Connected => write!(f, "{}: connected", self.address),
            ServerState::Unreachable { cause, .. } => {
                write!(f, "{}: unreachable, {cause}", self.address)
            }
        }
    }
}

/// One line a server.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for server in &self.name_servers {
            writeln!(f, "name server {server}")?;
        }
        for server in &self.brokers {
            writeln!(f, "broker {server}")?;
        }
        Ok(())
    }
}
