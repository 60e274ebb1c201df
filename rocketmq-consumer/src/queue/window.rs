//! [`Window`]: the messages of one queue between pull and commit, in the order of their offsets.
//!
//! ```text
//!   insert ──► Waiting ──take──► Taken ──settle──► Done (popped once it is the first)
//!                 ▲  ▲            │ │
//!                 │  └─give_back──┤ └──keep──► Kept ──settle_kept──► Done
//!                 │  └────────────│──roll_back──┘
//!                 │           send_back ──► Settling ──settle──► Done
//!                 │                            │
//!                 └────────wake──── Parked ◄───┴── park
//! ```
//!
//! Messages arrive in order and mostly leave in order, so this is a ring rather than a tree: an offset's place is its
//! distance from the first one as long as there are no gaps, and found by bisection where filters left some.

use std::collections::{BTreeSet, VecDeque};

use crate::flow::Usage;

/// The offset-ordered set of what was pulled and is not settled.
#[derive(Debug)]
pub struct Window<T> {
    entries: VecDeque<Entry<T>>,
    /// Places below this one have been taken at least once, or hold late arrivals listed in `again`.
    fresh: usize,
    /// Waiting entries below `fresh`.
    again: BTreeSet<i64>,
    /// Everything below has been dealt with, or was not for us: what comes from below is a repetition.
    floor: i64,
    /// One past the highest offset ever inserted, or the floor.
    end: i64,
    held: usize,
    bytes: u64,
    waiting: usize,
    out: usize,
    kept: usize,
}

#[derive(Debug)]
struct Entry<T> {
    offset: i64,
    bytes: u32,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Held(Phase, T),
    /// Settled, but something before it is not.
    Done,
    /// Given up without being settled: no commit may pass it.
    Dropped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Taken,
    Kept,
    Settling,
    Parked,
}

impl Phase {
    /// With a handler, or on the way back to a broker.
    fn is_out(self) -> bool {
        matches!(self, Self::Taken | Self::Settling)
    }
}

/// The range of offsets held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// The first offset held.
    pub first: Option<i64>,
    /// The last offset held.
    pub last: Option<i64>,
}

impl<T> Window<T> {
    /// An empty window that begins at this offset.
    pub fn new(start: i64) -> Self {
        Self {
            entries: VecDeque::new(),
            fresh: 0,
            again: BTreeSet::new(),
            floor: start,
            end: start,
            held: 0,
            bytes: 0,
            waiting: 0,
            out: 0,
            kept: 0,
        }
    }

    /// Adds a message, unless it is held already or lies below what has been pulled. The answer says whether it was
    /// added.
    pub fn insert(&mut self, offset: i64, bytes: u32, value: T) -> bool {
        if offset < self.floor || offset == i64::MAX {
            return false;
        }
        let entry = Entry { offset, bytes, state: State::Held(Phase::Waiting, value) };
        if offset >= self.end {
            self.entries.push_back(entry);
        } else if !self.insert_late(entry) {
            return false;
        }
        self.end = self.end.max(offset + 1);
        self.held += 1;
        self.bytes += u64::from(bytes);
        self.waiting += 1;
        self.check();
        true
    }

    /// Adds a message below one that has come before.
    fn insert_late(&mut self, entry: Entry<T>) -> bool {
        let offset = entry.offset;
        let place = match self.locate(offset) {
            Ok(place) if matches!(self.entries[place].state, State::Done) => {
                self.entries[place] = entry;
                place
            }
            Ok(_) => return false,
            Err(place) => {
                self.entries.insert(place, entry);
                self.fresh += usize::from(place < self.fresh);
                place
            }
        };
        if place < self.fresh {
            self.again.insert(offset);
        }
        true
    }

    /// Everything below `next` has been pulled. Never goes back.
    pub fn advance(&mut self, next: i64) {
        self.floor = self.floor.max(next).max(self.end);
        self.end = self.floor;
    }

    /// The offset that may be committed: that of the first message that is not settled, or, when all are, the end of
    /// what was pulled.
    pub fn position(&self) -> i64 {
        self.entries.front().map_or(self.end, |first| first.offset)
    }

    /// The offset to pull next.
    pub fn next(&self) -> i64 {
        self.end
    }

    /// What is held, for flow control.
    pub fn usage(&self) -> Usage {
        let span = match (self.entries.front(), self.entries.back()) {
            (Some(first), Some(last)) => last.offset.abs_diff(first.offset),
            _ => 0,
        };
        Usage { messages: self.held, bytes: self.bytes, span }
    }

    /// What is held, for running info. Linear in what is settled out of order.
    pub fn extent(&self) -> Extent {
        self.extent_where(|_| true)
    }

