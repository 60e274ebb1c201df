//! [`Queues`]: all queues of a group, found by slot, by epoch or by name.

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_route::MessageQueue;

use super::{Lease, Queue, Stage, Standing, Tenure};
use crate::{delivery::Claim, io::Epoch};

/// Queues in slots that are used again. A slot counts its tenures, so an epoch names one queue for all time.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_name: BTreeMap<MessageQueue, u32>,
}

#[derive(Debug)]
enum Slot {
    Free { next_tenure: u32 },
    Used(Box<Queue>),
}

impl Queues {
    /// Adds a queue that is not here.
    pub(crate) fn insert(
        &mut self,
        queue: MessageQueue,
        stage: Stage,
        lease: Lease,
        claim: Arc<Claim>,
    ) -> Epoch {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free { next_tenure: 1 });
            self.slots.len() as u32 - 1
        });
        let tenure = match self.slots[slot as usize] {
            Slot::Free { next_tenure } => next_tenure,
            Slot::Used(ref queue) => unreachable!("slot {slot} is not free: {:?}", queue.tenure),
        };
        let epoch = Epoch { slot, tenure };
        self.by_name.insert(queue.clone(), slot);
        let tenure = Tenure { queue, epoch, claim };
        let queue = Queue {
            tenure,
            stage,
            lease,
            standing: Standing::Untold,
            in_line: false,
            paused: false,
            vouched_early: None,
        };
        self.slots[slot as usize] = Slot::Used(Box::new(queue));
        epoch
    }

    /// Takes a queue out.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Queue> {
        let place = self.slots.get_mut(slot as usize)?;
        let Slot::Used(queue) = place else { return None };
        let next_tenure = queue.tenure.epoch.tenure.wrapping_add(1);
        let Slot::Used(queue) = std::mem::replace(place, Slot::Free { next_tenure }) else {
            return None;
        };
        self.free.push(slot);
        self.by_name.remove(&queue.tenure.queue);
        Some(*queue)
    }

    /// The queue in a slot.
    pub(crate) fn get(&self, slot: u32) -> Option<&Queue> {
        match self.slots.get(slot as usize)? {
            Slot::Used(queue) => Some(queue),
            Slot::Free { .. } => None,
        }
    }

    /// The queue in a slot.
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Queue> {
        match self.slots.get_mut(slot as usize)? {
            Slot::Used(queue) => Some(queue),
            Slot::Free { .. } => None,
        }
    }

    /// Whether this is the present epoch of a queue.
    pub(crate) fn is_current(&self, epoch: Epoch) -> bool {
        self.get(epoch.slot).is_some_and(|queue| queue.tenure.epoch == epoch)
    }

    /// The slot of a queue.
    pub(crate) fn find(&self, queue: &MessageQueue) -> Option<u32> {
        self.by_name.get(queue).copied()
    }

    /// All slots in use, in the order of the queues' names.
    pub(crate) fn slots(&self) -> Vec<u32> {
        self.by_name.values().copied().collect()
    }

    /// The slots of a topic's queues.
    pub(crate) fn slots_of(&self, topic: &str) -> Vec<u32> {
        let first =
            MessageQueue { topic: topic.into(), broker_name: "".into(), queue_id: i32::MIN };
        let of_topic = self.by_name.range(first..).take_while(|(queue, _)| *queue.topic == *topic);
        of_topic.map(|(_, slot)| *slot).collect()
    }

    /// A broker does not have a topic, of which one queue was told. Pulls of the others may be held until there is one again.
    pub(crate) fn note_gone(&mut self, topic: &str) {
        for slot in self.slots_of(topic) {
            if let Some(Queue { stage: Stage::Reading(reading), .. }) = self.get_mut(slot) {
                reading.gone = true;
            }
        }
    }

    /// All queues, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queue> {
        self.by_name.values().filter_map(|slot| self.get(*slot))
    }
}
