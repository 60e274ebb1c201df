//! Offsets: where a queue starts, and how its position gets to the broker.
//!
//! Positions are committed when they have moved, every [`commit_interval`](crate::Config::commit_interval) and when a
//! queue is given up; the broker's confirmation is awaited. One commit is on its way to a broker at a time, so a later
//! one cannot overtake an earlier one:
//!
//! ```text
//!   Idle ── wanted ──► InFlight ── confirmed ──► Idle
//!    ▲                    │
//!    └── pause is over ── Pausing ◄── some of it refused, or no answer
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::io::{CommitId, Epoch, Failure, OffsetCommit, Seek};

/// Where to start a queue for which the group has no offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[doc(alias = "ConsumeFromWhere")]
pub enum StartFrom {
    /// Behind the last message. (For a young queue, whose first message it still has in memory, a broker answers that
    /// the stored offset is 0: then that is where reading starts.) A queue that is added to a topic while a member reads it
    /// starts with what was sent to it since that member began.
    #[default]
    Last,
    /// At the first message that the broker has.
    First,
    /// At the first message stored at or after this time, in milliseconds since the Unix epoch.
    Timestamp(i64),
}

/// The first offset to pull, or how to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    At(i64),
    Ask(Seek),
}

/// Where a queue without a stored offset starts (`RebalancePushImpl.computePullFromWhereWithException`).
///
/// Of a queue that has come into being while this member was reading the topic, nothing that was sent `since` is passed
/// over. (Java makes no difference: with [`StartFrom::Last`] the first messages of an added queue are lost on a group that
/// has long been running.)
pub(crate) fn start(from: StartFrom, is_retry_topic: bool, since: Option<i64>) -> Start {
    match from {
        // Failed messages of the time before the group's first commit are the group's own.
        StartFrom::Last if is_retry_topic => Start::At(0),
        StartFrom::Last => Start::Ask(since.map_or(Seek::Max, Seek::Time)),
        // The broker corrects 0 to the first offset that it still has.
        StartFrom::First => Start::At(0),
        StartFrom::Timestamp(_) if is_retry_topic => Start::Ask(Seek::Max),
        StartFrom::Timestamp(time) => Start::Ask(Seek::Time(time)),
    }
}

/// The commits on their way to each broker.
#[derive(Debug, Default)]
pub(crate) struct Committer {
    lanes: BTreeMap<Arc<str>, Lane>,
    last_id: u64,
}

/// The way to one broker.
#[derive(Debug, Default)]
struct Lane {
    /// The queues of this broker, by slot.
    slots: BTreeSet<u32>,
    /// Somebody wants offsets committed as soon as the lane is free.
    wanted: bool,
    /// Commits that failed in a row.
    failures: u32,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    InFlight {
        id: CommitId,
        offsets: Vec<(Epoch, i64)>,
        overdue: Instant,
    },
    Pausing {
        until: Instant,
    },
}

