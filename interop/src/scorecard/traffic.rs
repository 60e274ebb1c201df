//! Senders whose every message is timed, for rows that compare.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rocketmq_client::{Error, Message, MessageQueue, Producer};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// How long each send took, and how many failed.
#[derive(Debug, Default, Clone)]
pub(super) struct Timings {
    pub(super) took: Vec<Duration>,
    pub(super) failed: Vec<String>,
}

impl Timings {
    /// The duration below which this share of the sends stayed, in milliseconds.
    pub(super) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }

    pub(super) fn longest(&self) -> f64 {
        self.percentile(1.0)
    }

    /// Sends that took longer than this.
    pub(super) fn longer_than(&self, limit: Duration) -> usize {
        self.took.iter().filter(|took| **took > limit).count()
    }
}

/// Sends so many messages a second for so long, to a queue or wherever.
pub(super) async fn send(
    producer: &Producer,
    topic: &str,
    queue: Option<MessageQueue>,
    per_second: u32,
    lasting: Duration,
) -> Timings {
    pace(per_second, lasting, || {
        let (producer, topic, queue) = (producer.clone(), topic.to_owned(), queue.clone());
        async move {
            let send = producer.send(Message::new(topic, vec![b'.'; 256]));
            match queue {
                Some(queue) => send.to_queue(queue).await.map(drop),
                None => send.await.map(drop),
            }
        }
    })
    .await
}

/// Does something so many times a second for so long, beside each other as they come, and times each.
pub(super) async fn pace<F>(per_second: u32, lasting: Duration, once: impl Fn() -> F) -> Timings
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let until = Instant::now() + lasting;
    pace_while(per_second, || Instant::now() < until, once).await
}

/// Does something so many times a second as long as that is wanted, and times each.
pub(super) async fn pace_while<F>(
    per_second: u32,
    wanted: impl Fn() -> bool,
    once: impl Fn() -> F,
) -> Timings
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let timings = Arc::new(Mutex::new(Timings::default()));
    let mut under_way = JoinSet::new();
    let mut beat = interval(Duration::from_secs(1) / per_second);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while wanted() {
        beat.tick().await;
        let (one, timings) = (once(), Arc::clone(&timings));
        under_way.spawn(async move {
            let began = Instant::now();
            let outcome = one.await;
            let mut timings = timings.lock().unwrap_or_else(PoisonError::into_inner);
            timings.took.push(began.elapsed());
            if let Err(error) = outcome {
                timings.failed.push(format!("{error:?}"));
            }
        });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
    let timings = timings.lock().unwrap_or_else(PoisonError::into_inner);
    timings.clone()
}
