//! Pulls: answered at once, or held until something comes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command,
    body::{ExpressionType, SubscriptionData},
    code::ResponseCode,
    header::{PullMessageRequestHeader, PullMessageResponseHeader, ViewMessageRequestHeader},
    message::PullSysFlag,
    subscription,
};

use super::{Broker, Outgoing, Peer, Refusal, answer};
use crate::{log::QueueKey, sql92::Condition};

/// What one pull gets at most (`maxTransferCountOnMessageInMemory`, `maxTransferBytesOnMessageInMemory`).
const MESSAGES_MAX: i32 = 32;
const BYTES_MAX: usize = 256 * 1024;

/// A pull that waits. A real broker looks at those without news every 5 s only; this one keeps to the time asked for.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) peer: Peer,
    request: Command,
    key: QueueKey,
    until: i64,
}

impl Broker {
    pub(super) fn pull(
        &mut self,
        now: i64,
        from: Peer,
        request: &Command,
    ) -> Result<Option<Command>, Refusal> {
        let header: PullMessageRequestHeader = request.header()?;
        let key: QueueKey = (header.topic.to_shared(), header.queue_id);
        let subscription = self.subscription_of(&header)?;
        let flags = PullSysFlag(header.sys_flag);
        if flags.contains(PullSysFlag::COMMIT_OFFSET) {
            self.offsets
                .insert((header.consumer_group.to_shared(), key.clone()), header.commit_offset);
        }
        let found = self.read(&header, &key, &subscription);
        if found.code == ResponseCode::PULL_NOT_FOUND && flags.contains(PullSysFlag::SUSPEND) {
            let until = now + header.suspend_timeout_millis;
            self.held.push(Held { peer: from, request: request.clone(), key, until });
            return Ok(None);
        }
        Ok(Some(found.into_answer(request)))
    }