/// How one commit ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// What the broker has stored.
    pub(crate) confirmed: Vec<(Epoch, i64)>,
    /// The broker, if this was its first failure in a row.
    pub(crate) failing: Option<(Arc<str>, Failure)>,
    /// The broker, if it had failed before.
    pub(crate) recovered: Option<Arc<str>>,
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Committer {
    /// A queue of this broker has been acquired.
    pub(crate) fn add(&mut self, broker: &Arc<str>, slot: u32) {
        self.lanes.entry(Arc::clone(broker)).or_default().slots.insert(slot);
    }

    /// A queue of this broker has been given up. What is in flight may still be answered.
    pub(crate) fn remove(&mut self, broker: &str, slot: u32) {
        if let Some(lane) = self.lanes.get_mut(broker) {
            lane.slots.remove(&slot);
            if lane.slots.is_empty() && matches!(lane.state, State::Idle) {
                self.lanes.remove(broker);
            }
        }
    }

    /// Offsets of this broker's queues should be committed as soon as may be.
    pub(crate) fn want(&mut self, broker: &str) {
        if let Some(lane) = self.lanes.get_mut(broker) {
            lane.wanted = true;
        }
    }

    /// All offsets should be committed as soon as may be.
    pub(crate) fn want_all(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.wanted = true;
        }
    }

    /// The lanes that are wanted and free: broker and queues.
    pub(crate) fn free_lanes(&self) -> Vec<(Arc<str>, Vec<u32>)> {
        let free =
            self.lanes.iter().filter(|(_, lane)| lane.wanted && matches!(lane.state, State::Idle));
        free.map(|(broker, lane)| (Arc::clone(broker), lane.slots.iter().copied().collect()))
            .collect()
    }

    /// Whether [`free_lanes`](Self::free_lanes) would find any.
    pub(crate) fn has_free_lanes(&self) -> bool {
        self.lanes.values().any(|lane| lane.wanted && matches!(lane.state, State::Idle))
    }

    /// A lane departs with these offsets, which may be none.
    pub(crate) fn depart(
        &mut self,
        broker: &str,
        offsets: &[OffsetCommit],
        overdue: Instant,
    ) -> Option<CommitId> {
        let lane = self.lanes.get_mut(broker)?;
        lane.wanted = false;
        if offsets.is_empty() {
            return None;
        }
        self.last_id += 1;
        let id = CommitId(self.last_id);
        let offsets = offsets.iter().map(|commit| (commit.epoch, commit.offset)).collect();
        lane.state = State::InFlight { id, offsets, overdue };
        Some(id)
    }

    /// A broker has answered. `None` if that commit is not in flight.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        id: CommitId,
        failed: &[(Epoch, Failure)],
    ) -> Option<Ended> {
        let is_it =
            |lane: &Lane| matches!(&lane.state, State::InFlight { id: sent, .. } if *sent == id);
        let broker = self
            .lanes
            .iter()
            .find(|(_, lane)| is_it(lane))
            .map(|(broker, _)| Arc::clone(broker))?;
        Some(self.end(now, &broker, |epoch| {
            failed.iter().find(|(of, _)| *of == epoch).map(|(_, why)| *why)
        }))
    }

    /// Ends what has waited long enough: commits without an answer, and pauses. The answer is what ended.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Ended> {
        let mut silent = Vec::new();
        for (broker, lane) in &mut self.lanes {
            match lane.state {
                State::InFlight { overdue, .. } if overdue <= now => {
                    silent.push(Arc::clone(broker));
                }
                State::Pausing { until } if until <= now => lane.state = State::Idle,
                State::Idle | State::InFlight { .. } | State::Pausing { .. } => {}
            }
        }
        self.lanes.retain(|_, lane| !(lane.slots.is_empty() && matches!(lane.state, State::Idle)));
        silent.iter().map(|broker| self.end(now, broker, |_| Some(Failure::Unanswered))).collect()
    }

    fn end(
        &mut self,
        now: Instant,
        broker: &Arc<str>,
        failure: impl Fn(Epoch) -> Option<Failure>,
    ) -> Ended {
        let mut ended = Ended { confirmed: Vec::new(), failing: None, recovered: None };
        let Some(lane) = self.lanes.get_mut(broker) else { return ended };
        let State::InFlight { offsets, .. } = std::mem::take(&mut lane.state) else { return ended };
        let mut why = None;
        for (epoch, offset) in offsets {
            match failure(epoch) {
                Some(failure) => why = Some(failure),
                None => ended.confirmed.push((epoch, offset)),
            }
        }
        // A broker that stores the offsets of some queues is well; it is the others that are not.
        let is_well = why.is_none() || !ended.confirmed.is_empty();
        if let Some(why) = why {
            ended.failing = (!is_well && lane.failures == 0).then(|| (Arc::clone(broker), why));
            lane.failures += u32::from(!is_well);
            let doublings = lane.failures.saturating_sub(1).min(8);
            let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
            lane.state = State::Pausing { until: now + pause };
            lane.wanted = true;
        }
        if is_well {
            ended.recovered = (lane.failures > 0).then(|| Arc::clone(broker));
            lane.failures = 0;
        }
        if lane.slots.is_empty() && matches!(lane.state, State::Idle | State::Pausing { .. }) {
            self.lanes.remove(broker);
        }
        ended
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(crate) fn next(&self) -> Option<Instant> {
        let at = |lane: &Lane| match lane.state {
            State::Idle => None,
            State::InFlight { overdue, .. } => Some(overdue),
            State::Pausing { until } => Some(until),
        };
        self.lanes.values().filter_map(at).min()
    }
}
