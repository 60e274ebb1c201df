//! Routes: a table everyone reads, refreshed by one task.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use rocketmq_protocol::names;
use rocketmq_remoting::Tasks;
use rocketmq_route::{RefreshSchedule, RouteChange, RouteTable, TopicRoute};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};

#[cfg(feature = "acl")]
use super::exposure;
use super::{
    name_server::{NameServerCalls, NameServersFailed, RouteAnswer},
    registry::Registry,
    telemetry::Telemetry,
};
use crate::{Error, ErrorKind};

/// How many routes are asked for at once: a client with thousands of topics does not flood a name server.
const PARALLEL: usize = 32;

/// The routes of a client.
///
/// Readers take an immutable snapshot. One task asks the name servers, about each topic at most once at a time, whoever wants
/// to know; those who wait for an answer wait for that one.
pub(crate) struct Routes {
    name_servers: NameServerCalls,
    published: ArcSwap<RouteTable>,
    state: Mutex<State>,
    /// Something is due earlier than the refresher thinks.
    wake: Notify,
    /// Counts answers, so that waiters look again.
    answers: watch::Sender<u64>,
    timeout: Duration,
    telemetry: Arc<Telemetry>,
}

struct State {
    table: RouteTable,
    schedule: RefreshSchedule,
    /// The last answer about each topic, and which answer it was.
    outcomes: BTreeMap<Arc<str>, (u64, Outcome)>,
    count: u64,
}

#[derive(Clone)]
enum Outcome {
    Found,
    Unknown,
    Failed(Arc<NameServersFailed>),
}

