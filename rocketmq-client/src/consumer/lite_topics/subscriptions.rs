//! [`LiteTopics`]: which lite topics a consumer reads, and telling brokers, again and again.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rocketmq_protocol::body::{
    LiteSubscriptionAction, LiteSubscriptionCtlRequestBody, LiteSubscriptionDTO, OffsetOption,
    OffsetOptionType,
};
use tokio::time::Instant;

use crate::{
    client::{registry::Signals, wall_millis},
    consumer::requests::Requests,
};

/// Where a group goes on in a lite topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LiteStart {
    /// At the first message that the broker has.
    First,
    /// Behind the last message.
    End,
    /// At the message of this number.
    Offset(i64),
    /// So many messages before the one that it has come to, if it has come anywhere.
    Back(i64),
}

impl LiteStart {
    /// As brokers take it (`common/lite/OffsetOption.java`).
    fn option(self) -> OffsetOption {
        let (kind, value) = match self {
            Self::First => (OffsetOptionType::Policy, 1),
            Self::End => (OffsetOptionType::Policy, 2),
            Self::Offset(offset) => (OffsetOptionType::Offset, offset),
            Self::Back(messages) => (OffsetOptionType::TailN, messages),
        };
        OffsetOption { kind, value }
    }
}

/// A change of subscriptions, for brokers.
pub(super) type Change = LiteSubscriptionCtlRequestBody;

/// The lite topics that a consumer reads. Brokers forget them a minute after they have last heard of them.
pub(crate) struct LiteTopics {
    pub(super) group: Arc<str>,
    pub(super) topic: Arc<str>,
    /// Brokers keep the subscriptions of one group for one client id: each consumer has its own.
    pub(super) client_id: Arc<str>,
    names: Mutex<BTreeSet<Arc<str>>>,
    left: AtomicBool,
}

impl LiteTopics {
    pub(super) fn new(client_id: &str, group: &Arc<str>, topic: Arc<str>) -> Self {
        Self {
            group: Arc::clone(group),
            topic,
            client_id: format!("{client_id}@{group}").into(),
            names: Mutex::default(),
            left: AtomicBool::new(false),
        }
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<Arc<str>>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> BTreeSet<Arc<str>> {
        self.names().clone()
    }

    /// Whether it is new.
    pub(super) fn insert(&self, lite_topic: &str) -> bool {
        self.names().insert(lite_topic.into())
    }

    /// Whether it was there.
    pub(super) fn remove(&self, lite_topic: &str) -> bool {
        self.names().remove(lite_topic)
    }

    /// A broker has taken a lite topic away from a client. Whether it was this one's.
    pub(crate) fn taken_away(&self, client_id: &str, lite_topic: &str) -> bool {
        client_id == &*self.client_id && self.remove(lite_topic)
    }

    /// No more rounds: all subscriptions are given back.
    pub(super) fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    pub(super) fn change(
        &self,
        action: LiteSubscriptionAction,
        lite_topics: impl IntoIterator<Item = String>,
        start: Option<LiteStart>,
    ) -> Change {
        let change = LiteSubscriptionDTO {
            action,
            client_id: self.client_id.to_string(),
            group: self.group.to_string(),
            lite_topic_set: lite_topics.into_iter().collect(),
            offset_option: start.map(LiteStart::option),
            topic: self.topic.to_string(),
            version: wall_millis(),
        };
        Change { subscription_set: vec![change] }
    }
}

/// Brokers that have restarted hear of subscriptions at once, but not more often than this.
const SPACING: Duration = Duration::from_secs(1);

/// Tells brokers all subscriptions whenever heartbeats have reached them, and as often as those go out, until the consumer is gone.
pub(super) async fn rounds(requests: Requests, topics: Weak<LiteTopics>, signals: Arc<Signals>) {
    let interval = requests.core.options.heartbeat_interval;
    let tasks = requests.core.tasks.clone();
    loop {
        let due = Instant::now() + interval;
        let registered = async { while !signals.next().await.registered {} };
        tokio::select! {
            () = registered => {}
            () = tokio::time::sleep_until(due) => {}
            () = tasks.cancelled() => return,
        }
        let Some(topics) = topics.upgrade().filter(|topics| !topics.left.load(Ordering::Relaxed))
        else {
            return;
        };
        let names = topics.all().iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = topics.change(LiteSubscriptionAction::CompleteAdd, names, None);
        let deadline = Instant::now() + requests.core.options.request_timeout;
        if let Err(cause) = requests.tell_lite(&topics.topic, all, deadline).await {
            tracing::debug!(topic = %topics.topic, %cause, "a broker was not told subscriptions");
        }
        drop(topics);
        tokio::time::sleep(SPACING).await;
    }
}
