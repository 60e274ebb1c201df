//! [`Mailbox`]: where the answers to submitted requests land, each with the token it was submitted with.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use crate::{CallError, Reply};

/// Where the answers to [submitted](crate::Channel::submit) requests land.
///
/// A waiting request costs a row in its connection's table and a token here, and no task. The mailbox is unbounded,
/// but holds at most one answer for each request that was submitted to it. Dropping it drops the answers that are
/// still to come.
pub struct Mailbox<T> {
    inner: Arc<Mutex<Inner<T>>>,
}

struct Inner<T> {
    /// The tokens of requests that are still out, at the places their rows know.
    tokens: Vec<Option<T>>,
    free: Vec<usize>,
    answers: VecDeque<(T, Result<Reply, CallError>)>,
    reader: Option<Waker>,
}

impl<T: Send + 'static> Mailbox<T> {
    /// An empty mailbox.
    pub fn new() -> Self {
        Self { inner: Arc::new(Mutex::new(Inner::empty())) }
    }

    /// The next answer, or what kept it from coming. Waits for ever where nothing is out.
    ///
    /// For one reader: of several that wait at a time, only the last is woken.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an answer is taken when it is returned.
    pub async fn recv(&self) -> (T, Result<Reply, CallError>) {
        poll_fn(|cx| {
            let mut inner = lock(&self.inner);
            if let Some(answer) = inner.answers.pop_front() {
                return Poll::Ready(answer);
            }
            inner.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The next answer, if there is one already.
    pub fn try_recv(&self) -> Option<(T, Result<Reply, CallError>)> {
        lock(&self.inner).answers.pop_front()
    }

    /// How many requests are out.
    pub fn outstanding(&self) -> usize {
        let inner = lock(&self.inner);
        inner.tokens.len() - inner.free.len()
    }

    /// Keeps the token until the answer comes.
    pub(crate) fn expect(&self, token: T) -> Ticket {
        let mut inner = lock(&self.inner);
        let place = match inner.free.pop() {
            Some(place) => place,
            None => {
                inner.tokens.push(None);
                inner.tokens.len() - 1
            }
        };
        if let Some(slot) = inner.tokens.get_mut(place) {
            *slot = Some(token);
        }
        Ticket { place, mailbox: Arc::clone(&self.inner) as Arc<dyn Deliver> }
    }
}

impl<T: Send + 'static> Default for Mailbox<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        let mut inner = lock(&self.inner);
        let left = std::mem::replace(&mut *inner, Inner::empty());
        drop(inner);
        drop(left); // tokens may do as they like in their own `drop`
    }
}

impl<T> Inner<T> {
    fn empty() -> Self {
        Self { tokens: Vec::new(), free: Vec::new(), answers: VecDeque::new(), reader: None }
    }

    fn take(&mut self, place: usize) -> Option<T> {
        let token = self.tokens.get_mut(place)?.take()?;
        self.free.push(place);
        Some(token)
    }
}

/// The duty to deliver one answer, without the type of the token.
pub(crate) struct Ticket {
    place: usize,
    mailbox: Arc<dyn Deliver>,
}

impl Ticket {
    pub(crate) fn deliver(self, answer: Result<Reply, CallError>) {
        self.mailbox.deliver(self.place, answer);
    }

    pub(crate) fn cancel(self) {
        self.mailbox.cancel(self.place);
    }
}

trait Deliver: Send + Sync {
    fn deliver(&self, place: usize, answer: Result<Reply, CallError>);
    fn cancel(&self, place: usize);
}

impl<T: Send> Deliver for Mutex<Inner<T>> {
    fn deliver(&self, place: usize, answer: Result<Reply, CallError>) {
        let mut inner = lock(self);
        if let Some(token) = inner.take(place) {
            inner.answers.push_back((token, answer));
        }
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn cancel(&self, place: usize) {
        let token = lock(self).take(place);
        drop(token);
    }
}

fn lock<T>(inner: &Mutex<Inner<T>>) -> MutexGuard<'_, Inner<T>> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = lock(&self.inner);
        f.debug_struct("Mailbox")
            .field("outstanding", &(inner.tokens.len() - inner.free.len()))
            .field("answers", &inner.answers.len())
            .finish()
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.place).finish()
    }
}
