//! Who reads what: strategies, the difference they make, and what brokers say about membership.

mod averagely;
mod averagely_by_circle;
mod by_config;
mod consistent_hash;
#[cfg(test)]
mod laws;
mod machine_room;
mod machine_room_nearby;
mod members;
mod plan;
mod round;

use std::{cmp::Ordering, fmt, sync::Arc};

pub use rocketmq_protocol::java::string_order as java_order;
use rocketmq_route::MessageQueue;
use thiserror::Error;

pub use averagely::Averagely;
pub use averagely_by_circle::AveragelyByCircle;
pub use by_config::ByConfig;
pub use consistent_hash::ConsistentHash;
pub use machine_room::MachineRoom;
pub use machine_room_nearby::{MachineRoomNearby, Rooms};
pub(crate) use members::{Membership, Verdict};
pub(crate) use plan::Plan;
pub(crate) use round::{Questions, Round, choose_brokers};

/// A strategy: which of all queues are mine.
///
/// Every member computes its own share, from the same queues and the same members. Nothing checks that the shares fit
/// together but that all members use the same strategy.
pub trait Allocate: fmt::Debug + Send + Sync {
    /// The name under which Java knows it (`AllocateMessageQueueStrategy.getName`).
    fn name(&self) -> &str;

    /// My queues.
    ///
    /// # Errors
    ///
    /// When there is no answer. The queues held stay as they are, and the question is asked again.
    fn allocate(&self, share: &Share<'_>) -> Result<Vec<MessageQueue>, AllocateError>;
}

/// The question put to a strategy. Made by [`Share::of`], which guarantees what the fields say.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    group: &'a str,
    me: usize,
    members: &'a [Arc<str>],
    queues: &'a [MessageQueue],
}

impl<'a> Share<'a> {
    /// The share of `client_id`. Both lists must be sorted: queues by [`java_queue_order`], members by [`java_order`].
    ///
    /// # Errors
    ///
    /// What Java's strategies check alike (`AbstractAllocateMessageQueueStrategy.check`): blank own id, no members,
    /// no queues, not a member.
    pub fn of(
        group: &'a str,
        client_id: &str,
        members: &'a [Arc<str>],
        queues: &'a [MessageQueue],
    ) -> Result<Self, AllocateError> {
        debug_assert!(
            queues.is_sorted_by(|a, b| java_queue_order(a, b).is_lt()),
            "or members disagree"
        );
        if client_id.trim().is_empty() {
            return Err(AllocateError::BlankMember);
        }
        if queues.is_empty() {
            return Err(AllocateError::NoQueues);
        }
        if members.is_empty() {
            return Err(AllocateError::NoMembers);
        }
        let me = members
            .binary_search_by(|member| java_order(member, client_id))
            .map_err(|_| AllocateError::NotAMember)?;
        Ok(Self { group, me, members, queues })
    }

    /// The group.
    pub fn group(&self) -> &'a str {
        self.group
    }

    /// My place among the members.
    pub fn me(&self) -> usize {
        self.me
    }

    /// My client id.
    pub fn client_id(&self) -> &'a str {
        &self.members[self.me]
    }

    /// All members, sorted, me among them.
    pub fn members(&self) -> &'a [Arc<str>] {
        self.members
    }

    /// All queues, sorted, at least one.
    pub fn queues(&self) -> &'a [MessageQueue] {
        self.queues
    }
}

/// Why a strategy has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AllocateError {
    /// The own client id is blank.
    #[error("the own client id is blank")]
    BlankMember,
    /// There are no queues to share.
    #[error("there are no queues")]
    NoQueues,
    /// There are no members.
    #[error("there are no members")]
    NoMembers,
    /// The own client id is not among the members.
    #[error("the own client id is not among the members")]
    NotAMember,
    /// Nobody knows in which room this queue or member is.
    #[error("the room of {0} is not known")]
    NoRoom(String),
    /// What a strategy of its own objects to.
    #[error("{0}")]
    Other(String),
}

/// The order in which Java sorts queues (`MessageQueue.compareTo`): by topic, broker name and queue id.
pub fn java_queue_order(a: &MessageQueue, b: &MessageQueue) -> Ordering {
    java_order(&a.topic, &b.topic)
        .then_with(|| java_order(&a.broker_name, &b.broker_name))
        .then_with(|| a.queue_id.cmp(&b.queue_id))
}