    /// What was handed out and is not consumed yet, for running info.
    pub fn taken_extent(&self) -> Extent {
        self.extent_where(|phase| matches!(phase, Phase::Taken | Phase::Kept))
    }

    fn extent_where(&self, counts: impl Fn(Phase) -> bool) -> Extent {
        let mut offsets = self
            .entries
            .iter()
            .filter(|entry| entry.phase().is_some_and(&counts))
            .map(|entry| entry.offset);
        let first = offsets.next();
        let last = offsets.next_back().or(first);
        Extent { first, last }
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Messages that [`take`](Self::take) would give.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Messages that are with a handler or being sent back.
    pub fn out(&self) -> usize {
        self.out
    }

    /// Messages that were consumed and wait for the application to say that this is final.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// The message at an offset, if a handler has it.
    pub fn taken(&self, offset: i64) -> Option<&T> {
        match &self.entries[self.locate(offset).ok()?].state {
            State::Held(Phase::Taken, value) => Some(value),
            State::Held(..) | State::Done | State::Dropped => None,
        }
    }

    /// The messages from `first` to `last` that handlers have and for which `is_it` holds.
    pub fn taken_between(&self, first: i64, last: i64, is_it: impl Fn(&T) -> bool) -> Vec<i64> {
        let (Ok(start) | Err(start)) = self.locate(first);
        let entries = self.entries.range(start..).take_while(|entry| entry.offset <= last);
        let found = entries.filter(
            |entry| matches!(&entry.state, State::Held(Phase::Taken, value) if is_it(value)),
        );
        found.map(|entry| entry.offset).collect()
    }

    /// Hands out up to `max` messages, lowest offsets first, those that come again before fresh ones.
    pub fn take(&mut self, max: usize, mut give: impl FnMut(i64, &mut T)) {
        for _ in 0..max {
            let Some(place) = self.next_waiting() else { break };
            let entry = &mut self.entries[place];
            if let State::Held(phase, value) = &mut entry.state {
                *phase = Phase::Taken;
                give(entry.offset, value);
                self.waiting -= 1;
                self.out += 1;
            }
        }
        self.check();
    }

    fn next_waiting(&mut self) -> Option<usize> {
        while let Some(offset) = self.again.pop_first() {
            if let Ok(place) = self.locate(offset)
                && self.entries[place].is_in(Phase::Waiting)
            {
                return Some(place);
            }
        }
        while let Some(entry) = self.entries.get(self.fresh) {
            self.fresh += 1;
            if entry.is_in(Phase::Waiting) {
                return Some(self.fresh - 1);
            }
        }
        None
    }

    /// A handler is done with a message: it is settled. `None` if it is not with a handler.
    pub fn ack(&mut self, offset: i64) -> Option<T> {
        self.settle(offset, |phase| phase == Phase::Taken)
    }

    /// A message that was being sent back is stored elsewhere: it is settled. So is one that was thought not to be,
    /// and lies here for another try, if the answer came late.
    pub fn sent_back(&mut self, offset: i64) -> Option<T> {
        self.settle(offset, |phase| matches!(phase, Phase::Settling | Phase::Parked))
    }

    /// Settles a message, wherever it is.
    pub fn remove(&mut self, offset: i64) -> Option<T> {
        self.settle(offset, |_| true)
    }

    fn settle(&mut self, offset: i64, allowed: impl FnOnce(Phase) -> bool) -> Option<T> {
        let place = self.locate(offset).ok()?;
        let entry = &mut self.entries[place];
        let phase = entry.phase().filter(|&phase| allowed(phase))?;
        let State::Held(_, value) = std::mem::replace(&mut entry.state, State::Done) else {
            return None;
        };
        self.held -= 1;
        self.bytes -= u64::from(entry.bytes);
        self.waiting -= usize::from(phase == Phase::Waiting);
        self.out -= usize::from(phase.is_out());
        self.kept -= usize::from(phase == Phase::Kept);
        self.pop_done();
        self.check();
        Some(value)
    }

    fn pop_done(&mut self) {
        while let Some(Entry { state: State::Done, .. }) = self.entries.front() {
            self.entries.pop_front();
            self.fresh = self.fresh.saturating_sub(1);
        }
    }

    /// A handler is done with a message, and that is not final yet. `None` if it is not with a handler.
    pub fn keep(&mut self, offset: i64) -> Option<&mut T> {
        self.shift(offset, Phase::Taken, Phase::Kept)
    }

    /// Whatever is kept is settled.
    pub fn settle_kept(&mut self) {
        for entry in &mut self.entries {
            if self.kept == 0 {
                break;
            }
            if entry.is_in(Phase::Kept) {
                entry.state = State::Done;
                self.held -= 1;
                self.bytes -= u64::from(entry.bytes);
                self.kept -= 1;
            }
        }
        self.pop_done();
        self.check();
    }

    /// Whatever is kept waits again.
    pub fn roll_back(&mut self) {
        for entry in &mut self.entries {
            if self.kept == 0 {
                break;
            }
            if let State::Held(phase @ Phase::Kept, _) = &mut entry.state {
                *phase = Phase::Waiting;
                self.waiting += 1;
                self.again.insert(entry.offset);
                self.kept -= 1;
            }
        }
        self.check();
    }

    /// A handler failed: the message is on its way back to a broker. `None` if it is not with a handler.
    pub fn send_back(&mut self, offset: i64) -> Option<&mut T> {
        self.shift(offset, Phase::Taken, Phase::Settling)
    }

    /// The way back failed: the message waits here for another try. `None` if it is not on its way back.
    pub fn park(&mut self, offset: i64) -> Option<&mut T> {
        self.shift(offset, Phase::Settling, Phase::Parked)
    }

    /// Another try to send a message back. `None` if it is not parked.
    pub fn send_back_again(&mut self, offset: i64) -> Option<&mut T> {
        self.shift(offset, Phase::Parked, Phase::Settling)
    }

    /// A parked message may be handed out again. `None` if it is not parked.
    pub fn wake(&mut self, offset: i64) -> Option<&mut T> {
        self.shift(offset, Phase::Parked, Phase::Waiting)
    }

    /// A message was handed out and never begun: it waits again. `None` if it is not with a handler.
    pub fn give_back(&mut self, offset: i64) -> Option<&mut T> {
        self.shift(offset, Phase::Taken, Phase::Waiting)
    }

    fn shift(&mut self, offset: i64, from: Phase, to: Phase) -> Option<&mut T> {
        let place = self.locate(offset).ok()?;
        let State::Held(phase, value) = &mut self.entries[place].state else { return None };
        if *phase != from {
            return None;
        }
        *phase = to;
        self.out = self.out + usize::from(to.is_out()) - usize::from(from.is_out());
        self.kept += usize::from(to == Phase::Kept);
        if to == Phase::Waiting {
            self.waiting += 1;
            self.again.insert(offset);
        }
        Some(value)
    }

    /// Lets go of what is not out, because the queue is being given up. It stays unsettled: the position does not
    /// pass it. The answer is how many messages that were.
    pub fn abandon(&mut self) -> usize {
        let mut abandoned = 0;
        for entry in &mut self.entries {
            if entry.phase().is_some_and(|phase| !phase.is_out()) {
                entry.state = State::Dropped;
                self.bytes -= u64::from(entry.bytes);
                abandoned += 1;
            }
        }
        self.held -= abandoned;
        (self.waiting, self.kept) = (0, 0);
        self.again.clear();
        self.fresh = self.entries.len();
        self.check();
        abandoned
    }

    /// The place of an offset, or where it would be inserted.
    fn locate(&self, offset: i64) -> Result<usize, usize> {
        let (Some(first), Some(last)) = (self.entries.front(), self.entries.back()) else {
            return Err(0);
        };
        if offset > last.offset {
            return Err(self.entries.len());
        }
        // Without gaps an offset lies exactly here; with gaps, somewhere before.
        if let Some(distance) = offset.checked_sub(first.offset)
            && let Ok(guess) = usize::try_from(distance)
            && self.entries.get(guess).is_some_and(|entry| entry.offset == offset)
        {
            return Ok(guess);
        }
        self.entries.binary_search_by_key(&offset, |entry| entry.offset)
    }

    /// The sums are what they are sums of. Looked at while the window is small: in tests it always is.
    fn check(&self) {
        if cfg!(debug_assertions) && self.entries.len() <= 64 {
            let phases = || self.entries.iter().filter_map(Entry::phase);
            let bytes = self.entries.iter().filter(|entry| entry.phase().is_some());
            assert_eq!(self.held, phases().count());
            assert_eq!(self.bytes, bytes.map(|entry| u64::from(entry.bytes)).sum::<u64>());
            assert_eq!(self.waiting, phases().filter(|&phase| phase == Phase::Waiting).count());
            assert_eq!(self.out, phases().filter(|phase| phase.is_out()).count());
            assert_eq!(self.kept, phases().filter(|&phase| phase == Phase::Kept).count());
        }
    }
}

impl<T> Entry<T> {
    fn phase(&self) -> Option<Phase> {
        match self.state {
            State::Held(phase, _) => Some(phase),
            State::Done | State::Dropped => None,
        }
    }

    fn is_in(&self, phase: Phase) -> bool {
        self.phase() == Some(phase)
    }
}

#[cfg(test)]
mod tests;
