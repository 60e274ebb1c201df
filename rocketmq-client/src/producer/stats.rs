//! What a producer has counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;

/// What a producer has done since it was started, a batch counting as its messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerStats {
    /// Messages stored.
    pub stored: u64,
    /// Messages that were certainly not stored.
    pub failed: u64,
    /// Messages that may or may not be stored.
    pub unknown: u64,
    /// One-way messages handed to a connection. Those that a connection could not send before it ended are told by
    /// [`ClientEvent::OnewaysLost`](crate::ClientEvent::OnewaysLost), and counted in
    /// [`ClientStats::connections`](crate::ClientStats::connections); what a broker drops is known to the broker alone.
    pub oneway: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Enqueued sends without a receipt yet.
    pub in_flight: usize,
    /// The bytes of their bodies.
    pub bytes_in_flight: usize,
    /// Traces that were dropped because there was no room for them, or because they could not be sent.
    pub traces_dropped: u64,
    /// Replies that came to this client when nobody waited for them any more.
    pub late_replies: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    stored: AtomicU64,
    failed: AtomicU64,
    unknown: AtomicU64,
    pub(super) oneway: AtomicU64,
    pub(super) retries: AtomicU64,
}

impl Counters {
    pub(super) fn ended<T>(&self, messages: u64, outcome: &Result<T, Error>) {
        let counter = match outcome {
            Ok(_) => &self.stored,
            Err(error) if error.outcome_unknown() => &self.unknown,
            Err(_) => &self.failed,
        };
        counter.fetch_add(messages, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> ProducerStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProducerStats {
            stored: read(&self.stored),
            failed: read(&self.failed),
            unknown: read(&self.unknown),
            oneway: read(&self.oneway),
            retries: read(&self.retries),
            ..ProducerStats::default()
        }
    }
}
