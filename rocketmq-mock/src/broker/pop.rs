//! POP: messages taken out for a while, and put back by time.
//!
//! Upstream: `broker/processor/PopMessageProcessor.java`, `AckMessageProcessor.java`, `ChangeInvisibleTimeProcessor.java`,
//! `PopReviveService.java`. A real broker revives up to some seconds late; this one does at once.

use std::{collections::BTreeMap, sync::Arc};

use bytes::BytesMut;
use rocketmq_protocol::{
    Command, Text,
    body::{self, BatchAck, BatchAckMessageRequestBody, SubscriptionData},
    code::ResponseCode,
    header::{
        AckMessageRequestHeader, ChangeInvisibleTimeRequestHeader,
        ChangeInvisibleTimeResponseHeader, NotificationRequestHeader, NotificationResponseHeader,
        PopMessageRequestHeader, PopMessageResponseHeader,
    },
    message::{MessageExt, encode_message, property},
    names,
    pop::{
        ORDERLY_REVIVE_QUEUE, OrderKey, QueueKey as PopKey, Receipt, TopicKind,
        push_message_offsets, push_order_count, push_start_offset,
    },
    subscription,
};

use super::{Broker, Outgoing, Peer, Refusal, answer};
use crate::log::{Draft, QueueKey, with_properties};

/// What one pop gets at most.
const MESSAGES_MAX: i32 = 32;

/// One pop in so many looks at the retry topic first (`popFromRetryProbability` is 20 %).
const RETRY_FIRST_EVERY: u64 = 5;

/// What groups have taken out, and how far they have come.
#[derive(Debug, Default)]
pub(super) struct Pops {
    next: BTreeMap<(Arc<str>, QueueKey), i64>,
    out: BTreeMap<Ticket, Out>,
    /// How often messages of orderly pops have been out before.
    counts: BTreeMap<(Arc<str>, QueueKey, i64), i32>,
    waiting: Vec<Waiting>,
    /// Requests to be told of messages.
    watching: Vec<Waiting>,
    turn: u64,
}

/// A message that is out. The same message under a later receipt is another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    group: Arc<str>,
    /// Of the topic that it really lies in.
    queue: QueueKey,
    offset: i64,
    pop_time: i64,
}

#[derive(Debug, Clone)]
struct Out {
    visible_at: i64,
    /// Its queue gives nothing more until it is back, except to the same attempt.
    orderly: bool,
    attempt: Option<Text>,
}

/// A pop that waits for messages.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) peer: Peer,
    pub(super) request: Command,
    pub(super) until: i64,
}

impl Pops {
    pub(super) fn disconnected(&mut self, peer: Peer) {
        self.waiting.retain(|waiting| waiting.peer != peer);
        self.watching.retain(|watching| watching.peer != peer);
    }

    pub(super) fn restarted(&mut self) {
        self.waiting.clear();
        self.watching.clear();
    }
}

impl Broker {
    pub(super) fn pop(
        &mut self,
        now: i64,
        from: Peer,
        request: &Command,
    ) -> Result<Option<Command>, Refusal> {
        let header: PopMessageRequestHeader = request.header()?;
        let wanted = self.check_pop(&header)?;
        // Born by the client's clock, a request may come late; left out it is born now.
        let late = header.born_time > 0 && now - header.born_time - header.poll_time > 500;
        if !late {
            let taken = self.take_out(now, &header, &wanted);
            if !taken.is_empty() {
                return Ok(Some(self.pop_answer(now, request, &header, &taken)));
            }
            if header.poll_time > 0 {
                let until = now + header.poll_time;
                self.pops.waiting.push(Waiting { peer: from, request: request.clone(), until });
                return Ok(None);
            }
        }
        Ok(Some(nothing(now, request, &header)))
    }

