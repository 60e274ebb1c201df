//! Answering brokers that ask what became of a transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use rocketmq_protocol::{
    Command,
    header::CheckTransactionStateRequestHeader,
    message::{BodyLimits, MessageExt, MessageId, decode_messages, property},
};
use tokio::sync::{Semaphore, mpsc};

use super::{
    IntoResolution, Producer, Resolution,
    ending::{End, Server},
};
use crate::{BoxError, Error};

type Checking = Pin<Box<dyn Future<Output = Result<Resolution, BoxError>> + Send>>;

/// The application's check, and how much of it there may be at once.
pub(super) struct Checker {
    check: Box<dyn Fn(HalfMessage) -> Checking + Send + Sync>,
    pub(super) concurrency: usize,
    pub(super) backlog: usize,
}

impl Checker {
    pub(super) fn new<F, Fut>(check: F) -> Self
    where
        F: Fn(HalfMessage) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoResolution,
    {
        let check = Box::new(move |half| -> Checking {
            let answer = check(half);
            Box::pin(async move { answer.await.into_resolution() })
        });
        Self { check, concurrency: 1, backlog: 2_000 }
    }
}

/// A half message that a broker asks about.
#[non_exhaustive]
pub struct HalfMessage {
    message: MessageExt,
    topic: String,
}

impl HalfMessage {
    /// The message, as it was sent.
    pub fn message(&self) -> &MessageExt {
        &self.message
    }

    /// The id that [`Half::message_id`](super::Half::message_id) gave.
    pub fn message_id(&self) -> MessageId {
        self.message.message_id()
    }

    /// Where it is to be delivered.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// What it says.
    pub fn body(&self) -> &Bytes {
        &self.message.body
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.message.keys()
    }

    /// How often the broker has asked, this time included; 0 if it does not say.
    pub fn check_times(&self) -> u32 {
        let times = self.message.properties.get(property::TRANSACTION_CHECK_TIMES);
        times.and_then(|times| times.parse().ok()).unwrap_or(0)
    }
}

/// Bodies may be personal: they are not shown.
impl fmt::Debug for HalfMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HalfMessage")
            .field("topic", &self.topic)
            .field("message_id", &self.message_id())
            .finish_non_exhaustive()
    }
}

/// A question of a broker.
struct Question {
    from: Arc<str>,
    header: CheckTransactionStateRequestHeader,
    message: MessageExt,
}

/// The transactional producers of a client, by their groups on the wire.
#[derive(Default)]
pub(crate) struct CheckedGroups(Mutex<BTreeMap<Arc<str>, Group>>);

struct Group {
    questions: mpsc::Sender<Question>,
    checks: std::sync::Weak<Checks>,
}

