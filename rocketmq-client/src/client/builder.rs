//! [`ClientBuilder`]: options of a client, and connecting.

use std::{net::IpAddr, time::Duration};

use super::Client;
use crate::{Call, Error};

/// Options of a [`Client`]. Ends with [`connect`](Self::connect).
#[derive(Debug, Clone)]
#[must_use = "a client does nothing until `connect`"]
pub struct ClientBuilder {
    pub(super) name_servers: String,
    pub(super) options: ClientOptions,
}

#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) route_refresh_interval: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) instance_name: Option<String>,
    pub(crate) unit_name: Option<String>,
    pub(crate) client_ip: Option<IpAddr>,
}

impl ClientBuilder {
    pub(super) fn new(name_servers: String) -> Self {
        let seconds = Duration::from_secs;
        Self {
            name_servers,
            options: ClientOptions {
                connect_timeout: seconds(5),
                request_timeout: seconds(3),
                route_refresh_interval: seconds(30),
                heartbeat_interval: seconds(30),
                instance_name: None,
                unit_name: None,
                client_ip: None,
            },
        }
    }

    /// How long [`connect`](Self::connect) may take to find a name server that answers. Default 5 s: enough for one that
    /// hangs beside one that works.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// How long requests that are not sends or pulls may take. Default 3 s, as in Java.
    #[doc(alias = "setMqClientApiTimeout")]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.options.request_timeout = timeout;
        self
    }

    /// How often routes are asked for again. Default 30 s, as in Java; up to a tenth more or less each time.
    #[doc(alias = "setPollNameServerInterval")]
    pub fn route_refresh_interval(mut self, interval: Duration) -> Self {
        self.options.route_refresh_interval = interval;
        self
    }

    /// How often brokers are told which groups live here. Default 30 s, as in Java; brokers forget a client that is
    /// silent for 120 s.
    #[doc(alias = "setHeartbeatBrokerInterval")]
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.options.heartbeat_interval = interval;
        self
    }

    /// The part of the client id after the address. Default: process id and a number of its own, so that every client
    /// is a member of its own. Two members of a group with the same id get the same queues.
    #[doc(alias = "setInstanceName")]
    pub fn instance_name(mut self, name: impl Into<String>) -> Self {
        self.options.instance_name = Some(name.into());
        self
    }

    /// The last part of the client id, for unit deployments. Default none.
    #[doc(alias = "setUnitName")]
    pub fn unit_name(mut self, name: impl Into<String>) -> Self {
        self.options.unit_name = Some(name.into());
        self
    }

    /// The address in the client id. Default: the one this machine uses towards the name server.
    #[doc(alias = "setClientIP")]
    pub fn client_ip(mut self, address: IpAddr) -> Self {
        self.options.client_ip = Some(address);
        self
    }

    /// Asks the name servers for a first answer, and starts what a client needs: refreshed routes and heartbeats.
    ///
    /// A name server that refuses or hangs does no harm while another answers.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a list that names no server,
    /// [`NameServer`](crate::ErrorKind::NameServer), with each address and its cause, when none answers in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops everything it has started.
    pub fn connect(self) -> Call<'static, Client> {
        Call::new(Client::open(self))
    }
}

impl ClientBuilder {
    /// Reads `NAMESRV_ADDR`, the variable that Java clients read.
    ///
    /// # Errors
    ///
    /// When it is not set, or not text.
    pub fn from_env() -> Result<Self, Error> {
        match std::env::var("NAMESRV_ADDR") {
            Ok(list) if !list.trim().is_empty() => Ok(Self::new(list)),
            Ok(_) | Err(std::env::VarError::NotPresent) => {
                Err(Error::invalid("NAMESRV_ADDR is not set"))
            }
            Err(error) => Err(Error::invalid("NAMESRV_ADDR cannot be read").with_source(error)),
        }
    }
}
