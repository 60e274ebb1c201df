//! [`ByConfig`]: queues that somebody wrote down.

use rocketmq_route::MessageQueue;

use super::{Allocate, AllocateError, Share};

/// `CONFIG`: exactly the configured queues, whether they exist or not and whoever else has them
/// (`AllocateMessageQueueByConfig`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[doc(alias = "AllocateMessageQueueByConfig")]
pub struct ByConfig {
    queues: Vec<MessageQueue>,
}

impl ByConfig {
    /// Always these queues, as far as their topics are subscribed.
    pub fn new(queues: impl IntoIterator<Item = MessageQueue>) -> Self {
        Self { queues: queues.into_iter().collect() }
    }
}

impl Allocate for ByConfig {
    fn name(&self) -> &str {
        "CONFIG"
    }

    fn allocate(&self, _: &Share<'_>) -> Result<Vec<MessageQueue>, AllocateError> {
        Ok(self.queues.clone())
    }
}
