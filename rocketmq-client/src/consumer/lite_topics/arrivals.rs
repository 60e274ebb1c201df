//! [`Arrivals`]: pops under way, and what they have brought.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rocketmq_protocol::Text;
use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

use crate::{Error, consumer::Received};

/// How long a broker is left alone that has failed, or, at most, that has not waited for messages as long as it was told to.
const REST: Duration = Duration::from_millis(500);

/// At most one pop a broker, which goes on when nobody waits for it any more: a broker cannot be told to stop, and what it hands out
/// to nobody would be out of sight until its time is over.
#[derive(Default)]
pub(super) struct Arrivals {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Received>,
    brokers: BTreeMap<Arc<str>, Broker>,
}

/// ```text
///   Idle ── asked ──► Asked ── messages, or none in time ──► Idle
///     ▲                  └── failed, or none too soon ──► Resting ──┐
///     └─────────────────────────────────────────────────────────────┘
/// ```
#[derive(Default)]
struct Broker {
    stage: Stage,
    /// The name of the last attempt, unless it was answered: made again under that name, it gets what it was handed out.
    attempt: Option<Text>,
}

#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    /// Until then, an empty answer is too soon.
    Asked(Instant),
    Resting {
        until: Instant,
        failure: Option<Error>,
    },
}

impl Arrivals {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends with the next pop that ends after this call.
    pub(super) fn news(&self) -> Notified<'_> {
        self.news.notified()
    }

    /// What has arrived and is still out of sight for others.
    pub(super) fn take(&self, max: usize) -> Vec<Received> {
        let mut state = self.state();
        state.waiting.retain(|received| !received.is_expired());
        let count = max.min(state.waiting.len());
        state.waiting.drain(..count).collect()
    }

    /// The name of an attempt to pop from a broker, which may wait so long for messages. `None`: not now.
    pub(super) fn begin(
        &self,
        broker: &Arc<str>,
        wait: Duration,
        new: impl FnOnce() -> Text,
    ) -> Option<Text> {
        let mut state = self.state();
        let broker = state.brokers.entry(Arc::clone(broker)).or_default();
        let now = Instant::now();
        match broker.stage {
            Stage::Asked(_) => return None,
            Stage::Resting { until, .. } if until > now => return None,
            Stage::Idle | Stage::Resting { .. } => {
                broker.stage = Stage::Asked(now + wait.min(REST));
            }
        }
        Some(broker.attempt.get_or_insert_with(new).clone())
    }

    /// A pop has ended.
    pub(super) fn ended(&self, name: &Arc<str>, popped: Result<Vec<Received>, Error>) {
        let mut state = self.state();
        let broker = state.brokers.entry(Arc::clone(name)).or_default();
        if popped.as_ref().err().is_none_or(|error| error.response_code().is_some()) {
            broker.attempt = None;
        }
        let now = Instant::now();
        match popped {
            Ok(received) => {
                broker.stage = match broker.stage {
                    Stage::Asked(until) if received.is_empty() && now < until => {
                        Stage::Resting { until, failure: None }
                    }
                    _ => Stage::Idle,
                };
                state.waiting.extend(received);
            }
            Err(error) => {
                tracing::debug!(broker = %name, cause = %error, "a pop failed");
                broker.stage = Stage::Resting { until: now + REST, failure: Some(error) };
            }
        }
        drop(state);
        self.news.notify_waiters();
    }

    /// When the first of these that rests can be asked again.
    pub(super) fn first_rested(&self, brokers: &BTreeSet<Arc<str>>) -> Option<Instant> {
        let state = self.state();
        let rest_of = |name| match state.brokers.get(name)?.stage {
            Stage::Resting { until, .. } => Some(until),
            Stage::Idle | Stage::Asked(_) => None,
        };
        brokers.iter().filter_map(rest_of).min()
    }

    /// Why none of these can be popped from. It is told once.
    pub(super) fn failure_of_all(&self, brokers: &BTreeSet<Arc<str>>) -> Option<Error> {
        let mut state = self.state();
        let has_failed = |name| {
            let stage = state.brokers.get(name).map(|broker| &broker.stage);
            matches!(stage, Some(Stage::Resting { failure: Some(_), .. }))
        };
        if !brokers.iter().all(has_failed) {
            return None;
        }
        let broker = state.brokers.get_mut(brokers.first()?)?;
        match &mut broker.stage {
            Stage::Resting { failure, .. } => failure.take(),
            Stage::Idle | Stage::Asked(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_does_not_wait_is_left_alone_until_it_should_have_answered() {
        let (arrivals, broker) = (Arrivals::default(), Arc::from("broker-a"));
        let brokers = BTreeSet::from([Arc::clone(&broker)]);
        let ask = |wait| arrivals.begin(&broker, wait, || "attempt".into()).is_some();
        for wait in [Duration::from_millis(1), Duration::from_millis(200), REST] {
            let asked = Instant::now();
            assert!(ask(wait) && !ask(wait), "one pop at a time");
            arrivals.ended(&broker, Ok(Vec::new()));
            assert!(!ask(wait));
            assert_eq!(arrivals.first_rested(&brokers), Some(asked + wait));
            tokio::time::advance(wait).await;
        }
        assert!(ask(Duration::from_secs(15)));
        tokio::time::advance(REST).await;
        arrivals.ended(&broker, Ok(Vec::new()));
        assert_eq!(arrivals.first_rested(&brokers), None, "it has waited long enough");
    }
}
