//! Flow control: how much may lie between pull and handler.
//!
//! There is no polling. A queue without room is left alone until a settlement frees some, and then pulls at once;
//! a queue that waits for the budget of the whole group stands in a line.

use std::collections::{BTreeSet, VecDeque};

/// How much a queue may hold. Pulling stops when one of them is *exceeded*, so a queue may hold one answer more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages. Default 1,000 (`pullThresholdForQueue`).
    pub messages: usize,
    /// Bytes, as the messages came. Default 100 MiB (`pullThresholdSizeForQueue`).
    pub bytes: u64,
    /// Offsets between the first message that is not settled and the last one that came: how much would come again
    /// after a crash. Default 2,000 (`consumeConcurrentlyMaxSpan`). Java counts to the last message that is *not
    /// settled*, so that messages behind a stuck one flow for ever as long as they are settled fast.
    pub span: u64,
}

impl Limits {
    /// Java's numbers.
    pub const JAVA: Self = Self { messages: 1_000, bytes: 100 << 20, span: 2_000 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::JAVA
    }
}

/// What a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Messages that are not settled.
    pub messages: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Offsets from the first of them to the last message that came.
    pub span: u64,
}

/// Which limit holds pulling back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// Too many messages in this queue.
    Messages,
    /// Too many bytes in this queue.
    Bytes,
    /// Too many offsets behind this queue's first unsettled message.
    Span,
    /// Too many bytes in all queues together.
    Budget,
}

impl Limits {
    /// The first limit that is exceeded, in Java's order (`DefaultMQPushConsumerImpl.pullMessage`).
    pub fn pressure(&self, usage: Usage) -> Option<Pressure> {
        if usage.messages > self.messages {
            Some(Pressure::Messages)
        } else if usage.bytes > self.bytes {
            Some(Pressure::Bytes)
        } else if usage.span > self.span {
            Some(Pressure::Span)
        } else {
            None
        }
    }

    /// The limits of one of `queues` queues that share limits of their topic.
    #[must_use]
    pub(crate) fn shared(self, topic: TopicLimits, queues: usize) -> Self {
        let queues = queues.max(1);
        Self {
            messages: topic.messages.map_or(self.messages, |all| (all / queues).max(1)),
            bytes: topic.bytes.map_or(self.bytes, |all| (all / queues as u64).max(1)),
            ..self
        }
    }
}

/// Limits that the queues of one topic share in equal parts; they then stand in place of the queue's own
/// (`pullThresholdForTopic`, `pullThresholdSizeForTopic`). Java divides by the queues of all topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TopicLimits {
    /// Messages. Default none.
    pub messages: Option<usize>,
    /// Bytes. Default none.
    pub bytes: Option<u64>,
}

/// The bytes that all queues of a group may hold together.
///
/// A pull in flight counts with what the queue's last answer brought, so that many queues with a backlog cannot all
/// pass at once. An idle queue's pull counts nothing.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    held: u64,
    expected: u64,
    line: VecDeque<u32>,
    waiting: BTreeSet<u32>,
}

