//! Messages for later: delay levels, timers, and taking them back.

use std::sync::Arc;

use rocketmq_protocol::{
    Command, Text,
    code::ResponseCode,
    header::{RecallMessageRequestHeader, RecallMessageResponseHeader, SendMessageResponseHeader},
    message::{Properties, property},
    pop::RecallHandle,
};

use super::{Broker, Refusal, answer};
use crate::log::{Draft, delay_level};

/// The farthest a timer may be ahead (`timerMaxDelaySec`).
const TIMER_MAX_MS: i64 = 3 * 24 * 3600 * 1000;

/// When a message is due, if not at once. A level takes precedence over timers, and among them the order is Java's
/// (`broker/util/HookUtils.java`).
pub(super) fn due(
    properties: &Properties,
    now: i64,
    level_step: i64,
) -> Result<Option<i64>, Refusal> {
    let level = delay_level(properties);
    if level > 0 {
        return Ok(Some(now + level_step * i64::from(level)));
    }
    let number = |name| properties.get(name).and_then(|value: &str| value.parse::<i64>().ok());
    let due = number(property::TIMER_DELAY_SEC)
        .map(|seconds| now.saturating_add(seconds.saturating_mul(1_000)))
        .or_else(|| number(property::TIMER_DELAY_MS).map(|millis| now.saturating_add(millis)))
        .or_else(|| number(property::TIMER_DELIVER_MS));
    match due {
        Some(due) if due - now > TIMER_MAX_MS => {
            let remark =
                "timer message illegal, the delay time should not be bigger than the max delay";
            Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark))
        }
        due => Ok(due.filter(|due| *due > now)),
    }
}

impl Broker {
    /// Keeps a message until it is due. A real broker answers with the place in its topic of delayed messages.
    pub(super) fn keep(&mut self, draft: Draft, due: i64) -> SendMessageResponseHeader {
        let is_timer = delay_level(&draft.properties) == 0;
        let handle = RecallHandle {
            topic: draft.topic.to_string(),
            broker_name: self.name.to_string(),
            deliver_time: due,
            message_id: draft.properties.get(property::UNIQ_KEY).unwrap_or_default().to_owned(),
        };
        self.delayed_count += 1;
        self.delayed.insert((due, self.delayed_count), draft);
        SendMessageResponseHeader {
            msg_id: Text::from("0".repeat(32)),
            recall_handle: is_timer.then(|| handle.to_string().into()),
            ..SendMessageResponseHeader::default()
        }
    }

    /// Takes a timer message back (`broker/processor/RecallMessageProcessor.java`).
    pub(super) fn recall(&mut self, now: i64, request: &Command) -> Result<Command, Refusal> {
        if !self.recall_enabled {
            let remark = "recall failed, operation is forbidden";
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        let header: RecallMessageRequestHeader = request.header()?;
        let illegal = |remark: &str| {
            Refusal::new(ResponseCode::ILLEGAL_OPERATION, format!("recall failed, {remark}"))
        };
        let handle: RecallHandle =
            header.recall_handle.parse().map_err(|_| illegal("handle is invalid"))?;
        if handle.topic != *header.topic || handle.broker_name != *self.name {
            return Err(illegal("topic or broker not match"));
        }
        if handle.deliver_time <= now {
            return Err(illegal("timestamp invalid"));
        }
        let topic: Arc<str> = handle.topic.as_str().into();
        self.delayed.retain(|_, draft| {
            draft.topic != topic
                || draft.properties.get(property::UNIQ_KEY) != Some(&handle.message_id)
        });
        let response = RecallMessageResponseHeader { msg_id: handle.message_id.into() };
        Ok(answer(request, ResponseCode::SUCCESS).with_header(&response))
    }
}
