//! Closing a client from the outside in: consumers, producers, upkeep, connections.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::Core;

/// In which turn something is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Consumer,
    Producer,
}

/// What one of them left undone.
pub(crate) type Left = usize;

/// What [`Closes::close`] returns.
pub(crate) type Closing = Pin<Box<dyn Future<Output = Left> + Send>>;

/// Knows how to close a consumer or producer that still runs, without keeping it alive.
pub(crate) trait Closes: Send + Sync {
    /// Whether there is still something to close.
    fn is_alive(&self) -> bool;
    /// Closes it by a deadline.
    fn close(&self, deadline: Instant) -> Closing;
}

/// How to close the consumers and producers of a client.
#[derive(Default)]
pub(crate) struct Closers(Mutex<Vec<(Role, Box<dyn Closes>)>>);

impl Closers {
    /// Something more to close when the client shuts down.
    pub(crate) fn add(&self, role: Role, closer: impl Closes + 'static) {
        let mut closers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        closers.retain(|(_, closer)| closer.is_alive());
        closers.push((role, Box::new(closer)));
    }

    /// Closes all of one role at once. How many there were, and what they left.
    async fn close(&self, role: Role, deadline: Instant) -> (usize, Left) {
        let mut closing = JoinSet::new();
        for (of, closer) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if *of == role && closer.is_alive() {
                closing.spawn(closer.close(deadline));
            }
        }
        let count = closing.len();
        let mut left = 0;
        while let Ok(Some(one)) = timeout_at(deadline, closing.join_next()).await {
            left += one.unwrap_or_default();
        }
        (count, left)
    }
}

/// What a client left when it was shut down. See [`Client::shutdown`](crate::Client::shutdown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ClientShutdownReport {
    /// Consumers that still ran and were shut down.
    pub consumers: usize,
    /// Messages and offsets that they left: others get them again.
    pub unfinished: usize,
    /// Producers that still ran and were shut down.
    pub producers: usize,
    /// Sends without a receipt: their outcome is unknown.
    pub unconfirmed: usize,
    /// One-way requests, messages among them, that no connection could send before it was closed.
    pub oneways_lost: u64,
    /// Tasks that had not ended by the deadline. They end by themselves.
    pub tasks_left: usize,
}

impl ClientShutdownReport {
    /// Whether nothing is left.
    pub fn is_clean(&self) -> bool {
        self.unfinished == 0
            && self.unconfirmed == 0
            && self.oneways_lost == 0
            && self.tasks_left == 0
    }
}

impl Core {
    pub(super) async fn close(&self, deadline: Instant) -> ClientShutdownReport {
        let (consumers, unfinished) = self.closers.close(Role::Consumer, deadline).await;
        let (producers, unconfirmed) = self.closers.close(Role::Producer, deadline).await;
        let lost_before = self.remoting.stats().oneways_lost;
        let _ = timeout_at(deadline, self.remoting.flushed()).await;
        self.tasks.stop();
        let ended = async {
            self.remoting.close().await;
            self.tasks.stopped().await;
        };
        // Whoever has used up the deadline is still given the moment that stopped tasks need to end.
        let _ = timeout_at(deadline.max(Instant::now() + MOMENT), ended).await;
        let tasks_left = self.tasks.len();
        let oneways_lost = self.remoting.stats().oneways_lost - lost_before;
        let report = ClientShutdownReport {
            consumers,
            unfinished,
            producers,
            unconfirmed,
            oneways_lost,
            tasks_left,
        };
        tracing::info!(messaging.client.id = %self.id, ?report, "shut down");
        report
    }
}

const MOMENT: std::time::Duration = std::time::Duration::from_millis(200);
