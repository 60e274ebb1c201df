//! [`Channel`]: the handle of a connection.

use std::{borrow::Borrow, fmt, sync::Arc};

use bytes::Bytes;
use rocketmq_protocol::{
    Command, ExtFields, Request, Serialization, Text,
    code::{RequestCode, ResponseCode, Version},
};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    CallError, CloseReason, Mailbox, NotSent, Refusal, Stats,
    link::{Admission, Link, Then, Unqueued, Waiter},
};

/// One connection, to send requests over. Clones are handles of the same connection.
///
/// A closed channel stays closed; its [`Remoting`](crate::Remoting) makes another one on demand.
#[derive(Clone)]
pub struct Channel {
    link: Arc<Link>,
    form: Serialization,
}

impl Channel {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        let form = link.config.serialization;
        Self { link, form }
    }

    /// A handle of the same connection whose requests are written in this form, whatever the
    /// [configuration](crate::Config::serialization) says. Codes that have no place in the binary form are written in JSON
    /// all the same, and answers are read in the form in which they come.
    #[must_use]
    pub fn with_serialization(&self, form: Serialization) -> Self {
        Self { link: Arc::clone(&self.link), form }
    }

    /// The address it was dialled to.
    pub fn address(&self) -> &Arc<str> {
        &self.link.address
    }

    /// Whether requests are still taken. Not after the peer has asked us to go (`GO_AWAY`): then what is in flight is
    /// still answered, and the connection closes.
    pub fn is_open(&self) -> bool {
        !self.link.is_closed() && !self.link.is_leaving()
    }

    /// Waits until the connection has ended, and says why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> CloseReason {
        self.link.closed.cancelled().await;
        self.link.close_reason().unwrap_or(CloseReason::Local)
    }

    /// Why it closed, once it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.link.close_reason()
    }

    /// Closes the connection for all its handles. Requests in flight end at once, one-way requests and answers that are
    /// queued are still written (for at most [`linger`](crate::Config::linger)). Returns before it has closed.
    pub fn close(&self) {
        self.link.tasks.stop();
    }

    /// What the connection has counted.
    pub fn stats(&self) -> Stats {
        self.link.counters.snapshot()
    }

    /// Requests that are queued or sent and have no answer yet.
    pub fn outstanding(&self) -> usize {
        self.link.outstanding()
    }

    /// Sends a request and waits for its answer until `deadline`.
    ///
    /// # Errors
    ///
    /// Which of the variants of [`CallError`] it is says whether the peer may have acted on the request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the request: it is not sent if it was not, and otherwise its answer is ignored.
    pub async fn call<R: Request>(
        &self,
        request: &R,
        body: impl Borrow<Bytes>,
        deadline: Instant,
    ) -> Result<Answer<R::Response>, CallError> {
        let body = body.borrow();
        let admission = self.link.admit(body.len(), Some(deadline)).await?;
        let (sender, answer) = oneshot::channel();
        let waiter = Some((deadline, Waiter::Call(sender)));
        let opaque = self.link.request(request, body, self.form, admission, waiter)?;
        let withdraw = Withdraw { link: &self.link, opaque, armed: true };
        // Every row is delivered before it is dropped, so the error of the oneshot cannot come up.
        let answer = answer.await.unwrap_or_else(|_| Err(self.not_sent(NotSent::ShuttingDown)));
        withdraw.disarm();
        read::<R>(answer?, self.address())
    }

    /// Queues a request that is never answered. Waits until `deadline` for room in the queue, not until it is written.
    ///
    /// # Errors
    ///
    /// [`CallError::NotSent`], and no other. `Ok` does not mean that it will arrive: one that the socket has not taken when the
    /// connection ends is counted in [`Stats::oneways_lost`]; what the peer does with those that arrive, it does not say.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it is queued when this returns, or not at all.
    pub async fn oneway<R: Request>(
        &self,
        request: &R,
        body: impl Borrow<Bytes>,
        deadline: Instant,
    ) -> Result<(), CallError> {
        let body = body.borrow();
        self.check_deadline(deadline)?;
        let admission = self.link.admit(body.len(), Some(deadline)).await?;
        self.link.request(request, body, self.form, admission, None)?;
        Ok(())
    }

    /// Waits until the socket has taken every frame that is queued now, or the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn flushed(&self) {
        self.link.flushed().await;
    }

    /// Queues a request whose answer, or the lack of one at `deadline`, lands in `mailbox` together with `token`.
    ///
    /// It never waits, and so is not subject to the limit of queued bytes: it is for requests whose number the caller
    /// bounds, such as one pull per queue.
    ///
    /// # Errors
    ///
    /// [`CallError::NotSent`], if it cannot even be queued. Then nothing lands in the mailbox.
    pub fn submit<R: Request, T: Send + 'static>(
        &self,
        request: &R,
        body: impl Borrow<Bytes>,
        deadline: Instant,
        mailbox: &Mailbox<T>,
        token: T,
    ) -> Result<Submitted, CallError> {
        self.check_deadline(deadline)?;
        let waiter = Some((deadline, Waiter::Mail(mailbox.expect(token))));
        let opaque =
            self.link.request(request, body.borrow(), self.form, Admission::FREE, waiter)?;
        Ok(Submitted { link: Arc::clone(&self.link), opaque })
    }

    /// Queues a request and returns at once; `then` is called with the answer, or with why there is none. That is exactly
    /// once, whatever happens: before this returns if the request cannot be queued ([`NotSent::Full`] where
    /// [`call`](Self::call) would wait), and otherwise in the task that owns the connection, where it must not block.
    pub fn call_then<R: Request>(
        &self,
        request: &R,
        body: impl Borrow<Bytes>,
        deadline: Instant,
        then: impl FnOnce(Result<Answer<R::Response>, CallError>) + Send + 'static,
    ) {
        let body = body.borrow();
        if let Err(late) = self.check_deadline(deadline) {
            return then(Err(late));
        }
        let admission = match self.link.try_admit(body.len()) {
            Ok(admission) => admission,
            Err(reason) => return then(Err(self.not_sent(reason))),
        };
        let then = Then(Box::new(|outcome| then(outcome.and_then(Reply::read::<R>))));
        let waiter = Some((deadline, Waiter::Then(then)));
        let queued = self.link.request(request, body, self.form, admission, waiter);
        if let Err(Unqueued { error, waiter }) = queued
            && let Some(Waiter::Then(Then(then))) = waiter.map(Waiter::unobserved)
        {
            then(Err(error));
        }
    }

    fn check_deadline(&self, deadline: Instant) -> Result<(), CallError> {
        if deadline <= Instant::now() {
            return Err(self.not_sent(NotSent::TimedOut));
        }
        Ok(())
    }

    fn not_sent(&self, reason: NotSent) -> CallError {
        CallError::NotSent { address: Arc::clone(self.address()), reason }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("address", self.address())
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}