impl Budget {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        let limit = limit.unwrap_or(u64::MAX);
        Self { limit, held: 0, expected: 0, line: VecDeque::new(), waiting: BTreeSet::new() }
    }

    /// Reserves what a pull is expected to bring, or puts the queue in line. If nothing is held or expected at all,
    /// anyone may go; otherwise nobody passes those who came before.
    pub(crate) fn admit(&mut self, slot: u32, expected: u64) -> bool {
        let used = self.held.saturating_add(self.expected);
        let fits = used == 0 || (used < self.limit && expected <= self.limit - used);
        if fits && self.line.front().is_none_or(|first| *first == slot) {
            self.leave(slot);
            self.expected += expected;
            return true;
        }
        if self.waiting.insert(slot) {
            self.line.push_back(slot);
        }
        false
    }

    /// More than half of it is taken.
    pub(crate) fn is_tight(&self) -> bool {
        self.held.saturating_add(self.expected) > self.limit / 2
    }

    /// A pull has ended; what it brought is reported by [`adjust`](Self::adjust).
    pub(crate) fn arrived(&mut self, expected: u64) {
        debug_assert!(self.expected >= expected, "a pull ended twice");
        self.expected = self.expected.saturating_sub(expected);
    }

    /// What a queue holds has changed.
    pub(crate) fn adjust(&mut self, before: u64, after: u64) {
        debug_assert!(self.held >= before, "a queue held more than all queues");
        self.held = self.held.saturating_sub(before).saturating_add(after);
    }

    /// The first queue in line, if there may be room for it.
    pub(crate) fn first_in_line(&self) -> Option<u32> {
        let used = self.held.saturating_add(self.expected);
        self.line.front().copied().filter(|_| used < self.limit)
    }

    /// The first queue in line wants nothing any more.
    pub(crate) fn leave(&mut self, slot: u32) {
        if self.line.front() == Some(&slot) {
            self.line.pop_front();
            self.waiting.remove(&slot);
        }
    }

    #[cfg(test)]
    pub(crate) fn has_line(&self) -> bool {
        !self.line.is_empty()
    }

    /// Bytes held by all queues.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(messages: usize, bytes: u64, span: u64, expected: Option<Pressure>) {
        assert_eq!(Limits::JAVA.pressure(Usage { messages, bytes, span }), expected);
    }

    #[test]
    fn limits_bind_when_exceeded() {
        check(1_000, 100 << 20, 2_000, None);
        check(1_001, 0, 0, Some(Pressure::Messages));
        check(0, (100 << 20) + 1, 0, Some(Pressure::Bytes));
        check(0, 0, 2_001, Some(Pressure::Span));
        check(1_001, 0, 2_001, Some(Pressure::Messages));
    }

    #[test]
    fn a_topic_limit_is_divided() {
        let of = |messages, queues| {
            let topic = TopicLimits { messages: Some(messages), bytes: None };
            Limits::JAVA.shared(topic, queues).messages
        };
        assert_eq!(of(1_000, 3), 333);
        assert_eq!(of(1, 3), 1);
        assert_eq!(Limits::JAVA.shared(TopicLimits::default(), 3), Limits::JAVA);
    }

    #[test]
    fn a_full_budget_forms_a_line_and_serves_it_in_order() {
        let mut budget = Budget::new(Some(100));
        assert!(budget.admit(0, 60));
        assert!(!budget.admit(1, 60), "60 and 60 are too many");
        assert!(!budget.admit(2, 10), "nobody passes who came before");
        assert!(!budget.admit(1, 60), "in line already");
        budget.arrived(60);
        budget.adjust(0, 100);
        assert_eq!(budget.first_in_line(), None);
        assert!(!budget.admit(3, 0), "nothing goes into a full budget, whatever it expects");
        budget.adjust(100, 30);
        for slot in [1, 2, 3] {
            assert_eq!(budget.first_in_line(), Some(slot));
            assert!(budget.admit(slot, 10));
        }
        assert!(!budget.has_line());
    }

    #[test]
    fn an_empty_budget_admits_what_is_larger_than_itself() {
        assert!(Budget::new(Some(1)).admit(0, 1_000), "or it would wait for ever");
    }

    proptest! {
        #[test]
        fn more_usage_never_lowers_pressure(
            a in (0..3_000_usize, 0..(200_u64 << 20), 0..4_000_u64),
            more in (0..3_000_usize, 0..(200_u64 << 20), 0..4_000_u64),
        ) {
            let less = Usage { messages: a.0, bytes: a.1, span: a.2 };
            let most = Usage { messages: a.0 + more.0, bytes: a.1 + more.1, span: a.2 + more.2 };
            prop_assert!(Limits::JAVA.pressure(less).is_none() || Limits::JAVA.pressure(most).is_some());
        }
    }
}
