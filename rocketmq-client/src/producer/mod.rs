//! [`Producer`]: sending messages.

mod accumulate;
mod attempt;
mod batch;
mod builder;
mod checks;
mod choosing;
mod ending;
mod faults;
mod hooks;
mod launch;
mod lookup;
mod observed;
mod receipt;
mod request;
mod room;
mod send;
mod sending;
mod stats;
mod transaction;
mod wire;

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rocketmq_protocol::header::UnregisterClientRequestHeader;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

pub use accumulate::Batching;
pub use batch::{BatchCall, BatchError};
pub use builder::ProducerBuilder;
pub(crate) use checks::CheckedGroups;
pub use checks::HalfMessage;
pub use ending::EndedTransaction;
pub use faults::LatencyFaults;
pub use hooks::{SendContext, SendHook};
pub use receipt::{PendingReceipt, SendReceipt, SendStatus};
pub(crate) use request::Replies;
pub use request::{Reply, RequestCall};
pub use send::{QueueKey, SendCall};
pub use stats::ProducerStats;
pub use transaction::{
    Half, IntoResolution, Resolution, TransactionProducer, TransactionProducerBuilder,
};

use crate::{
    Client, Error, Message,
    client::{Closes, Closing, Role},
    trace::Tracer,
};
use accumulate::Accumulator;
use builder::ProducerOptions;
use choosing::Turns;
use faults::Faults;
use room::Room;
use sending::Draft;
use stats::Counters;

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
    /// The group with its namespace.
    wire_group: Arc<str>,
    options: ProducerOptions,
    turns: Turns,
    room: Room,
    counters: Counters,
    accumulator: Option<Arc<Accumulator>>,
    faults: Option<Faults>,
    tracer: Option<Tracer>,
    closed: AtomicBool,
}

impl Producer {
    fn new(
        client: Client,
        group: Arc<str>,
        options: ProducerOptions,
        tracer: Option<Tracer>,
    ) -> Self {
        let wire_group = client.core().namespace().wrap(&group);
        client.core().registry.add_producer(&wire_group);
        let tasks = client.core().tasks.clone();
        let shared = Arc::new(Shared {
            room: Room::new(&options),
            accumulator: options.batching.map(|batching| Arc::new(Accumulator::new(batching))),
            faults: options.faults.as_ref().map(Faults::new),
            client,
            group,
            wire_group,
            turns: Turns::default(),
            counters: Counters::default(),
            tracer,
            closed: AtomicBool::new(false),
            options,
        });
        if let Some(faults) = shared.options.faults.clone() {
            tasks.spawn("probe", faults::probe(Arc::downgrade(&shared), faults));
        }
        shared.client.core().closers.add(Role::Producer, Arc::downgrade(&shared));
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
        SendCall::new(self, Draft::new(message))
    }

    /// Sends messages of one topic together: await it for their receipts.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let cluster = rocketmq_mock::MockCluster::start().await.unwrap();
    /// # let client = rocketmq_client::Client::connect(cluster.name_server_address().to_string()).await?;
    /// # let producer = client.producer("checkout").start().await?;
    /// use rocketmq_client::Message;
    ///
    /// let orders = (0..100).map(|number| Message::new("orders", format!("order {number}")));
    /// let receipts = producer.send_batch(orders).await?;
    /// assert_eq!(receipts.len(), 100);
    /// # Ok::<_, rocketmq_client::Error>(()) }).unwrap();
    /// ```
    pub fn send_batch(&self, messages: impl IntoIterator<Item = Message>) -> BatchCall<'_> {
        BatchCall::new(self, messages.into_iter().collect())
    }

    /// What this producer has done so far.
    pub fn stats(&self) -> ProducerStats {
        let room = &self.shared.room;
        ProducerStats {
            in_flight: room.in_flight(),
            bytes_in_flight: room.bytes_in_flight(),
            traces_dropped: self.shared.tracer.as_ref().map_or(0, Tracer::dropped),
            late_replies: self.shared.client.core().replies.late(),
            ..self.shared.counters.read()
        }
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
        let left = self.room.drained(until).await;
        if let Some(tracer) = &self.tracer {
            tracer.drain(until).await;
        }
        // What was sent one-way goes out before the goodbye, even if that is cut short.
        let _ = timeout_at(until, self.client.core().remoting.flushed()).await;
        self.unregister(until).await;
        left
    }

    /// Tells every master at once. A broker that is not told notices by the silence of heartbeats.
    async fn unregister(&self, deadline: Instant) {
        let core = self.client.core();
        if !core.registry.remove_producer(&self.wire_group) {
            return;
        }
        let request = UnregisterClientRequestHeader {
            client_id: (&core.id).into(),
            producer_group: Some((&self.wire_group).into()),
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
            self.client.core().registry.remove_producer(&self.wire_group);
        }
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("group", &self.shared.group).finish_non_exhaustive()
    }
}
