//! Storing messages, and taking them back.

use std::sync::Arc;

use rocketmq_protocol::{
    Command, Text,
    code::{RequestCode, ResponseCode},
    header::{
        ConsumerSendMsgBackRequestHeader, SendMessageRequestHeader, SendMessageRequestHeaderV2,
        SendMessageResponseHeader,
    },
    message::{BatchRecord, Properties, decode_batch, property},
    names::{
        AUTO_CREATE_TOPIC, RETRY_PREFIX, dlq_topic, is_dlq_topic, is_retry_topic, retry_topic,
    },
};

use super::{Broker, DEFAULT_QUEUES, Outgoing, Peer, Refusal, Topic, answer, later::due};
use crate::{
    log::{Draft, with_properties},
    name_server::CLUSTER,
};

/// The region that brokers name unless they are configured otherwise.
const REGION: &str = "DefaultRegion";

/// Retry number n waits at level 3 + n.
const RETRY_LEVEL: i32 = 3;

impl Broker {
    pub(super) fn send(
        &mut self,
        now: i64,
        from: Peer,
        request: &Command,
        out: &mut Vec<Outgoing>,
    ) -> Result<Option<Command>, Refusal> {
        let header = long_form(request)?;
        if request.body.is_empty() {
            return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, "java.lang.NullPointerException"));
        }
        let topic = self.retry_or_dead(&header);
        let settings = self.topic_for_send(&topic, &header)?;
        let queues = settings.read_queues.max(settings.write_queues);
        let queue_id = if header.queue_id < 0 { 0 } else { header.queue_id };
        if queue_id >= queues {
            let remark =
                format!("request queueId[{queue_id}] is illegal, {topic} has {queues} queues");
            return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
        }
        let code = request.request_code();
        if matches!(code, RequestCode::SEND_REPLY_MESSAGE | RequestCode::SEND_REPLY_MESSAGE_V2) {
            return self.reply(now, from, request, &header, out).map(Some);
        }
        let properties = header.properties.as_deref().unwrap_or_default().to_owned();
        let draft = Draft {
            topic,
            queue_id,
            flag: header.flag,
            sys_flag: header.sys_flag,
            born_timestamp: header.born_timestamp,
            born_host: from.address,
            reconsume_times: header.reconsume_times.unwrap_or(0),
            body: request.body.clone(),
            properties: marked(&Properties::from_bytes(properties.into())),
        };
        // `batch` decides: the code alone does not say it.
        let stored = match header.batch {
            Some(true) => self.store_batch(&draft, now, out)?,
            _ => self.store_or_delay(draft, now, out)?,
        };
        let response = SendMessageResponseHeader {
            queue_id,
            region: Some(Text::from_static(REGION)),
            trace_on: Some(true),
            ..stored
        };
        Ok(Some(answer(request, ResponseCode::SUCCESS).with_header(&response)))
    }

    /// Stores each message of a batch as one of its own, and answers with all ids and the first offset.
    fn store_batch(
        &mut self,
        batch: &Draft,
        now: i64,
        out: &mut Vec<Outgoing>,
    ) -> Result<SendMessageResponseHeader, Refusal> {
        let illegal = |remark: &str| Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark);
        if is_retry_topic(&batch.topic) {
            return Err(illegal("batch request does not support retry group"));
        }
        let records = decode_batch(batch.body.clone()).ok_or_else(|| illegal("damaged batch"))?;
        let mut first = None;
        let mut ids = Vec::new();
        for BatchRecord { flag, body, properties } in records {
            let properties = marked(&properties);
            let stored = self.store(Draft { flag, body, properties, ..batch.clone() }, now, out);
            ids.push(stored.msg_id.to_string());
            first.get_or_insert(stored);
        }
        let first = first.ok_or_else(|| illegal("empty batch"))?;
        Ok(SendMessageResponseHeader { msg_id: ids.join(",").into(), ..first })
    }

    /// Where a message goes: one for a retry topic that has been delivered more often than it may be is dead
    /// (`broker/processor/SendMessageProcessor.java`, `handleRetryAndDLQ`).
    fn retry_or_dead(&self, header: &SendMessageRequestHeader) -> Arc<str> {
        let most = header.max_reconsume_times.unwrap_or(16);
        match header.topic.strip_prefix(RETRY_PREFIX) {
            Some(group) if header.reconsume_times.unwrap_or(0) > most => dlq_topic(group).into(),
            _ => header.topic.to_shared(),
        }
    }

    /// The settings of a topic, which is created if the request names the topic that others are made from.
    fn topic_for_send(
        &mut self,
        topic: &Arc<str>,
        header: &SendMessageRequestHeader,
    ) -> Result<Topic, Refusal> {
        if let Some(settings) = self.topics.get(topic) {
            return Ok(*settings);
        }
        if is_retry_topic(topic) || is_dlq_topic(topic) {
            return Ok(self.create_internal_topic(topic));
        }
        if header.default_topic != AUTO_CREATE_TOPIC || !self.auto_create {
            let remark = format!("topic[{topic}] not exist, apply first please!");
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
        }
        let queues = header.default_topic_queue_nums.clamp(1, DEFAULT_QUEUES);
        let settings = Topic { read_queues: queues, write_queues: queues, perm: 6 };
        self.topics.insert(Arc::clone(topic), settings);
        Ok(settings)
    }

    pub(super) fn create_internal_topic(&mut self, topic: &Arc<str>) -> Topic {
        let settings = Topic { read_queues: 1, write_queues: 1, perm: 6 };
        *self.topics.entry(Arc::clone(topic)).or_insert(settings)
    }

    /// Takes a message back from a consumer: into the group's retry topic, or among the dead letters
    /// (`broker/processor/AbstractSendMessageProcessor.java`, `consumerSendMsgBack`).
    pub(super) fn send_back(
        &mut self,
        now: i64,
        from: Peer,
        request: &Command,
        out: &mut Vec<Outgoing>,
    ) -> Result<Option<Command>, Refusal> {
        let header: ConsumerSendMsgBackRequestHeader = request.header()?;
        let found = self.log.at(header.offset).map(|stored| stored.message.clone());
        let message = found.ok_or_else(|| {
            Refusal::new(
                ResponseCode::SYSTEM_ERROR,
                format!("look message by offset failed, {}", header.offset),
            )
        })?;
        let times = message.reconsume_times;
        let max = header.max_reconsume_times.unwrap_or(16);
        let dead = times >= max || header.delay_level < 0;
        let topic: Arc<str> =
            if dead { dlq_topic(&header.group) } else { retry_topic(&header.group) }.into();
        self.create_internal_topic(&topic);
        let kept =
            |name: &str, value: String| message.properties.get(name).map_or(value, str::to_owned);
        let origin = kept(property::RETRY_TOPIC, message.topic.to_string());
        let origin_id = kept(property::ORIGIN_MESSAGE_ID, message.message_id().to_string());
        let level = if header.delay_level == 0 { RETRY_LEVEL + times } else { header.delay_level };
        let properties = with_properties(
            &message.properties,
            &[
                (property::RETRY_TOPIC, origin),
                (property::ORIGIN_MESSAGE_ID, origin_id),
                (property::DELAY_TIME_LEVEL, if dead { -1 } else { level }.to_string()),
            ],
        );
        let draft = Draft {
            topic,
            queue_id: 0,
            flag: message.flag,
            sys_flag: message.sys_flag.0,
            born_timestamp: message.born_timestamp,
            born_host: from.address,
            reconsume_times: times + 1,
            body: message.body,
            properties,
        };
        self.store_or_delay(draft, now, out)?;
        Ok(Some(answer(request, ResponseCode::SUCCESS)))
    }

    fn store_or_delay(
        &mut self,
        draft: Draft,
        now: i64,
        out: &mut Vec<Outgoing>,
    ) -> Result<SendMessageResponseHeader, Refusal> {
        if Self::is_half(&draft) {
            return Ok(self.store_half(draft, now, out));
        }
        let step = self.delay_step.as_millis() as i64;
        Ok(match due(&draft.properties, now, step)? {
            Some(due) => self.keep(draft, due),
            None => self.store(draft, now, out),
        })
    }

    /// Appends a message, and answers the pulls that wait for it.
    pub(super) fn store(
        &mut self,
        draft: Draft,
        now: i64,
        out: &mut Vec<Outgoing>,
    ) -> SendMessageResponseHeader {
        let key = (Arc::clone(&draft.topic), draft.queue_id);
        let mut draft = draft;
        self.lite_topics.dispatch(&key, self.log.max_offset(&key), &mut draft.properties);
        let stored = self.log.append(draft, self.address, now);
        let header = SendMessageResponseHeader {
            msg_id: Text::from(stored.message.offset_message_id().to_string()),
            queue_id: stored.message.queue_id,
            queue_offset: stored.message.queue_offset,
            transaction_id: stored
                .message
                .properties
                .get(property::UNIQ_KEY)
                .map(|id| Text::from(id.to_owned())),
            ..SendMessageResponseHeader::default()
        };
        self.answer_held(&key, now, out);
        self.answer_pops(&key.0, now, out);
        self.answer_lite_pops(now, out);
        header
    }
}

