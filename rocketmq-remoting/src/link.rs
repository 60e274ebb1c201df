//! [`Link`]: what the handles of a connection share with the task that owns its socket.
//!
//! Callers write their frames straight into the outgoing buffer, under one short lock that also covers the table of
//! requests in flight: a request is in the table exactly as long as its frame may be sent or its answer may come.
//! Nothing is awaited and no foreign code runs under the lock; answers are handed out after it.

mod owner;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{
    Command, EncodeError, Flags, Head, Request, Serialization,
    code::{LanguageCode, RequestCode},
    encode_head,
};
use tokio::{
    sync::{Notify, Semaphore, TryAcquireError, oneshot},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    CallError, CloseReason, Config, NotSent, Reply, Tasks, Unanswered,
    mailbox::Ticket,
    outbound::{Outbound, Purpose},
    pending::Pending,
    stats::Counters,
};

/// What a frame may cost of the queue's limit besides its body. A guess: heads are measured only when written.
const HEAD_COST: usize = 512;

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) address: Arc<str>,
    pub(crate) config: Arc<Config>,
    /// The owner and the workers for the peer's requests; stopping it closes the connection.
    pub(crate) tasks: Tasks,
    /// Tells the owner that the queue has become non-empty, or that a request expires sooner than all others.
    pub(crate) queued: Notify,
    pub(crate) closed: CancellationToken,
    /// The peer has asked us to go: what is in flight is still answered, nothing more is sent.
    leaving: AtomicBool,
    pub(crate) counters: Counters,
    /// The bytes that may still be queued.
    room: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    closed: Option<CloseReason>,
    pending: Pending<Waiter>,
    outbound: Outbound,
    /// The owner has been told about the queue, and has not found it empty since.
    told: bool,
}

/// Who waits for an answer.
#[derive(Debug)]
pub(crate) enum Waiter {
    Call(oneshot::Sender<Result<Command, CallError>>),
    Mail(Ticket),
    Then(Then),
    /// Hooks are told first.
    Observed(RequestCode, Box<Self>),
}

/// What is done with an outcome, in the task that owns the connection.
pub(crate) struct Then(pub(crate) Box<dyn FnOnce(Result<Reply, CallError>) + Send>);

impl fmt::Debug for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Then").finish_non_exhaustive()
    }
}

/// Why a request was not queued, and who would have waited for its answer.
#[derive(Debug)]
pub(crate) struct Unqueued {
    pub(crate) error: CallError,
    pub(crate) waiter: Option<Waiter>,
}

/// The caller is told, and nobody else.
impl From<Unqueued> for CallError {
    fn from(unqueued: Unqueued) -> Self {
        if let Some(waiter) = unqueued.waiter {
            waiter.cancel();
        }
        unqueued.error
    }
}

/// Bytes of the queue's limit, granted to one frame.
#[derive(Debug)]
#[must_use]
pub(crate) struct Admission(usize);

impl Admission {
    /// For frames that must not wait. Their number is bounded elsewhere.
    pub(crate) const FREE: Self = Self(0);

    fn permits(&self) -> u32 {
        self.0 as u32 // the limit fits
    }
}

impl Link {
    pub(crate) fn new(address: Arc<str>, config: Arc<Config>, tasks: Tasks) -> Self {
        let state = State {
            closed: None,
            pending: Pending::new(config.first_opaque),
            outbound: Outbound::default(),
            told: false,
        };
        Self {
            address,
            tasks,
            queued: Notify::new(),
            closed: CancellationToken::new(),
            leaving: AtomicBool::new(false),
            counters: Counters::default(),
            room: Semaphore::new(queue_limit(&config)),
            state: Mutex::new(state),
            config,
        }
    }

    /// Waits until there is room for a frame with such a body.
    pub(crate) async fn admit(
        &self,
        body_len: usize,
        deadline: Option<Instant>,
    ) -> Result<Admission, CallError> {
        match self.try_admit(body_len) {
            Err(NotSent::Full) => {}
            admitted => return admitted.map_err(|reason| self.not_sent(reason)),
        }
        let admission = self.admission(body_len);
        let acquired = self.room.acquire_many(admission.permits());
        let acquired = match deadline {
            Some(deadline) => timeout_at(deadline, acquired)
                .await
                .map_err(|_| self.not_sent(NotSent::TimedOut))?,
            None => acquired.await,
        };
        acquired.map_err(|_| self.not_sent(self.why_closed()))?.forget();
        Ok(admission)
    }

