//! [`Driver`]: the loop that keeps one consumer group going.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rocketmq_consumer::{
    Action, Batch, CloseReport, ConsumerGroup, Event, Failure, Input, Now, Outcome, PullPlan,
    PullToken, Settlement, Snapshot,
};
use rocketmq_protocol::{
    body::{ConsumeFromWhere, ConsumeType, ConsumerData, ConsumerRunningInfo, MessageModel},
    header::PullMessageRequestHeader,
};
use rocketmq_remoting::{CallError, Mailbox, Reply, Submitted};
use rocketmq_route::TopicRoute;
use tokio::{
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use super::{
    listeners::Change,
    local_offsets::LocalOffsets,
    polls::{Poll, Polls},
    pulling::pull_answer,
    requests::{Requests, pull_failure},
    running_info::{Facts, Rates},
    telling::Teller,
    throttle::Throttle,
    workers::{Portion, Work},
};
use crate::client::{
    registry::{News, Signals},
    routes::{sleep_until, std_now},
    wall_millis,
};

/// What the façade asks of a driver.
pub(super) enum Request {
    /// Close, and say what was left.
    Close { grace: Duration, done: oneshot::Sender<CloseReport> },
    /// What does the group look like?
    Snapshot(oneshot::Sender<Snapshot>),
    /// What does an operator want to know?
    RunningInfo { with_tasks: bool, answer: oneshot::Sender<ConsumerRunningInfo> },
    /// Something for the machine.
    Tell(Input),
    /// Somebody asks for messages.
    Poll(Poll),
    /// Messages that somebody had asked for and did not take.
    Returned(Batch),
    /// Commit what may be committed, and say when that is done.
    Commit(oneshot::Sender<()>),
}

/// Drives one [`ConsumerGroup`]: waits for something to happen, tells the machine, does what it says.
///
/// Nothing here decides. Requests are futures in a set that end in an input; pulls are rows in the tables of their connections, whose
/// answers land in one mailbox, so that a thousand waiting queues need no task.
pub(super) struct Driver<P: Portion> {
    pub(super) machine: ConsumerGroup,
    pub(super) requests: Requests,
    pub(super) introduction: Introduction,
    pub(super) facts: Facts,
    pub(super) changes: Option<mpsc::UnboundedSender<Change>>,
    pub(super) teller: Teller,
    pub(super) rates: Rates,
    /// Of a broadcasting consumer.
    pub(super) local: Option<Arc<LocalOffsets>>,
    pub(super) work: Arc<Work<P>>,
    /// Messages that workers take at once.
    pub(super) portion: usize,
    pub(super) throttle: Option<Throttle>,
    /// Workers get less than they could do.
    pub(super) is_throttled: bool,
    /// Who asks for messages, where nobody works.
    pub(super) polls: Polls,
    pub(super) signals: Arc<Signals>,
    pub(super) commands: mpsc::UnboundedReceiver<Request>,
    pub(super) mailbox: Mailbox<PullToken>,
    pub(super) pulls: HashMap<PullToken, Pull>,
    pub(super) questions: JoinSet<Finished>,
    pub(super) marks: Vec<Settlement>,
    pub(super) closing: Vec<oneshot::Sender<CloseReport>>,
    pub(super) report: Option<CloseReport>,
}

/// What heartbeats say about the group, beside its subscriptions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Introduction {
    pub(super) consume_from_where: ConsumeFromWhere,
    pub(super) message_model: MessageModel,
    pub(super) consume_type: ConsumeType,
}

/// A pull under way.
pub(super) enum Pull {
    /// A row of its connection's table.
    Row(Submitted),
    /// A task: one that waits for the connection, or a pop, of which there are few.
    Task(AbortHandle),
}

/// How a question of the driver's ended.
pub(super) enum Finished {
    Answered(Input),
    /// There is a connection now for this pull.
    Connected(PullPlan),
}

