//! [`PushConsumer`]: a running consumer.

use std::{fmt, sync::Arc, time::Duration};

use rocketmq_consumer::{CloseReport, Input, Snapshot, Vouch};
use rocketmq_remoting::Tasks;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{Filter, driver::Request, launch::Staff, requests::Requests};
use crate::{
    Client, Error,
    client::{Closes, Closing, Namespace},
    trace::Tracer,
};

/// A running consumer of a group. Dropping it stops it at once: what its handlers were doing is delivered again, to this group's
/// other members or to the next one. [`shutdown`](Self::shutdown) takes leave.
#[must_use = "a consumer that is dropped stops"]
#[doc(alias = "DefaultMQPushConsumer")]
pub struct PushConsumer {
    group: Arc<str>,
    requests: Requests,
    commands: mpsc::UnboundedSender<Request>,
    tasks: Tasks,
    staff: Staff,
    closed: bool,
    tracer: Option<Arc<Tracer>>,
    /// The client lives as long as its consumers.
    _client: Client,
}

impl PushConsumer {
    pub(super) fn new(
        requests: Requests,
        group: Arc<str>,
        commands: mpsc::UnboundedSender<Request>,
        tasks: Tasks,
        staff: Staff,
        tracer: Option<Arc<Tracer>>,
        client: Client,
    ) -> Self {
        Self { group, requests, commands, tasks, staff, closed: false, tracer, _client: client }
    }

    /// Whether the consumer has ended without having been shut down: its client was.
    pub(super) fn was_cut_off(&self) -> bool {
        !self.closed && self.tasks.is_stopped()
    }

    /// The group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// What the consumer holds and does at this moment: its queues, and what each of them waits for.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing changes.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        let (answer, snapshot) = oneshot::channel();
        let gone = || Error::closed("consumer");
        self.commands.send(Request::Snapshot(answer)).map_err(|_| gone())?;
        let snapshot = snapshot.await.map_err(|_| gone())?;
        Ok(self.namespace().unwrap_snapshot(snapshot))
    }

    /// Messages that the brokers hold for this member's queues and that are not consumed yet, as of the last pulls.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    pub async fn lag(&self) -> Result<u64, Error> {
        Ok(self.snapshot().await?.lag())
    }

    /// Records of the [trace](super::PushConsumerBuilder::tracing) that were dropped because there was no room, or because they could
    /// not be sent. 0 without a trace.
    pub fn traces_dropped(&self) -> u64 {
        self.tracer.as_ref().map_or(0, |tracer| tracer.dropped())
    }

    /// Stops pulling. What has been pulled is still consumed, offsets are committed, and the consumer stays a member of its group:
    /// its queues are not given to others.
    #[doc(alias = "suspend")]
    pub fn pause(&self) {
        self.tell(Input::Pause);
    }

    /// Pulls again, and from queues that had [stopped](super::Poison::Stop) too.
    pub fn resume(&self) {
        self.tell(Input::Resume);
    }

    /// Changes how many handlers run at once. Where there are more than that, each ends with the message it is at.
    #[doc(alias = "updateCorePoolSize")]
    pub fn set_concurrency(&self, handlers: usize) {
        (self.staff)(handlers.clamp(1, 65_536));
    }

    /// Reads one more topic, or reads one with another filter. All members of the group have to follow, and soon.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a topic or a filter that cannot be used.
    pub fn subscribe(&self, topic: &str, filter: impl Into<Filter>) -> Result<(), Error> {
        let subscription = filter.into().subscription(topic)?;
        self.tell(Input::Subscribe(self.namespace().wrap_subscription(subscription)));
        Ok(())
    }

    /// Reads a topic no longer. Its queues are given up in order: handlers may finish, offsets are committed.
    pub fn unsubscribe(&self, topic: &str) {
        self.tell(Input::Unsubscribe { topic: self.namespace().wrap(&topic.into()) });
    }

    fn namespace(&self) -> &Namespace {
        self.requests.core.namespace()
    }

    /// A consumer that has ended has nothing to be told.
    fn tell(&self, input: Input) {
        let _ = self.commands.send(Request::Tell(input));
    }

    /// Stops in order: no more pulls; handlers may finish what they are doing; offsets are committed and that is awaited; the
    /// brokers are told that this member leaves. Others take over from exactly there.
    ///
    /// Handlers that still run after `deadline` are cut off; their messages are delivered again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the consumer at once.
    pub async fn shutdown(mut self, deadline: Duration) -> ShutdownReport {
        self.closed = true;
        let report = close(&self.commands, &self.tasks, deadline).await;
        drain(self.tracer.as_ref(), deadline).await;
        report.into()
    }
}

