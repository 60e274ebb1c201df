//! [`ClientBuilder`]: options of a client, and connecting.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use rocketmq_protocol::{Serialization, Text};
use rocketmq_remoting::{AddressMap, AllowList, Config, Connector, RpcHook, TcpConnector};

use super::{Client, namespace::Namespace};
use crate::{Call, Error};

/// Options of a [`Client`]. Ends with [`connect`](Self::connect).
#[derive(Clone)]
#[must_use = "a client does nothing until `connect`"]
pub struct ClientBuilder {
    pub(super) name_servers: String,
    pub(super) options: ClientOptions,
    pub(super) wiring: Wiring,
}

#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) route_refresh_interval: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) short_heartbeats: bool,
    pub(crate) vip_channel: bool,
    pub(crate) address_map: AddressMap,
    pub(crate) allowed_brokers: Option<AllowList>,
    pub(crate) instance_name: Option<String>,
    pub(crate) unit_name: Option<String>,
    pub(crate) unit_mode: bool,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) namespace: Namespace,
}

/// What connections are made of.
#[derive(Clone, Default)]
pub(super) struct Wiring {
    pub(super) config: Config,
    pub(super) tcp: TcpConnector,
    /// Takes the place of TCP.
    pub(super) connector: Option<Arc<dyn Connector>>,
    pub(super) namespace_v2: Option<Text>,
    #[cfg(feature = "_tls")]
    pub(super) tls: Option<crate::TlsOptions>,
    #[cfg(feature = "acl")]
    pub(super) credentials: Option<crate::Credentials>,
    /// No signed request goes in plaintext to another machine.
    #[cfg(feature = "acl")]
    pub(super) keeps_credentials_private: bool,
    #[cfg(feature = "http-discovery")]
    pub(super) discovery: Option<Discovery>,
}