/// Two handles are equal if they are of the same connection.
impl PartialEq for Channel {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.link, &other.link)
    }
}

impl Eq for Channel {}

/// Withdraws a request whose caller has gone.
struct Withdraw<'a> {
    link: &'a Link,
    opaque: i32,
    armed: bool,
}

impl Withdraw<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.link.cancel(self.opaque);
        }
    }
}

/// A request whose answer goes to a mailbox. Dropping this changes nothing.
#[derive(Debug)]
pub struct Submitted {
    link: Arc<Link>,
    opaque: i32,
}

impl Submitted {
    /// Withdraws the request: it is not sent if it was not, and nothing lands in the mailbox any more. `false`: too
    /// late, the mailbox has the answer or will have it in a moment.
    pub fn cancel(self) -> bool {
        self.link.cancel(self.opaque)
    }
}

/// An answer whose header has not been read.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) address: Arc<str>,
    pub(crate) command: Command,
}

impl Reply {
    /// Who answered.
    pub fn address(&self) -> &Arc<str> {
        &self.address
    }

    /// The answer as it came.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// Reads it as the answer to a request of type `R`.
    ///
    /// # Errors
    ///
    /// [`CallError::Refused`] for a code that `R` does not accept, [`CallError::Malformed`] for a header that is not
    /// what `R` promises.
    pub fn read<R: Request>(self) -> Result<Answer<R::Response>, CallError> {
        read::<R>(self.command, &self.address)
    }
}

fn read<R: Request>(
    command: Command,
    address: &Arc<str>,
) -> Result<Answer<R::Response>, CallError> {
    let code = command.response_code();
    if !R::ACCEPTS.contains(&code) {
        let refusal = Box::new(refusal(R::CODE, &command));
        return Err(CallError::Refused { address: Arc::clone(address), refusal });
    }
    match command.header::<R::Response>() {
        Ok(header) => Ok(Answer {
            code,
            header,
            remark: command.remark,
            version: command.version,
            ext_fields: command.ext_fields,
            body: command.body,
        }),
        Err(reason) => Err(CallError::Malformed { address: Arc::clone(address), reason }),
    }
}

fn refusal(request: RequestCode, command: &Command) -> Refusal {
    let remark = command.remark.as_ref().map(|text| text.to_shared());
    Refusal { request, code: command.response_code(), remark }
}

/// The answer to a request: one of the codes that the request accepts, with its header and body.
///
/// The body and the texts of the header are slices of the received frame.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answer<H> {
    /// Which of the accepted codes it is.
    pub code: ResponseCode,
    /// The header.
    pub header: H,
    /// The body; empty where there is none.
    pub body: Bytes,
    /// What the peer remarks; on success mostly noise.
    pub remark: Option<Text>,
    /// The release of the peer.
    pub version: Version,
    /// Every field of the header, known or not.
    pub ext_fields: ExtFields,
}
