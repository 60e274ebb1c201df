//! [`MockCluster`]: starting, stopping, asking.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rocketmq_protocol::{Command, code::RequestCode, message::decode_messages};
use tokio::{
    io::{DuplexStream, duplex},
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
};

use crate::{
    broker::{Broker, Topic},
    faults::{Fault, LoggedRequest},
    net::{self, Listener, Shared},
    world::{Endpoint, Seat},
};

/// A running cluster: name servers and brokers. Dropping it stops it.
pub struct MockCluster {
    shared: Arc<Shared>,
    name_servers: Vec<SocketAddr>,
    in_memory: bool,
    delay_step: Duration,
    servers: Mutex<Servers>,
}

/// The tasks that serve, by the name of their server. Dropping a set ends its tasks.
#[derive(Default)]
struct Servers {
    tasks: BTreeMap<Arc<str>, JoinSet<()>>,
    /// Where pipes in memory are handed in, by address.
    doors: BTreeMap<SocketAddr, mpsc::UnboundedSender<DuplexStream>>,
    /// Held for its drop.
    time: JoinSet<()>,
}

/// Options of a [`MockCluster`].
#[derive(Clone)]
#[must_use = "nothing runs until `start`"]
pub struct MockClusterBuilder {
    brokers: usize,
    name_servers: usize,
    in_memory: bool,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
    topics: Vec<(Arc<str>, u16)>,
    lite_topics: Vec<(Arc<str>, Vec<Arc<str>>)>,
    delay_step: Duration,
    auto_create: bool,
    transaction_check: Duration,
    recall: bool,
}

impl fmt::Debug for MockClusterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockClusterBuilder")
            .field("brokers", &self.brokers)
            .field("name_servers", &self.name_servers)
            .finish_non_exhaustive()
    }
}

impl Default for MockClusterBuilder {
    fn default() -> Self {
        Self {
            brokers: 1,
            name_servers: 1,
            in_memory: false,
            #[cfg(feature = "tls")]
            tls: None,
            topics: Vec::new(),
            lite_topics: Vec::new(),
            delay_step: Duration::from_millis(10),
            auto_create: true,
            transaction_check: Duration::from_millis(50),
            recall: false,
        }
    }
}