    /// As [`admit`](Self::admit), if that need not wait.
    pub(crate) fn try_admit(&self, body_len: usize) -> Result<Admission, NotSent> {
        let admission = self.admission(body_len);
        match self.room.try_acquire_many(admission.permits()) {
            Ok(permit) => permit.forget(),
            Err(TryAcquireError::Closed) => return Err(self.why_closed()),
            Err(TryAcquireError::NoPermits) => return Err(NotSent::Full),
        }
        Ok(admission)
    }

    /// What a frame with such a body has to be granted.
    fn admission(&self, body_len: usize) -> Admission {
        Admission(body_len.saturating_add(HEAD_COST).min(queue_limit(&self.config)))
    }

    /// Waits until the socket has taken what is queued now.
    pub(crate) async fn flushed(&self) {
        // All the room there is: nothing that was admitted holds any of it. A connection that ends closes the room.
        drop(self.room.acquire_many(queue_limit(&self.config) as u32).await);
    }

    /// Queues a request. With a waiter it gets a row, whose number is returned. One that cannot be queued gives its waiter back.
    pub(crate) fn request<R: Request>(
        &self,
        request: &R,
        body: &Bytes,
        form: Serialization,
        admission: Admission,
        mut waiter: Option<(Instant, Waiter)>,
    ) -> Result<i32, Unqueued> {
        let expects_answer = waiter.is_some();
        let mut hooked = self.pass_hooks(request, body, &mut waiter);
        let hooked_body = hooked.as_mut().map(|command| std::mem::take(&mut command.body));
        let body = hooked_body.as_ref().unwrap_or(body);
        let mut state = self.lock();
        if let Some(reason) = self.why_refused(&state) {
            drop(state);
            self.room.add_permits(admission.0);
            let error = self.not_sent(NotSent::Closed(reason));
            return Err(Unqueued { error, waiter: waiter.map(|(_, waiter)| waiter) });
        }
        // An owner that waits for the socket to take more has to hear of a deadline before those it knows.
        let sooner =
            waiter.as_ref().is_some_and(|(deadline, _)| state.pending.is_sooner(*deadline));
        let opaque = match waiter {
            Some((deadline, waiter)) => state.pending.insert(deadline, waiter),
            None => state.pending.number(),
        };
        let head = Head {
            code: R::CODE.0,
            language: LanguageCode::RUST,
            version: Command::VERSION,
            opaque,
            flags: if expects_answer { Flags::REQUEST } else { Flags::ONEWAY },
            remark: None,
        };
        let form = match &hooked {
            Some(command) if has_empty_field(command) => Serialization::Json,
            _ => form_for(R::CODE, form),
        };
        let purpose = if expects_answer { Purpose::Call(opaque) } else { Purpose::Oneway };
        let queued = state.queue(purpose, body, admission, |body_len, buffer| match &mut hooked {
            None => encode_head(&head, request, &[], body_len, form, buffer),
            Some(command) => {
                (command.opaque, command.flags) = (head.opaque, head.flags);
                command.encode_head(body_len, form, buffer)
            }
        });
        match queued {
            Ok(tell) => {
                drop(state);
                self.tell(tell || sooner);
                Ok(opaque)
            }
            Err((error, Admission(cost))) => {
                let row = state.pending.remove(opaque);
                drop(state);
                self.room.add_permits(cost);
                let error = self.not_sent(NotSent::Encode(error));
                Err(Unqueued { error, waiter: row.map(|row| row.waiter) })
            }
        }
    }

