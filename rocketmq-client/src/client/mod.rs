//! [`Client`]: one application's view of a cluster, shared by its producers and consumers.

mod broker;
mod builder;
mod heartbeat;
mod identity;
mod inbound;
mod name_server;
pub(crate) mod registry;
pub(crate) mod routes;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rocketmq_protocol::{
    message::{MessageId, UniqueIdPrefix},
    names,
};
use rocketmq_remoting::{self as remoting, Remoting, Tasks, TcpConnector};
use rocketmq_route::NameServers;
use tokio::time::Instant;

pub(crate) use broker::{from_call, unknown_broker};
pub use builder::ClientBuilder;
pub(crate) use builder::ClientOptions;
pub(crate) use identity::wall_millis;

use crate::{
    Call, Error,
    consumer::{PullConsumerBuilder, PushConsumerBuilder, SimpleConsumerBuilder},
    producer::ProducerBuilder,
};
use inbound::Inbound;
use name_server::NameServerCalls;
use registry::Registry;
use routes::Routes;

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
    ids: UniqueIds,
}

struct StopWithLast(Tasks);

impl Drop for StopWithLast {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Client {
    /// Connects with default options to the name servers in `name_servers`: `host:port`, joined by semicolons.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`].
    pub fn connect(name_servers: impl Into<String>) -> Call<'static, Self> {
        Self::builder(name_servers).connect()
    }

    /// Options for a client of the cluster behind these name servers.
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

    async fn open(builder: ClientBuilder) -> Result<Self, Error> {
        let ClientBuilder { name_servers, options } = builder;
        let servers = NameServers::parse(&name_servers, fastrand::usize(..)).map_err(|error| {
            Error::invalid("name servers that cannot be used").with_source(error)
        })?;
        let tasks = Tasks::new("client");
        let last = Arc::new(StopWithLast(tasks.clone()));
        let registry = Arc::new(Registry::new());
        let known_routes = Arc::<OnceLock<Weak<Routes>>>::default();
        let inbound =
            Inbound { registry: Arc::clone(&registry), routes: Arc::clone(&known_routes) };
        let remoting =
            Remoting::new(remoting::Config::default(), TcpConnector::default(), inbound, &tasks);
        let address = match options.client_ip {
            Some(address) => address,
            None => own_address(&servers).await,
        };
        let calls = NameServerCalls::new(servers, remoting.clone());
        let routes =
            Arc::new(Routes::new(calls, options.route_refresh_interval, options.request_timeout));
        let _ = known_routes.set(Arc::downgrade(&routes));
        let id = identity::client_id(
            address,
            options.instance_name.as_deref(),
            options.unit_name.as_deref(),
        );
        let core = Arc::new(Core {
            id,
            options,
            tasks: tasks.clone(),
            remoting,
            registry: Arc::clone(&registry),
            routes: Arc::clone(&routes),
            ids: UniqueIds::new(address),
        });
        tasks.spawn("routes", routes.refresh(registry, tasks.clone()));
        tasks.spawn("heartbeat", heartbeat::run(Arc::downgrade(&core)));
        // Any answer shows that the cluster can be reached; this one will be needed for topics that do not exist yet.
        let deadline = Instant::now() + core.options.connect_timeout;
        core.routes.refreshed(&names::AUTO_CREATE_TOPIC.into(), deadline).await?;
        tracing::info!(client.id = %core.id, "connected");
        Ok(Self { core, _last: last })
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

    /// A consumer of this group that receives and acknowledges messages one by one, to be started. For brokers from 5.0 on.
    pub fn simple_consumer(&self, group: impl Into<Arc<str>>) -> SimpleConsumerBuilder {
        SimpleConsumerBuilder::new(self.clone(), group.into())
    }

    /// Stops everything that belongs to this client: what its producers have admitted is still sent, then upkeep and
    /// connections end. Consumers are to be shut down first, each by its own
    /// [`shutdown`](crate::PushConsumer::shutdown): one that still runs is cut off.
    ///
    /// Returns when every task has ended, or at the deadline; `false` then, and the tasks end by themselves.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the rest to run its course.
    pub async fn shutdown(self, deadline: Duration) -> bool {
        let ended = async {
            self.core.tasks.stop();
            self.core.remoting.close().await;
            self.core.tasks.stopped().await;
        };
        tokio::time::timeout(deadline, ended).await.is_ok()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl Core {
    /// A new id for a message.
    pub(crate) fn new_message_id(&self) -> MessageId {
        self.ids.next()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.core.id).finish_non_exhaustive()
    }
}

/// The address this machine shows to the first name server whose name can be resolved; the loopback if there is none.
async fn own_address(servers: &NameServers) -> IpAddr {
    for address in servers.addresses() {
        if let Ok(mut resolved) = tokio::net::lookup_host(&**address).await
            && let Some(own) = resolved.find_map(identity::local_address_towards)
        {
            return own;
        }
    }
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

/// Ids for messages, without a lock.
struct UniqueIds {
    prefix: UniqueIdPrefix,
    counter: AtomicU32,
}

impl UniqueIds {
    fn new(address: IpAddr) -> Self {
        let prefix = UniqueIdPrefix::new(address, std::process::id(), fastrand::u32(..));
        Self { prefix, counter: AtomicU32::new(0) }
    }

    fn next(&self) -> MessageId {
        self.prefix.id(wall_millis(), self.counter.fetch_add(1, Ordering::Relaxed))
    }
}
