//! Half messages, and asking what became of them (`broker/transaction/queue/TransactionalMessageServiceImpl.java`).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::BytesMut;
use rocketmq_protocol::{
    Command, Text,
    code::{RequestCode, ResponseCode},
    header::{
        CheckTransactionStateRequestHeader, EndTransactionRequestHeader, SendMessageResponseHeader,
    },
    message::{SysFlag, encode_message, property},
};

use super::{Broker, Outgoing, Refusal, answer};
use crate::log::{Draft, with_properties};

const HALF_TOPIC: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
/// So often a broker asks (`transactionCheckMax`).
const CHECKS_MAX: u32 = 15;

/// The half messages that nobody has decided about, by their offsets in the commit log.
#[derive(Debug)]
pub(super) struct Halves {
    by_offset: BTreeMap<i64, Half>,
    pub(super) check_interval: Duration,
}

impl Default for Halves {
    fn default() -> Self {
        Self { by_offset: BTreeMap::new(), check_interval: Duration::from_millis(50) }
    }
}

#[derive(Debug)]
struct Half {
    draft: Draft,
    group: Arc<str>,
    queue_offset: i64,
    next_check: i64,
    checks: u32,
}

impl Broker {
    /// Whether a message is to wait for its transaction. The property decides, not the flag.
    pub(super) fn is_half(draft: &Draft) -> bool {
        draft.properties.get(property::TRANSACTION_PREPARED) == Some("true")
    }

    pub(super) fn store_half(
        &mut self,
        draft: Draft,
        now: i64,
        out: &mut Vec<Outgoing>,
    ) -> SendMessageResponseHeader {
        let group = draft.properties.get(property::PRODUCER_GROUP).unwrap_or_default().into();
        let immunity = draft.properties.get(property::CHECK_IMMUNITY_TIME_IN_SECONDS);
        let first = immunity.and_then(|seconds| seconds.parse::<i64>().ok()).map(|s| s * 1_000);
        let interval = self.halves.check_interval.as_millis() as i64;
        let (answer, commit_log_offset) = self.put_half(&draft, now, out);
        let half = Half {
            draft,
            group,
            queue_offset: answer.queue_offset,
            next_check: now + first.unwrap_or(interval),
            checks: 0,
        };
        self.halves.by_offset.insert(commit_log_offset, half);
        answer
    }

    fn put_half(
        &mut self,
        draft: &Draft,
        now: i64,
        out: &mut Vec<Outgoing>,
    ) -> (SendMessageResponseHeader, i64) {
        let real = [
            (property::REAL_TOPIC, draft.topic.to_string()),
            (property::REAL_QUEUE_ID, draft.queue_id.to_string()),
        ];
        let half = Draft {
            topic: HALF_TOPIC.into(),
            queue_id: 0,
            sys_flag: SysFlag(draft.sys_flag).without(SysFlag::TRANSACTION_ROLLBACK).0,
            properties: with_properties(&draft.properties, &real),
            ..draft.clone()
        };
        let answer = self.store(half, now, out);
        let stored = self.log.from(&(HALF_TOPIC.into(), 0), answer.queue_offset);
        let offset = stored.first().map_or(0, |stored| stored.message.commit_log_offset);
        (answer, offset)
    }

    pub(super) fn end_transaction(
        &mut self,
        now: i64,
        request: &Command,
        out: &mut Vec<Outgoing>,
    ) -> Result<Command, Refusal> {
        let header: EndTransactionRequestHeader = request.header()?;
        if header.commit_or_rollback == 0 {
            return Ok(answer(request, ResponseCode::SUCCESS));
        }
        let known = self.halves.by_offset.get(&header.commit_log_offset).is_some_and(|half| {
            *half.group == *header.producer_group
                && half.queue_offset == header.tran_state_table_offset
        });
        let half = known.then(|| self.halves.by_offset.remove(&header.commit_log_offset)).flatten();
        let half = half.ok_or_else(|| {
            Refusal::new(ResponseCode::SYSTEM_ERROR, "Find prepared transaction message failed")
        })?;
        if header.commit_or_rollback == SysFlag::TRANSACTION_COMMIT.0 {
            let sys_flag = SysFlag(half.draft.sys_flag)
                .without(SysFlag::TRANSACTION_ROLLBACK)
                .with(SysFlag::TRANSACTION_COMMIT);
            self.store(Draft { sys_flag: sys_flag.0, ..half.draft }, now, out);
        }
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    /// Asks about the half messages that are due. Each check is about a new copy, with new offsets.
    pub(super) fn check_halves(&mut self, now: i64, out: &mut Vec<Outgoing>) {
        let due: Vec<i64> = self
            .halves
            .by_offset
            .iter()
            .filter(|(_, half)| half.next_check <= now && half.checks < CHECKS_MAX)
            .map(|(offset, _)| *offset)
            .collect();
        for offset in due {
            let Some(mut half) = self.halves.by_offset.remove(&offset) else { continue };
            half.checks += 1;
            half.next_check = now + self.halves.check_interval.as_millis() as i64;
            let times = [(property::TRANSACTION_CHECK_TIMES, half.checks.to_string())];
            half.draft.properties = with_properties(&half.draft.properties, &times);
            let (answer, offset) = self.put_half(&half.draft, now, out);
            half.queue_offset = answer.queue_offset;
            self.ask(&half, offset, answer.msg_id, out);
            self.halves.by_offset.insert(offset, half);
        }
    }

    fn ask(&mut self, half: &Half, offset: i64, offset_id: Text, out: &mut Vec<Outgoing>) {
        let Some(to) = self.producers.of_group(&half.group, half.checks) else { return };
        let stored = self.log.at(offset).map(|stored| stored.message.clone());
        let Some(mut message) = stored else { return };
        message.topic = Text::from(&half.draft.topic);
        message.queue_id = half.draft.queue_id;
        let mut body = BytesMut::new();
        encode_message(&message, &mut body);
        let id = message.properties.get(property::UNIQ_KEY).map(|id| Text::from(id.to_owned()));
        let header = CheckTransactionStateRequestHeader {
            topic: Some(Text::from_static(HALF_TOPIC)),
            tran_state_table_offset: half.queue_offset,
            commit_log_offset: offset,
            msg_id: id.clone(),
            transaction_id: id,
            offset_msg_id: Some(offset_id),
            ..CheckTransactionStateRequestHeader::default()
        };
        let command = self.request(RequestCode::CHECK_TRANSACTION_STATE, &header);
        out.push(Outgoing { to, command: command.with_body(body.freeze()) });
    }
}
