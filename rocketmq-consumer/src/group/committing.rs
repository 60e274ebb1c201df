//! Commits: which offsets go to which broker, and what has become of them.

use std::time::Instant;

use super::ConsumerGroup;
use crate::{
    io::{Action, CommitId, Epoch, Event, Failure, Now, OffsetCommit},
    offsets::Ended,
    queue::ANSWER_GRACE,
    timer::TimerKey,
};

impl ConsumerGroup {
    pub(super) fn arm_commit_tick(&mut self, now: Instant) {
        let interval = self.random.shorten(self.config.commit_interval);
        self.timers.arm(TimerKey::CommitTick, Some(now + interval));
    }

    pub(super) fn committed(&mut self, now: Now, commit: CommitId, failed: &[(Epoch, Failure)]) {
        match self.committer.answered(now.monotonic, commit, failed) {
            Some(ended) => self.commit_ended(now, ended),
            None => self.counters.late_answers += 1,
        }
    }

    pub(super) fn commits_overdue(&mut self, now: Now) {
        for ended in self.committer.expire(now.monotonic) {
            self.commit_ended(now, ended);
        }
    }

    fn commit_ended(&mut self, now: Now, ended: Ended) {
        for (epoch, offset) in ended.confirmed {
            if self.queues.is_current(epoch) {
                self.touch(now, epoch.slot, |queue, _| {
                    if let Some(ledger) = queue.ledger_mut() {
                        ledger.committed = Some(offset);
                    }
                });
            }
        }
        if let Some((broker, failure)) = ended.failing {
            self.out.event(Event::CommitFailing { broker, failure });
        }
        if let Some(broker) = ended.recovered {
            self.out.event(Event::CommitRecovered { broker });
        }
    }

    /// The position of this queue should reach its broker before the next tick.
    pub(super) fn want_commit(&mut self, slot: u32) {
        if let Some(queue) = self.queues.get(slot) {
            self.committer.want(&queue.tenure.queue.broker_name);
        }
    }

    /// Sends the positions that have moved wherever somebody wants that and no commit is under way.
    pub(super) fn flush_commits(&mut self, now: Now) {
        if !self.committer.has_free_lanes() {
            return;
        }
        for (broker, slots) in self.committer.free_lanes() {
            let dirty = slots.into_iter().filter_map(|slot| {
                let queue = self.queues.get(slot)?;
                let ledger = queue.ledger().filter(|ledger| ledger.is_dirty())?;
                if !queue.may_commit() {
                    return None;
                }
                let (epoch, offset) = (queue.tenure.epoch, ledger.position()?);
                Some(OffsetCommit { queue: queue.tenure.queue.clone(), epoch, offset })
            });
            let offsets: Vec<_> = dirty.collect();
            let deadline = now.monotonic + self.config.request_timeout;
            if let Some(commit) = self.committer.depart(&broker, &offsets, deadline + ANSWER_GRACE)
            {
                self.out.push(Action::Commit { commit, broker, offsets, deadline });
            }
        }
    }
}