impl CheckedGroups {
    fn groups(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Group>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A broker asks. Never waits: a question that nobody can take now will be asked again.
    pub(crate) fn asked(&self, from: &Arc<str>, request: &Command) {
        let Some((header, message)) = read(request) else {
            tracing::debug!(%from, "a transaction check that cannot be read");
            return;
        };
        let group = message.properties.get(property::PRODUCER_GROUP).unwrap_or_default();
        let groups = self.groups();
        let Some(found) = groups.get(group) else {
            tracing::debug!(%from, group, "a transaction check for a group without a transactional producer here");
            return;
        };
        let full = found.questions.try_send(Question { from: Arc::clone(from), header, message });
        if let (Err(_), Some(checks)) = (full, found.checks.upgrade()) {
            checks.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn read(request: &Command) -> Option<(CheckTransactionStateRequestHeader, MessageExt)> {
    let header = request.header().ok()?;
    let stored = decode_messages(request.body.clone()).next()?.ok()?;
    // Brokers that have inflated the body may have left the flag.
    let body = stored.plain_body(&BodyLimits::default()).unwrap_or_else(|_| stored.body.clone());
    Some((header, MessageExt { body, ..stored }))
}

/// The checks of one transactional producer.
pub(super) struct Checks {
    producer: Producer,
    checker: Checker,
    /// Half messages whose local transactions are running in this process.
    open: Mutex<BTreeSet<MessageId>>,
    pub(super) dropped: AtomicU64,
}

/// For as long as it lives, the message counts as one whose local transaction is running.
pub(super) struct Checked {
    checks: Arc<Checks>,
    id: MessageId,
}

impl Drop for Checked {
    fn drop(&mut self) {
        self.checks.running().remove(&self.id);
    }
}

impl Checks {
    /// Begins to answer checks for the producer's group.
    pub(super) fn start(producer: &Producer, checker: Checker) -> Result<Arc<Self>, Error> {
        let (shared, core) = (&producer.shared, producer.shared.client.core());
        let (questions, asked) = mpsc::channel(checker.backlog);
        let checks = Arc::new(Self {
            producer: producer.clone(),
            checker,
            open: Mutex::default(),
            dropped: AtomicU64::new(0),
        });
        let mut groups = core.checked_groups.groups();
        if groups.get(&shared.wire_group).is_some_and(|group| !group.questions.is_closed()) {
            return Err(Error::invalid(format!(
                "group `{}` already has a transactional producer in this client",
                shared.group
            )));
        }
        let group = Group { questions, checks: Arc::downgrade(&checks) };
        groups.insert(Arc::clone(&shared.wire_group), group);
        drop(groups);
        core.tasks.spawn("checks", answer_all(Arc::downgrade(&checks), asked));
        Ok(checks)
    }

    /// Ends the answering: the next question finds nobody.
    pub(super) fn stop(&self) {
        let shared = &self.producer.shared;
        let mut groups = shared.client.core().checked_groups.groups();
        let own = groups.get(&shared.wire_group).map(|group| group.checks.as_ptr());
        if own.is_some_and(|own| std::ptr::eq(own, self)) {
            groups.remove(&shared.wire_group);
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeSet<MessageId>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(self: &Arc<Self>, id: MessageId) -> Checked {
        self.running().insert(id);
        Checked { checks: Arc::clone(self), id }
    }

    async fn answer(&self, question: Question) {
        let Question { from, header, message } = question;
        let core = self.producer.shared.client.core();
        let message_id = message.message_id();
        let end = End {
            message_id,
            offset: header.tran_state_table_offset,
            commit_log_offset: header.commit_log_offset,
            transaction_id: header.transaction_id.as_ref().map(rocketmq_protocol::Text::detach),
            topic: message.topic.to_shared(),
            at: Server::Address(from),
            asked: true,
            tag: message.tag().map(|tag| tag.to_owned().into()),
            keys: message.properties.get(property::KEYS).unwrap_or_default().to_owned(),
        };
        let running = self.running().contains(&message_id);
        let resolution = if running {
            Resolution::Unknown
        } else {
            let topic = core.namespace().unwrap(&message.topic).into_owned();
            match (self.checker.check)(HalfMessage { message, topic }).await {
                Ok(resolution) => resolution,
                Err(cause) => {
                    tracing::debug!(%cause, "a check could not tell");
                    Resolution::Unknown
                }
            }
        };
        end.send_and_log(&self.producer, resolution).await;
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Answers questions, some at once, until there is nobody left to answer for.
async fn answer_all(checks: std::sync::Weak<Checks>, mut asked: mpsc::Receiver<Question>) {
    let Some((room, tasks)) = checks.upgrade().map(|checks| {
        let room = Arc::new(Semaphore::new(checks.checker.concurrency));
        (room, checks.producer.shared.client.core().tasks.clone())
    }) else {
        return;
    };
    loop {
        let question = tokio::select! {
            question = asked.recv() => question,
            () = tasks.cancelled() => return,
        };
        let Some(question) = question else { return };
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Some(checks) = checks.upgrade() else { return };
        // A task of its own: a check that panics answers nothing, and the broker asks again.
        tasks.spawn("check", async move {
            checks.answer(question).await;
            drop(permit);
        });
    }
}
