//! [`Client`]: one application's view of a cluster, shared by its producers and consumers.

mod broker;
mod builder;
mod closing;
mod cluster_url;
#[cfg(feature = "http-discovery")]
mod discovery;
#[cfg(feature = "acl")]
mod exposure;
mod heartbeat;
mod identity;
mod inbound;
mod meeting;
mod name_server;
mod namespace;
mod opening;
pub(crate) mod questions;
pub(crate) mod registry;
pub(crate) mod routes;
mod telemetry;
mod wiring;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use rocketmq_protocol::{
    Request,
    message::{MessageId, UniqueIds},
};
use rocketmq_remoting::{Answer, Remoting, Tasks};
use rocketmq_route::NameServers;
use tokio::time::Instant;

pub(crate) use broker::{from_call, unknown_broker};
pub use builder::ClientBuilder;
pub(crate) use builder::ClientOptions;
pub use closing::ClientShutdownReport;
pub(crate) use closing::{Closers, Closes, Closing, Role};
pub(crate) use identity::wall_millis;
pub(crate) use namespace::Namespace;

use crate::{
    Call, ClientStats, Error, Events, Health, ServerHealth,
    consumer::{
        DeadLetters, LitePullConsumerBuilder, LiteTopicConsumerBuilder, PullConsumerBuilder,
        PushConsumerBuilder, SimpleConsumerBuilder,
    },
    health::ServerState,
    producer::{CheckedGroups, ProducerBuilder, Replies},
};
use meeting::Met;
use registry::Registry;
use routes::Routes;
use telemetry::Telemetry;
#[cfg(any(feature = "acl", feature = "_tls"))]
use wiring::Wired;

/// A client of one cluster. Cheap to clone: all clones, producers and consumers made from it share its connections, routes and
/// heartbeats.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let cluster = rocketmq_mock::MockCluster::start().await.unwrap();
/// # let name_servers = cluster.name_server_address().to_string();
/// use rocketmq_client::{Client, Message};
///
/// let client = Client::connect(name_servers).await?;
/// let producer = client.producer("checkout").start().await?;
/// let receipt = producer.send(Message::new("orders", "hello")).await?;
/// assert_eq!(&*receipt.queue().topic, "orders");
/// client.shutdown(std::time::Duration::from_secs(5)).await;
/// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
/// ```
///
/// Several clusters in one process are several clients. Dropping the last clone, producer and consumer stops everything at
/// once, without a word to the brokers; [`shutdown`](Self::shutdown) takes leave.
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
    _last: Arc<StopWithLast>,
}

/// What the tasks of a client share. It does not keep the client alive: see [`StopWithLast`].
pub(crate) struct Core {
    pub(crate) id: Arc<str>,
    pub(crate) options: ClientOptions,
    pub(crate) tasks: Tasks,
    pub(crate) remoting: Remoting,
    pub(crate) registry: Arc<Registry>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) closers: Closers,
    #[cfg(any(feature = "acl", feature = "_tls"))]
    wired: Wired,
    pub(crate) replies: Arc<Replies>,
    pub(crate) checked_groups: Arc<CheckedGroups>,
    pub(crate) met: Met,
    ids: UniqueIds,
}

struct StopWithLast {
    tasks: Tasks,
    connected: AtomicBool,
}

impl Drop for StopWithLast {
    fn drop(&mut self) {
        if *self.connected.get_mut() && !self.tasks.is_stopped() {
            tracing::warn!("a client was dropped without shutdown: what was queued is lost");
        }
        self.tasks.stop();
    }
}