    /// Shows a request to the hooks, if there are any, and gets it back as they want it written.
    fn pass_hooks<R: Request>(
        &self,
        request: &R,
        body: &Bytes,
        waiter: &mut Option<(Instant, Waiter)>,
    ) -> Option<Command> {
        if self.config.hooks.is_empty() {
            return None;
        }
        let mut command = Command::request(request).with_body(body.clone());
        for hook in &self.config.hooks {
            hook.before_request(&self.address, &mut command);
        }
        *waiter = waiter
            .take()
            .map(|(deadline, waiter)| (deadline, Waiter::Observed(R::CODE, Box::new(waiter))));
        Some(command)
    }

    /// Why no more requests are taken, if that is so.
    fn why_refused(&self, state: &State) -> Option<CloseReason> {
        if state.closed.is_none() && self.is_leaving() {
            return Some(CloseReason::GoAway);
        }
        state.closed.clone()
    }

    /// Queues an answer to a request of the peer.
    pub(crate) fn answer(&self, answer: &Command, form: Serialization, admission: Admission) {
        let mut state = self.lock();
        if state.closed.is_some() {
            return;
        }
        // Written whole: answers to brokers are few, and small or rare.
        let queued = state
            .queue(Purpose::Answer, &Bytes::new(), admission, |_, out| answer.encode(form, out));
        drop(state);
        match queued {
            Ok(tell) => self.tell(tell),
            Err((error, Admission(cost))) => {
                self.room.add_permits(cost);
                tracing::warn!(address = %self.address, %error, "an answer cannot be written");
            }
        }
    }

    /// Withdraws a request: it is not sent any more if it was not, and an answer finds nobody.
    pub(crate) fn cancel(&self, opaque: i32) -> bool {
        let row = self.lock().pending.remove(opaque);
        row.map(|row| row.waiter.cancel()).is_some()
    }

    /// Requests without an answer.
    pub(crate) fn outstanding(&self) -> usize {
        self.lock().pending.len()
    }

    /// Whether the peer has asked us to go.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Why it closed; before that, what it will be if this is asked too early.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.lock().closed.clone()
    }

    fn why_closed(&self) -> NotSent {
        NotSent::Closed(self.close_reason().unwrap_or(CloseReason::Local))
    }

    fn not_sent(&self, reason: NotSent) -> CallError {
        CallError::NotSent { address: Arc::clone(&self.address), reason }
    }

    fn unknown(&self, reason: Unanswered) -> CallError {
        CallError::OutcomeUnknown { address: Arc::clone(&self.address), reason }
    }

    fn tell(&self, tell: bool) {
        if tell {
            self.queued.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds a frame, whose head `write` puts into the buffer. Whether the owner has to be told.
    fn queue(
        &mut self,
        purpose: Purpose,
        body: &Bytes,
        admission: Admission,
        write: impl FnOnce(usize, &mut BytesMut) -> Result<(), EncodeError>,
    ) -> Result<bool, (EncodeError, Admission)> {
        let mut draft = self.outbound.draft();
        if let Err(error) = write(body.len(), draft.buffer()) {
            return Err((error, admission));
        }
        draft.finish(purpose, body, admission.0);
        Ok(!std::mem::replace(&mut self.told, true))
    }
}

impl Waiter {
    /// Nobody is told anything.
    fn cancel(self) {
        match self {
            Self::Mail(ticket) => ticket.cancel(),
            Self::Observed(_, waiter) => waiter.cancel(),
            Self::Call(_) | Self::Then(_) => {}
        }
    }

    /// Past the hooks.
    pub(crate) fn unobserved(self) -> Self {
        match self {
            Self::Observed(_, waiter) => waiter.unobserved(),
            waiter => waiter,
        }
    }
}

fn queue_limit(config: &Config) -> usize {
    config.queued_bytes.clamp(1, 1 << 30)
}

/// In the binary form servers read an empty value as null, which they sign as four letters: a signature over the empty value
/// is refused (`remoting/protocol/RocketMQSerializable.java`).
fn has_empty_field(command: &Command) -> bool {
    command.ext_fields.iter().any(|field| field.value.bytes().is_empty())
}

/// The binary form has 16 bits for the code.
fn form_for(code: RequestCode, wanted: Serialization) -> Serialization {
    if i16::try_from(code.0).is_ok() { wanted } else { Serialization::Json }
}
