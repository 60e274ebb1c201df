//! [`Reporter`]: telling, in a trace topic, what becomes of messages that are consumed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_consumer as machine;
use rocketmq_protocol::{
    message::property,
    trace::{DEFAULT_REGION, SubAfterTrace, SubBeforeTrace, TraceRecord},
};

use super::Delivery;
use crate::{
    Client, Error,
    client::{Core, routes::std_now, wall_millis},
    trace::{TraceOf, Tracer, Tracing},
};

/// Reports each message before and after it is consumed (`client/trace/hook/ConsumeMessageTraceHookImpl.java`).
pub(super) struct Reporter {
    tracer: Arc<Tracer>,
    core: Arc<Core>,
    /// As the application calls it.
    group: Arc<str>,
    cloud: bool,
    /// What takes as long as this is reported as too late.
    consume_timeout: Duration,
}

/// Messages that are being consumed together.
pub(super) struct Reported {
    reporter: Arc<Reporter>,
    request_id: String,
    begun: Instant,
    /// `None` for those that are left out.
    messages: Vec<Option<Subject>>,
}

/// What both records of a message say.
struct Subject {
    region: String,
    message_id: String,
    keys: Option<String>,
}

/// How consuming a message has ended (`client/consumer/listener/ConsumeReturnType.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Success = 0,
    TooLate = 1,
    Error = 2,
    Failed = 4,
}

impl From<machine::Outcome> for Ended {
    fn from(outcome: machine::Outcome) -> Self {
        match outcome {
            machine::Outcome::Ack | machine::Outcome::Commit => Self::Success,
            _ => Self::Failed,
        }
    }
}

impl Reporter {
    pub(super) async fn start(
        client: &Client,
        group: &Arc<str>,
        consume_timeout: Duration,
        options: Tracing,
    ) -> Result<Self, Error> {
        let cloud = options.cloud;
        let tracer = Tracer::start(client, group, TraceOf::Consumption, options).await?;
        let (core, group) = (Arc::clone(client.core()), Arc::clone(group));
        Ok(Self { tracer: Arc::new(tracer), core, group, cloud, consume_timeout })
    }

    pub(super) fn tracer(&self) -> &Arc<Tracer> {
        &self.tracer
    }

    /// Messages are about to be consumed.
    pub(super) fn begin(self: &Arc<Self>, deliveries: &[Delivery]) -> Reported {
        let request_id = self.core.new_message_id().to_string();
        let messages = deliveries.iter().map(|delivery| {
            let subject = self.subject(delivery)?;
            let record = SubBeforeTrace {
                timestamp: wall_millis(),
                region_id: subject.region.clone().into(),
                group: self.group().into(),
                request_id: request_id.clone().into(),
                message_id: subject.message_id.clone().into(),
                retry_times: delivery.reconsume_times(),
                keys: subject.keys.clone().map(Into::into),
            };
            self.tracer.record(TraceRecord::SubBefore(record));
            Some(subject)
        });
        let messages = messages.collect();
        Reported { reporter: Arc::clone(self), request_id, begun: std_now(), messages }
    }

    /// `None` for traces themselves, and for messages of a region that wants none.
    fn subject(&self, delivery: &Delivery) -> Option<Subject> {
        let switched_off = delivery.property(property::TRACE_SWITCH) == Some("false");
        if switched_off || self.tracer.leaves_out(delivery.topic()) {
            return None;
        }
        Some(Subject {
            region: delivery.property(property::MSG_REGION).unwrap_or(DEFAULT_REGION).to_owned(),
            message_id: delivery.message().message_id().to_string(),
            keys: delivery.property(property::KEYS).map(str::to_owned),
        })
    }

    fn group(&self) -> String {
        self.group.to_string()
    }
}

impl Reported {
    /// The messages have been consumed, each of them so.
    pub(super) fn end(self, how: impl Fn(usize) -> Ended) {
        let Self { reporter, request_id, begun, messages } = self;
        let elapsed = std_now().saturating_duration_since(begun);
        let share = elapsed.as_millis() / messages.len().max(1) as u128;
        for (index, subject) in messages.into_iter().enumerate() {
            let Some(Subject { region, message_id, keys }) = subject else { continue };
            let said = how(index);
            let ended = match said {
                Ended::Success | Ended::Failed if elapsed >= reporter.consume_timeout => {
                    Ended::TooLate
                }
                _ => said,
            };
            let record = SubAfterTrace {
                request_id: request_id.clone().into(),
                message_id: message_id.into(),
                cost_time: i32::try_from(share).unwrap_or(i32::MAX),
                success: said == Ended::Success,
                keys: keys.map(Into::into),
                context_code: ended as i32,
                at: (!reporter.cloud).then(|| (wall_millis(), reporter.group().into())),
            };
            reporter.tracer.record_in(&region, TraceRecord::SubAfter(record));
        }
    }
}