    fn check_pop(&self, header: &PopMessageRequestHeader) -> Result<SubscriptionData, Refusal> {
        let topic = &*header.topic;
        let settings = self.topics.get(topic).ok_or_else(|| no_topic(topic))?;
        if header.queue_id >= settings.read_queues {
            let remark = format!("queueId[{}] is illegal, topic:[{topic}]", header.queue_id);
            return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
        }
        if header.max_msg_nums > MESSAGES_MAX {
            let remark = format!("the broker's pop message's num is greater than {MESSAGES_MAX}");
            return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
        }
        let expression = header.exp.as_deref().unwrap_or(subscription::ALL);
        let parsed = match header.exp_type.as_deref() {
            Some("SQL92") => subscription::sql92(topic, expression, 0),
            _ => subscription::tags(topic, expression, 0),
        };
        parsed.map_err(|error| {
            Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, error.to_string())
        })
    }

    /// Takes messages out, in the order of the answer.
    fn take_out(
        &mut self,
        now: i64,
        header: &PopMessageRequestHeader,
        wanted: &SubscriptionData,
    ) -> Vec<(QueueKey, i64)> {
        self.pops.turn += 1;
        let retry: Arc<str> =
            names::pop_retry_topic_v1(&header.consumer_group, &header.topic).into();
        let mut queues = self.pop_queues(&header.topic.to_shared(), header.queue_id);
        if header.order != Some(true) {
            let of_retry = self.pop_queues(&retry, -1);
            let place =
                if self.pops.turn.is_multiple_of(RETRY_FIRST_EVERY) { 0 } else { queues.len() };
            queues.splice(place..place, of_retry);
        }
        let mut taken = Vec::new();
        for queue in queues {
            let left = header.max_msg_nums - taken.len() as i32;
            let everything = queue.0 == retry;
            let found = self.take_from(now, header, &queue, left, |hash| {
                everything
                    || wanted.tags_set.is_empty()
                    || i32::try_from(hash).is_ok_and(|hash| wanted.code_set.contains(&hash))
            });
            taken.extend(found.into_iter().map(|offset| (queue.clone(), offset)));
        }
        taken
    }

    /// The queues that a pop may take from, another one first each time.
    fn pop_queues(&self, topic: &Arc<str>, queue_id: i32) -> Vec<QueueKey> {
        if queue_id >= 0 {
            return vec![(Arc::clone(topic), queue_id)];
        }
        let count = self.topics.get(topic).map_or(0, |settings| settings.read_queues);
        let mut queues: Vec<_> = (0..count).map(|id| (Arc::clone(topic), id)).collect();
        if !queues.is_empty() {
            let first = (self.pops.turn % queues.len() as u64) as usize;
            queues.rotate_left(first);
        }
        queues
    }

    fn take_from(
        &mut self,
        now: i64,
        header: &PopMessageRequestHeader,
        queue: &QueueKey,
        max: i32,
        wants: impl Fn(i64) -> bool,
    ) -> Vec<i64> {
        let group = header.consumer_group.to_shared();
        let orderly = header.order == Some(true);
        if orderly && self.is_blocked(&group, queue, header) {
            return Vec::new();
        }
        let place = (Arc::clone(&group), queue.clone());
        let stored = self.offsets.get(&place).copied();
        let start = self.pops.next.get(&place).copied().or(stored).unwrap_or(0);
        let (mut taken, mut next) = (Vec::new(), start);
        for stored in self.log.from(queue, start) {
            if taken.len() as i32 >= max {
                break;
            }
            if wants(stored.tag_hash) {
                taken.push(next);
            }
            next += 1;
        }
        self.pops.next.insert(place, next);
        for offset in &taken {
            let ticket = Ticket {
                group: Arc::clone(&group),
                queue: queue.clone(),
                offset: *offset,
                pop_time: now,
            };
            let visible_at = now + header.invisible_time;
            let out = Out { visible_at, orderly, attempt: header.attempt_id.clone() };
            self.pops.out.insert(ticket, out);
        }
        self.commit_popped(&group, queue);
        taken
    }

    /// Whether an orderly batch of this queue is out. The attempt that took it gets it again, as if it had never been out.
    fn is_blocked(
        &mut self,
        group: &Arc<str>,
        queue: &QueueKey,
        header: &PopMessageRequestHeader,
    ) -> bool {
        let of_queue = |ticket: &Ticket, out: &Out| {
            out.orderly && ticket.group == *group && ticket.queue == *queue
        };
        let out = self.pops.out.iter().filter(|(ticket, out)| of_queue(ticket, out));
        let tickets: Vec<_> = out.map(|(ticket, out)| (ticket.clone(), out.clone())).collect();
        let again = header.attempt_id.is_some()
            && tickets.iter().all(|(_, out)| out.attempt == header.attempt_id);
        if !again {
            return !tickets.is_empty();
        }
        for (ticket, _) in tickets {
            self.pops.out.remove(&ticket);
            self.rewind(&ticket);
        }
        false
    }

    /// The queue goes on at this message.
    fn rewind(&mut self, ticket: &Ticket) {
        let next = self.pops.next.entry((Arc::clone(&ticket.group), ticket.queue.clone()));
        next.and_modify(|next| *next = ticket.offset.min(*next)).or_insert(ticket.offset);
    }

    fn pop_answer(
        &self,
        now: i64,
        request: &Command,
        header: &PopMessageRequestHeader,
        taken: &[(QueueKey, i64)],
    ) -> Command {
        let orderly = header.order == Some(true);
        let revive_qid = if orderly { ORDERLY_REVIVE_QUEUE } else { (self.pops.turn % 8) as i32 };
        let mut bytes = BytesMut::new();
        let (mut starts, mut offsets, mut counts) = (String::new(), String::new(), String::new());
        for chunk in taken.chunk_by(|a, b| a.0 == b.0) {
            let Some((queue, start)) = chunk.first() else { continue };
            let kind = TopicKind::of_topic(&queue.0);
            let key = PopKey { kind, queue_id: queue.1 };
            push_start_offset(&mut starts, key, *start);
            push_message_offsets(
                &mut offsets,
                key,
                &chunk.iter().map(|(_, at)| *at).collect::<Vec<_>>(),
            );
            for (_, offset) in chunk {
                let Some(stored) = self.log.from(queue, *offset).first() else { continue };
                let times = (header.consumer_group.to_shared(), queue.clone(), *offset);
                if let Some(count) = self.pops.counts.get(&times) {
                    push_order_count(&mut counts, OrderKey::Message(key, *offset), *count);
                }
                if kind == TopicKind::Normal {
                    bytes.extend_from_slice(&stored.bytes);
                    continue;
                }
                let receipt = Receipt {
                    start_offset: *start,
                    pop_time: now,
                    invisible_time: header.invisible_time,
                    revive_queue_id: revive_qid,
                    kind,
                    broker_name: (&self.name).into(),
                    queue_id: queue.1,
                    queue_offset: *offset,
                    commit_log_offset: None,
                };
                encode_message(&under_its_own_topic(&stored.message, header, &receipt), &mut bytes);
            }
        }
        let info = |text: String| (!text.is_empty()).then(|| Text::from(text));
        let response = PopMessageResponseHeader {
            pop_time: now,
            invisible_time: header.invisible_time,
            revive_qid,
            rest_num: 0,
            start_offset_info: info(starts),
            msg_offset_info: info(offsets),
            order_count_info: info(counts),
        };
        answer(request, ResponseCode::SUCCESS)
            .with_header(&response)
            .with_remark("FOUND")
            .with_body(bytes.freeze())
    }

    pub(super) fn ack(&mut self, request: &Command) -> Result<Command, Refusal> {
        let header: AckMessageRequestHeader = request.header()?;
        let receipt = self.check_receipt(&header.topic, header.queue_id, &header.extra_info)?;
        if let Some(lite_topic) = &header.lite_topic {
            self.ack_lite(&header, &receipt, lite_topic);
            return Ok(answer(request, ResponseCode::SUCCESS));
        }
        let queue = (header.topic.to_shared(), header.queue_id);
        if !(0..=self.log.max_offset(&queue)).contains(&header.offset) {
            return Err(Refusal::new(ResponseCode::NO_MESSAGE, "offset is illegal"));
        }
        let group = header.consumer_group.to_shared();
        self.acked(&group, queue, header.offset, receipt.pop_time);
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    pub(super) fn batch_ack(&mut self, request: &Command) -> Result<Command, Refusal> {
        let batch: BatchAckMessageRequestBody = body::decode(&request.body)
            .map_err(|error| Refusal::new(ResponseCode::SYSTEM_ERROR, error.to_string()))?;
        if batch.acks.is_empty() {
            return Err(Refusal::new(ResponseCode::NO_MESSAGE, "batch ack is empty"));
        }
        for ack in &batch.acks {
            let queue = (real_topic(ack), ack.queue_id);
            for distance in ack.bits.iter() {
                let offset = ack.start_offset + i64::from(distance);
                let group: Arc<str> = ack.consumer_group.as_str().into();
                self.acked(&group, queue.clone(), offset, ack.pop_time);
            }
        }
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    /// A message under another receipt, or none at all, is none that could be acknowledged; nobody is told.
    fn acked(&mut self, group: &Arc<str>, queue: QueueKey, offset: i64, pop_time: i64) {
        let ticket = Ticket { group: Arc::clone(group), queue, offset, pop_time };
        if self.pops.out.remove(&ticket).is_some() {
            self.commit_popped(group, &ticket.queue);
        }
    }

    pub(super) fn change_invisible(
        &mut self,
        now: i64,
        request: &Command,
    ) -> Result<Command, Refusal> {
        let header: ChangeInvisibleTimeRequestHeader = request.header()?;
        let receipt = self.check_receipt(&header.topic, header.queue_id, &header.extra_info)?;
        if let Some(lite_topic) = &header.lite_topic {
            let response = self.change_invisible_lite(now, &header, &receipt, lite_topic);
            return Ok(answer(request, ResponseCode::SUCCESS).with_header(&response));
        }
        let queue = (header.topic.to_shared(), header.queue_id);
        if !(0..self.log.max_offset(&queue)).contains(&header.offset) {
            return Err(Refusal::new(ResponseCode::NO_MESSAGE, ""));
        }
        let group = header.consumer_group.to_shared();
        let old = Ticket { group, queue, offset: header.offset, pop_time: receipt.pop_time };
        // Two receipts of one message must differ, even within a millisecond.
        let pop_time = if receipt.is_orderly() { old.pop_time } else { now.max(old.pop_time + 1) };
        if let Some(out) = self.pops.out.remove(&old) {
            let out = Out { visible_at: now + header.invisible_time, ..out };
            self.pops.out.insert(Ticket { pop_time, ..old }, out);
        }
        let response = ChangeInvisibleTimeResponseHeader {
            pop_time,
            invisible_time: now + header.invisible_time - pop_time,
            revive_qid: receipt.revive_queue_id,
        };
        Ok(answer(request, ResponseCode::SUCCESS).with_header(&response))
    }

    fn check_receipt(&self, topic: &str, queue_id: i32, text: &str) -> Result<Receipt, Refusal> {
        let settings = self.topics.get(topic).ok_or_else(|| no_topic(topic))?;
        if !(0..settings.read_queues).contains(&queue_id) {
            let remark = format!("queueId{queue_id} is illegal, topic:{topic}");
            return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark));
        }
        text.parse::<Receipt>()
            .map_err(|error| Refusal::new(ResponseCode::SYSTEM_ERROR, error.to_string()))
    }

    /// The group's offset is that of the first message that is out, or of the next one.
    fn commit_popped(&mut self, group: &Arc<str>, queue: &QueueKey) {
        let place = (Arc::clone(group), queue.clone());
        let mine = self.pops.out.keys().filter(|out| out.group == *group && out.queue == *queue);
        let first = mine.map(|ticket| ticket.offset).min();
        if let Some(offset) = first.or_else(|| self.pops.next.get(&place).copied()) {
            self.offsets.insert(place, offset);
        }
    }

    /// Puts back what has been out for too long, and answers pops that have waited long enough.
    pub(super) fn expire_pops(&mut self, now: i64, out: &mut Vec<Outgoing>) {
        let due = self.pops.out.iter().filter(|(_, message)| message.visible_at <= now);
        let due: Vec<_> = due.map(|(ticket, message)| (ticket.clone(), message.orderly)).collect();
        for (ticket, orderly) in due {
            self.pops.out.remove(&ticket);
            if orderly {
                let Ticket { group, queue, offset, .. } = ticket.clone();
                *self.pops.counts.entry((group, queue, offset)).or_default() += 1;
                self.rewind(&ticket);
            } else {
                self.revive(now, &ticket, out);
            }
            self.answer_pops(&ticket.queue.0, now, out);
        }
        let (late, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pops.waiting).into_iter().partition(|pop| pop.until <= now);
        self.pops.waiting = waiting;
        for pop in late {
            if let Ok(header) = pop.request.header() {
                let command = nothing(now, &pop.request, &header);
                out.push(Outgoing { to: pop.peer, command });
            }
        }
        self.answer_watchers(now, out);
    }

    /// A message comes again from the retry topic of its group and topic.
    fn revive(&mut self, now: i64, ticket: &Ticket, out: &mut Vec<Outgoing>) {
        let stored = self.log.from(&ticket.queue, ticket.offset).first();
        let Some(message) = stored.map(|stored| stored.message.clone()) else { return };
        let topic: Arc<str> = match TopicKind::of_topic(&ticket.queue.0) {
            TopicKind::Normal => names::pop_retry_topic_v1(&ticket.group, &ticket.queue.0).into(),
            TopicKind::RetryV1 | TopicKind::RetryV2 => Arc::clone(&ticket.queue.0),
        };
        self.create_internal_topic(&topic);
        let first = message.properties.get(property::FIRST_POP_TIME).map(str::to_owned);
        let first = first.unwrap_or_else(|| ticket.pop_time.to_string());
        let changes =
            [(property::FIRST_POP_TIME, first), (property::ORIGIN_GROUP, ticket.group.to_string())];
        let draft = Draft {
            topic,
            queue_id: 0,
            flag: message.flag,
            sys_flag: message.sys_flag.0,
            born_timestamp: message.born_timestamp,
            born_host: self.address,
            reconsume_times: message.reconsume_times + 1,
            properties: with_properties(&message.properties, &changes),
            body: message.body,
        };
        self.store(draft, now, out);
        self.commit_popped(&ticket.group, &ticket.queue);
    }

    /// Answers the pops that wait for messages of a topic.
    pub(super) fn answer_pops(&mut self, topic: &str, now: i64, out: &mut Vec<Outgoing>) {
        for pop in std::mem::take(&mut self.pops.waiting) {
            let Ok(header) = pop.request.header::<PopMessageRequestHeader>() else { continue };
            let concerned =
                names::without_pop_retry(topic, &header.consumer_group) == &*header.topic;
            let taken = match self.check_pop(&header) {
                Ok(wanted) if concerned => self.take_out(now, &header, &wanted),
                _ => Vec::new(),
            };
            if taken.is_empty() {
                self.pops.waiting.push(pop);
            } else {
                let command = self.pop_answer(now, &pop.request, &header, &taken);
                out.push(Outgoing { to: pop.peer, command });
            }
        }
        self.answer_watchers(now, out);
    }

    /// Tells whether there is something to pop, at once or when there is, and takes nothing.
    pub(super) fn notification(
        &mut self,
        now: i64,
        from: Peer,
        request: &Command,
    ) -> Result<Option<Command>, Refusal> {
        let header: NotificationRequestHeader = request.header()?;
        if !self.topics.contains_key(&*header.topic) {
            return Err(no_topic(&header.topic));
        }
        let found = self.could_pop(&header);
        if !found && header.poll_time > 0 {
            let until = now + header.poll_time;
            self.pops.watching.push(Waiting { peer: from, request: request.clone(), until });
            return Ok(None);
        }
        Ok(Some(notified(request, found)))
    }

    fn could_pop(&self, header: &NotificationRequestHeader) -> bool {
        let group = header.consumer_group.to_shared();
        let retry = names::pop_retry_topic_v1(&group, &header.topic).into();
        let queues = [
            self.pop_queues(&header.topic.to_shared(), header.queue_id),
            self.pop_queues(&retry, -1),
        ];
        queues.into_iter().flatten().any(|queue| {
            let end = self.log.max_offset(&queue);
            let place = (Arc::clone(&group), queue);
            let next = self.pops.next.get(&place).or_else(|| self.offsets.get(&place));
            next.copied().unwrap_or(0) < end
        })
    }

    /// Tells those who watch that there is something, or that there was nothing in time.
    fn answer_watchers(&mut self, now: i64, out: &mut Vec<Outgoing>) {
        for watch in std::mem::take(&mut self.pops.watching) {
            let Ok(header) = watch.request.header() else { continue };
            let found = self.could_pop(&header);
            if found || watch.until <= now {
                out.push(Outgoing { to: watch.peer, command: notified(&watch.request, found) });
            } else {
                self.pops.watching.push(watch);
            }
        }
    }

    /// How many messages of a group are out, for assertions.
    pub(crate) fn popped(&self, group: &str) -> usize {
        self.pops.out.keys().filter(|ticket| &*ticket.group == group).count()
    }
}