pub(super) async fn close(
    commands: &mpsc::UnboundedSender<Request>,
    tasks: &Tasks,
    grace: Duration,
) -> CloseReport {
    let (done, report) = oneshot::channel();
    let report = match commands.send(Request::Close { grace, done }) {
        Ok(()) => report.await.unwrap_or_default(),
        Err(_) => CloseReport::default(),
    };
    tasks.stop();
    tasks.stopped().await;
    report
}

/// Sends what is left of the trace: so long at most, or for 5 s, as Java does.
async fn drain(tracer: Option<&Arc<Tracer>>, grace: Duration) {
    if let Some(tracer) = tracer {
        tracer.drain(Instant::now() + grace.min(TRACES_DRAINED_IN)).await;
    }
}

const TRACES_DRAINED_IN: Duration = Duration::from_secs(5);

/// A consumer as its client sees it: to be closed, if it still runs when the client is shut down.
pub(super) struct Running {
    pub(super) commands: mpsc::WeakUnboundedSender<Request>,
    pub(super) tasks: Tasks,
    /// What was polled counts as consumed at the end.
    pub(super) counts_polled: bool,
    pub(super) tracer: Option<Arc<Tracer>>,
}

impl Closes for Running {
    fn is_alive(&self) -> bool {
        self.commands.upgrade().is_some() && !self.tasks.is_stopped()
    }

    fn close(&self, deadline: Instant) -> Closing {
        let (commands, tasks) = (self.commands.upgrade(), self.tasks.clone());
        let grace = deadline.saturating_duration_since(Instant::now());
        let (counts_polled, tracer) = (self.counts_polled, self.tracer.clone());
        Box::pin(async move {
            let Some(commands) = commands else { return 0 };
            if counts_polled {
                let _ = commands.send(Request::Tell(Input::Vouch(Vouch::HandedOut)));
            }
            let report = close(&commands, &tasks, grace).await;
            drain(tracer.as_ref(), grace).await;
            report.undelivered + report.unsettled + report.uncommitted
        })
    }
}

/// What was left when a consumer ended. All zero: nothing comes twice on its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Messages that had been pulled and no handler has seen. Another member pulls them again.
    pub undelivered: usize,
    /// Messages whose handlers had not finished by the deadline, or that had failed and that no broker had confirmed to have back.
    /// They are delivered again.
    pub unsettled: usize,
    /// Queues whose last offset no broker has confirmed: what was consumed of them since the last commit is delivered
    /// again.
    pub uncommitted: usize,
}

impl From<CloseReport> for ShutdownReport {
    fn from(report: CloseReport) -> Self {
        Self {
            undelivered: report.undelivered,
            unsettled: report.unsettled,
            uncommitted: report.uncommitted,
        }
    }
}

impl Drop for PushConsumer {
    fn drop(&mut self) {
        if !self.closed {
            tracing::warn!(group = %self.group, "a consumer was dropped without shutdown");
            self.requests.core.registry.remove_consumer(&self.requests.group);
        }
        self.tasks.stop();
    }
}

impl fmt::Debug for PushConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushConsumer").field("group", &self.group).finish_non_exhaustive()
    }
}