/// Who names the name servers, and how often to ask.
#[cfg(feature = "http-discovery")]
#[derive(Debug, Clone)]
pub(super) struct Discovery {
    pub(super) endpoint: String,
    pub(super) interval: Duration,
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
                short_heartbeats: false,
                vip_channel: false,
                address_map: AddressMap::default(),
                allowed_brokers: None,
                instance_name: None,
                unit_name: None,
                unit_mode: false,
                client_ip: None,
                namespace: Namespace::default(),
            },
            wiring: Wiring::default(),
        }
    }

    #[cfg(feature = "http-discovery")]
    pub(super) fn discovering(endpoint: String) -> Self {
        let mut builder = Self::new(String::new());
        builder.wiring.discovery = Some(Discovery { endpoint, interval: Duration::from_secs(120) });
        builder
    }

    /// How often the endpoint of [`Client::discover`] is asked again. Default 120 s, as in Java. Without effect on other clients.
    #[cfg(feature = "http-discovery")]
    pub fn discovery_interval(mut self, interval: Duration) -> Self {
        if let Some(discovery) = &mut self.wiring.discovery {
            discovery.interval = interval;
        }
        self
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

    /// Whether heartbeats leave out subscriptions that a broker has already (5.1.3 and later; others get all of it). Saves
    /// traffic where clients have many subscriptions. Default no, as in Java.
    #[doc(alias = "useHeartbeatV2")]
    pub fn short_heartbeats(mut self, short: bool) -> Self {
        self.options.short_heartbeats = short;
        self
    }

    /// Whether requests that are not pulls or pops go to the broker's VIP channel, the port two below its own. Default no, as
    /// in Java.
    #[doc(alias = "setVipChannelEnabled")]
    pub fn vip_channel(mut self, vip: bool) -> Self {
        self.options.vip_channel = vip;
        self
    }

    /// Which address to dial for one that a server advertises: brokers in containers or behind NAT often give one that means
    /// nothing here. Default: the advertised one.
    ///
    /// ```
    /// # use rocketmq_client::{AddressMap, Client};
    /// let builder = Client::builder("localhost:9876")
    ///     .address_map(AddressMap::from([("172.17.0.2:10911", "localhost:10911")]));
    /// ```
    pub fn address_map(mut self, map: impl Into<AddressMap>) -> Self {
        self.options.address_map = map.into();
        self
    }

    /// The brokers that this client may connect to, by the hosts they advertise: a name server that somebody has taken over can send it
    /// to no others. Name servers need not be on the list. Default: every broker.
    ///
    /// ```
    /// # use rocketmq_client::{AllowList, Client};
    /// let builder = Client::builder("ns.mq.example:9876")
    ///     .allowed_brokers(AllowList::new(["10.1.0.0/16", "*.mq.example"])?);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn allowed_brokers(mut self, list: AllowList) -> Self {
        self.options.allowed_brokers = Some(list);
        self
    }

    /// The limits and habits of connections. Default: see [`ConnectionConfig`](crate::ConnectionConfig).
    ///
    /// ```
    /// # use rocketmq_client::{Client, ConnectionConfig};
    /// let mut config = ConnectionConfig::default();
    /// config.queued_bytes = 1 << 20;
    /// let builder = Client::builder("localhost:9876").connections(config);
    /// ```
    pub fn connections(mut self, config: Config) -> Self {
        self.wiring.config = config;
        self
    }

    /// The form in which headers are written. Default JSON, as in Java; the binary form is smaller and faster, and understood
    /// by brokers since 4.0.
    #[doc(alias = "rocketmq.serialize.type")]
    pub fn serialization(mut self, form: Serialization) -> Self {
        self.wiring.config.serialization = form;
        self
    }

    /// Shows every request to a hook before it is written, and its answer. Hooks are called in the order in which they
    /// are given; signing comes after all of them.
    #[doc(alias = "RPCHook")]
    pub fn rpc_hook(mut self, hook: impl RpcHook) -> Self {
        self.wiring.config.hooks.push(Arc::new(hook));
        self
    }

    /// How sockets are made: keepalive, buffers, resolver, proxies. Default: see [`TcpConnector`].
    pub fn tcp(mut self, tcp: TcpConnector) -> Self {
        self.wiring.tcp = tcp;
        self
    }

    /// Makes byte streams another way than by TCP. TLS and the address map go on top of it.
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.wiring.connector = Some(Arc::new(connector));
        self
    }

    /// Connects through SOCKS5 proxies.
    #[cfg(feature = "socks")]
    #[doc(alias = "setSocksProxyConfig")]
    pub fn socks(mut self, proxies: crate::SocksProxies) -> Self {
        self.wiring.tcp.socks = proxies;
        self
    }

    /// Encrypts every connection, and verifies every server. Default: plaintext, as in Java.
    #[cfg(feature = "_tls")]
    #[doc(alias = "setUseTLS")]
    pub fn tls(mut self, options: crate::TlsOptions) -> Self {
        self.wiring.tls = Some(options);
        self
    }

    /// Signs every request.
    #[cfg(feature = "acl")]
    #[doc(alias = "AclClientRPCHook")]
    pub fn credentials(mut self, credentials: crate::Credentials) -> Self {
        self.wiring.credentials = Some(credentials);
        self
    }

    /// Whether signed requests may go to other machines on connections without [TLS](Self::tls). With `false` such a server is not
    /// dialled, and what was meant for it fails as [`Invalid`](crate::ErrorKind::Invalid). Default yes, as in Java; a warning says so,
    /// since who can listen can send a signed request again. This machine is `localhost` and loopback addresses, other names are not.
    ///
    /// ```
    /// # use rocketmq_client::{Client, Credentials};
    /// let builder = Client::builder("ns.mq.example:9876")
    ///     .credentials(Credentials::new("key", "secret"))
    ///     .plaintext_credentials(false);
    /// ```
    #[cfg(feature = "acl")]
    pub fn plaintext_credentials(mut self, allowed: bool) -> Self {
        self.wiring.keeps_credentials_private = !allowed;
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

    /// Whether messages and groups are marked as those of a unit, for brokers that copy only these to other units. Default no, as in
    /// Java.
    #[doc(alias = "setUnitMode")]
    pub fn unit_mode(mut self, unit_mode: bool) -> Self {
        self.options.unit_mode = unit_mode;
        self
    }

    /// The address in the client id. Default: the one this machine uses towards the name server.
    #[doc(alias = "setClientIP")]
    pub fn client_ip(mut self, address: IpAddr) -> Self {
        self.options.client_ip = Some(address);
        self
    }

    /// Puts every topic and group of this client into a namespace: `orders` is `shop%orders` on the servers. Names that the
    /// application gives and sees have no namespace; those that an [`Allocate`](crate::Allocate) or an
    /// [`OffsetStore`](crate::OffsetStore) is given are as on the servers, as in Java. Default none.
    #[doc(alias = "setNamespace")]
    pub fn namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.options.namespace = Namespace::new(namespace);
        self
    }

    /// Has every request say that its names belong to this namespace of the server's (the fields `ns` and `nsd`), and leaves the names
    /// as they are. Default none. No open server looks at it, up to 5.5.0: it is for services that do.
    #[doc(alias = "setNamespaceV2")]
    pub fn namespace_v2(mut self, namespace: impl Into<Text>) -> Self {
        self.wiring.namespace_v2 = Some(namespace.into()).filter(|namespace| !namespace.is_empty());
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

/// Neither secrets nor keys show.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may carry a login.
        let servers = self.name_servers.rsplit('@').next();
        let mut shown = f.debug_struct("ClientBuilder");
        shown.field("name_servers", &servers).field("options", &self.options);
        #[cfg(feature = "acl")]
        shown.field("credentials", &self.wiring.credentials);
        shown.finish_non_exhaustive()
    }
}
