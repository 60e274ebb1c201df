//! [`ConsistentHash`]: a ring, on which whoever comes or goes moves few queues.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use rocketmq_route::MessageQueue;

use super::{Allocate, AllocateError, Share};

/// `CONSISTENT_HASH`: members lie on a ring in several places each, and a queue belongs to the next one
/// (`AllocateMessageQueueConsistentHash`, `ConsistentHashRouter`). Shares are uneven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(alias = "AllocateMessageQueueConsistentHash")]
pub struct ConsistentHash {
    virtual_nodes: u32,
}

impl ConsistentHash {
    /// With so many places for each member; Java has 10. With 0 nobody gets anything.
    pub fn new(virtual_nodes: u32) -> Self {
        Self { virtual_nodes }
    }
}

impl Default for ConsistentHash {
    fn default() -> Self {
        Self::new(10)
    }
}

impl Allocate for ConsistentHash {
    fn name(&self) -> &str {
        "CONSISTENT_HASH"
    }

    fn allocate(&self, share: &Share<'_>) -> Result<Vec<MessageQueue>, AllocateError> {
        let mut ring = BTreeMap::new();
        for (member, client_id) in share.members().iter().enumerate() {
            for node in 0..self.virtual_nodes {
                ring.insert(hash(&format!("{client_id}-{node}")), member);
            }
        }
        let owner = |queue: &MessageQueue| {
            let next = ring.range(hash(&java_text(queue))..).next().or_else(|| ring.iter().next());
            next.map(|(_, member)| *member)
        };
        let mine = share.queues().iter().filter(|queue| owner(queue) == Some(share.me()));
        Ok(mine.cloned().collect())
    }
}

/// `MessageQueue.toString`, which is what Java hashes.
fn java_text(queue: &MessageQueue) -> String {
    let MessageQueue { topic, broker_name, queue_id } = queue;
    format!("MessageQueue [topic={topic}, brokerName={broker_name}, queueId={queue_id}]")
}

/// The first four bytes of the text's MD5.
fn hash(text: &str) -> u32 {
    let [a, b, c, d, ..] = Md5::digest(text).0;
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_javas() {
        assert_eq!(hash("192.168.0.1@1-0"), 2_325_484_510);
        let of = |id| hash(&java_text(&MessageQueue::new("TopicTest", "broker-a", id)));
        let expected = [
            1_987_926_524,
            4_291_349_817,
            853_506_239,
            3_652_785_994,
            3_819_253_357,
            3_264_541_832,
            2_650_622_136,
            4_171_190_878,
        ];
        assert_eq!((0..8).map(of).collect::<Vec<_>>(), expected);
    }
}