impl Routes {
    /// `interval` between refreshes of one route, `timeout` of one question.
    pub(crate) fn new(
        name_servers: NameServerCalls,
        interval: Duration,
        timeout: Duration,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let state = State {
            table: RouteTable::default(),
            schedule: RefreshSchedule::new(interval, fastrand::u64(..)),
            outcomes: BTreeMap::new(),
            count: 0,
        };
        Self {
            name_servers,
            published: ArcSwap::default(),
            state: Mutex::new(state),
            wake: Notify::new(),
            answers: watch::Sender::new(0),
            timeout,
            telemetry,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn name_servers(&self) -> &NameServerCalls {
        &self.name_servers
    }

    /// What is known now.
    pub(crate) fn table(&self) -> arc_swap::Guard<Arc<RouteTable>> {
        self.published.load()
    }

    /// Counts answers of name servers, whatever they say.
    pub(crate) fn answers(&self) -> watch::Receiver<u64> {
        self.answers.subscribe()
    }

    /// Has this topic's route asked for now, and again from time to time.
    pub(crate) fn want(&self, topic: &Arc<str>) {
        self.state().schedule.want(topic, std_now());
        self.wake.notify_one();
    }

    /// The route of a topic; asks the name servers if it is not known. `None`: there is no such topic.
    ///
    /// # Cancel safety
    ///
    /// Safe: the question goes on for others.
    pub(crate) async fn find(
        &self,
        topic: &Arc<str>,
        deadline: Instant,
    ) -> Result<Option<Arc<TopicRoute>>, Error> {
        if let Some(route) = self.table().route(topic) {
            return Ok(Some(Arc::clone(route)));
        }
        self.refreshed(topic, deadline).await
    }

    /// The route of a topic as the name servers tell it now.
    pub(crate) async fn refreshed(
        &self,
        topic: &Arc<str>,
        deadline: Instant,
    ) -> Result<Option<Arc<TopicRoute>>, Error> {
        let mut answers = self.answers.subscribe();
        let asked_at = self.state().count;
        self.want(topic);
        loop {
            let outcome = self.state().outcomes.get(topic).cloned();
            match outcome {
                Some((nth, outcome)) if nth > asked_at => {
                    let route = self.table().route(topic).cloned();
                    return match outcome {
                        Outcome::Found | Outcome::Unknown => Ok(route),
                        Outcome::Failed(_) if route.is_some() => Ok(route),
                        Outcome::Failed(failure) => Err(no_name_server(failure)),
                    };
                }
                _ => {
                    let changed = tokio::time::timeout_at(deadline, answers.changed()).await;
                    if !matches!(changed, Ok(Ok(()))) {
                        return Err(Error::timeout("a name server answered"));
                    }
                }
            }
        }
    }

    /// Where to send messages for a topic that does not exist yet: the brokers that create topics on demand, and at most so
    /// many queues on each.
    pub(crate) async fn for_new_topic(
        &self,
        topic: &Arc<str>,
        queues: i32,
        deadline: Instant,
    ) -> Result<Option<TopicRoute>, Error> {
        let template = self.find(&names::AUTO_CREATE_TOPIC.into(), deadline).await?;
        Ok(template.map(|template| template.for_new_topic(topic, queues)))
    }

    /// Asks what is due, until the client stops. Tells the registry of every answer.
    pub(crate) async fn refresh(self: Arc<Self>, registry: Arc<Registry>, tasks: Tasks) {
        let mut asking = JoinSet::new();
        let mut due = BTreeSet::new();
        loop {
            due.extend(self.state().schedule.take_due(std_now()));
            while asking.len() < PARALLEL
                && let Some(topic) = due.pop_first()
            {
                let routes = Arc::clone(&self);
                asking.spawn(async move {
                    let deadline = Instant::now() + routes.timeout;
                    let answer = routes.name_servers.route(&topic, deadline).await;
                    (topic, answer)
                });
            }
            let next = self.state().schedule.next_due();
            tokio::select! {
                Some(Ok((topic, answer))) = asking.join_next(), if !asking.is_empty() => {
                    if self.take(&topic, answer) {
                        registry.routes_changed(&self.table());
                    }
                    registry.route_answered(&topic);
                }
                () = sleep_until(next) => {}
                () = self.wake.notified() => {}
                () = tasks.cancelled() => return,
            }
        }
    }

    /// Whether the route has changed.
    fn take(&self, topic: &Arc<str>, answer: Result<RouteAnswer, NameServersFailed>) -> bool {
        let now = std_now();
        let mut state = self.state();
        let mut changed = false;
        let outcome = match answer {
            Ok(RouteAnswer::Found(data)) => {
                let change = state.table.apply(topic, TopicRoute::new(topic, &data), now);
                changed = change == RouteChange::Changed;
                self.telemetry.counters.routes_answered.add_one();
                self.telemetry.route(topic, change);
                state.schedule.answered(topic, now);
                Outcome::Found
            }
            Ok(RouteAnswer::Unknown) => {
                let change = state.table.deny(topic, now);
                self.telemetry.route(topic, change);
                state.schedule.answered(topic, now);
                Outcome::Unknown
            }
            Err(failure) => {
                tracing::warn!(%topic, cause = %failure, "no name server answered");
                self.telemetry.counters.routes_failed.add_one();
                state.schedule.failed(topic, now);
                Outcome::Failed(Arc::new(failure))
            }
        };
        // A topic that nobody has seen is asked about when somebody wants it, not from time to time.
        if matches!(outcome, Outcome::Unknown) && state.table.route(topic).is_none() {
            state.schedule.forget(topic);
        }
        if state.table.is_unused(topic, now) {
            self.telemetry.counters.routes_evicted.add_one();
            state.schedule.forget(topic);
            state.table.forget(topic);
        }
        state.count += 1;
        let count = state.count;
        state.outcomes.insert(Arc::clone(topic), (count, outcome));
        self.published.store(Arc::new(state.table.clone()));
        drop(state);
        self.answers.send_replace(count);
        changed
    }
}

pub(crate) fn no_name_server(failure: Arc<NameServersFailed>) -> Error {
    #[cfg(feature = "acl")]
    if failure.is_refusal() {
        return exposure::refused("no name server was asked");
    }
    Error::new(ErrorKind::NameServer, format!("no name server answered ({failure})"))
}

/// The pure crates take the clock of the standard library; under paused time it has to stand still with tokio's.
pub(crate) fn std_now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Sleeps until then, or for ever.
pub(crate) async fn sleep_until(at: Option<std::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
