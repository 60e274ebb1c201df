//! [`ProducerBuilder`]: options of a producer.

use std::{sync::Arc, time::Duration};

use rocketmq_protocol::names;

use super::Producer;
use crate::{Call, Client, Error};

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
    pub(super) retries: u32,
    pub(super) max_in_flight: usize,
    pub(super) create_topics: bool,
    pub(super) new_topic_queues: i32,
}

impl ProducerBuilder {
    pub(crate) fn new(client: Client, group: Arc<str>) -> Self {
        let options = ProducerOptions {
            send_timeout: Duration::from_secs(3),
            retries: 2,
            max_in_flight: 1_024,
            create_topics: true,
            new_topic_queues: 4,
        };
        Self { client, group, options }
    }

    /// How long a send may take, all of its attempts together. Default 3 s, as in Java.
    #[doc(alias = "setSendMsgTimeout")]
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.options.send_timeout = timeout;
        self
    }

    /// How many more attempts a failed send gets, on another broker where there is one. Default 2, as in Java.
    #[doc(alias = "setRetryTimesWhenSendFailed")]
    #[doc(alias = "setRetryTimesWhenSendAsyncFailed")]
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.retries = retries;
        self
    }

    /// How many [enqueued](super::SendCall::enqueue) sends may be without a receipt; more wait to be admitted. Default 1,024, as
    /// in Java (`backPressureForAsyncSendNum`). At least 1.
    #[doc(alias = "setBackPressureForAsyncSendNum")]
    pub fn max_in_flight(mut self, sends: usize) -> Self {
        self.options.max_in_flight = sends.clamp(1, tokio::sync::Semaphore::MAX_PERMITS >> 1);
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

    /// Starts the producer. The next heartbeat tells the brokers of it.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a group name that brokers would refuse.
    ///
    /// # Cancel safety
    ///
    /// Nothing has happened if the future is dropped.
    pub fn start(self) -> Call<'static, Producer> {
        Call::new(async move {
            names::validate_group(&self.group).map_err(|error| {
                Error::invalid("a producer group that cannot be used").with_source(error)
            })?;
            Ok(Producer::new(self.client, self.group, self.options))
        })
    }
}
