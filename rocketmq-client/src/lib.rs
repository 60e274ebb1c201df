//! An independent asynchronous client for Apache RocketMQ.
//!
//! ```
//! use std::time::Duration;
//! use rocketmq_client::{Client, Delivery, Error, Message, StartFrom};
//!
//! # async fn example(name_servers: &str) -> Result<(), Error> {
//! let client = Client::connect(name_servers).await?;
//!
//! let producer = client.producer("checkout").start().await?;
//! let receipt = producer.send(Message::new("orders", "hello").tag("paid").key(42)).await?;
//! println!("stored as {} in {}", receipt.message_id(), receipt.queue());
//!
//! let consumer = client
//!     .push_consumer("billing")
//!     .subscribe("orders", "*")
//!     .start_from(StartFrom::First)
//!     .start(|delivery: Delivery| async move { println!("{:?}", delivery.body()) })
//!     .await?;
//!
//! consumer.shutdown(Duration::from_secs(30)).await;
//! client.shutdown(Duration::from_secs(5)).await;
//! # Ok(()) }
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! #     let cluster = rocketmq_mock::MockCluster::start().await.unwrap();
//! #     example(&cluster.name_server_address().to_string()).await.unwrap();
//! # });
//! ```
//!
//! # What hangs together how
//!
//! A [`Client`] is one application's view of one cluster: connections, routes, heartbeats. Producers and consumers are made from
//! it and share it. A [`Producer`] sends; a [`PushConsumer`] calls a handler with each message, up to
//! [`concurrency`](PushConsumerBuilder::concurrency) at once, and commits offsets behind what is done.
//!
//! Those who would rather ask for messages have a [`LitePullConsumer`], whose queues are pulled ahead and polled, a [`SimpleConsumer`],
//! which receives and acknowledges one by one, and a [`PullConsumer`], which does nothing by itself. What a group has given up is among
//! its [`DeadLetters`].
//!
//! # What it promises
//!
//! * An acknowledged message is never lost on the way to a group: an offset moves only past messages whose handler has
//!   succeeded, or that a broker has taken back to deliver again.
//! * A send says what is known: stored, not stored, or [unknown](Error::outcome_unknown).
//! * Everything has a deadline, and everything that waits in memory a bound.
//! * After `shutdown`, no task of the client is left.
//!
//! # Spans
//!
//! With a subscriber of `tracing` that wants them, sends, receives and calls of handlers are spans (`send`, `receive`, `process`, at
//! level `INFO`, target `rocketmq_client`), whose fields have the names of OpenTelemetry's conventions for messaging. Handlers run
//! inside theirs.
//!
//! # Features
//!
//! On by default, all pure Rust:
//!
//! * `acl`: signing requests ([`Credentials`]).
//! * `zlib`, `lz4`, `zstd`: reading and writing bodies compressed that way.
//!
//! Off by default:
//!
//! * `tls`: encrypted connections, verified (`ClientBuilder::tls`). The provider is `ring`; with `tls-aws-lc` it is `aws-lc-rs`.
//! * `json`: bodies as JSON ([`Message`]`::json`, [`Delivery`]`::json`).
//! * `http-discovery`: name servers that an HTTP endpoint names (`Client::discover`).
//! * `socks`: connecting through SOCKS5 proxies (`ClientBuilder::socks`).

mod call;
mod client;
mod consumer;
mod error;
mod events;
mod health;
#[cfg(feature = "json")]
mod json;
mod message;
mod producer;
mod scratch;
mod spans;
mod stats;
mod trace;

pub use call::Call;
pub use client::{Client, ClientBuilder, ClientShutdownReport};
pub use consumer::{
    Batch, BatchItem, BatchOutcome, Concurrent, ConsumeHook, Consumed, Damaged, DeadLetter,
    DeadLetters, Deliveries, Delivery, FileOffsets, Filter, Handler, IntoOutcome, LitePullConsumer,
    LitePullConsumerBuilder, LitePullStream, LiteStart, LiteTopicConsumer,
    LiteTopicConsumerBuilder, Mode, OffsetStore, Offsets, Ordered, OrderedOutcome, Outcome, Poison,
    PullCall, PullConsumer, PullConsumerBuilder, PullStatus, Pulled, PushConsumer,
    PushConsumerBuilder, QueueChanges, Received, ShutdownReport, SimpleConsumer,
    SimpleConsumerBuilder, StartFrom, UnreadableOffsets, Unsettled, Verdict,
};
pub use error::{BoxError, Error, ErrorKind};
pub use events::{ClientEvent, Events};
pub use health::{Health, ServerHealth, ServerState};
pub use message::Message;
pub use producer::{
    BatchCall, BatchError, Batching, EndedTransaction, Half, HalfMessage, IntoResolution,
    LatencyFaults, PendingReceipt, Producer, ProducerBuilder, ProducerStats, QueueKey, Reply,
    RequestCall, Resolution, SendCall, SendContext, SendHook, SendReceipt, SendStatus,
    TransactionProducer, TransactionProducerBuilder,
};
pub use rocketmq_consumer::{
    Activity, Allocate, AllocateError, Averagely, AveragelyByCircle, BeyondEnd, ByConfig,
    ConsistentHash, MachineRoom, MachineRoomNearby, QueueSnapshot, Rooms, Share, Snapshot,
};
#[doc(no_inline)]
pub use rocketmq_protocol as protocol;
pub use rocketmq_protocol::Serialization;
#[cfg(feature = "acl")]
pub use rocketmq_protocol::acl::SigningAlgorithm;
pub use rocketmq_protocol::{
    code::ResponseCode,
    message::{Compression, MessageExt, MessageId, OffsetMessageId},
};
pub use rocketmq_remoting::{
    AddressMap, AllowList, AllowListError, Answer, Config as ConnectionConfig, ConnectFuture,
    Connector, Io, ProxyHeader, Resolver, RpcHook, TcpConnector,
};
#[cfg(feature = "acl")]
pub use rocketmq_remoting::{Credentials, CredentialsFileError};
#[cfg(feature = "socks")]
pub use rocketmq_remoting::{SocksProxies, SocksProxiesError, SocksProxy};
#[cfg(feature = "_tls")]
pub use rocketmq_remoting::{TlsError, TlsOptions};
pub use rocketmq_route::{MessageQueue, Penalties};
pub use stats::{ClientStats, ConnectionStats, UpkeepStats};
pub use trace::Tracing;