/// What a driver woke up for.
enum Wake {
    Finished(Finished),
    Pulled(PullToken, Result<Reply, CallError>),
    News(News),
    Asked(Request),
    /// The workers run dry, or something has ended without a word.
    Look,
    Time,
}

impl<P: Portion> Driver<P> {
    /// Runs until the group is closed, and tells what was left.
    pub(super) async fn run(mut self) {
        self.act();
        while self.report.is_none() {
            self.refill();
            let wake = self.wait().await;
            let now = now();
            self.collect(now);
            if self.rates.is_due(now.monotonic) {
                self.rates.sample(now.monotonic, self.machine.snapshot().topics);
            }
            match wake {
                Wake::Finished(Finished::Answered(input)) => {
                    if let Input::Popped { pop: ended, .. } | Input::Pulled { pull: ended, .. } =
                        &input
                    {
                        self.pulls.remove(ended);
                    }
                    self.machine.handle(now, input);
                }
                Wake::Finished(Finished::Connected(plan)) => {
                    // Otherwise it was cancelled at the last moment.
                    if self.pulls.remove(&plan.pull).is_some() {
                        self.pull(plan);
                    }
                }
                Wake::Pulled(pull, answer) => self.pulled(now, pull, answer),
                Wake::News(news) => self.news(now, news),
                Wake::Asked(request) => self.asked(now, request),
                Wake::Look => {}
                Wake::Time => self.machine.handle_timeout(now),
            }
            self.act();
            if self.polls.serve(now, &mut self.machine) {
                self.act();
            }
        }
        let report = self.report.unwrap_or_default();
        for done in std::mem::take(&mut self.closing) {
            // Whoever asked may have stopped waiting.
            let _ = done.send(report);
        }
    }

    async fn wait(&mut self) -> Wake {
        let mut timeout = self.machine.poll_timeout();
        if self.is_throttled
            && let Some(throttle) = &self.throttle
        {
            timeout = timeout.into_iter().chain([throttle.next()]).min();
        }
        tokio::select! {
            // One that was cancelled says nothing, but others may have finished behind it.
            Some(finished) = self.questions.join_next(), if !self.questions.is_empty() => {
                finished.map_or(Wake::Look, Wake::Finished)
            }
            (pull, answer) = self.mailbox.recv() => Wake::Pulled(pull, answer),
            news = self.signals.next() => Wake::News(news),
            request = self.commands.recv() => match request {
                Some(request) => Wake::Asked(request),
                None => Wake::Asked(Request::abandoned()),
            },
            () = self.work.dry() => Wake::Look,
            () = sleep_until(timeout) => Wake::Time,
        }
    }

    /// Gives the machine what workers have handed in.
    fn collect(&mut self, now: Now) {
        self.work.collect(&mut self.marks);
        if !self.marks.is_empty() {
            self.machine.handle(now, Input::Settled(std::mem::take(&mut self.marks)));
        }
    }

    /// Gives workers what they can use until the next look.
    fn refill(&mut self) {
        let level = self.work.collect(&mut self.marks);
        let now = now();
        let mut wanted =
            self.allowed(now, level.ahead.saturating_sub(level.waiting) * self.portion);
        while wanted > 0
            && let Some(batch) = self.machine.take(now, wanted)
        {
            wanted = wanted.saturating_sub(batch.len());
            if let Some(throttle) = &mut self.throttle {
                throttle.spend(batch.len());
            }
            self.work.push(P::cut(batch, self.portion));
        }
        if !self.marks.is_empty() {
            // They came between two looks: told now, so that nothing waits for them.
            let marks = std::mem::take(&mut self.marks);
            self.machine.handle(now, Input::Settled(marks));
            self.act();
        }
    }

    /// How many of so many messages may be handed out now.
    fn allowed(&mut self, now: Now, wanted: usize) -> usize {
        let Some(throttle) = &mut self.throttle else { return wanted };
        let allowed = throttle.allow(now.monotonic, wanted);
        self.is_throttled = allowed < wanted;
        allowed
    }

