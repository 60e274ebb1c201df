//! Looking at topics, queues and messages: what Java offers on a producer besides sending.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use rocketmq_protocol::{
    Perm, Request, Text,
    header::{
        CreateTopicRequestHeader, GetEarliestMsgStoretimeRequestHeader, GetMaxOffsetRequestHeader,
        GetMinOffsetRequestHeader, OffsetResponseHeader, QueryMessageRequestHeader,
        RecallMessageRequestHeader, RpcFields, SearchOffsetRequestHeader, TopicFields,
        ViewMessageRequestHeader,
    },
    message::{BodyLimits, MessageExt, MessageId, OffsetMessageId, decode_messages, property},
    names::{self, AUTO_CREATE_TOPIC},
    pop::RecallHandle,
    trace::{DEFAULT_REGION, RecallTrace, TraceRecord},
};
use rocketmq_remoting::Answer;
use rocketmq_route::{MessageQueue, TopicRoute};
use tokio::{task::JoinSet, time::Instant};

use super::Producer;
use crate::{Error, ErrorKind, client::wall_millis};

impl Producer {
    /// Makes everything ready to send to a topic: its route is known, its brokers are connected to and know this producer. The first
    /// send then takes no longer than others.
    ///
    /// # Errors
    ///
    /// [`TopicNotFound`](ErrorKind::TopicNotFound), or why a broker cannot be connected to.
    ///
    /// # Cancel safety
    ///
    /// What has been made ready stays so.
    pub async fn ready(&self, topic: &str) -> Result<(), Error> {
        let core = self.shared.client.core();
        let deadline = self.deadline();
        let route = self.route_of(topic, deadline).await?;
        for broker_name in route.publish_brokers() {
            core.meet(broker_name, deadline).await?;
        }
        Ok(())
    }

    /// The queues of a topic that messages are sent to, in the order in which keys are spread over them.
    ///
    /// # Errors
    ///
    /// [`TopicNotFound`](ErrorKind::TopicNotFound), or no name server answered.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    #[doc(alias = "fetchPublishMessageQueues")]
    pub async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, Error> {
        let core = self.shared.client.core();
        let route = self.route_of(topic, self.deadline()).await?;
        Ok(route
            .publish_queues()
            .iter()
            .map(|queue| core.namespace().unwrap_queue(queue))
            .collect())
    }

    /// The offset of the first message of a queue.
    ///
    /// # Errors
    ///
    /// The broker cannot be reached, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    #[doc(alias = "minOffset")]
    pub async fn min_offset(&self, queue: &MessageQueue) -> Result<i64, Error> {
        let request = GetMinOffsetRequestHeader {
            topic: self.wire_topic(queue),
            queue_id: queue.queue_id,
            shared: named(queue),
        };
        self.offset(queue, &request).await
    }

    /// One past the offset of the last message of a queue.
    ///
    /// # Errors
    ///
    /// The broker cannot be reached, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    #[doc(alias = "maxOffset")]
    pub async fn max_offset(&self, queue: &MessageQueue) -> Result<i64, Error> {
        let request = GetMaxOffsetRequestHeader {
            topic: self.wire_topic(queue),
            queue_id: queue.queue_id,
            shared: named(queue),
            ..GetMaxOffsetRequestHeader::default()
        };
        self.offset(queue, &request).await
    }

    /// The offset of the first message of a queue that was stored at this time or later.
    ///
    /// # Errors
    ///
    /// The broker cannot be reached, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    #[doc(alias = "searchOffset")]
    pub async fn offset_at(&self, queue: &MessageQueue, time: SystemTime) -> Result<i64, Error> {
        let request = SearchOffsetRequestHeader {
            topic: self.wire_topic(queue),
            queue_id: queue.queue_id,
            timestamp: millis(time),
            shared: named(queue),
            ..SearchOffsetRequestHeader::default()
        };
        self.offset(queue, &request).await
    }

    /// When the first message that a queue still holds was stored; `None` if it holds none.
    ///
    /// # Errors
    ///
    /// The broker cannot be reached, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    #[doc(alias = "earliestMsgStoreTime")]
    pub async fn earliest_store_time(
        &self,
        queue: &MessageQueue,
    ) -> Result<Option<SystemTime>, Error> {
        let request = GetEarliestMsgStoretimeRequestHeader {
            topic: self.wire_topic(queue),
            queue_id: queue.queue_id,
            shared: named(queue),
        };
        let stored = self.ask(queue, &request).await?.header.timestamp;
        Ok(u64::try_from(stored).ok().map(|millis| UNIX_EPOCH + Duration::from_millis(millis)))
    }

    async fn offset<R: Request<Response = OffsetResponseHeader>>(
        &self,
        queue: &MessageQueue,
        request: &R,
    ) -> Result<i64, Error> {
        Ok(self.ask(queue, request).await?.header.offset)
    }