impl Client {
    /// Connects with default options to the name servers in `name_servers`: `host:port`, joined by semicolons, or a URL as for
    /// [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`].
    pub fn connect(name_servers: impl Into<String>) -> Call<'static, Self> {
        Self::builder(name_servers).connect()
    }

    /// Options for a client of the cluster behind these name servers: a list as for Java (`host:9876;host:9876`), or
    /// `rocketmq://key:secret@host:9876,host:9876/?tls=true`, with options `tls`, `instance_name`, `unit_name`, `unit_mode`,
    /// `vip_channel` and `short_heartbeats`; key and secret are percent-encoded.
    pub fn builder(name_servers: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(name_servers.into())
    }

    /// Options for a client of the cluster that the environment names: `NAMESRV_ADDR`, as for Java.
    ///
    /// # Errors
    ///
    /// When the variable is not set.
    pub fn from_env() -> Result<ClientBuilder, Error> {
        ClientBuilder::from_env()
    }

    /// Options for a client of the cluster whose name servers an HTTP endpoint names: `http://host[:port]/path`, or Java's domain,
    /// which stands for `http://<domain>:8080/rocketmq/nsaddr`. It is asked when connecting, and again from time to time.
    #[cfg(feature = "http-discovery")]
    #[doc(alias = "rocketmq.namesrv.domain")]
    pub fn discover(endpoint: impl Into<String>) -> ClientBuilder {
        ClientBuilder::discovering(endpoint.into())
    }

    /// The name under which brokers know this client.
    pub fn id(&self) -> &str {
        &self.core.id
    }

    /// A producer of this group, to be started.
    #[doc(alias = "DefaultMQProducer")]
    pub fn producer(&self, group: impl Into<Arc<str>>) -> ProducerBuilder {
        ProducerBuilder::new(self.clone(), group.into())
    }

    /// A consumer of this group to which messages are pushed, to be started.
    #[doc(alias = "DefaultMQPushConsumer")]
    pub fn push_consumer(&self, group: impl Into<Arc<str>>) -> PushConsumerBuilder {
        PushConsumerBuilder::new(self.clone(), group.into())
    }

    /// A consumer of this group that reads one queue a call, to be started.
    #[doc(alias = "DefaultMQPullConsumer")]
    pub fn pull_consumer(&self, group: impl Into<Arc<str>>) -> PullConsumerBuilder {
        PullConsumerBuilder::new(self.clone(), group.into())
    }

    /// A consumer of this group whose messages are polled, to be started.
    #[doc(alias = "DefaultLitePullConsumer")]
    pub fn lite_pull_consumer(&self, group: impl Into<Arc<str>>) -> LitePullConsumerBuilder {
        LitePullConsumerBuilder::new(self.clone(), group.into())
    }

    /// The messages that a group has given up.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a group name that cannot be used.
    pub fn dead_letters(&self, group: impl Into<Arc<str>>) -> Call<'static, DeadLetters> {
        Call::new(DeadLetters::open(self.clone(), group.into()))
    }

    /// A consumer of this group that receives and acknowledges messages one by one, to be started. For brokers from 5.0 on.
    pub fn simple_consumer(&self, group: impl Into<Arc<str>>) -> SimpleConsumerBuilder {
        SimpleConsumerBuilder::new(self.clone(), group.into())
    }

    /// A consumer of this group for lite topics under `topic`, to be started. For brokers from 5.5 on.
    pub fn lite_topic_consumer(
        &self,
        group: impl Into<Arc<str>>,
        topic: impl Into<Arc<str>>,
    ) -> LiteTopicConsumerBuilder {
        LiteTopicConsumerBuilder::new(self.clone(), group.into(), topic.into())
    }

    /// Takes another list of name servers, in either form that [`builder`](Self::builder) takes hosts in. Connections to servers
    /// that are not on it are closed.
    ///
    /// # Errors
    ///
    /// For a list that names no server. Then nothing has changed.
    #[doc(alias = "updateNameServerAddressList")]
    pub fn replace_name_servers(&self, list: &str) -> Result<(), Error> {
        self.core.routes.name_servers().replace(parse_list(list)?);
        Ok(())
    }

    /// Signs with other credentials from now on.
    ///
    /// # Errors
    ///
    /// For an empty secret, and when the client was made without credentials. Then nothing has changed.
    #[cfg(feature = "acl")]
    pub fn replace_credentials(&self, credentials: &crate::Credentials) -> Result<(), Error> {
        self.core.wired.replace_credentials(credentials)
    }

    /// Takes other certificates and keys for connections that are made from now on. Those that are open stay as they are.
    ///
    /// # Errors
    ///
    /// For what is not PEM, and when the client was made without TLS. Then nothing has changed.
    #[cfg(feature = "_tls")]
    pub fn replace_tls(&self, options: &crate::TlsOptions) -> Result<(), Error> {
        self.core.wired.replace_tls(options)
    }

    /// What happens to this client from now on. The last 256 events wait for a slow reader.
    pub fn events(&self) -> Events {
        self.core.telemetry.events.subscribe()
    }

    /// What this client has counted.
    pub fn stats(&self) -> ClientStats {
        let channels = self.core.remoting.channels();
        ClientStats {
            connections: self.core.remoting.stats(),
            open_connections: channels.len(),
            outstanding: channels.iter().map(rocketmq_remoting::Channel::outstanding).sum(),
            topics: self.core.routes.table().topics().count(),
            upkeep: self.core.telemetry.counters.snapshot(),
        }
    }

    /// How this client is connected.
    pub fn health(&self) -> Health {
        self.core.health()
    }

    /// Waits until a name server is connected and every broker of a known route has been told which groups live here.
    ///
    /// # Errors
    ///
    /// [`Timeout`](crate::ErrorKind::Timeout), with what is missing, when that takes longer.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn ready(&self, timeout: Duration) -> Call<'_, ()> {
        Call::new(async move {
            let mut answers = self.core.registry.answers.subscribe();
            let ready = async {
                while !self.core.health().is_ready() {
                    let _ = answers.changed().await;
                }
            };
            tokio::time::timeout(timeout, ready).await.map_err(|_| {
                Error::timeout(&format!("the client was ready\n{}", self.core.health()))
            })
        })
    }

    /// Sends a request of your own to the server at `address` and waits for its answer: the door for what has no method here.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let cluster = rocketmq_mock::MockCluster::builder().topic("orders", 4).start().await.unwrap();
    /// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await.unwrap();
    /// # let broker = cluster.broker_address("broker-a").unwrap().to_string();
    /// use rocketmq_client::protocol::header::GetMaxOffsetRequestHeader;
    ///
    /// let request =
    ///     GetMaxOffsetRequestHeader { topic: "orders".into(), queue_id: 0, ..Default::default() };
    /// let answer = client.call_broker(&broker, &request, "").await?;
    /// assert_eq!(answer.header.offset, 0);
    /// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) for a code that the request does not accept, and those of connections. The
    /// deadline is the client's [`request_timeout`](ClientBuilder::request_timeout).
    ///
    /// # Cancel safety
    ///
    /// A request that was sent is carried out all the same; its answer is ignored.
    pub async fn call_broker<R: Request>(
        &self,
        address: &str,
        request: &R,
        body: impl Into<Bytes>,
    ) -> Result<Answer<R::Response>, Error> {
        let deadline = Instant::now() + self.core.options.request_timeout;
        self.core.call(address, request, body.into(), deadline).await
    }

    /// Takes leave: shuts down the consumers that still run, then the producers, each with its own goodbye, then upkeep, and
    /// last the connections. At the deadline whatever is left is cut off.
    ///
    /// A clone, producer or consumer that is used afterwards fails with [`Closed`](crate::ErrorKind::Closed) or
    /// [`Connection`](crate::ErrorKind::Connection).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the rest to run its course.
    pub async fn shutdown(self, deadline: Duration) -> ClientShutdownReport {
        self.core.close(Instant::now() + deadline).await
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl Core {
    /// The namespace of this client's names.
    pub(crate) fn namespace(&self) -> &Namespace {
        &self.options.namespace
    }

    /// A new id for a message.
    pub(crate) fn new_message_id(&self) -> MessageId {
        self.ids.next(wall_millis())
    }

    fn health(&self) -> Health {
        let states: HashMap<_, _> = self.remoting.states().into_iter().collect();
        let table = self.routes.table();
        let expected = self.registry.heartbeat(&self.id, &table);
        let expected = expected.map(|(_, addresses)| addresses).unwrap_or_default();
        let server = |address: &Arc<str>| ServerHealth {
            address: Arc::clone(address),
            state: ServerState::of(states.get(address)),
            is_expected: expected.contains(address),
            is_told: self.registry.is_told(address),
        };
        Health {
            name_servers: self.routes.name_servers().addresses().iter().map(server).collect(),
            brokers: table.brokers().values().flat_map(BTreeMap::values).map(server).collect(),
        }
    }
}

fn parse_list(list: &str) -> Result<NameServers, Error> {
    NameServers::parse(list, fastrand::usize(..))
        .map_err(|error| Error::invalid("name servers that cannot be used").with_source(error))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.core.id).finish_non_exhaustive()
    }
}
