//! What happens to a message that a handler did not consume.

use rocketmq_protocol::message::{MessageExt, property};

use crate::io::Outcome;

/// The delay level to send back with (`ConsumeConcurrentlyContext.delayLevelWhenNextConsume`): −1 is the dead-letter
/// topic, 0 leaves it to the broker, which takes 3 + the number of redeliveries. `None` if nothing is to be sent back.
pub(crate) fn delay_level(outcome: Outcome) -> Option<i32> {
    match outcome {
        Outcome::Ack | Outcome::Returned => None,
        Outcome::Retry => Some(0),
        Outcome::RetryAfter(level) => Some(level.into()),
        Outcome::DeadLetter => Some(-1),
    }
}

/// A message from the group's retry topic shows the topic that it was first sent to
/// (`DefaultMQPushConsumerImpl.resetRetryAndNamespace`).
pub(crate) fn restore_topic(message: &mut MessageExt) {
    if let Some(topic) = message.properties.get_text(property::RETRY_TOPIC) {
        message.topic = topic;
    }
}
