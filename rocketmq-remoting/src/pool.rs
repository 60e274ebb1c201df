//! [`Remoting`]: one connection per address, made on demand.
//!
//! ```text
//!              channel()               connected
//!   (absent) ────────────► Dialing ─────────────────► Open
//!      ▲                     ▲  │                      │ │
//!      │         channel()   │  │ failed     closed at │ │ closed
//!      │        after rest   │  ▼                 once │ │ later
//!      │                   Resting ◄───────────────────┘ │
//!      └─────────────────────────────────────────────────┘
//! ```
//!
//! `retain` leads from everywhere to absent. No state is final: an address that failed for hours is dialled again the
//! next time somebody asks for it, at most once per rest.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rocketmq_protocol::Request;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{
    Answer, CallError, Channel, CloseReason, Config, Connection, Connector, DialError, NotSent,
    RequestHandler, Stats, Tasks,
};

/// A connection that ends so soon, and not by our doing, counts as a failed attempt: a peer that accepts and hangs up
/// must not be dialled in a tight loop.
const YOUNG: Duration = Duration::from_secs(1);

/// The connections of a client: at most one per address, dialled when somebody asks for it. A clone is the same pool.
#[derive(Clone)]
pub struct Remoting(Arc<Pool>);

struct Pool {
    config: Arc<Config>,
    connector: Arc<dyn Connector>,
    handler: Arc<dyn RequestHandler>,
    tasks: Tasks,
    entries: Mutex<BTreeMap<Arc<str>, Entry>>,
    /// What closed connections had counted.
    closed: Mutex<Stats>,
}

/// What is known of an address.
enum Entry {
    Dialing { outcome: watch::Receiver<Option<Outcome>>, tasks: Tasks },
    Open { channel: Channel, since: Instant, failures: u32 },
    Resting(DialError),
}

type Outcome = Result<Channel, DialError>;

impl Remoting {
    /// A pool without connections. Its tasks count in `tasks`, and end when those are stopped.
    pub fn new(
        config: Config,
        connector: impl Connector,
        handler: impl RequestHandler,
        tasks: &Tasks,
    ) -> Self {
        Self(Arc::new(Pool {
            config: Arc::new(config),
            connector: Arc::new(connector),
            handler: Arc::new(handler),
            tasks: tasks.child("connections"),
            entries: Mutex::default(),
            closed: Mutex::default(),
        }))
    }

    /// The connection to `address` (`host:port`), dialled if there is none.
    ///
    /// All who ask at the same time share one attempt. An address that rests after a failure fails at once, with the
    /// cause and the time from which it may be tried again: whoever has another address to turn to should not wait.
    ///
    /// # Errors
    ///
    /// [`CallError::NotSent`], and no other.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the attempt goes on, for the others who wait and for the next who asks.
    pub async fn channel(&self, address: &str, deadline: Instant) -> Result<Channel, CallError> {
        let failed = |reason| CallError::NotSent { address: address.into(), reason };
        let mut outcome = match self.0.open_or_dial(address) {
            Ok(Lookup::Open(channel)) => return Ok(channel),
            Ok(Lookup::Dialing(outcome)) => outcome,
            Err(reason) => return Err(failed(reason)),
        };
        let decided = match timeout_at(deadline, outcome.wait_for(Option::is_some)).await {
            Ok(Ok(decided)) => decided.clone(),
            Ok(Err(_gone)) => None,
            Err(_elapsed) => return Err(failed(NotSent::TimedOut)),
        };
        match decided {
            Some(Ok(channel)) => Ok(channel),
            Some(Err(error)) => Err(failed(NotSent::Unreachable(error))),
            None if self.0.tasks.is_stopped() => Err(failed(NotSent::ShuttingDown)),
            None => Err(failed(NotSent::Closed(CloseReason::Local))),
        }
    }

    /// Sends a request to the server at `address`, over a connection that is made if need be, and waits for its answer.
    ///
    /// A server that is shutting down answers `GO_AWAY` instead of acting on a request. It is then sent once more, over a
    /// new connection; a second such answer is an error.
    ///
    /// # Errors
    ///
    /// As [`Channel::call`].
    ///
    /// # Cancel safety
    ///
    /// As [`Channel::call`].
    pub async fn call<R: Request>(
        &self,
        address: &str,
        request: &R,
        body: impl Borrow<Bytes>,
        deadline: Instant,
    ) -> Result<Answer<R::Response>, CallError> {
        let body = body.borrow();
        let channel = self.channel(address, deadline).await?;
        match channel.call(request, body, deadline).await {
            Err(error) if error.is_go_away() => {
                let successor = self.channel(address, deadline).await?;
                successor.call(request, body, deadline).await
            }
            outcome => outcome,
        }
    }