/// A message that comes again shows the topic that it was sent to, and carries its receipt.
fn under_its_own_topic(
    message: &MessageExt,
    header: &PopMessageRequestHeader,
    receipt: &Receipt,
) -> MessageExt {
    let changes = [(property::POP_CK, receipt.to_string())];
    MessageExt {
        topic: header.topic.clone(),
        properties: with_properties(&message.properties, &changes),
        ..message.clone()
    }
}

fn real_topic(ack: &BatchAck) -> Arc<str> {
    match &*ack.retry {
        "1" => names::pop_retry_topic_v1(&ack.consumer_group, &ack.topic).into(),
        "2" => names::pop_retry_topic_v2(&ack.consumer_group, &ack.topic).into(),
        _ => ack.topic.as_str().into(),
    }
}

fn nothing(now: i64, request: &Command, header: &PopMessageRequestHeader) -> Command {
    let response = PopMessageResponseHeader {
        pop_time: now,
        invisible_time: header.invisible_time,
        start_offset_info: Some(Text::default()),
        msg_offset_info: Some(Text::default()),
        ..PopMessageResponseHeader::default()
    };
    answer(request, ResponseCode::POLLING_TIMEOUT)
        .with_header(&response)
        .with_remark("NO_MESSAGE_IN_QUEUE")
}

fn notified(request: &Command, has_msg: bool) -> Command {
    let response = NotificationResponseHeader { has_msg, polling_full: Some(false) };
    answer(request, ResponseCode::SUCCESS).with_header(&response)
}

fn no_topic(topic: &str) -> Refusal {
    let remark = format!("topic[{topic}] not exist, apply first please!");
    Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark)
}
