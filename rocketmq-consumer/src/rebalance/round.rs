//! [`Round`]: when to rebalance, and which answers a running round still waits for.
//!
//! ```text
//!          ┌────────────── answers complete, or too late ──────────────┐
//!          ▼                                                           │
//!   Idle { next } ── due: ask one broker for each set of topics ──► Asking
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_route::MessageQueue;

use super::Membership;

/// Topics by the broker that is asked for their members.
pub(crate) type Questions = BTreeMap<Arc<str>, Vec<Arc<str>>>;

/// The state of rebalancing.
#[derive(Debug)]
pub(crate) struct Round {
    state: State,
    /// When the last round began.
    begun: Option<Instant>,
    /// Something has happened while this round was running: another one follows, not before this time.
    again: Option<Instant>,
    /// Nothing was found amiss in this round so far.
    balanced: bool,
    /// A notice is what the next round is for.
    noticed: bool,
    /// A notice was what this round was for, and it has changed nothing so far.
    in_vain: bool,
}

#[derive(Debug)]
enum State {
    /// Not before the first heartbeat has told brokers that we exist.
    Unregistered,
    Idle {
        next: Instant,
    },
    Asking {
        questions: Questions,
        deadline: Instant,
    },
}

/// How soon after a round a notice leads to another one, if notices are worth it: whoever takes a queue over waits a
/// little longer than this before reading where we are.
const NOTICE_INTERVAL: Duration = Duration::from_millis(200);

/// How soon otherwise (`RebalanceService.minInterval`): members that subscribe differently make brokers send notices
/// without end.
const VAIN_NOTICE_INTERVAL: Duration = Duration::from_secs(1);

impl Round {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Unregistered,
            begun: None,
            again: None,
            balanced: true,
            noticed: false,
            in_vain: false,
        }
    }

    /// Brokers know us. If that is new, or they did not when they were last asked, now is the time.
    pub(crate) fn registered(&mut self, now: Instant) {
        match self.state {
            State::Unregistered => self.state = State::Idle { next: now },
            State::Idle { .. } | State::Asking { .. } if self.balanced => {}
            State::Idle { .. } | State::Asking { .. } => self.hasten(now),
        }
    }

    /// A broker says that members have changed: soon.
    pub(crate) fn noticed(&mut self, now: Instant) {
        let gap = if self.in_vain { VAIN_NOTICE_INTERVAL } else { NOTICE_INTERVAL };
        let at = self.begun.map_or(now, |begun| now.max(begun + gap));
        self.noticed = true;
        self.hasten(at);
    }

    /// Begin a round at this time, unless one begins earlier; if one is running, another follows.
    pub(crate) fn hasten(&mut self, at: Instant) {
        match &mut self.state {
            State::Unregistered => {}
            State::Idle { next } => *next = at.min(*next),
            State::Asking { .. } => {
                self.again = Some(self.again.map_or(at, |again| again.min(at)));
            }
        }
    }

    /// When something is due: a round, or the end of waiting.
    pub(crate) fn next(&self) -> Option<Instant> {
        match &self.state {
            State::Unregistered => None,
            State::Idle { next } => Some(*next),
            State::Asking { deadline, .. } => Some(*deadline),
        }
    }

    /// Whether a round is running.
    pub(crate) fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking { .. })
    }

    /// A round begins with these questions.
    pub(crate) fn begin(&mut self, now: Instant, questions: Questions, deadline: Instant) {
        self.begun = Some(now);
        self.again = None;
        self.balanced = true;
        self.in_vain = std::mem::take(&mut self.noticed);
        self.state = State::Asking { questions, deadline };
    }

    /// A broker has answered: the topics that were asked about. `None` if it was not asked in this round.
    pub(crate) fn answered(&mut self, broker: &str) -> Option<Vec<Arc<str>>> {
        match &mut self.state {
            State::Asking { questions, .. } => questions.remove(broker),
            State::Unregistered | State::Idle { .. } => None,
        }
    }

    /// No more waiting: the brokers that have not answered.
    pub(crate) fn expire(&mut self) -> Questions {
        match &mut self.state {
            State::Asking { questions, .. } => std::mem::take(questions),
            State::Unregistered | State::Idle { .. } => Questions::new(),
        }
    }

    /// Something is not as it should be: look again soon.
    pub(crate) fn unbalanced(&mut self) {
        self.balanced = false;
    }

    /// Queues have come or gone.
    pub(crate) fn changed(&mut self) {
        self.in_vain = false;
    }

    /// Whether every question has been answered.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(&self.state, State::Asking { questions, .. } if questions.is_empty())
    }

    /// The round is over; the next one comes after one of these intervals, or as soon as it was asked for.
    pub(crate) fn finish(&mut self, now: Instant, balanced: Duration, retry: Duration) {
        let regular = now + if self.balanced { balanced } else { retry };
        let next = self.again.take().map_or(regular, |again| again.min(regular));
        self.state = State::Idle { next };
    }

    /// No more rounds.
    pub(crate) fn stop(&mut self) {
        self.state = State::Unregistered;
    }
}

/// Which broker to ask about which topics: as few as it takes, because a broker's list is the same for all topics.
pub(crate) fn choose_brokers<'a>(
    group: &str,
    membership: &mut Membership,
    topics: impl Iterator<Item = (&'a Arc<str>, &'a [MessageQueue])>,
) -> Questions {
    let mut questions = Questions::new();
    for (topic, queues) in topics {
        let brokers: BTreeSet<_> = queues.iter().map(|queue| &queue.broker_name).collect();
        let brokers: Vec<_> = brokers.into_iter().collect();
        let asked = brokers.iter().copied().find(|broker| questions.contains_key(*broker));
        if let Some(broker) = asked.or_else(|| membership.choose(group, &brokers)) {
            questions.entry(Arc::clone(broker)).or_default().push(Arc::clone(topic));
        }
    }
    questions
}
