//! [`Locks`]: leases of queues on their way to and from each broker.
//!
//! One request is on its way to a broker at a time, so that a lease that is given back cannot be overtaken by the
//! request that asked for it:
//!
//! ```text
//!          ┌── something is to be given back ──► Unlocking ──┐
//!   Idle ──┤                                                 ├── answered, or too late ──► Idle
//!    ▲     └── leases are due ─────────────────► Locking ────┘                             │
//!    └───────────────────────────────────────────────────────────────────────────────────┘
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_route::MessageQueue;

use crate::io::{Failure, LockId, Now};

/// The lanes to all brokers.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    lanes: BTreeMap<Arc<str>, Lane>,
    last_id: u64,
}

/// The way to one broker.
#[derive(Debug, Default)]
struct Lane {
    /// Queues that are leased, or are to be.
    leased: BTreeSet<MessageQueue>,
    /// When they are asked for next.
    lock_at: Option<Instant>,
    /// Queues to give back.
    leaving: BTreeSet<MessageQueue>,
    /// Not before this time, since the broker did not confirm it the last time.
    unlock_at: Option<Instant>,
    /// How often it has not.
    refusals: u32,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Locking {
        id: LockId,
        asked: Vec<MessageQueue>,
        sent: Now,
        overdue: Instant,
    },
    Unlocking {
        id: LockId,
        queues: Vec<MessageQueue>,
        overdue: Instant,
    },
}

/// What a lane sends.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) lock: LockId,
    pub(crate) broker: Arc<str>,
    pub(crate) queues: Vec<MessageQueue>,
    pub(crate) is_lock: bool,
}

/// What has become of leases.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) asked: Vec<MessageQueue>,
    pub(crate) granted: BTreeSet<MessageQueue>,
    /// Since when those granted are ours.
    pub(crate) sent: Now,
}

/// How soon a lease that somebody else has, or that nobody has confirmed, is asked for again
/// (`RebalanceImpl`, after a queue could not be locked).
const RETRY: Duration = Duration::from_millis(500);

/// How soon and how often giving back is tried again. The lease ends by itself soon after.
const UNLOCK_RETRY: Duration = Duration::from_secs(1);
const UNLOCK_TRIES: u32 = 3;

impl Locks {
    /// A queue is to be leased from now on.
    pub(crate) fn want(&mut self, now: Instant, queue: &MessageQueue) {
        let lane = self.lanes.entry(Arc::clone(&queue.broker_name)).or_default();
        lane.leased.insert(queue.clone());
        lane.lock_at = Some(lane.lock_at.map_or(now, |at| at.min(now)));
    }

    /// A queue is not to be leased any more, and is given back if it may be ours.
    pub(crate) fn release(&mut self, queue: &MessageQueue, give_back: bool) {
        let Some(lane) = self.lanes.get_mut(&queue.broker_name) else { return };
        if lane.leased.remove(queue) && give_back {
            lane.leaving.insert(queue.clone());
            lane.refusals = 0;
        }
    }

    /// Whether something is still to be given back, or on its way.
    pub(crate) fn is_giving_back(&self) -> bool {
        let gives_back =
            |lane: &Lane| !lane.leaving.is_empty() || matches!(lane.state, State::Unlocking { .. });
        self.lanes.values().any(gives_back)
    }

    /// What is to be sent now.
    pub(crate) fn depart(&mut self, now: Now, overdue: Instant) -> Vec<Departure> {
        let mut departures = Vec::new();
        for (broker, lane) in &mut self.lanes {
            if !matches!(lane.state, State::Idle) {
                continue;
            }
            let due = |at: Option<Instant>| at.is_none_or(|at| at <= now.monotonic);
            let is_lock = if !lane.leaving.is_empty() && due(lane.unlock_at) {
                false
            } else if lane.lock_at.is_some() && due(lane.lock_at) && lane.has_to_lock() {
                true
            } else {
                continue;
            };
            self.last_id += 1;
            let lock = LockId(self.last_id);
            // What is to be given back first is asked for afterwards.
            let queues: Vec<_> = if is_lock {
                lane.leased.difference(&lane.leaving).cloned().collect()
            } else {
                std::mem::take(&mut lane.leaving).into_iter().collect()
            };
            lane.state = if is_lock {
                lane.lock_at = None;
                State::Locking { id: lock, asked: queues.clone(), sent: now, overdue }
            } else {
                State::Unlocking { id: lock, queues: queues.clone(), overdue }
            };
            departures.push(Departure { lock, broker: Arc::clone(broker), queues, is_lock });
        }
        self.lanes.retain(|_, lane| !lane.is_over());
        departures
    }

