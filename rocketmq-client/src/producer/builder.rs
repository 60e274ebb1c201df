//! [`ProducerBuilder`]: options of a producer.

use std::{future::Future, sync::Arc, time::Duration};

use rocketmq_protocol::{code::ResponseCode, message::Compression, names};
use tokio::sync::Semaphore;

use super::{
    Batching, HalfMessage, IntoResolution, LatencyFaults, Producer, SendHook,
    TransactionProducerBuilder, wire::BodyCompression,
};
use crate::{
    Call, Client, Error,
    trace::{TraceOf, Tracer, Tracing},
};

/// Options of a [`Producer`]. Ends with [`start`](Self::start).
#[derive(Debug)]
#[must_use = "a producer does nothing until `start`"]
pub struct ProducerBuilder {
    client: Client,
    group: Arc<str>,
    options: ProducerOptions,
}

#[derive(Debug, Clone)]
pub(super) struct ProducerOptions {
    pub(super) send_timeout: Duration,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) retries: u32,
    pub(super) also_retried: Vec<ResponseCode>,
    pub(super) retry_unless_safe: bool,
    pub(super) max_in_flight: u32,
    pub(super) max_in_flight_bytes: u32,
    pub(super) max_message_size: usize,
    pub(super) compression: BodyCompression,
    pub(super) create_topics: bool,
    pub(super) new_topic_queues: i32,
    pub(super) batching: Option<Batching>,
    pub(super) faults: Option<LatencyFaults>,
    pub(super) hooks: Vec<Arc<dyn SendHook>>,
    pub(super) tracing: Option<Tracing>,
}

impl ProducerBuilder {
    pub(crate) fn new(client: Client, group: Arc<str>) -> Self {
        let options = ProducerOptions {
            send_timeout: Duration::from_secs(3),
            attempt_timeout: None,
            retries: 2,
            also_retried: Vec::new(),
            retry_unless_safe: false,
            max_in_flight: 1_024,
            max_in_flight_bytes: 100 * 1024 * 1024,
            max_message_size: 4 * 1024 * 1024,
            compression: BodyCompression::default(),
            create_topics: true,
            new_topic_queues: 4,
            batching: None,
            faults: None,
            hooks: Vec::new(),
            tracing: None,
        };
        Self { client, group, options }
    }

