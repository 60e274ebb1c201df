//! [`MachineRoomNearby`]: queues to members in the same room.

use std::{collections::BTreeMap, fmt};

use rocketmq_route::MessageQueue;

use super::{Allocate, AllocateError, Share};

/// Tells in which room something is. An empty answer means that it is not known.
pub trait Rooms: fmt::Debug + Send + Sync {
    /// The room of a queue's broker.
    fn of_queue(&self, queue: &MessageQueue) -> String;

    /// The room of a member.
    fn of_member(&self, client_id: &str) -> String;
}

/// `MACHINE_ROOM_NEARBY-<inner>`: a room's queues are shared by the members in it, with another strategy; those of a
/// room without members by all members (`AllocateMachineRoomNearby`).
#[derive(Debug)]
#[doc(alias = "AllocateMachineRoomNearby")]
pub struct MachineRoomNearby<A, R> {
    name: String,
    inner: A,
    rooms: R,
}

impl<A: Allocate, R: Rooms> MachineRoomNearby<A, R> {
    /// Shares out by `inner` within rooms.
    pub fn new(inner: A, rooms: R) -> Self {
        Self { name: format!("MACHINE_ROOM_NEARBY-{}", inner.name()), inner, rooms }
    }
}

impl<A: Allocate, R: Rooms> Allocate for MachineRoomNearby<A, R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn allocate(&self, share: &Share<'_>) -> Result<Vec<MessageQueue>, AllocateError> {
        let queues = by_room(share.queues(), |queue| self.rooms.of_queue(queue))?;
        let members = by_room(share.members(), |member| self.rooms.of_member(member))?;
        let me = share.client_id();
        let here = self.rooms.of_member(me);
        let mut mine = Vec::new();
        // The own room first, as Java does, then the deserted ones.
        let (own, others): (Vec<_>, Vec<_>) = queues.iter().partition(|(room, _)| **room == here);
        for (room, queues) in own.into_iter().chain(others) {
            let among = match members.get(room) {
                Some(members) if *room == here => members.as_slice(),
                Some(_) => continue,
                None => share.members(),
            };
            mine.extend(self.inner.allocate(&Share::of(share.group(), me, among, queues)?)?);
        }
        Ok(mine)
    }
}

fn by_room<T: Clone + ToString>(
    all: &[T],
    room: impl Fn(&T) -> String,
) -> Result<BTreeMap<String, Vec<T>>, AllocateError> {
    let mut rooms = BTreeMap::<_, Vec<_>>::new();
    for one in all {
        let room = room(one);
        if room.is_empty() {
            return Err(AllocateError::NoRoom(one.to_string()));
        }
        rooms.entry(room).or_default().push(one.clone());
    }
    Ok(rooms)
}
