//! [`AveragelyByCircle`]: queues dealt out like cards.

use rocketmq_route::MessageQueue;

use super::{Allocate, AllocateError, Share};

/// `AVG_BY_CIRCLE`: every n-th queue for each of n members, so that the queues of one broker go to different members
/// (`AllocateMessageQueueAveragelyByCircle`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[doc(alias = "AllocateMessageQueueAveragelyByCircle")]
pub struct AveragelyByCircle;

impl Allocate for AveragelyByCircle {
    fn name(&self) -> &str {
        "AVG_BY_CIRCLE"
    }

    fn allocate(&self, share: &Share<'_>) -> Result<Vec<MessageQueue>, AllocateError> {
        let dealt = share.queues().iter().skip(share.me()).step_by(share.members().len());
        Ok(dealt.cloned().collect())
    }
}
