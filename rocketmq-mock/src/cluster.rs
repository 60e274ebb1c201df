//! [`MockCluster`]: starting, stopping, asking.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rocketmq_protocol::{code::RequestCode, message::decode_messages};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    broker::{Broker, Topic},
    faults::{Fault, LoggedRequest},
    net::{self, Shared},
    world::{Seat, Server},
};

/// A running cluster: one name server and one broker or more. Dropping it stops it.
pub struct MockCluster {
    shared: Arc<Shared>,
    name_server: SocketAddr,
    servers: Mutex<Servers>,
}

/// The tasks that serve. Dropping a set ends its tasks.
struct Servers {
    /// Held for its drop.
    _name_server: JoinSet<()>,
    brokers: BTreeMap<Arc<str>, JoinSet<()>>,
}

/// Options of a [`MockCluster`].
#[derive(Debug, Clone)]
#[must_use = "nothing runs until `start`"]
pub struct MockClusterBuilder {
    brokers: usize,
    topics: Vec<(Arc<str>, u16)>,
    delay_step: Duration,
    auto_create: bool,
}

impl Default for MockClusterBuilder {
    fn default() -> Self {
        Self {
            brokers: 1,
            topics: Vec::new(),
            delay_step: Duration::from_millis(10),
            auto_create: true,
        }
    }
}

impl MockClusterBuilder {
    /// How many brokers: `broker-a`, `broker-b` and so on. Default 1, at most 26.
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers.clamp(1, 26);
        self
    }

    /// A topic that is there from the start, with so many queues on each broker.
    pub fn topic(mut self, topic: &str, queues: u16) -> Self {
        self.topics.push((topic.into(), queues));
        self
    }

    /// How long delay level 1 lasts; level n lasts n times as long. Default 10 ms. (With a real broker they last from 1 s to
    /// 2 h.)
    pub fn delay_step(mut self, step: Duration) -> Self {
        self.delay_step = step;
        self
    }

    /// Whether a message for a topic that does not exist creates it. Default yes.
    pub fn auto_create_topics(mut self, create: bool) -> Self {
        self.auto_create = create;
        self
    }

    /// Starts the cluster on free ports of the loopback.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what it has opened.
    pub async fn start(self) -> io::Result<MockCluster> {
        let shared = Arc::<Shared>::default();
        let mut tasks = JoinSet::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let name_server = listener.local_addr()?;
        tasks.spawn(net::serve(Arc::clone(&shared), Server::NameServer, listener));
        tasks.spawn(Arc::clone(&shared).tick());
        let servers = Mutex::new(Servers { _name_server: tasks, brokers: BTreeMap::new() });
        let cluster = MockCluster { shared, name_server, servers };
        for letter in ('a'..='z').take(self.brokers) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let name: Arc<str> = format!("broker-{letter}").into();
            let mut broker = Broker::new(
                Arc::clone(&name),
                listener.local_addr()?,
                self.delay_step,
                self.auto_create,
            );
            for (topic, queues) in &self.topics {
                let queues = i32::from(*queues);
                broker
                    .set_topic(topic, Topic { read_queues: queues, write_queues: queues, perm: 6 });
            }
            cluster.shared.world().brokers.insert(Arc::clone(&name), Seat { broker, up: true });
            cluster.serve(name, listener);
        }
        Ok(cluster)
    }
}

impl MockCluster {
    /// Starts a cluster with one broker, which creates topics on demand.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what it has opened.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Options for a cluster.
    pub fn builder() -> MockClusterBuilder {
        MockClusterBuilder::default()
    }

    /// Where clients connect to.
    pub fn name_server_address(&self) -> SocketAddr {
        self.name_server
    }

    /// The address of a broker: `broker-a` is the first.
    pub fn broker_address(&self, name: &str) -> Option<SocketAddr> {
        self.shared.world().brokers.get(name).map(|seat| seat.broker.address)
    }

