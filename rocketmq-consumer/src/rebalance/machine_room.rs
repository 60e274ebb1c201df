//! [`MachineRoom`]: only the queues of some rooms.

use std::collections::BTreeSet;

use rocketmq_route::MessageQueue;

use super::{Allocate, AllocateError, Share};

/// `MACHINE_ROOM`: brokers are called `<room>@<name>`, and only the queues of the rooms named here are shared out, by
/// all members. What lies in other rooms is read by nobody (`AllocateMessageQueueByMachineRoom`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[doc(alias = "AllocateMessageQueueByMachineRoom")]
pub struct MachineRoom {
    rooms: BTreeSet<String>,
}

impl MachineRoom {
    /// The queues of these rooms.
    pub fn new<R: Into<String>>(rooms: impl IntoIterator<Item = R>) -> Self {
        Self { rooms: rooms.into_iter().map(Into::into).collect() }
    }

    fn is_inside(&self, queue: &MessageQueue) -> bool {
        let parts = queue.broker_name.split_once('@');
        // Exactly two parts: Java's `split` drops empty ones at the end.
        parts.is_some_and(|(room, name)| {
            !name.is_empty() && !name.contains('@') && self.rooms.contains(room)
        })
    }
}

impl Allocate for MachineRoom {
    fn name(&self) -> &str {
        "MACHINE_ROOM"
    }

    fn allocate(&self, share: &Share<'_>) -> Result<Vec<MessageQueue>, AllocateError> {
        let inside: Vec<_> = share.queues().iter().filter(|queue| self.is_inside(queue)).collect();
        let (members, me) = (share.members().len(), share.me());
        let each = inside.len() / members;
        let neighbours = inside.iter().skip(each * me).take(each);
        // What is left over goes to the first members, one each.
        let left_over = inside.get(each * members + me);
        Ok(neighbours.chain(left_over).map(|queue| (*queue).clone()).collect())
    }
}
