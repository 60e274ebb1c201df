//! Timers: an indexed heap that holds at most one instant per key, and deadlines of single messages.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

/// What a timer belongs to: the group itself, or the queue in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKey {
    /// Start a round of rebalancing, or stop waiting for answers of the running one.
    Round,
    /// Send a heartbeat that had to wait.
    Heartbeat,
    /// Look for offsets to commit.
    CommitTick,
    /// A broker's commit has not been answered, or may be tried again.
    CommitLanes,
    /// A broker is to be asked for leases, or given them back, or has not answered.
    Locks,
    /// Look for handlers that do not return and for queues that do not move.
    Sweep,
    /// The next step of closing must not wait any longer.
    Close,
    /// Whatever the queue in this slot waits for.
    Queue(u32),
}

impl TimerKey {
    const GROUP_TIMERS: [Self; 7] = [
        Self::Round,
        Self::Heartbeat,
        Self::CommitTick,
        Self::CommitLanes,
        Self::Locks,
        Self::Sweep,
        Self::Close,
    ];

    fn index(self) -> usize {
        match self {
            Self::Round => 0,
            Self::Heartbeat => 1,
            Self::CommitTick => 2,
            Self::CommitLanes => 3,
            Self::Locks => 4,
            Self::Sweep => 5,
            Self::Close => 6,
            Self::Queue(slot) => Self::GROUP_TIMERS.len() + slot as usize,
        }
    }
}

/// A binary heap with an index from key to place, so that moving a timer costs what inserting it does. The order of
/// timers due at the same instant is that of their keys: a run can be repeated.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: Vec<(Instant, TimerKey)>,
    /// By key index: one more than the place in `heap`, or 0.
    places: Vec<u32>,
}

impl Timers {
    /// Sets, moves or clears the timer of a key.
    pub(crate) fn arm(&mut self, key: TimerKey, at: Option<Instant>) {
        let index = key.index();
        if index >= self.places.len() {
            self.places.resize(index + 1, 0);
        }
        let place = self.places[index] as usize;
        match (place, at) {
            (0, None) => {}
            (0, Some(at)) => {
                self.heap.push((at, key));
                self.places[index] = self.heap.len() as u32;
                self.sift_up(self.heap.len() - 1);
            }
            (place, Some(at)) => {
                let place = place - 1;
                if self.heap[place].0 != at {
                    self.heap[place].0 = at;
                    self.sift_down(place);
                    self.sift_up(place);
                }
            }
            (place, None) => self.remove(place - 1),
        }
    }

    /// The earliest instant.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer, if it is due. Its key is unarmed then.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<TimerKey> {
        let (at, key) = *self.heap.first()?;
        if at > now {
            return None;
        }
        self.remove(0);
        Some(key)
    }

    /// Clears all.
    pub(crate) fn clear(&mut self) {
        self.heap.clear();
        self.places.clear();
    }

    fn remove(&mut self, place: usize) {
        let (_, key) = self.heap.swap_remove(place);
        self.places[key.index()] = 0;
        if place < self.heap.len() {
            self.note(place);
            self.sift_down(place);
            self.sift_up(place);
        }
    }

    fn sift_up(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent] <= self.heap[place] {
                break;
            }
            self.swap(parent, place);
            place = parent;
        }
    }

    fn sift_down(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            let Some(smaller) =
                (left..self.heap.len().min(left + 2)).min_by_key(|&at| self.heap[at])
            else {
                break;
            };
            if self.heap[place] <= self.heap[smaller] {
                break;
            }
            self.swap(place, smaller);
            place = smaller;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note(a);
        self.note(b);
    }

    fn note(&mut self, place: usize) {
        self.places[self.heap[place].1.index()] = place as u32 + 1;
    }
}

/// Deadlines by offset, for the few messages of a queue that have one.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    by_offset: BTreeMap<i64, Instant>,
    in_order: BTreeSet<(Instant, i64)>,
}

impl Deadlines {
    /// Sets the deadline of a message.
    pub(crate) fn insert(&mut self, offset: i64, at: Instant) {
        self.remove(offset);
        self.by_offset.insert(offset, at);
        self.in_order.insert((at, offset));
    }

    /// Clears the deadline of a message.
    pub(crate) fn remove(&mut self, offset: i64) {
        if let Some(at) = self.by_offset.remove(&offset) {
            self.in_order.remove(&(at, offset));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// Takes the message with the earliest deadline, if it has passed.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<i64> {
        let (_, offset) = *self.in_order.first().filter(|(at, _)| *at <= now)?;
        self.remove(offset);
        Some(offset)
    }

    /// Clears all.
    pub(crate) fn clear(&mut self) {
        self.by_offset.clear();
        self.in_order.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::testing::start;

    #[derive(Debug, Clone)]
    enum Op {
        Arm(u32, u64),
        Clear(u32),
        Pop(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (0..12_u32, 0..50_u64).prop_map(|(key, at)| Op::Arm(key, at)),
            (0..12_u32).prop_map(Op::Clear),
            (0..50_u64).prop_map(Op::Pop),
        ]
    }

    fn key(number: u32) -> TimerKey {
        match TimerKey::GROUP_TIMERS.get(number as usize) {
            Some(key) => *key,
            None => TimerKey::Queue(number - TimerKey::GROUP_TIMERS.len() as u32),
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_sorted_map(ops in prop::collection::vec(op(), 0..200)) {
            let start = start().monotonic;
            let at = |ms: u64| start + Duration::from_millis(ms);
            let mut timers = Timers::default();
            let mut model = BTreeMap::<TimerKey, Instant>::new();
            for op in ops {
                match op {
                    Op::Arm(number, ms) => {
                        timers.arm(key(number), Some(at(ms)));
                        model.insert(key(number), at(ms));
                    }
                    Op::Clear(number) => {
                        timers.arm(key(number), None);
                        model.remove(&key(number));
                    }
                    Op::Pop(ms) => {
                        let first = model.iter().map(|(&key, &at)| (at, key)).min();
                        let due = first.filter(|(due, _)| *due <= at(ms)).map(|(_, key)| key);
                        if let Some(key) = due {
                            model.remove(&key);
                        }
                        prop_assert_eq!(timers.pop_due(at(ms)), due);
                    }
                }
                prop_assert_eq!(timers.next(), model.values().min().copied());
            }
        }
    }
}