    /// How long a send may take, all of its attempts together. Default 3 s, as in Java.
    #[doc(alias = "setSendMsgTimeout")]
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.options.send_timeout = timeout;
        self
    }

    /// How long an attempt may take while another broker is left to turn to; the last attempt has all the time that is left. Default:
    /// half of what is left, so that a broker that is silent never uses up a send that another could take. In Java the first attempt
    /// has all of it.
    #[doc(alias = "setSendMsgMaxTimeoutPerRequest")]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.options.attempt_timeout = Some(timeout);
        self
    }

    /// How many more attempts a failed send gets, on another broker where there is one. Default 2, as in Java.
    #[doc(alias = "setRetryTimesWhenSendFailed")]
    #[doc(alias = "setRetryTimesWhenSendAsyncFailed")]
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.retries = retries;
        self
    }

    /// Has sends tried again after this code too. Default, as in Java: `TOPIC_NOT_EXIST`, `SERVICE_NOT_AVAILABLE`,
    /// `SYSTEM_ERROR`, `SYSTEM_BUSY`, `NO_PERMISSION`, `NO_BUYER_ID`, `NOT_IN_CURRENT_UNIT` and `GO_AWAY`; and `FLOW_CONTROL`.
    #[doc(alias = "addRetryResponseCode")]
    pub fn also_retry(mut self, code: ResponseCode) -> Self {
        self.options.also_retried.push(code);
        self
    }

    /// Whether a message that is stored, but not flushed or copied as the broker is configured, is sent to another broker too. Two of
    /// it are stored then. Default no, as in Java.
    #[doc(alias = "setRetryAnotherBrokerWhenNotStoreOK")]
    pub fn retry_unless_safe(mut self, retry: bool) -> Self {
        self.options.retry_unless_safe = retry;
        self
    }

    /// How many [enqueued](super::SendCall::enqueue) sends may be without a receipt; more wait to be admitted. Default 1,024, as
    /// in Java (`backPressureForAsyncSendNum`, where it is off by default). At least 1.
    #[doc(alias = "setBackPressureForAsyncSendNum")]
    pub fn max_in_flight(mut self, sends: usize) -> Self {
        self.options.max_in_flight = permits(sends);
        self
    }

    /// How many bytes of bodies enqueued sends may have together; more wait to be admitted. Default 100 MiB, as in Java
    /// (`backPressureForAsyncSendSize`). A body larger than this goes alone.
    #[doc(alias = "setBackPressureForAsyncSendSize")]
    pub fn max_in_flight_bytes(mut self, bytes: usize) -> Self {
        self.options.max_in_flight_bytes = permits(bytes);
        self
    }

    /// The largest body that is sent, in bytes before compression. Default 4 MiB, as in Java and in brokers.
    #[doc(alias = "setMaxMessageSize")]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.options.max_message_size = bytes;
        self
    }

    /// How bodies are compressed. Default zlib, which every consumer reads; LZ4 and Zstandard are read by consumers since 4.9.4. What
    /// would get larger is sent as it is.
    #[doc(alias = "setCompressType")]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.options.compression.compression = compression;
        self.options.compression.threshold = self.options.compression.threshold.min(4_096);
        self
    }

    /// From which length of a body on it is compressed. Default 4,096 bytes, as in Java; `usize::MAX` for never.
    #[doc(alias = "setCompressMsgBodyOverHowmuch")]
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.options.compression.threshold = bytes;
        self
    }

    /// How hard to try: zlib 0 to 9, and with the feature `zstd-c` Zstandard 1 to 22; what is beyond counts as the nearest. Default 5,
    /// as in Java. LZ4 has one level, and so has Zstandard without that feature.
    #[doc(alias = "setCompressLevel")]
    pub fn compression_level(mut self, level: u32) -> Self {
        self.options.compression.level = level;
        self
    }

    /// Whether a message for a topic that does not exist creates it, where brokers allow that. Default yes, as in Java; `false`
    /// makes such a send fail with [`TopicNotFound`](crate::ErrorKind::TopicNotFound), which catches misspelt topics.
    pub fn create_topics(mut self, create: bool) -> Self {
        self.options.create_topics = create;
        self
    }

    /// How many queues a topic gets that is created by a message. Default 4, as in Java; brokers may allow fewer.
    #[doc(alias = "setDefaultTopicQueueNums")]
    pub fn new_topic_queues(mut self, queues: u16) -> Self {
        self.options.new_topic_queues = i32::from(queues.max(1));
        self
    }

    /// Has messages that are sent one by one, and come close together, travel as batches. Each still has a receipt of its own, and fails
    /// if its batch does. Default off, as in Java (`autoBatch`).
    ///
    /// Messages with a chosen queue or a timeout of their own go alone, and so do delayed ones.
    #[doc(alias = "setAutoBatch")]
    pub fn batching(mut self, batching: Batching) -> Self {
        self.options.batching = Some(batching);
        self
    }

    /// Has messages avoid brokers that were slow or out of reach lately. Default off, as in Java. That the next attempt of a send avoids
    /// the broker that has just failed needs no option.
    #[doc(alias = "setSendLatencyFaultEnable")]
    pub fn avoid_slow_brokers(mut self, options: LatencyFaults) -> Self {
        self.options.faults = Some(options);
        self
    }

    /// Shows every message to a hook before it is sent, and what became of it. Hooks are called in the order in which they are given.
    #[doc(alias = "registerSendMessageHook")]
    #[doc(alias = "registerCheckForbiddenHook")]
    #[doc(alias = "registerEndTransactionHook")]
    pub fn hook(mut self, hook: impl SendHook) -> Self {
        self.options.hooks.push(Arc::new(hook));
        self
    }

    /// Reports every message in a trace topic. Default off, as in Java.
    #[doc(alias = "setEnableTrace")]
    pub fn tracing(mut self, options: Tracing) -> Self {
        self.options.tracing = Some(options);
        self
    }

    /// Makes it a producer of transactions. `check` is asked, by any broker that wonders, what became of the local transaction that
    /// belongs to a half message: of this process or of another of the group.
    pub fn transactional<F, Fut>(self, check: F) -> TransactionProducerBuilder
    where
        F: Fn(HalfMessage) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoResolution,
    {
        TransactionProducerBuilder::new(self, check)
    }

    /// Starts the producer. The next heartbeat tells the brokers of it.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a group name that brokers would refuse.
    ///
    /// # Cancel safety
    ///
    /// Nothing has happened if the future is dropped.
    pub fn start(mut self) -> Call<'static, Producer> {
        Call::new(async move {
            let tracer = match self.options.tracing.take() {
                None => None,
                Some(options) => {
                    let of = TraceOf::Sends;
                    Some(Tracer::start(&self.client, &self.group, of, options).await?)
                }
            };
            self.open(tracer)
        })
    }

    /// A producer for traces, which are not traced.
    pub(crate) async fn untraced(self) -> Result<Producer, Error> {
        self.open(None)
    }

    fn open(self, tracer: Option<Tracer>) -> Result<Producer, Error> {
        names::validate_group(&self.group).map_err(|error| {
            Error::invalid("a producer group that cannot be used").with_source(error)
        })?;
        Ok(Producer::new(self.client, self.group, self.options, tracer))
    }
}

/// A number of permits that a semaphore can have.
fn permits(number: usize) -> u32 {
    u32::try_from(number.clamp(1, Semaphore::MAX_PERMITS >> 1)).unwrap_or(u32::MAX)
}