    fn pulled(&mut self, now: Now, pull: PullToken, reply: Result<Reply, CallError>) {
        self.pulls.remove(&pull);
        let answer = reply.and_then(Reply::read::<PullMessageRequestHeader>);
        let answer = answer.map_err(|error| pull_failure(&error)).and_then(pull_answer);
        self.machine.handle(now, Input::Pulled { pull, answer });
    }

    fn news(&mut self, now: Now, news: News) {
        for topic in news.routes {
            let table = self.requests.core.routes.table();
            if let Some(route) = table.route(&topic) {
                let (queues, unread) = (route.subscribe_queues().to_vec(), unread(route));
                drop(table);
                self.teller.unread(&topic, unread);
                self.machine.handle(now, Input::Route { topic, queues });
            }
        }
        if news.registered {
            self.look_for_topics();
            self.machine.handle(now, Input::Registered);
        }
        if news.members_changed {
            self.machine.handle(now, Input::MembersChanged);
        }
    }

    /// Asks again for topics that did not exist. The first heartbeat of a group creates its retry topic.
    fn look_for_topics(&self) {
        let routes = &self.requests.core.routes;
        for subscription in self.machine.subscriptions() {
            if routes.table().route(&subscription.topic).is_none() {
                routes.want(&subscription.topic.as_str().into());
            }
        }
    }

    fn asked(&mut self, now: Now, request: Request) {
        match request {
            Request::Close { grace, done } => {
                self.closing.push(done);
                self.machine.handle(now, Input::Close { grace });
            }
            Request::Snapshot(answer) => drop(answer.send(self.machine.snapshot())),
            Request::RunningInfo { with_tasks, answer } => {
                let subscriptions = self.machine.subscriptions().cloned();
                let snapshot = self.machine.snapshot();
                let info =
                    self.facts.running_info(&snapshot, &self.rates, subscriptions, with_tasks);
                drop(answer.send(info));
            }
            Request::Tell(input) => self.machine.handle(now, input),
            Request::Poll(poll) => self.polls.poll(now, &mut self.machine, poll),
            Request::Returned(batch) => self.polls.returned(batch),
            Request::Commit(done) => self.polls.commit(now, &mut self.machine, done),
        }
    }

    /// Does everything the machine says.
    fn act(&mut self) {
        while let Some(action) = self.machine.poll() {
            match action {
                Action::WatchRoute { topic } => self.watch(&topic),
                Action::UnwatchRoute { topic: _ } => {}
                Action::Heartbeat => self.announce(),
                Action::Pull(plan) => self.pull(plan),
                Action::Pop(plan) => {
                    let (pop, answer) = (plan.pop, self.requests.popping(plan));
                    let task = self.questions.spawn(async { Finished::Answered(answer.await) });
                    self.pulls.insert(pop, Pull::Task(task));
                }
                Action::CancelPull { pull } => self.cancel(pull),
                Action::TellAssigned { queue, epoch, .. } => {
                    self.tell_change(Change::Assigned(queue, epoch));
                }
                Action::TellRevoked { queue, epoch, .. } => {
                    self.tell_change(Change::Revoked(queue, epoch));
                }
                Action::Event(event) => self.event(event),
                question => self.ask(question),
            }
        }
    }

    /// Of whoever keeps the offsets of this consumer, or of the brokers.
    fn ask(&mut self, question: Action) {
        if let Some(local) = &self.local
            && LocalOffsets::knows(&question)
        {
            let answer = local.answer(question);
            self.questions.spawn(async { Finished::Answered(answer.await) });
        } else if let Some(answer) = self.requests.ask(question) {
            self.questions.spawn(async { Finished::Answered(answer.await) });
        }
    }