/// What a broker of 5.5.0 adds to every message.
fn marked(properties: &Properties) -> Properties {
    let marks = [
        (property::MSG_REGION, REGION),
        (property::TRACE_SWITCH, "true"),
        (property::CLUSTER, CLUSTER),
    ];
    with_properties(properties, &marks.map(|(name, value)| (name, value.to_owned())))
}

/// The header of a send, whichever of its forms it came in.
fn long_form(request: &Command) -> Result<SendMessageRequestHeader, Refusal> {
    let long = [RequestCode::SEND_MESSAGE, RequestCode::SEND_REPLY_MESSAGE];
    if long.contains(&request.request_code()) {
        return Ok(request.header()?);
    }
    let short: SendMessageRequestHeaderV2 = request.header()?;
    Ok(SendMessageRequestHeader {
        producer_group: short.producer_group,
        topic: short.topic,
        default_topic: short.default_topic,
        default_topic_queue_nums: short.default_topic_queue_nums,
        queue_id: short.queue_id,
        sys_flag: short.sys_flag,
        born_timestamp: short.born_timestamp,
        flag: short.flag,
        properties: short.properties,
        reconsume_times: short.reconsume_times,
        unit_mode: short.unit_mode,
        batch: short.batch,
        max_reconsume_times: short.max_reconsume_times,
        shared: short.shared,
    })
}
