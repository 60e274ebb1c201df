//! Lite topics: queues behind a topic, made by the first message that names them, and popped by those who subscribe.
//!
//! Upstream: `broker/processor/PopLiteMessageProcessor.java`, `LiteSubscriptionCtlProcessor.java`, `broker/lite/`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::BytesMut;
use rocketmq_protocol::{
    Command, Text,
    body::{
        self, LiteSubscriptionAction as Action, LiteSubscriptionCtlRequestBody,
        LiteSubscriptionDTO, OffsetOption, OffsetOptionType,
    },
    code::ResponseCode,
    header::{
        AckMessageRequestHeader, ChangeInvisibleTimeRequestHeader,
        ChangeInvisibleTimeResponseHeader, PopLiteMessageRequestHeader,
        PopLiteMessageResponseHeader,
    },
    message::{Properties, property},
    pop::{ORDERLY_REVIVE_QUEUE, Receipt},
};

use super::{Broker, Outgoing, Peer, Refusal, answer, pop::Waiting};
use crate::log::{QueueKey, with_properties};

/// Topics of type LITE, who reads what is under them, and how far groups have come.
#[derive(Debug, Default)]
pub(super) struct LiteTopics {
    /// The groups that are bound to each.
    bound: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    queues: BTreeMap<LiteQueue, Vec<(QueueKey, i64)>>,
    subscriptions: BTreeMap<String, BTreeSet<LiteQueue>>,
    progress: BTreeMap<(Arc<str>, LiteQueue), Progress>,
    waiting: Vec<Waiting>,
}

/// The topic and the lite topic.
type LiteQueue = (Arc<str>, Arc<str>);

/// How far a group has come in a lite topic.
#[derive(Debug, Default)]
struct Progress {
    next: i64,
    out: Option<Out>,
    /// How often messages have been out before.
    counts: BTreeMap<i64, i32>,
}

/// What is out of a lite topic. Nothing else comes until it is back.
#[derive(Debug)]
struct Out {
    /// With the time from which each is visible again.
    offsets: BTreeMap<i64, i64>,
    pop_time: i64,
    attempt: Option<Text>,
}

/// The queue that stands behind a lite topic (`common/lite/LiteUtil.java`).
fn queue_name((topic, lite_topic): &LiteQueue) -> String {
    format!("%LMQ%${topic}${lite_topic}")
}

impl LiteTopics {
    pub(super) fn bind(&mut self, topic: &Arc<str>, groups: &[Arc<str>]) {
        self.bound.insert(Arc::clone(topic), groups.iter().cloned().collect());
    }

    pub(super) fn disconnected(&mut self, peer: Peer) {
        self.waiting.retain(|waiting| waiting.peer != peer);
    }

    /// Subscriptions are in memory only.
    pub(super) fn restarted(&mut self) {
        self.waiting.clear();
        self.subscriptions.clear();
    }

    /// What a broker adds to a message for a lite topic, before it stores it in `place`.
    pub(super) fn dispatch(&mut self, place: &QueueKey, offset: i64, properties: &mut Properties) {
        let Some(name) = properties.get(property::LITE_TOPIC).map(Arc::<str>::from) else { return };
        if !self.bound.contains_key(&place.0) {
            return;
        }
        let queue = (Arc::clone(&place.0), name);
        let stored = self.queues.entry(queue.clone()).or_default();
        let changes = [
            (property::INNER_MULTI_DISPATCH, queue_name(&queue)),
            (property::INNER_MULTI_QUEUE_OFFSET, stored.len().to_string()),
        ];
        stored.push((place.clone(), offset));
        *properties = with_properties(properties, &changes);
    }

    fn subscribe(&mut self, change: &LiteSubscriptionDTO) {
        let topic: Arc<str> = change.topic.as_str().into();
        let named = |name: &String| (Arc::clone(&topic), Arc::<str>::from(name.as_str()));
        let queues: BTreeSet<LiteQueue> = change.lite_topic_set.iter().map(named).collect();
        if let Some(option) = &change.offset_option {
            for queue in &queues {
                self.reset(change.group.as_str().into(), queue, option);
            }
        }
        let held = self.subscriptions.entry(change.client_id.clone()).or_default();
        match change.action {
            Action::PartialAdd => held.extend(queues),
            Action::PartialRemove => held.retain(|queue| !queues.contains(queue)),
            Action::CompleteRemove => held.clear(),
            _ => *held = queues,
        }
    }

