//! Queues that a broker assigns (`broker/processor/QueryAssignmentProcessor.java`). Popped queues are shared with all members here,
//! which is what a real broker does unless told otherwise.

use std::collections::BTreeMap;

use rocketmq_protocol::{
    Command,
    body::{
        self, MessageQueue, MessageQueueAssignment, MessageRequestMode, QueryAssignmentRequestBody,
        QueryAssignmentResponseBody, SetMessageRequestModeRequestBody,
    },
    code::ResponseCode,
    names,
};

use super::{Broker, Refusal, answer};

/// How groups are to read topics.
#[derive(Debug, Default)]
pub(super) struct Modes(BTreeMap<(String, String), MessageRequestMode>);

impl Broker {
    pub(super) fn set_mode(&mut self, request: &Command) -> Result<Command, Refusal> {
        let wanted: SetMessageRequestModeRequestBody = body::decode(&request.body)?;
        if names::is_retry_topic(&wanted.topic) {
            let remark = "retry topic is not allowed to set mode";
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
        }
        self.modes.0.insert((wanted.topic, wanted.consumer_group), wanted.mode);
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    pub(crate) fn set_pop_mode(&mut self, topic: &str, group: &str, pop: bool) {
        let mode = if pop { MessageRequestMode::Pop } else { MessageRequestMode::Pull };
        self.modes.0.insert((topic.to_owned(), group.to_owned()), mode);
    }

    /// `queues` are those of the topic on all brokers, in order.
    pub(crate) fn query_assignment(
        &self,
        request: &Command,
        asked: &QueryAssignmentRequestBody,
        queues: Vec<MessageQueue>,
    ) -> Command {
        let place = (asked.topic.clone(), asked.consumer_group.clone());
        let mode = self.modes.0.get(&place).copied().unwrap_or_default();
        let members = self.members(&asked.consumer_group);
        let mine = match mode {
            MessageRequestMode::Pop => any_of_each_broker(queues),
            _ => share(queues, &members, &asked.client_id),
        };
        let assigned = |message_queue| MessageQueueAssignment {
            message_queue,
            mode,
            ..MessageQueueAssignment::default()
        };
        let found = QueryAssignmentResponseBody {
            message_queue_assignments: mine.map(|mine| mine.into_iter().map(assigned).collect()),
        };
        answer(request, ResponseCode::SUCCESS).with_body(body::encode(&found))
    }
}

fn any_of_each_broker(mut queues: Vec<MessageQueue>) -> Option<Vec<MessageQueue>> {
    for queue in &mut queues {
        queue.queue_id = -1;
    }
    queues.dedup();
    Some(queues)
}

/// `AllocateMessageQueueAveragely`. A broker that does not know the member cannot say.
fn share(queues: Vec<MessageQueue>, members: &[String], me: &str) -> Option<Vec<MessageQueue>> {
    let index = members.iter().position(|member| member == me)?;
    let (each, over) = (queues.len() / members.len(), queues.len() % members.len());
    let first = index * each + index.min(over);
    let count = each + usize::from(index < over);
    Some(queues.into_iter().skip(first).take(count).collect())
}