    /// A broker has answered about leases. `None` if it was not asked. No answer tells nothing about any queue: leases
    /// end by themselves.
    pub(crate) fn locked(
        &mut self,
        now: Instant,
        lock: LockId,
        answer: Result<Vec<MessageQueue>, Failure>,
        interval: Duration,
    ) -> Option<Judged> {
        let lane = self.lanes.values_mut().find(|lane| lane.is_waiting_for(lock))?;
        let State::Locking { asked, sent, .. } = std::mem::take(&mut lane.state) else {
            return None;
        };
        let Ok(granted) = answer else {
            lane.lock_again(now + RETRY);
            return Some(Judged { asked: Vec::new(), granted: BTreeSet::new(), sent });
        };
        let granted: BTreeSet<_> = granted.into_iter().collect();
        // What has been released meanwhile is none of ours, whatever the broker says.
        let asked: Vec<_> = asked
            .into_iter()
            .filter(|queue| lane.leased.contains(queue) && !lane.leaving.contains(queue))
            .collect();
        let complete = asked.iter().all(|queue| granted.contains(queue));
        lane.lock_again(now + if complete { interval } else { RETRY });
        Some(Judged { asked, granted, sent })
    }

    /// A broker has answered that leases were given back, or not. The answer says whether it was asked.
    pub(crate) fn unlocked(
        &mut self,
        now: Instant,
        lock: LockId,
        answer: Result<(), Failure>,
    ) -> bool {
        let Some(lane) = self.lanes.values_mut().find(|lane| lane.is_waiting_for(lock)) else {
            return false;
        };
        let State::Unlocking { queues, .. } = std::mem::take(&mut lane.state) else { return false };
        lane.unlock_at = None;
        if answer.is_err() {
            lane.refusals += 1;
            if lane.refusals < UNLOCK_TRIES {
                lane.leaving.extend(queues);
                lane.unlock_at = Some(now + UNLOCK_RETRY);
            }
        }
        self.lanes.retain(|_, lane| !lane.is_over());
        true
    }

    /// The requests whose answer has not come in time.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<(LockId, bool)> {
        let late = self.lanes.values().filter_map(|lane| match lane.state {
            State::Locking { id, overdue, .. } if overdue <= now => Some((id, true)),
            State::Unlocking { id, overdue, .. } if overdue <= now => Some((id, false)),
            State::Idle | State::Locking { .. } | State::Unlocking { .. } => None,
        });
        late.collect()
    }

    /// When something is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        let at = |lane: &Lane| match lane.state {
            State::Idle => {
                let unlock = lane.unlock_at.filter(|_| !lane.leaving.is_empty());
                let lock = lane.lock_at.filter(|_| lane.has_to_lock());
                lock.into_iter().chain(unlock).min()
            }
            State::Locking { overdue, .. } | State::Unlocking { overdue, .. } => Some(overdue),
        };
        self.lanes.values().filter_map(at).min()
    }
}

impl Lane {
    fn is_waiting_for(&self, lock: LockId) -> bool {
        match self.state {
            State::Idle => false,
            State::Locking { id, .. } | State::Unlocking { id, .. } => id == lock,
        }
    }

    /// There are leases to ask for. What waits to be given back first is none.
    fn has_to_lock(&self) -> bool {
        !self.leased.is_subset(&self.leaving)
    }

    fn lock_again(&mut self, at: Instant) {
        self.lock_at = Some(self.lock_at.map_or(at, |sooner| sooner.min(at)));
    }