impl MockClusterBuilder {
    /// How many brokers: `broker-a`, `broker-b` and so on. Default 1, at most 26.
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers.clamp(1, 26);
        self
    }

    /// How many name servers. Default 1.
    pub fn name_servers(mut self, name_servers: usize) -> Self {
        self.name_servers = name_servers.max(1);
        self
    }

    /// No sockets: addresses are made up, and [`MockCluster::open`] gives the other end of a pipe to a server. Then tests may
    /// run under paused time.
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Every server speaks TLS, and nothing else.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: Arc<tokio_rustls::rustls::ServerConfig>) -> Self {
        self.tls = Some(config.into());
        self
    }

    /// A topic that is there from the start, with so many queues on each broker.
    pub fn topic(mut self, topic: &str, queues: u16) -> Self {
        self.topics.push((topic.into(), queues));
        self
    }

    /// A topic of type LITE with one queue on each broker, and the groups that are bound to it.
    pub fn lite_topic(mut self, topic: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|group| (*group).into()).collect();
        self.lite_topics.push((topic.into(), groups));
        self.topic(topic, 1)
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

    /// After how long brokers ask what became of a transaction, and how long they wait to ask again. Default 50 ms. (Real
    /// brokers wait 6 s, and then 30 s.)
    pub fn transaction_check(mut self, interval: Duration) -> Self {
        self.transaction_check = interval;
        self
    }

    /// Whether timer messages can be taken back. Default no, as with a real broker (`recallMessageEnable`).
    pub fn recall(mut self, allowed: bool) -> Self {
        self.recall = allowed;
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
        #[cfg_attr(not(feature = "tls"), expect(unused_mut, reason = "nothing to set"))]
        let mut shared = Shared::new();
        #[cfg(feature = "tls")]
        (shared.tls = self.tls.clone());
        let shared = Arc::new(shared);
        let mut cluster = MockCluster {
            shared: Arc::clone(&shared),
            name_servers: Vec::new(),
            in_memory: self.in_memory,
            delay_step: self.delay_step,
            servers: Mutex::default(),
        };
        cluster.servers().time.spawn(shared.tick());
        for nth in 0..self.name_servers {
            let address = cluster.listen(Endpoint::nth_name_server(nth), None).await?;
            cluster.name_servers.push(address);
        }
        for letter in ('a'..='z').take(self.brokers) {
            let name: Arc<str> = format!("broker-{letter}").into();
            let address = cluster.listen(Endpoint::Broker(Arc::clone(&name)), None).await?;
            let mut broker =
                Broker::new(Arc::clone(&name), address, self.delay_step, self.auto_create);
            broker.check_transactions_after(self.transaction_check);
            broker.recall_enabled = self.recall;
            for (topic, queues) in &self.topics {
                let queues = i32::from(*queues);
                broker
                    .set_topic(topic, Topic { read_queues: queues, write_queues: queues, perm: 6 });
            }
            for (topic, groups) in &self.lite_topics {
                broker.bind_lite_topic(topic, groups);
            }
            cluster.shared.world().brokers.insert(name, Seat::new(broker));
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

    /// Where clients connect to: the first name server.
    pub fn name_server_address(&self) -> SocketAddr {
        self.name_servers.first().copied().unwrap_or_else(|| ([127, 0, 0, 1], 0).into())
    }

    /// Every name server.
    pub fn name_server_addresses(&self) -> &[SocketAddr] {
        &self.name_servers
    }

    /// The name servers as clients take them: joined by semicolons.
    pub fn name_server_list(&self) -> String {
        let addresses: Vec<String> = self.name_servers.iter().map(ToString::to_string).collect();
        addresses.join(";")
    }

    /// The address of a broker: `broker-a` is the first.
    pub fn broker_address(&self, name: &str) -> Option<SocketAddr> {
        self.shared.world().brokers.get(name).map(|seat| seat.broker.address)
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves at an address, or at a free one.
    async fn listen(&self, server: Endpoint, at: Option<SocketAddr>) -> io::Result<SocketAddr> {
        let name = Arc::from(server.name());
        let (listener, address) = if self.in_memory {
            let (door, pipes) = mpsc::unbounded_channel();
            let mut servers = self.servers();
            let made_up = 10_000 + servers.doors.len() as u16;
            let address = at.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, made_up).into());
            servers.doors.insert(address, door);
            (Listener::Pipes(pipes), address)
        } else {
            let free = (Ipv4Addr::LOCALHOST, 0).into();
            let listener = TcpListener::bind(at.unwrap_or(free)).await?;
            let address = listener.local_addr()?;
            (Listener::Socket(listener), address)
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(net::serve(Arc::clone(&self.shared), server, listener));
        self.servers().tasks.insert(name, tasks);
        Ok(address)
    }

    /// A connection to the server at an address of a cluster [in memory](MockClusterBuilder::in_memory).
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub fn open(&self, address: &str) -> io::Result<DuplexStream> {
        let (ours, theirs) = duplex(1 << 20);
        let door =
            address.parse().ok().and_then(|address| self.servers().doors.get(&address).cloned());
        match door.map(|door| door.send(theirs)) {
            Some(Ok(())) => Ok(ours),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    /// Stops a name server: `name-server` is the first, `name-server-1` the next. Whether there was one running.
    ///
    /// # Cancel safety
    ///
    /// It stops all the same; its port may be free only later.
    pub async fn stop_name_server(&self, name: &str) -> bool {
        let tasks = self.servers().tasks.remove(name);
        match tasks {
            Some(mut tasks) => {
                tasks.shutdown().await;
                true
            }
            None => false,
        }
    }

    /// Starts a stopped name server again, at its address.
    ///
    /// # Errors
    ///
    /// When there is no such name server, or somebody else has taken its port.
    ///
    /// # Cancel safety
    ///
    /// It stays stopped if the future is dropped.
    pub async fn start_name_server(&self, name: &str) -> io::Result<()> {
        let nth = self.name_servers.iter().enumerate();
        let found = nth.map(|(nth, address)| (Endpoint::nth_name_server(nth), *address));
        let mut found = found.filter(|(server, _)| server.name() == name);
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("there is no {name}"));
        let (server, address) = found.next().ok_or_else(unknown)?;
        self.listen(server, Some(address)).await.map(drop)
    }

    /// Whether a name server has heard of a broker. Every one has, at first.
    pub fn set_heard(&self, name_server: &str, broker: &str, heard: bool) {
        let pair = (name_server.into(), broker.into());
        let mut world = self.shared.world();
        match heard {
            true => world.unheard.remove(&pair),
            false => world.unheard.insert(pair),
        };
    }

    /// Has name servers give out another address of a broker than the one it listens at.
    pub fn advertise(&self, broker: &str, address: &str) {
        self.shared.world().advertised.insert(broker.into(), address.to_owned());
    }

    /// Makes a topic a static one: its queue 0 is held by the first of these brokers, and so on. A broker's own queue of that number is
    /// where it lies.
    pub fn set_static(&self, topic: &str, holders: &[&str]) {
        let holders = holders.iter().map(|&holder| holder.into()).collect();
        self.shared.world().holders.insert(topic.into(), holders);
    }

    /// From now on requests have to be signed, by this user or others. Codes in `denied` are not for this one.
    pub fn user(&self, access_key: &str, secret_key: &str, denied: &[RequestCode]) {
        self.shared.world().users.set(access_key, secret_key, denied);
    }

    /// Stops a broker as a killed process stops: its connections close, and it is in no route any more. What it has stored
    /// stays. Whether there was one running.
    ///
    /// # Cancel safety
    ///
    /// The broker stops all the same; its port may be free only later.
    pub async fn stop_broker(&self, name: &str) -> bool {
        let tasks = self.servers().tasks.remove(name);
        if let Some(seat) = self.shared.world().brokers.get_mut(name) {
            seat.stop();
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
        self.listen(Endpoint::Broker(name.into()), Some(address)).await?;
        if let Some(seat) = self.shared.world().brokers.get_mut(name) {
            seat.up = true;
        }
        Ok(())
    }

    /// Gives a broker a slave, which can be read while its master is away. Requests to it are logged as those to
    /// `broker-a-slave`.
    ///
    /// # Errors
    ///
    /// When there is no such broker, or no port can be had.
    ///
    /// # Cancel safety
    ///
    /// There is no slave if the future is dropped.
    pub async fn start_slave(&self, broker: &str) -> io::Result<()> {
        let address = self.listen(Endpoint::slave_of(broker), None).await?;
        let mut world = self.shared.world();
        let unknown =
            || io::Error::new(io::ErrorKind::NotFound, format!("there is no broker {broker}"));
        let seat = world.brokers.get_mut(broker).ok_or_else(unknown)?;
        let mut slave = Broker::new(broker.into(), address, self.delay_step, false);
        slave.follow(&seat.broker);
        seat.slave = Some(slave);
        Ok(())
    }

    /// Creates a topic on every broker, or changes its queues.
    pub fn create_topic(&self, topic: &str, queues: u16) {
        self.set_queues(topic, queues, queues);
    }

    /// As [`create_topic`](Self::create_topic), with so many queues to read from and so many to write to.
    pub fn set_queues(&self, topic: &str, read: u16, write: u16) {
        let (read_queues, write_queues) = (i32::from(read), i32::from(write));
        for seat in self.shared.world().brokers.values_mut() {
            seat.broker.set_topic(&topic.into(), Topic { read_queues, write_queues, perm: 6 });
        }
    }

    /// Makes the next `times` requests of this code go wrong, at whichever server they arrive.
    pub fn inject(&self, code: RequestCode, fault: Fault, times: usize) {
        self.shared.world().faults.inject(None, code, fault, times);
    }

    /// As [`inject`](Self::inject), at one server only.
    pub fn inject_at(&self, server: &str, code: RequestCode, fault: Fault, times: usize) {
        self.shared.world().faults.inject(Some(server), code, fault, times);
    }

    /// Sends a request of your own from a server to every client that is connected to it, as brokers do. To how many.
    pub fn send_to_clients(&self, server: &str, command: &Command) -> usize {
        self.shared.send_to_clients(server, command)
    }

    /// What clients have answered to requests of servers, oldest first; the last 10,000.
    pub fn answers(&self) -> Vec<LoggedRequest> {
        self.shared.world().faults.answers().cloned().collect()
    }

    /// How many connections a server has now.
    pub fn connections(&self, server: &str) -> usize {
        self.shared.connections(server)
    }

    /// How many connections were ever made to a server.
    pub fn connections_made(&self, server: &str) -> usize {
        self.shared.world().connections_made(server)
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

    /// Has a broker forget what a group has stored since it stood here.
    pub fn roll_back_offset(&self, broker: &str, group: &str, topic: &str, queue_id: i32, to: i64) {
        if let Some(seat) = self.shared.world().brokers.get_mut(broker) {
            seat.broker.roll_back_offset(group, (topic.into(), queue_id), to);
        }
    }

    /// Has brokers tell a group that asks to pop a topic, or to pull it as if nothing had been said.
    pub fn set_pop_mode(&self, topic: &str, group: &str, pop: bool) {
        for seat in self.shared.world().brokers.values_mut() {
            seat.broker.set_pop_mode(topic, group, pop);
        }
    }

    /// How many messages a group has popped from a broker and neither acknowledged nor lost to time.
    pub fn popped(&self, broker: &str, group: &str) -> usize {
        self.shared.world().brokers.get(broker).map_or(0, |seat| seat.broker.popped(group))
    }

    /// The lite topics that a broker knows a client to be subscribed to.
    pub fn lite_subscriptions(&self, broker: &str, client_id: &str) -> Vec<String> {
        let world = self.shared.world();
        let seat = world.brokers.get(broker);
        seat.map_or_else(Vec::new, |seat| seat.broker.lite_subscriptions_of(client_id))
    }

    /// The client that a broker has leased a queue of an ordered group to.
    pub fn lease_owner(
        &self,
        broker: &str,
        group: &str,
        topic: &str,
        queue_id: i32,
    ) -> Option<String> {
        let world = self.shared.world();
        let seat = world.brokers.get(broker)?;
        seat.broker.lease_owner(group, topic, queue_id).map(str::to_owned)
    }

    /// Has a broker lease a queue to `thief`, whoever has it.
    pub fn steal_lease(&self, broker: &str, group: &str, topic: &str, queue_id: i32, thief: &str) {
        let now = self.shared.clock.now();
        if let Some(seat) = self.shared.world().brokers.get_mut(broker) {
            seat.broker.steal_lease(now, group, topic, queue_id, thief);
        }
    }

    /// Damages the body of a stored message, so that it has not the checksum any more that it was stored with.
    pub fn corrupt_body(&self, broker: &str, topic: &str, queue_id: i32, offset: i64) {
        if let Some(seat) = self.shared.world().brokers.get_mut(broker) {
            seat.broker.log.corrupt_body(&(topic.into(), queue_id), offset);
        }
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
            .field("name_servers", &self.name_servers)
            .finish_non_exhaustive()
    }
}
