//! Closing, in order: nothing is pulled any more, handlers come back, listeners are told while offsets are committed, brokers
//! are told.
//!
//! ```text
//!   Running ── Close ──► Draining ──► Committing ──► Unlocking ──► Unregistering ──► Closed
//!                        until all     until brokers  until leases   until all brokers
//!                        deliveries    have all       are given      have been told,
//!                        are back,     positions      back, or 3 s   or 3 s
//!                        or `grace`    and listeners
//!                                      have heard it,
//!                                      or 5 s
//! ```

use std::time::{Duration, Instant};

use super::ConsumerGroup;
use crate::{
    config::Consumption,
    io::{Action, CloseReport, Event, Now},
    queue::{ANSWER_GRACE, Queue},
};

/// How far the group has come on its way out.
#[derive(Debug)]
pub(super) enum Phase {
    Running,
    Draining { until: Instant },
    Committing { until: Instant },
    Unlocking { until: Instant, report: CloseReport },
    Unregistering { until: Instant, report: CloseReport },
    Closed,
}

const UNREGISTER_TIMEOUT: Duration = Duration::from_secs(3);

/// Whoever means to wait for ever may say so in any number.
const LONGEST_GRACE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Phase {
    pub(super) fn next(&self) -> Option<Instant> {
        match self {
            Self::Running | Self::Closed => None,
            Self::Draining { until }
            | Self::Committing { until }
            | Self::Unlocking { until, .. }
            | Self::Unregistering { until, .. } => Some(*until),
        }
    }
}

impl ConsumerGroup {
    pub(super) fn close(&mut self, now: Now, grace: Duration) {
        if !matches!(self.phase, Phase::Running) {
            self.out
                .event(Event::Unexpected { input: "Close", why: "the group is closing already" });
            return;
        }
        // Where somebody vouches for messages none come back.
        let settles = self.config.consumption == Consumption::Settled;
        let grace = if settles { grace.min(LONGEST_GRACE) } else { Duration::ZERO };
        let until = now.monotonic + grace;
        self.phase = Phase::Draining { until };
        self.round.stop();
        for slot in self.queues.slots() {
            self.revoke(now, slot, until);
        }
    }

    pub(super) fn unregistered(&mut self) {
        if let Phase::Unregistering { report, .. } = self.phase {
            self.closed(report);
        } else {
            self.counters.late_answers += 1;
        }
    }

    /// Takes every step whose condition is met.
    pub(super) fn go_on_closing(&mut self, now: Now) {
        if let Phase::Draining { until } = self.phase
            && (until <= now.monotonic
                || self.queues.iter().all(|queue| queue.is_drained(now.monotonic)))
        {
            let patience = self.config.request_timeout.max(self.config.listen.unwrap_or_default());
            self.phase = Phase::Committing { until: now.monotonic + patience };
            for slot in self.queues.slots() {
                self.touch(now, slot, Queue::part);
            }
            self.committer.want_all();
            self.flush_commits(now);
        }
        if let Phase::Committing { until } = self.phase
            && (until <= now.monotonic || self.queues.iter().all(Queue::may_go))
        {
            self.release_all(now);
        }
        if let Phase::Unlocking { until, report } = self.phase
            && (until <= now.monotonic || !self.locks.is_giving_back())
        {
            self.unregister(now, report);
        }
        if let Phase::Unregistering { until, report } = self.phase
            && until <= now.monotonic
        {
            self.closed(report);
        }
    }

    fn release_all(&mut self, now: Now) {
        let mut report = CloseReport::default();
        for slot in self.queues.slots() {
            let left = self.queues.get(slot).map(Queue::leftovers).unwrap_or_default();
            report.undelivered += left.undelivered;
            report.unsettled += left.unsettled;
            report.uncommitted += usize::from(left.position.is_some() && !left.committed);
            self.release(slot, left);
        }
        self.flush_locks(now);
        self.phase = Phase::Unlocking { until: now.monotonic + UNREGISTER_TIMEOUT, report };
    }

    fn unregister(&mut self, now: Now, report: CloseReport) {
        let deadline = now.monotonic + UNREGISTER_TIMEOUT;
        self.out.push(Action::Unregister { deadline });
        self.phase = Phase::Unregistering { until: deadline + ANSWER_GRACE, report };
    }

    fn closed(&mut self, report: CloseReport) {
        self.phase = Phase::Closed;
        self.timers.clear();
        self.out.event(Event::Closed(report));
    }
}