    fn is_over(&self) -> bool {
        self.leased.is_empty() && self.leaving.is_empty() && matches!(self.state, State::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const INTERVAL: Duration = Duration::from_secs(20);

    fn queue(id: i32) -> MessageQueue {
        MessageQueue::new("t", "a", id)
    }

    fn depart(locks: &mut Locks, now: Now) -> Option<(LockId, Vec<i32>, bool)> {
        let overdue = now.monotonic + Duration::from_secs(5);
        let mut departures = locks.depart(now, overdue);
        assert!(departures.len() <= 1, "there is one broker");
        let ids = |queues: Vec<MessageQueue>| queues.iter().map(|queue| queue.queue_id).collect();
        departures.pop().map(|it| (it.lock, ids(it.queues), it.is_lock))
    }

    #[test]
    fn a_lease_is_given_back_only_after_the_request_for_it_was_answered() {
        let now = start();
        let mut locks = Locks::default();
        locks.want(now.monotonic, &queue(0));
        locks.want(now.monotonic, &queue(1));
        let (lock, asked, is_lock) = depart(&mut locks, now).unwrap();
        assert_eq!((asked, is_lock), (vec![0, 1], true));
        locks.release(&queue(0), true);
        assert!(depart(&mut locks, now).is_none(), "one request at a time");
        let answer = Ok(vec![queue(0), queue(1)]);
        let judged = locks.locked(now.monotonic, lock, answer, INTERVAL).unwrap();
        assert_eq!(judged.asked, [queue(1)], "the other one is not ours any more");
        let (unlock, queues, is_lock) = depart(&mut locks, now).unwrap();
        assert_eq!((queues, is_lock), (vec![0], false));
        assert!(locks.unlocked(now.monotonic, unlock, Ok(())));
        assert!(!locks.is_giving_back());
        assert_eq!(locks.next(), Some(now.monotonic + INTERVAL));
    }

    #[test]
    fn giving_back_is_tried_three_times() {
        let mut now = start();
        let mut locks = Locks::default();
        locks.want(now.monotonic, &queue(0));
        let (lock, ..) = depart(&mut locks, now).unwrap();
        locks.locked(now.monotonic, lock, Ok(vec![queue(0)]), INTERVAL);
        locks.release(&queue(0), true);
        for _ in 0..UNLOCK_TRIES {
            let (unlock, _, is_lock) = depart(&mut locks, now).unwrap();
            assert!(!is_lock && locks.is_giving_back());
            assert!(locks.unlocked(now.monotonic, unlock, Err(Failure::Unanswered)));
            assert!(depart(&mut locks, now).is_none());
            now.monotonic += UNLOCK_RETRY;
        }
        assert!(!locks.is_giving_back() && locks.next().is_none(), "the lease ends by itself");
    }

    #[test]
    fn what_waits_to_be_given_back_does_not_wake_anybody_to_ask_for_it() {
        let now = start();
        let mut locks = Locks::default();
        locks.want(now.monotonic, &queue(0));
        let (lock, ..) = depart(&mut locks, now).unwrap();
        locks.locked(now.monotonic, lock, Ok(vec![queue(0)]), INTERVAL);
        locks.release(&queue(0), true);
        let (unlock, ..) = depart(&mut locks, now).unwrap();
        // It is ours again before the broker has confirmed that it is not.
        locks.want(now.monotonic, &queue(0));
        assert!(locks.unlocked(now.monotonic, unlock, Err(Failure::Unanswered)));
        assert!(depart(&mut locks, now).is_none());
        assert_eq!(locks.next(), Some(now.monotonic + UNLOCK_RETRY));
    }

    #[test]
    fn what_another_member_has_is_asked_for_again_soon() {
        let now = start();
        let mut locks = Locks::default();
        locks.want(now.monotonic, &queue(0));
        let (lock, ..) = depart(&mut locks, now).unwrap();
        let judged = locks.locked(now.monotonic, lock, Ok(Vec::new()), INTERVAL).unwrap();
        assert!(judged.granted.is_empty());
        assert_eq!(locks.next(), Some(now.monotonic + RETRY));
    }
}
