//! Topics.

use std::sync::Arc;

use rocketmq_protocol::{
    Command, body, code::ResponseCode, header::CreateTopicRequestHeader, names,
};

use super::{Broker, Refusal, Topic, answer};

impl Broker {
    pub(super) fn create_topic(&mut self, request: &Command) -> Result<Command, Refusal> {
        let header: CreateTopicRequestHeader = request.header()?;
        names::validate_topic(&header.topic)
            .map_err(|error| Refusal::new(ResponseCode::INVALID_PARAMETER, error.to_string()))?;
        let settings = Topic {
            read_queues: header.read_queue_nums,
            write_queues: header.write_queue_nums,
            perm: header.perm,
        };
        self.set_topic(&header.topic.to_shared(), settings);
        Ok(answer(request, ResponseCode::SUCCESS))
    }

    /// The queues of a topic here, as bodies name them.
    pub(crate) fn read_queues(&self, topic: &str) -> Vec<body::MessageQueue> {
        let count = self.topics.get(topic).map_or(0, |settings| settings.read_queues);
        let named = |queue_id| body::MessageQueue {
            broker_name: self.name.to_string(),
            queue_id,
            topic: topic.to_owned(),
        };
        (0..count).map(named).collect()
    }

    pub(crate) fn set_topic(&mut self, topic: &Arc<str>, settings: Topic) {
        self.topics.insert(Arc::clone(topic), settings);
    }
}
