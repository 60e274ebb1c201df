//! [`Averagely`]: neighbouring queues to one member, shares that differ by at most one.

use rocketmq_route::MessageQueue;

use super::{Allocate, AllocateError, Share};

/// `AVG`, Java's default (`AllocateMessageQueueAveragely`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[doc(alias = "AllocateMessageQueueAveragely")]
pub struct Averagely;

impl Allocate for Averagely {
    fn name(&self) -> &str {
        "AVG"
    }

    fn allocate(&self, share: &Share<'_>) -> Result<Vec<MessageQueue>, AllocateError> {
        let (queues, members, me) = (share.queues(), share.members().len(), share.me());
        let (least, larger) = (queues.len() / members, queues.len() % members);
        // The first `larger` members have one more than the others.
        let start = me * least + me.min(larger);
        let length = least + usize::from(me < larger);
        Ok(queues.iter().skip(start).take(length).cloned().collect())
    }
}