    /// The subscription that a pull is judged by: the one it carries, or the one of the last heartbeat.
    fn subscription_of(
        &self,
        header: &PullMessageRequestHeader,
    ) -> Result<SubscriptionData, Refusal> {
        let topic = &*header.topic;
        let settings = self.topics.get(topic).ok_or_else(|| {
            let remark = format!("topic[{topic}] not exist, apply first please!");
            Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark)
        })?;
        if !(0..settings.read_queues).contains(&header.queue_id) {
            let remark = format!("queueId[{}] is illegal, topic:[{topic}]", header.queue_id);
            return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
        }
        if PullSysFlag(header.sys_flag).contains(PullSysFlag::SUBSCRIPTION) {
            let expression = header.subscription.as_deref().unwrap_or(subscription::ALL);
            let parsed = match header.expression_type.as_deref() {
                Some("SQL92") => subscription::sql92(topic, expression, header.sub_version),
                _ => subscription::tags(topic, expression, header.sub_version),
            };
            return parsed.map_err(|error| {
                Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, error.to_string())
            });
        }
        let missing = |remark: &str| Refusal::new(ResponseCode::SUBSCRIPTION_NOT_EXIST, remark);
        let group = self.groups.subscriptions(&header.consumer_group);
        let group = group.ok_or_else(|| missing("the consumer's group info not exist"))?;
        let known =
            group.get(topic).ok_or_else(|| missing("the consumer's subscription not exist"))?;
        if known.sub_version < header.sub_version {
            let remark = "the consumer's subscription not latest";
            return Err(Refusal::new(ResponseCode::SUBSCRIPTION_NOT_LATEST, remark));
        }
        Ok(known.clone())
    }

    fn read(
        &self,
        header: &PullMessageRequestHeader,
        key: &QueueKey,
        wanted: &SubscriptionData,
    ) -> Found {
        let (offset, max_offset) = (header.queue_offset, self.log.max_offset(key));
        let mut found = Found {
            code: ResponseCode::PULL_NOT_FOUND,
            remark: "OFFSET_OVERFLOW_ONE",
            next: offset,
            max_offset,
            body: Bytes::new(),
        };
        if !(0..=max_offset).contains(&offset) {
            let (remark, next) = if offset < 0 {
                ("OFFSET_TOO_SMALL", 0)
            } else {
                ("OFFSET_OVERFLOW_BADLY", max_offset)
            };
            return Found { code: ResponseCode::PULL_OFFSET_MOVED, remark, next, ..found };
        }
        if offset == max_offset {
            found.remark = if max_offset == 0 { "NO_MESSAGE_IN_QUEUE" } else { found.remark };
            return found;
        }
        let condition = (wanted.expression_type == ExpressionType::Sql92)
            .then(|| Condition::parse(&wanted.sub_string))
            .flatten();
        let mut body = BytesMut::new();
        let mut left = header.max_msg_nums.min(MESSAGES_MAX);
        for stored in self.log.from(key, offset) {
            if left == 0 || (!body.is_empty() && body.len() + stored.bytes.len() > BYTES_MAX) {
                break;
            }
            found.next += 1;
            if condition.as_ref().map_or_else(
                || lets_through(wanted, stored.tag_hash),
                |condition| condition.holds(&|name| stored.message.properties.get(name)),
            ) {
                body.extend_from_slice(&stored.bytes);
                left -= 1;
            }
        }
        found.body = body.freeze();
        (found.code, found.remark) = match found.body.is_empty() {
            true => (ResponseCode::PULL_RETRY_IMMEDIATELY, "NO_MATCHED_MESSAGE"),
            false => (ResponseCode::SUCCESS, "FOUND"),
        };
        found
    }

    /// Answers the pulls that wait for this queue.
    pub(super) fn answer_held(&mut self, key: &QueueKey, now: i64, out: &mut Vec<Outgoing>) {
        let (waiting, others) =
            std::mem::take(&mut self.held).into_iter().partition(|held| held.key == *key);
        self.held = others;
        self.look_again(waiting, now, out);
    }

    /// Answers the pulls that have waited long enough.
    pub(super) fn expire_held(&mut self, now: i64, out: &mut Vec<Outgoing>) {
        let (due, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held).into_iter().partition(|held| held.until <= now);
        self.held = others;
        self.look_again(due, now, out);
    }

    fn look_again(&mut self, pulls: Vec<Held>, now: i64, out: &mut Vec<Outgoing>) {
        for held in pulls {
            let again = || -> Result<Found, Refusal> {
                let header: PullMessageRequestHeader = held.request.header()?;
                let subscription = self.subscription_of(&header)?;
                Ok(self.read(&header, &held.key, &subscription))
            };
            let command = match again() {
                Ok(found) if found.code == ResponseCode::PULL_NOT_FOUND && held.until > now => {
                    self.held.push(held);
                    continue;
                }
                Ok(found) => found.into_answer(&held.request),
                Err(refusal) => refusal.to_answer(&held.request),
            };
            out.push(Outgoing { to: held.peer, command });
        }
    }

    pub(super) fn view_message(&self, request: &Command) -> Result<Command, Refusal> {
        let header: ViewMessageRequestHeader = request.header()?;
        let found = self.log.at(header.offset);
        let stored = found.ok_or_else(|| {
            Refusal::new(
                ResponseCode::SYSTEM_ERROR,
                format!("can not find message by the offset, {}", header.offset),
            )
        })?;
        Ok(answer(request, ResponseCode::SUCCESS).with_body(stored.bytes.clone()))
    }
}

/// By the hash of its tag only, as brokers do: clients compare the text.
fn lets_through(wanted: &SubscriptionData, tag_hash: i64) -> bool {
    let hash = i32::try_from(tag_hash).unwrap_or(0);
    wanted.sub_string == subscription::ALL || wanted.code_set.contains(&hash)
}

/// What a pull finds.
struct Found {
    code: ResponseCode,
    /// The name of the broker's store status.
    remark: &'static str,
    next: i64,
    max_offset: i64,
    body: Bytes,
}

impl Found {
    fn into_answer(self, request: &Command) -> Command {
        let header = PullMessageResponseHeader {
            suggest_which_broker_id: 0,
            next_begin_offset: self.next,
            min_offset: 0,
            max_offset: self.max_offset,
            ..PullMessageResponseHeader::default()
        };
        answer(request, self.code)
            .with_header(&header)
            .with_remark(self.remark)
            .with_body(self.body)
    }
}

/// The topics of a group, with what is wanted of each.
pub(super) type Subscriptions = std::collections::BTreeMap<Arc<str>, SubscriptionData>;