    fn serve(&self, name: Arc<str>, listener: TcpListener) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let serving =
            net::serve(Arc::clone(&self.shared), Server::Broker(Arc::clone(&name)), listener);
        let mut tasks = JoinSet::new();
        tasks.spawn(serving);
        servers.brokers.insert(name, tasks);
    }

    /// Stops a broker as a killed process stops: its connections close, and it is in no route any more. What it has stored
    /// stays. Whether there was one running.
    ///
    /// # Cancel safety
    ///
    /// The broker stops all the same; its port may be free only later.
    pub async fn stop_broker(&self, name: &str) -> bool {
        let tasks =
            self.servers.lock().unwrap_or_else(PoisonError::into_inner).brokers.remove(name);
        if let Some(seat) = self.shared.world().brokers.get_mut(name) {
            seat.up = false;
            seat.broker.restarted();
        }
        match tasks {
            Some(mut tasks) => {
                tasks.shutdown().await;
                true
            }
            None => false,
        }
    }

    /// Starts a stopped broker again, at its address, with what it had stored.
    ///
    /// # Errors
    ///
    /// When there is no such broker, or somebody else has taken its port.
    ///
    /// # Cancel safety
    ///
    /// The broker stays stopped if the future is dropped.
    pub async fn start_broker(&self, name: &str) -> io::Result<()> {
        let unknown =
            || io::Error::new(io::ErrorKind::NotFound, format!("there is no broker {name}"));
        let address = self.broker_address(name).ok_or_else(unknown)?;
        let listener = TcpListener::bind(address).await?;
        if let Some(seat) = self.shared.world().brokers.get_mut(name) {
            seat.up = true;
        }
        self.serve(name.into(), listener);
        Ok(())
    }

    /// Creates a topic on every broker, or changes its queues.
    pub fn create_topic(&self, topic: &str, queues: u16) {
        let queues = i32::from(queues);
        for seat in self.shared.world().brokers.values_mut() {
            seat.broker.set_topic(
                &topic.into(),
                Topic { read_queues: queues, write_queues: queues, perm: 6 },
            );
        }
    }

    /// Makes the next `times` requests of this code go wrong, at whichever server they arrive.
    pub fn inject(&self, code: RequestCode, fault: Fault, times: usize) {
        self.shared.world().faults.inject(code, fault, times);
    }

    /// Lets everything go right again.
    pub fn clear_faults(&self) {
        self.shared.world().faults.clear();
    }

    /// What clients have asked so far, oldest first; the last 10,000.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.world().faults.log().cloned().collect()
    }

    /// How often clients have asked for this.
    pub fn count(&self, code: RequestCode) -> usize {
        self.shared.world().faults.log().filter(|request| request.code == code).count()
    }

    /// Every message of a topic, broker by broker and queue by queue.
    pub fn messages(&self, topic: &str) -> Vec<rocketmq_protocol::message::MessageExt> {
        let world = self.shared.world();
        let stored = world.brokers.values().flat_map(|seat| seat.broker.log.of_topic(topic));
        // Through the wire format, so that they are what a client would see.
        stored.flat_map(|stored| decode_messages(stored.bytes.clone()).flatten()).collect()
    }

    /// The offset that a broker has stored for a group.
    pub fn stored_offset(
        &self,
        broker: &str,
        group: &str,
        topic: &str,
        queue_id: i32,
    ) -> Option<i64> {
        self.shared.world().brokers.get(broker)?.broker.stored_offset(group, topic, queue_id)
    }

    /// The client ids that a broker knows as members of a group.
    pub fn members(&self, broker: &str, group: &str) -> Vec<String> {
        self.shared
            .world()
            .brokers
            .get(broker)
            .map_or_else(Vec::new, |seat| seat.broker.members(group))
    }
}

impl fmt::Debug for MockCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockCluster")
            .field("name_server", &self.name_server)
            .finish_non_exhaustive()
    }
}