    /// Asks the master that holds a queue.
    async fn ask<R: Request>(
        &self,
        queue: &MessageQueue,
        request: &R,
    ) -> Result<Answer<R::Response>, Error> {
        let (core, deadline) = (self.shared.client.core(), self.deadline());
        core.routes.find(&core.namespace().wrap(&queue.topic), deadline).await?;
        let address = core.preferred_address(core.master_of(queue)?);
        core.call(&address, request, Bytes::new(), deadline).await
    }

    /// Reads a stored message.
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) if there is none.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    #[doc(alias = "viewMessage")]
    pub async fn message(&self, topic: &str, id: &OffsetMessageId) -> Result<MessageExt, Error> {
        let core = self.shared.client.core();
        let request = ViewMessageRequestHeader {
            topic: Some((&core.namespace().wrap(&topic.into())).into()),
            offset: id.commit_log_offset,
        };
        let address = id.store_host.to_string();
        let answer = core.call(&address, &request, Bytes::new(), self.deadline()).await?;
        let unreadable =
            || Error::new(ErrorKind::Protocol, "the message cannot be read").at(address.as_str());
        self.readable(&answer.body).next().ok_or_else(unreadable)
    }

    /// Looks up the messages of a topic that have this key, at every broker of the topic: at most `max` of each, stored within
    /// `within`.
    ///
    /// # Errors
    ///
    /// When a broker cannot be reached or refuses. That nothing was found is no error.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    #[doc(alias = "queryMessage")]
    pub async fn messages_by_key(
        &self,
        topic: &str,
        key: &str,
        max: u16,
        within: std::ops::Range<SystemTime>,
    ) -> Result<Vec<MessageExt>, Error> {
        self.look_up(topic, key, max, within, None, |message| {
            message.keys().any(|known| known == key)
        })
        .await
    }

    /// Looks up a message by the id that its producer gave it.
    ///
    /// # Errors
    ///
    /// As [`messages_by_key`](Self::messages_by_key).
    ///
    /// # Cancel safety
    ///
    /// Safe.
    #[doc(alias = "queryMessageByUniqKey")]
    pub async fn message_by_id(
        &self,
        topic: &str,
        id: &MessageId,
    ) -> Result<Option<MessageExt>, Error> {
        let always = UNIX_EPOCH..SystemTime::now() + Duration::from_secs(24 * 3600);
        let is_it =
            |message: &MessageExt| message.properties.get(property::UNIQ_KEY) == Some(id.as_str());
        let found = self.look_up(topic, id.as_str(), 32, always, Some(true), is_it).await?;
        Ok(found.into_iter().next())
    }

    /// The index compares hashes, so that others come along: `is_it` tells them apart.
    async fn look_up(
        &self,
        topic: &str,
        key: &str,
        max: u16,
        within: std::ops::Range<SystemTime>,
        unique: Option<bool>,
        is_it: impl Fn(&MessageExt) -> bool,
    ) -> Result<Vec<MessageExt>, Error> {
        let core = self.shared.client.core();
        let deadline = self.deadline();
        let route = self.route_of(topic, deadline).await?;
        let mut found = Vec::new();
        for (broker_name, addresses) in route.brokers() {
            let Some(address) = addresses.values().next() else { continue };
            let request = QueryMessageRequestHeader {
                topic: (&core.namespace().wrap(&topic.into())).into(),
                key: Text::from(key.to_owned()),
                max_num: i32::from(max),
                begin_timestamp: millis(within.start),
                end_timestamp: millis(within.end),
                unique_key_query: unique,
                shared: of_broker(broker_name),
                ..QueryMessageRequestHeader::default()
            };
            match core.call(address, &request, Bytes::new(), deadline).await {
                Ok(answer) => found.extend(self.readable(&answer.body).filter(&is_it)),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn readable(&self, body: &Bytes) -> impl Iterator<Item = MessageExt> {
        let core = self.shared.client.core();
        decode_messages(body.clone()).flatten().map(|stored| {
            let plain = stored.plain_body(&BodyLimits::default());
            let body = plain.unwrap_or_else(|_| stored.body.clone());
            let topic = Text::from(core.namespace().unwrap(&stored.topic).into_owned());
            MessageExt { body, topic, ..stored }
        })
    }

    /// Creates a topic with so many queues on every broker that creates topics on demand, or changes its queues.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a name that brokers would refuse; otherwise the first broker's failure, after all have
    /// been asked.
    ///
    /// # Cancel safety
    ///
    /// Some brokers may have created it if the future is dropped.
    #[doc(alias = "createTopic")]
    pub async fn create_topic(&self, topic: &str, queues: u16) -> Result<(), Error> {
        names::validate_topic(topic)
            .map_err(|error| Error::invalid("a topic that cannot be created").with_source(error))?;
        let core = self.shared.client.core();
        let deadline = self.deadline();
        let template = self.route_of(AUTO_CREATE_TOPIC, deadline).await?;
        let request = CreateTopicRequestHeader {
            topic: (&core.namespace().wrap(&topic.into())).into(),
            default_topic: Text::from_static(AUTO_CREATE_TOPIC),
            read_queue_nums: i32::from(queues.max(1)),
            write_queue_nums: i32::from(queues.max(1)),
            perm: Perm::READ.with(Perm::WRITE).0,
            topic_filter_type: Text::from_static("SINGLE_TAG"),
            topic_sys_flag: Some(0),
            order: false,
            ..CreateTopicRequestHeader::default()
        };
        let mut asked = JoinSet::new();
        for broker_name in template.brokers().keys() {
            let (core, request) = (Arc::clone(core), request.clone());
            let broker_name = Arc::clone(broker_name);
            asked.spawn(async move {
                core.call_master(&broker_name, &request, Bytes::new(), deadline).await.map(drop)
            });
        }
        let answers = asked.join_all().await;
        core.routes.want(&core.namespace().wrap(&topic.into()));
        answers.into_iter().collect()
    }

    /// Takes a timer message back before it is delivered. Returns its id.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a handle that is none, or that is of another topic;
    /// [`Refused`](ErrorKind::Refused) if the broker does not allow it (`recallMessageEnable`, off by default) or the message is
    /// out already.
    ///
    /// # Cancel safety
    ///
    /// The message may be recalled if the future is dropped.
    #[doc(alias = "recallMessage")]
    pub async fn recall(&self, topic: &str, handle: &str) -> Result<MessageId, Error> {
        self.check_open()?;
        let core = self.shared.client.core();
        let wire_topic = core.namespace().wrap(&topic.into());
        let parsed: RecallHandle = handle
            .parse()
            .map_err(|error| Error::invalid("a recall handle that is none").with_source(error))?;
        if parsed.topic != *wire_topic {
            return Err(Error::invalid(format!("the recall handle is not of topic {topic}")));
        }
        if names::is_retry_topic(topic) || names::is_dlq_topic(topic) {
            return Err(Error::invalid("messages of a group's own topics cannot be recalled"));
        }
        let request = RecallMessageRequestHeader {
            producer_group: Some((&self.shared.wire_group).into()),
            topic: (&wire_topic).into(),
            recall_handle: Text::from(handle.to_owned()),
            shared: of_broker(&parsed.broker_name.as_str().into()),
        };
        let deadline = self.deadline();
        core.routes.find(&wire_topic, deadline).await?;
        let answer = core.call_master(&parsed.broker_name, &request, Bytes::new(), deadline).await;
        self.trace_recall(topic, &parsed.message_id, answer.is_ok());
        let id = MessageId::new(&answer?.header.msg_id);
        id.ok_or_else(|| Error::new(ErrorKind::Protocol, "a recall was answered without an id"))
    }

    fn trace_recall(&self, topic: &str, message_id: &str, success: bool) {
        if let Some(tracer) = &self.shared.tracer {
            tracer.record(TraceRecord::Recall(RecallTrace {
                timestamp: wall_millis(),
                region_id: DEFAULT_REGION.into(),
                group: self.group().to_owned().into(),
                topic: topic.to_owned().into(),
                message_id: message_id.to_owned().into(),
                success,
            }));
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.shared.client.core().options.request_timeout
    }

    fn wire_topic(&self, queue: &MessageQueue) -> Text {
        (&self.shared.client.core().namespace().wrap(&queue.topic)).into()
    }

    async fn route_of(&self, topic: &str, deadline: Instant) -> Result<Arc<TopicRoute>, Error> {
        let core = self.shared.client.core();
        let missing =
            || Error::new(ErrorKind::TopicNotFound, format!("topic {topic} does not exist"));
        core.routes.find(&core.namespace().wrap(&topic.into()), deadline).await?.ok_or_else(missing)
    }
}

/// A broker says that nothing was found by a code of its own.
fn is_absent(error: &Error) -> bool {
    error.response_code() == Some(rocketmq_protocol::code::ResponseCode::QUERY_NOT_FOUND)
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Proxies pass requests on by the broker's name.
fn named(queue: &MessageQueue) -> TopicFields {
    of_broker(&queue.broker_name)
}

fn of_broker(broker_name: &Arc<str>) -> TopicFields {
    let rpc = RpcFields { broker_name: Some(broker_name.into()), ..RpcFields::default() };
    TopicFields { rpc, ..TopicFields::default() }
}
