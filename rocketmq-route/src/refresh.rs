//! [`RefreshSchedule`]: when to ask for which route again.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// How often each route is asked for again (`pollNameServerInterval`).
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(30);

/// How soon a route that could not be had is asked for again.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// When each topic's route is due. At most one question about a topic is under way.
///
/// Each interval is stretched or shrunk by up to a tenth, so that clients started together do not ask together.
#[derive(Debug, Clone)]
pub struct RefreshSchedule {
    topics: BTreeMap<Arc<str>, State>,
    interval: Duration,
    jitter: Jitter,
}

/// ```text
///            take_due                    answered
///   Due ───────────────► Asked ─────────────────────► Due (later)
///    ▲  want                │ want: remembered
///    └──────────────────────┘ failed: Due (soon)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Due(Instant),
    Asked { again: bool },
}

impl RefreshSchedule {
    /// `interval` between two questions about one topic, and a seed for the jitter.
    pub fn new(interval: Duration, seed: u64) -> Self {
        Self { topics: BTreeMap::new(), interval, jitter: Jitter(seed) }
    }

    /// This topic is of interest, now: it is due at once, unless it is just being asked about.
    pub fn want(&mut self, topic: &Arc<str>, now: Instant) {
        match self.topics.get_mut(topic) {
            None => {
                self.topics.insert(Arc::clone(topic), State::Due(now));
            }
            Some(State::Due(at)) => *at = now.min(*at),
            Some(State::Asked { again }) => *again = true,
        }
    }

    /// This topic is of interest: it is due some time if it was not known yet.
    pub fn watch(&mut self, topic: &Arc<str>, now: Instant) {
        if !self.topics.contains_key(topic) {
            let due = now + self.jitter.around(self.interval);
            self.topics.insert(Arc::clone(topic), State::Due(due));
        }
    }

    /// Nobody is interested in this topic any more.
    pub fn forget(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    /// The topics to ask about now. Each is taken once, until [`answered`](Self::answered) or [`failed`](Self::failed).
    pub fn take_due(&mut self, now: Instant) -> Vec<Arc<str>> {
        let mut due = Vec::new();
        for (topic, state) in &mut self.topics {
            if matches!(state, State::Due(at) if *at <= now) {
                *state = State::Asked { again: false };
                due.push(Arc::clone(topic));
            }
        }
        due
    }

    /// A name server has answered.
    pub fn answered(&mut self, topic: &str, now: Instant) {
        let interval = self.interval;
        self.settle(topic, now, interval);
    }

    /// No name server has answered.
    pub fn failed(&mut self, topic: &str, now: Instant) {
        self.settle(topic, now, RETRY_INTERVAL);
    }

    fn settle(&mut self, topic: &str, now: Instant, pause: Duration) {
        let pause = self.jitter.around(pause);
        if let Some(state) = self.topics.get_mut(topic) {
            let again = matches!(state, State::Asked { again: true });
            *state = State::Due(if again { now } else { now + pause });
        }
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Instant> {
        let due = self.topics.values().filter_map(|state| match state {
            State::Due(at) => Some(*at),
            State::Asked { .. } => None,
        });
        due.min()
    }
}

/// A small generator (SplitMix64): reproducible from its seed, and good enough to spread load.
#[derive(Debug, Clone)]
struct Jitter(u64);

impl Jitter {
    /// Between nine and eleven tenths.
    fn around(&mut self, span: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = ((mixed >> 32) % 2_001) as u32;
        span * (9_000 + share) / 10_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_asked_about_once_at_a_time() {
        let now = crate::any_instant();
        let topic = Arc::from("t");
        let mut schedule = RefreshSchedule::new(REFRESH_INTERVAL, 1);
        schedule.want(&topic, now);
        assert_eq!(schedule.take_due(now), [Arc::clone(&topic)]);
        assert!(schedule.take_due(now).is_empty());
        assert_eq!(schedule.next_due(), None);
        // Wanted while asked: once more, right after the answer.
        schedule.want(&topic, now);
        assert!(schedule.take_due(now).is_empty());
        schedule.answered("t", now);
        assert_eq!(schedule.take_due(now), [Arc::clone(&topic)]);
        schedule.answered("t", now);
        let pause = schedule.next_due().unwrap() - now;
        assert!((Duration::from_secs(27)..=Duration::from_secs(33)).contains(&pause), "{pause:?}");
        schedule.forget("t");
        assert_eq!(schedule.next_due(), None);
    }

    #[test]
    fn what_failed_is_tried_soon() {
        let now = crate::any_instant();
        let mut schedule = RefreshSchedule::new(REFRESH_INTERVAL, 1);
        schedule.watch(&Arc::from("t"), now);
        assert!(schedule.take_due(now).is_empty());
        schedule.want(&Arc::from("t"), now);
        schedule.take_due(now);
        schedule.failed("t", now);
        assert!(schedule.next_due().unwrap() - now <= Duration::from_millis(1_100));
    }

    #[test]
    fn jitter_stays_within_a_tenth_and_spreads() {
        let mut jitter = Jitter(7);
        let spans: Vec<_> = (0..1_000).map(|_| jitter.around(Duration::from_secs(10))).collect();
        assert!(spans.iter().all(|span| (9_000..=11_000).contains(&span.as_millis())));
        assert!(
            spans.iter().max().unwrap().as_millis() - spans.iter().min().unwrap().as_millis()
                > 1_900
        );
    }
}