    fn watch(&self, topic: &Arc<str>) {
        self.requests.core.routes.want(topic);
        self.signals.raise(|news| {
            news.routes.insert(Arc::clone(topic));
        });
    }

    fn announce(&self) {
        let data = ConsumerData {
            consume_from_where: self.introduction.consume_from_where,
            message_model: self.introduction.message_model,
            consume_type: self.introduction.consume_type,
            group_name: self.requests.group.to_string(),
            subscription_data_set: self.machine.subscriptions().cloned().collect(),
            unit_mode: self.requests.core.options.unit_mode,
        };
        self.requests.core.registry.announce(&self.requests.group, data);
    }

    /// Sends a pull over the connection there is, or has one made first.
    fn pull(&mut self, plan: PullPlan) {
        let (token, deadline) = (plan.pull, Instant::from(plan.deadline));
        let Some((address, header)) = self.requests.pull(&plan) else {
            self.requests.core.routes.want(&plan.queue.topic);
            return self.pull_failed(token, Failure::Unreachable);
        };
        let remoting = self.requests.core.remoting.clone();
        if let Some(channel) = remoting.existing(&address) {
            match channel.submit(&header, Bytes::new(), deadline, &self.mailbox, token) {
                Ok(row) => drop(self.pulls.insert(token, Pull::Row(row))),
                Err(error) => self.pull_failed(token, pull_failure(&error)),
            }
            return;
        }
        let requests = self.requests.clone();
        let task = self.questions.spawn(async move {
            match requests.connect_for(&plan, &address).await {
                Ok(()) => Finished::Connected(plan),
                Err(failure) => pull_failed(token, failure),
            }
        });
        self.pulls.insert(token, Pull::Task(task));
    }

    /// Told like any other answer: the machine is not to be called from within its own actions.
    fn pull_failed(&mut self, pull: PullToken, failure: Failure) {
        self.questions.spawn(std::future::ready(pull_failed(pull, failure)));
    }

    fn cancel(&mut self, pull: PullToken) {
        match self.pulls.remove(&pull) {
            Some(Pull::Row(row)) => _ = row.cancel(),
            Some(Pull::Task(task)) => task.abort(),
            None => {}
        }
    }

    /// Where somebody listens.
    fn tell_change(&self, change: Change) {
        if let Some(changes) = &self.changes {
            let _gone = changes.send(change);
        }
    }

    fn event(&mut self, event: Event) {
        match &event {
            // What waits for workers is of no use any more.
            Event::Revoking { epoch, .. } | Event::Moved { before: epoch, .. } => {
                let of_it = |it: &P| it.deliveries().any(|delivery| delivery.id().epoch == *epoch);
                let returned = self.work.withdraw(of_it);
                let outcome = Outcome::Returned;
                let returned = returned.iter().flat_map(P::deliveries);
                self.marks.extend(returned.map(|item| Settlement { delivery: item.id(), outcome }));
            }
            Event::Closed(report) => self.report = Some(*report),
            _ => {}
        }
        self.teller.tell(&event);
    }
}

/// However it ends, nobody waits for more.
impl<P: Portion> Drop for Driver<P> {
    fn drop(&mut self) {
        self.work.close();
    }
}

impl Request {
    /// The consumer was dropped without a shutdown: nobody waits, so nothing is waited for.
    fn abandoned() -> Self {
        Self::Close { grace: Duration::ZERO, done: oneshot::channel().0 }
    }
}

fn pull_failed(pull: PullToken, failure: Failure) -> Finished {
    Finished::Answered(Input::Pulled { pull, answer: Err(failure) })
}

/// How many queues are written to and not read from.
fn unread(route: &TopicRoute) -> usize {
    let read: BTreeSet<_> = route.subscribe_queues().iter().collect();
    route.publish_queues().iter().filter(|queue| !read.contains(queue)).count()
}

/// Both clocks, read once a wake-up.
pub(super) fn now() -> Now {
    Now { monotonic: std_now(), wall: wall_millis() }
}