    /// The connection to `address`, if it is open.
    pub fn existing(&self, address: &str) -> Option<Channel> {
        match self.0.lock().get(address)? {
            Entry::Open { channel, .. } if channel.is_open() => Some(channel.clone()),
            _ => None,
        }
    }

    /// Every open connection.
    pub fn channels(&self) -> Vec<Channel> {
        let open = |entry: &Entry| match entry {
            Entry::Open { channel, .. } => Some(channel.clone()),
            _ => None,
        };
        self.0.lock().values().filter_map(open).filter(Channel::is_open).collect()
    }

    /// What is known of every address that was asked for.
    pub fn states(&self) -> Vec<(Arc<str>, AddressState)> {
        let state = |entry: &Entry| match entry {
            Entry::Dialing { .. } => AddressState::Dialing,
            Entry::Open { channel, .. } if channel.is_open() => AddressState::Open,
            Entry::Open { .. } => AddressState::Leaving,
            Entry::Resting(error) => AddressState::Resting(error.clone()),
        };
        let entries = self.0.lock();
        entries.iter().map(|(address, entry)| (Arc::clone(address), state(entry))).collect()
    }

    /// What all connections have counted, those that have closed included.
    pub fn stats(&self) -> Stats {
        let closed = *self.0.closed.lock().unwrap_or_else(PoisonError::into_inner);
        self.channels().iter().fold(closed, |sum, channel| sum + channel.stats())
    }

    /// Closes and forgets every address for which `wanted` is false.
    pub fn retain(&self, mut wanted: impl FnMut(&str) -> bool) {
        self.0.lock().retain(|address, entry| {
            let keep = wanted(address);
            if !keep {
                entry.close();
            }
            keep
        });
    }

    /// Waits until every socket has taken what is queued for it now, one-way requests above all, or its connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn flushed(&self) {
        for channel in self.channels() {
            channel.flushed().await;
        }
    }

    /// Closes every connection and waits until their tasks have ended. Afterwards nothing is dialled any more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: they close all the same.
    pub async fn close(&self) {
        self.0.tasks.stop();
        self.0.tasks.stopped().await;
        self.0.lock().clear();
    }
}

/// What is known of an address.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AddressState {
    /// Somebody is connecting.
    Dialing,
    /// Connected.
    Open,
    /// The connection is ending, and no more requests go over it.
    Leaving,
    /// It could not be connected to, and is left alone for a while.
    Resting(DialError),
}

enum Lookup {
    Open(Channel),
    Dialing(watch::Receiver<Option<Outcome>>),
}

impl Pool {
    fn open_or_dial(self: &Arc<Self>, address: &str) -> Result<Lookup, NotSent> {
        if self.tasks.is_stopped() {
            return Err(NotSent::ShuttingDown);
        }
        let mut entries = self.lock();
        if let Some(Entry::Open { channel, .. }) = entries.get(address)
            && channel.is_open()
        {
            return Ok(Lookup::Open(channel.clone()));
        }
        let now = Instant::now();
        self.retire(&mut entries, address, now);
        let failures = match entries.get(address) {
            // The peer has asked us to leave that connection. Its owner sees to the end of it.
            Some(Entry::Open { since, failures, .. }) if now - *since < YOUNG => failures + 1,
            Some(Entry::Dialing { outcome, .. }) => return Ok(Lookup::Dialing(outcome.clone())),
            Some(Entry::Resting(error)) if error.retry_at > now => {
                return Err(NotSent::Unreachable(error.clone()));
            }
            Some(Entry::Resting(error)) => error.failures,
            Some(Entry::Open { .. }) | None => 0,
        };
        let address: Arc<str> = address.into();
        let (decide, outcome) = watch::channel(None);
        let tasks = self.tasks.child("connection");
        let entry = Entry::Dialing { outcome: outcome.clone(), tasks: tasks.clone() };
        entries.insert(Arc::clone(&address), entry);
        drop(entries);
        let attempt = Attempt { pool: Arc::clone(self), address, tasks: tasks.clone(), failures };
        tasks.spawn("connection", attempt.run(decide));
        Ok(Lookup::Dialing(outcome))
    }

