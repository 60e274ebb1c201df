//! [`Producer`]: sending messages.

mod attempt;
mod builder;
mod receipt;
mod send;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rocketmq_protocol::header::UnregisterClientRequestHeader;
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

pub use builder::ProducerBuilder;
pub use receipt::{PendingReceipt, SendReceipt, SendStatus};
pub use send::{QueueKey, SendCall};

use crate::{
    Client, Error, Message,
    client::{Closes, Closing, Role},
};
use builder::ProducerOptions;

/// Sends messages. Cheap to clone; made by [`Client::producer`](crate::Client::producer).
///
/// Every message gets an id that it keeps over all attempts, so that a consumer can tell a repeated message. A send fails
/// only after every attempt within its one deadline has failed, each on another broker where there is one.
#[derive(Clone)]
#[doc(alias = "DefaultMQProducer")]
pub struct Producer {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    group: Arc<str>,
    options: ProducerOptions,
    turns: Turns,
    /// Sends that were enqueued and have no receipt yet.
    in_flight: Arc<Semaphore>,
    closed: AtomicBool,
}

/// Whose turn it is among the queues of each topic: one counter a topic, whichever thread sends.
#[derive(Default)]
struct Turns(RwLock<HashMap<Arc<str>, Arc<AtomicUsize>>>);

impl Turns {
    fn of(&self, topic: &Arc<str>) -> Arc<AtomicUsize> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(topic).cloned();
        known.unwrap_or_else(|| {
            let mut turns = self.0.write().unwrap_or_else(PoisonError::into_inner);
            // A random start, so that producers started together do not all begin with the same queue.
            let new = || Arc::new(AtomicUsize::new(fastrand::usize(..)));
            Arc::clone(turns.entry(Arc::clone(topic)).or_insert_with(new))
        })
    }
}

impl Producer {
    fn new(client: Client, group: Arc<str>, options: ProducerOptions) -> Self {
        client.core().registry.add_producer(&group);
        let in_flight = Arc::new(Semaphore::new(options.max_in_flight));
        let turns = Turns::default();
        let closed = AtomicBool::new(false);
        let core = Arc::clone(client.core());
        let shared = Arc::new(Shared { client, group, options, turns, in_flight, closed });
        core.closers.add(Role::Producer, Arc::downgrade(&shared));
        Self { shared }
    }

    /// Sends a message: await it for a receipt, or choose another way first.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let cluster = rocketmq_mock::MockCluster::start().await.unwrap();
    /// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await?;
    /// # let producer = client.producer("checkout").start().await?;
    /// use std::time::Duration;
    /// use rocketmq_client::Message;
    ///
    /// producer.send(Message::new("orders", "1")).await?;
    /// producer.send(Message::new("orders", "2")).to_queue_for("user-7").timeout(Duration::from_secs(2)).await?;
    /// producer.send(Message::new("orders", "3")).oneway().await?;
    /// let pending = producer.send(Message::new("orders", "4")).enqueue().await?;
    /// pending.await?;
    /// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
    /// ```
    pub fn send(&self, message: Message) -> SendCall<'_> {
        SendCall::new(self, message)
    }

    /// The producer group.
    pub fn group(&self) -> &str {
        &self.shared.group
    }

    /// Waits for enqueued sends, then tells the brokers that this producer is gone. Sends from then on fail with
    /// [`Closed`](crate::ErrorKind::Closed). Other producers of the client go on.
    ///
    /// Returns how many enqueued sends had no receipt at the deadline; they go on, and their outcome is unknown.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the producer closed; brokers may not have been told.
    pub async fn shutdown(self, deadline: Duration) -> usize {
        self.shared.close(Instant::now() + deadline).await
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Error::closed("producer"));
        }
        Ok(())
    }
}

/// Closes a producer that its client is shut down before.
impl Closes for Weak<Shared> {
    fn is_alive(&self) -> bool {
        self.upgrade().is_some_and(|shared| !shared.closed.load(Ordering::Acquire))
    }

    fn close(&self, deadline: Instant) -> Closing {
        let shared = self.upgrade();
        Box::pin(async move {
            match shared {
                Some(shared) => shared.close(deadline).await,
                None => 0,
            }
        })
    }
}

impl Shared {
    async fn close(&self, until: Instant) -> usize {
        if self.closed.swap(true, Ordering::AcqRel) {
            return 0;
        }
        let all = u32::try_from(self.options.max_in_flight).unwrap_or(u32::MAX);
        let drained = tokio::time::timeout_at(until, self.in_flight.acquire_many(all)).await;
        let left = match drained {
            Ok(_) => 0,
            Err(_) => self.options.max_in_flight - self.in_flight.available_permits(),
        };
        self.unregister(until).await;
        left
    }

    /// Tells every master at once. A broker that is not told notices by the silence of heartbeats.
    async fn unregister(&self, deadline: Instant) {
        let core = self.client.core();
        if !core.registry.remove_producer(&self.group) {
            return;
        }
        let request = UnregisterClientRequestHeader {
            client_id: (&core.id).into(),
            producer_group: Some((&self.group).into()),
            ..UnregisterClientRequestHeader::default()
        };
        let mut told = JoinSet::new();
        let table = core.routes.table();
        for name in table.brokers().keys() {
            if let Some(address) = table.master(name).cloned() {
                let (core, request) = (Arc::clone(core), request.clone());
                told.spawn(async move {
                    let gone = core.call(&address, &request, Bytes::new(), deadline).await;
                    drop(gone.inspect_err(|cause| tracing::debug!(%cause, "could not unregister")));
                });
            }
        }
        while told.join_next().await.is_some() {}
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if !self.closed.load(Ordering::Acquire) {
            self.client.core().registry.remove_producer(&self.group);
        }
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("group", &self.shared.group).finish_non_exhaustive()
    }
}