    fn reset(&mut self, group: Arc<str>, queue: &LiteQueue, option: &OffsetOption) {
        let end = self.queues.get(queue).map_or(0, |queue| queue.len() as i64);
        let progress = self.progress.entry((group, queue.clone())).or_default();
        progress.out = None;
        progress.next = match (&option.kind, option.value) {
            (OffsetOptionType::Policy, 1) => 0,
            (OffsetOptionType::Policy, 2) => end,
            (OffsetOptionType::Offset, offset) => offset.clamp(0, end),
            (OffsetOptionType::TailN, back) => (progress.next - back).max(0),
            _ => progress.next,
        };
    }

    /// Takes messages of one lite topic out: their offsets, and how often each has been out.
    fn take(
        &mut self,
        now: i64,
        queue: &LiteQueue,
        header: &PopLiteMessageRequestHeader,
        max: usize,
    ) -> Vec<(i64, i32)> {
        let end = self.queues.get(queue).map_or(0, |queue| queue.len() as i64);
        let place = (header.consumer_group.to_shared(), queue.clone());
        let progress = self.progress.entry(place).or_default();
        progress.settle(now);
        if let Some(out) = &progress.out {
            let again = header.attempt_id.is_some() && out.attempt == header.attempt_id;
            if !again {
                return Vec::new();
            }
        }
        let offsets: Vec<i64> = (progress.next..end).take(max).collect();
        if offsets.is_empty() {
            return Vec::new();
        }
        let visible_at = now + header.invisible_time;
        progress.out = Some(Out {
            offsets: offsets.iter().map(|offset| (*offset, visible_at)).collect(),
            pop_time: now,
            attempt: header.attempt_id.clone(),
        });
        let count = |offset: i64| (offset, progress.counts.get(&offset).copied().unwrap_or(0));
        offsets.into_iter().map(count).collect()
    }

    /// Whether there is such a message out.
    fn out_of(
        &mut self,
        group: Arc<str>,
        queue: &LiteQueue,
        receipt: &Receipt,
    ) -> Option<&mut i64> {
        let out = self.progress.get_mut(&(group, queue.clone()))?.out.as_mut()?;
        (out.pop_time == receipt.pop_time).then_some(())?;
        out.offsets.get_mut(&receipt.queue_offset)
    }
}

impl Progress {
    /// What is acknowledged is done with; the rest comes again once it is visible.
    fn settle(&mut self, now: i64) {
        let Some(out) = &self.out else { return };
        match out.offsets.first_key_value() {
            None => self.out = None,
            Some((first, _)) => {
                self.next = *first;
                if out.offsets.values().all(|visible_at| *visible_at <= now) {
                    for offset in out.offsets.keys() {
                        *self.counts.entry(*offset).or_default() += 1;
                    }
                    self.out = None;
                }
            }
        }
    }
}

impl Broker {
    pub(crate) fn bind_lite_topic(&mut self, topic: &Arc<str>, groups: &[Arc<str>]) {
        self.lite_topics.bind(topic, groups);
    }