    /// Takes a closed connection out, or lets its address rest.
    fn retire(&self, entries: &mut BTreeMap<Arc<str>, Entry>, address: &str, now: Instant) {
        let Some(Entry::Open { channel, since, failures }) = entries.get(address) else { return };
        let Some(reason) = channel.close_reason() else { return };
        let failures = failures + 1;
        let mut error = self.rest(io::Error::other(reason.clone()), failures, now);
        match reason {
            CloseReason::Local => _ = entries.remove(address),
            _ if now - *since >= YOUNG => _ = entries.remove(address),
            // Who shuts down may be back at once. Who says so again and again is left alone for a while.
            CloseReason::GoAway if failures == 1 => {
                error.retry_at = now;
                entries.insert(address.into(), Entry::Resting(error));
            }
            _ => _ = entries.insert(address.into(), Entry::Resting(error)),
        }
    }

    fn rest(&self, cause: io::Error, failures: u32, now: Instant) -> DialError {
        let retry_at = now + self.config.backoff.rest(failures, fastrand::f64());
        DialError { cause: Arc::new(cause), failures, retry_at }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn open(channel: &Channel, failures: u32) -> Self {
        Self::Open { channel: channel.clone(), since: Instant::now(), failures }
    }

    fn close(&self) {
        match self {
            Self::Dialing { tasks, .. } => tasks.stop(),
            Self::Open { channel, .. } => channel.close(),
            Self::Resting(_) => {}
        }
    }
}

/// The one task of an address: dials, owns the socket, and cleans up after it.
struct Attempt {
    pool: Arc<Pool>,
    address: Arc<str>,
    /// Stopped by `retain` and `close`.
    tasks: Tasks,
    failures: u32,
}

impl Attempt {
    async fn run(self, decide: watch::Sender<Option<Outcome>>) {
        let connected = tokio::select! {
            biased;
            () = self.tasks.cancelled() => return,
            connected = self.connect() => connected,
        };
        match connected {
            Ok((channel, connection)) => {
                if self.settle(Entry::open(&channel, self.failures)) {
                    self.pool.handler.opened(&channel);
                    decide.send_replace(Some(Ok(channel.clone())));
                    drop(decide);
                    let reason = connection.run().await;
                    self.evict(&channel);
                    let mut closed =
                        self.pool.closed.lock().unwrap_or_else(PoisonError::into_inner);
                    *closed = *closed + channel.stats();
                    drop(closed);
                    self.pool.handler.closed(&channel, &reason);
                }
            }
            Err(cause) => {
                tracing::debug!(address = %self.address, error = %cause, "cannot connect");
                let error = self.pool.rest(cause, self.failures + 1, Instant::now());
                self.pool.handler.unreachable(&self.address, &error);
                if self.settle(Entry::Resting(error.clone())) {
                    decide.send_replace(Some(Err(error)));
                }
            }
        }
    }

    async fn connect(&self) -> io::Result<(Channel, Connection)> {
        let pool = &self.pool;
        let deadline = Instant::now() + pool.config.connect_timeout;
        let connecting = pool.connector.connect(&self.address, deadline);
        let io = timeout_at(deadline, connecting).await??;
        Ok(Connection::new(
            io,
            Arc::clone(&self.address),
            Arc::clone(&pool.config),
            Arc::clone(&pool.handler),
            self.tasks.clone(),
        ))
    }

    /// Makes the outcome the address' entry, unless the address has been given up: `retain` stops our tasks under the
    /// same lock, so that a stopped attempt knows that the entry is no longer its own.
    fn settle(&self, entry: Entry) -> bool {
        let mut entries = self.pool.lock();
        let wanted = !self.tasks.is_stopped();
        if wanted {
            entries.insert(Arc::clone(&self.address), entry);
        }
        wanted
    }

    fn evict(&self, closed: &Channel) {
        let mut entries = self.pool.lock();
        if matches!(entries.get(&self.address), Some(Entry::Open { channel, .. }) if channel == closed)
        {
            self.pool.retire(&mut entries, &self.address, Instant::now());
        }
    }
}

impl fmt::Debug for Remoting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remoting").field("open", &self.channels()).finish_non_exhaustive()
    }
}
