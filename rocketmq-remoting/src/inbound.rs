//! Requests that the peer sends us.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rocketmq_protocol::{Command, Flags, code::ResponseCode};
use tokio::time::Instant;

use crate::{Channel, CloseReason, DialError, link::Link};

/// What [`RequestHandler::handle`] returns.
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Option<Command>> + Send + 'a>>;

/// Answers the requests that peers send to this client.
pub trait RequestHandler: Send + Sync + 'static {
    /// Works on one request. `Some` is the answer, made with [`Command::answer`]; `None` says that the code is not
    /// known here, which the peer is told. A one-way request gets no answer, whatever this returns.
    ///
    /// It runs in a task of its own. A panic is answered as an error and harms nothing else.
    fn handle<'a>(&'a self, from: &'a Channel, request: Command) -> HandlerFuture<'a>;

    /// A connection has been made: the peer knows nothing of what was said over an earlier one. Called before the first
    /// request can be sent over it; must not block. Default: nothing.
    fn opened(&self, to: &Channel) {
        let _ = to;
    }

    /// A connection has ended. Must not block. Default: nothing.
    fn closed(&self, from: &Channel, reason: &CloseReason) {
        let _ = (from, reason);
    }

    /// An address could not be connected to. Must not block. Default: nothing.
    fn unreachable(&self, address: &str, error: &DialError) {
        let _ = (address, error);
    }
}

/// Knows no request at all.
#[derive(Debug, Clone, Copy)]
pub struct NoRequests;

impl RequestHandler for NoRequests {
    fn handle<'a>(&'a self, _from: &'a Channel, _request: Command) -> HandlerFuture<'a> {
        Box::pin(async { None })
    }
}

/// The requests of one peer: a few are worked on, some wait, and those beyond are refused.
pub(crate) struct Inbound {
    link: Arc<Link>,
    handler: Arc<dyn RequestHandler>,
    queue: Mutex<Queue>,
}

struct Queue {
    workers: usize,
    waiting: VecDeque<Command>,
    allowance: Allowance,
}

/// How many requests the peer may still make. It grows with time, up to what may come in a second.
struct Allowance {
    left: f64,
    since: Instant,
}

impl Allowance {
    fn full(rate: u32) -> Self {
        Self { left: f64::from(rate.max(1)), since: Instant::now() }
    }

    fn take(&mut self, now: Instant, rate: u32) -> bool {
        let rate = f64::from(rate.max(1));
        let grown = now.saturating_duration_since(self.since).as_secs_f64() * rate;
        self.since = now;
        self.left = (self.left + grown).min(rate);
        let granted = self.left >= 1.0;
        if granted {
            self.left -= 1.0;
        }
        granted
    }
}

impl Inbound {
    pub(crate) fn new(link: Arc<Link>, handler: Arc<dyn RequestHandler>) -> Arc<Self> {
        let allowance = Allowance::full(link.config.inbound_rate);
        let queue = Mutex::new(Queue { workers: 0, waiting: VecDeque::new(), allowance });
        Arc::new(Self { link, handler, queue })
    }

    /// Takes a request in. Never waits.
    pub(crate) fn accept(self: &Arc<Self>, request: Command) {
        let config = &self.link.config;
        let mut queue = self.lock();
        if !queue.allowance.take(Instant::now(), config.inbound_rate) {
            return self.link.counters.inbound_refused.add(1);
        }
        if queue.waiting.len() >= config.inbound_backlog.max(1) {
            drop(queue);
            return self.refuse(&request);
        }
        queue.waiting.push_back(request);
        if queue.workers < config.inbound_concurrency.max(1) {
            queue.workers += 1;
            drop(queue);
            let inbound = Arc::clone(self);
            self.link.tasks.spawn("inbound", async move { inbound.work().await });
        }
    }

    /// Works until nothing waits.
    async fn work(self: Arc<Self>) {
        while let Some(request) = self.next() {
            self.respond(request).await;
        }
    }

    fn next(&self) -> Option<Command> {
        let mut queue = self.lock();
        let next = queue.waiting.pop_front().filter(|_| !self.link.is_closed());
        if next.is_none() {
            queue.workers -= 1;
        }
        next
    }

    async fn respond(self: &Arc<Self>, request: Command) {
        let (code, oneway) = (request.request_code(), request.is_oneway());
        let (opaque, form) = (request.opaque, request.serialization());
        let unknown = Command::answer(&request, ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
        let broken = Command::answer(&request, ResponseCode::SYSTEM_ERROR);
        let (inbound, channel) = (Arc::clone(self), Channel::new(Arc::clone(&self.link)));
        // A task of its own, so that a panic ends there.
        let handled = self.link.tasks.spawn("request", async move {
            tokio::select! {
                () = inbound.link.tasks.cancelled() => None,
                answer = inbound.handler.handle(&channel, request) => answer,
            }
        });
        let mut answer = match handled.await {
            _ if oneway => return,
            Ok(Some(answer)) => answer,
            Ok(None) => unknown.with_remark(format!("request type {} not supported", code.0)),
            Err(_) => broken.with_remark("the handler of the request failed"),
        };
        answer.opaque = opaque;
        answer.flags = Flags::RESPONSE;
        if let Ok(admission) = self.link.admit(answer.body.len(), None).await {
            self.link.answer(&answer, form, admission);
        }
    }

    fn refuse(&self, request: &Command) {
        self.link.counters.inbound_refused.add(1);
        if !request.is_oneway() {
            let busy = Command::answer(request, ResponseCode::SYSTEM_BUSY)
                .with_remark("too many requests are waiting");
            if let Ok(admission) = self.link.try_admit(busy.body.len()) {
                self.link.answer(&busy, request.serialization(), admission);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