    pub(super) fn lite_subscriptions(
        &mut self,
        now: i64,
        request: &Command,
        out: &mut Vec<Outgoing>,
    ) -> Result<Command, Refusal> {
        let body: LiteSubscriptionCtlRequestBody = body::decode(&request.body)?;
        if body.subscription_set.is_empty() {
            let remark = "LiteSubscriptionCtlRequestBody is empty.";
            return Err(Refusal::new(ResponseCode::ILLEGAL_OPERATION, remark));
        }
        for change in &body.subscription_set {
            self.lite_topics.subscribe(change);
        }
        self.answer_lite_pops(now, out);
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    pub(super) fn pop_lite(
        &mut self,
        now: i64,
        from: Peer,
        request: &Command,
    ) -> Result<Option<Command>, Refusal> {
        let header: PopLiteMessageRequestHeader = request.header()?;
        self.check_lite_pop(&header)?;
        if let Some(found) = self.take_lite(now, request, &header) {
            return Ok(Some(found));
        }
        if header.poll_time > 0 {
            let until = now + header.poll_time;
            self.lite_topics.waiting.push(Waiting { peer: from, request: request.clone(), until });
            return Ok(None);
        }
        Ok(Some(no_lite_message(now, request, &header)))
    }

    fn check_lite_pop(&self, header: &PopLiteMessageRequestHeader) -> Result<(), Refusal> {
        let (topic, group) = (&*header.topic, &*header.consumer_group);
        let invalid = |remark| Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
        if !self.topics.contains_key(topic) {
            let remark = format!("topic [{topic}] not exist, apply first please!");
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
        }
        match self.lite_topics.bound.get(topic) {
            None => invalid(format!("the topic [{topic}] message type not match")),
            Some(groups) if !groups.contains(group) => {
                invalid(format!("subscription bind topic not match, {group}"))
            }
            Some(_) => Ok(()),
        }
    }

    fn take_lite(
        &mut self,
        now: i64,
        request: &Command,
        header: &PopLiteMessageRequestHeader,
    ) -> Option<Command> {
        let subscribed = self.lite_topics.subscriptions.get(&*header.client_id)?.clone();
        let (mut bytes, mut counts) = (BytesMut::new(), Vec::new());
        for queue in subscribed.iter().filter(|(topic, _)| **topic == *header.topic) {
            let left =
                usize::try_from(header.max_msg_num).unwrap_or(0).saturating_sub(counts.len());
            for (offset, count) in self.lite_topics.take(now, queue, header, left) {
                let (place, at) = &self.lite_topics.queues.get(queue)?[offset as usize];
                bytes.extend_from_slice(&self.log.from(place, *at).first()?.bytes);
                counts.push(count);
            }
        }
        if counts.is_empty() {
            return None;
        }
        let response = PopLiteMessageResponseHeader {
            order_count_info: Some(order_counts(&counts).into()),
            ..lite_response(now, header)
        };
        let found = answer(request, ResponseCode::SUCCESS).with_header(&response);
        Some(found.with_remark("FOUND").with_body(bytes.freeze()))
    }

    /// Answers the pops for which there is something now, or for which there was nothing in time.
    pub(super) fn answer_lite_pops(&mut self, now: i64, out: &mut Vec<Outgoing>) {
        for pop in std::mem::take(&mut self.lite_topics.waiting) {
            let Ok(header) = pop.request.header() else { continue };
            let found = self.take_lite(now, &pop.request, &header);
            let late = pop.until <= now;
            let command =
                found.or_else(|| late.then(|| no_lite_message(now, &pop.request, &header)));
            match command {
                Some(command) => out.push(Outgoing { to: pop.peer, command }),
                None => self.lite_topics.waiting.push(pop),
            }
        }
    }

    pub(super) fn ack_lite(
        &mut self,
        header: &AckMessageRequestHeader,
        receipt: &Receipt,
        lite_topic: &Text,
    ) {
        let queue = (header.topic.to_shared(), lite_topic.to_shared());
        let place = (header.consumer_group.to_shared(), queue);
        let progress = self.lite_topics.progress.get_mut(&place);
        if let Some(progress) = progress
            && let Some(out) = &mut progress.out
            && out.pop_time == receipt.pop_time
        {
            out.offsets.remove(&receipt.queue_offset);
            if out.offsets.is_empty() {
                progress.out = None;
                progress.next = progress.next.max(receipt.queue_offset + 1);
            }
        }
    }

    pub(super) fn change_invisible_lite(
        &mut self,
        now: i64,
        header: &ChangeInvisibleTimeRequestHeader,
        receipt: &Receipt,
        lite_topic: &Text,
    ) -> ChangeInvisibleTimeResponseHeader {
        let queue = (header.topic.to_shared(), lite_topic.to_shared());
        let group = header.consumer_group.to_shared();
        if let Some(visible_at) = self.lite_topics.out_of(group, &queue, receipt) {
            *visible_at = now + header.invisible_time;
        }
        ChangeInvisibleTimeResponseHeader {
            pop_time: receipt.pop_time,
            invisible_time: now + header.invisible_time - receipt.pop_time,
            revive_qid: ORDERLY_REVIVE_QUEUE,
        }
    }

    /// The lite topics that a client has subscribed to, for assertions.
    pub(crate) fn lite_subscriptions_of(&self, client_id: &str) -> Vec<String> {
        let held = self.lite_topics.subscriptions.get(client_id);
        held.into_iter().flatten().map(|(_, name)| name.to_string()).collect()
    }
}

/// One entry a message, which a real broker writes as a bare number where those of a lite topic have the same count.
fn order_counts(counts: &[i32]) -> String {
    counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(";")
}

fn lite_response(now: i64, header: &PopLiteMessageRequestHeader) -> PopLiteMessageResponseHeader {
    PopLiteMessageResponseHeader {
        pop_time: now,
        invisible_time: header.invisible_time,
        revive_qid: ORDERLY_REVIVE_QUEUE,
        ..PopLiteMessageResponseHeader::default()
    }
}

fn no_lite_message(now: i64, request: &Command, header: &PopLiteMessageRequestHeader) -> Command {
    answer(request, ResponseCode::POLLING_TIMEOUT)
        .with_header(&lite_response(now, header))
        .with_remark("NO_MESSAGE_IN_QUEUE")
}
