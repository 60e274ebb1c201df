//! Workers: tasks that take what waits, call the handler, and hand in what became of it.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    slice,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use rocketmq_consumer::{self as machine, Settlement};
use tokio::task::coop;

use super::{
    Batch, BatchOutcome, Handler, IntoOutcome, Mode,
    desk::{Desk, Timed},
    reporting::Ended,
    work_queue::WorkQueue,
};
use crate::{BoxError, client::routes::std_now, spans};

/// What waits for workers, and what they have done.
pub(super) type Work<P> = WorkQueue<P, Settlement>;

/// What a worker takes at once.
pub(super) trait Portion: Send + 'static {
    /// Cuts what the machine hands out into portions of up to `size` messages.
    fn cut(batch: machine::Batch, size: usize) -> impl Iterator<Item = Self>;

    fn deliveries(&self) -> slice::Iter<'_, machine::Delivery>;
}

/// One message.
impl Portion for machine::Delivery {
    fn cut(batch: machine::Batch, _: usize) -> impl Iterator<Item = Self> {
        batch.into_iter()
    }

    fn deliveries(&self) -> slice::Iter<'_, machine::Delivery> {
        slice::from_ref(self).iter()
    }
}

/// Several messages of one queue.
impl Portion for machine::Batch {
    fn cut(batch: machine::Batch, size: usize) -> impl Iterator<Item = Self> {
        let mut left = Some(batch);
        std::iter::from_fn(move || {
            let (portion, rest) = left.take()?.split(size);
            left = rest;
            Some(portion)
        })
    }

    fn deliveries(&self) -> slice::Iter<'_, machine::Delivery> {
        self.iter()
    }
}

/// One message at a time, of whatever queue: until the queue is closed. Generic over the handler: no box, no spawn and no
/// allocation for a message.
pub(super) async fn one_by_one<H, M>(
    work: Arc<Work<machine::Delivery>>,
    handler: Arc<H>,
    desk: Arc<Desk>,
) where
    H: Handler,
    H::Output: IntoOutcome<M::Outcome>,
    M: Mode,
{
    let (mut mark, mut timed) = (None, Timed::default());
    while let Some(item) = work.next(mark.take()).await {
        let delivery = item.id();
        let outcome = consume::<H, M>(&*handler, &desk, item, &mut timed).await;
        mark = Some([Settlement { delivery, outcome }]);
        // A handler that never waits must not keep the thread from its neighbours.
        coop::consume_budget().await;
    }
}

/// So long a run may go on before what is done of it is handed in.
const HAND_IN: Duration = Duration::from_millis(50);

/// The messages of a queue one after the other, each after the one before it has succeeded. A run of them is taken at once, so that
/// the way to the machine and back is not gone for each; what lies behind a failure is given back unseen.
pub(super) async fn in_turn<H, M>(work: Arc<Work<machine::Batch>>, handler: Arc<H>, desk: Arc<Desk>)
where
    H: Handler,
    H::Output: IntoOutcome<M::Outcome>,
    M: Mode,
{
    let (mut marks, mut timed) = (None, Timed::default());
    while let Some(run) = work.next(marks.take()).await {
        let mut done = Vec::with_capacity(run.len());
        let (mut goes_on, mut handed_in) = (true, std_now());
        for item in run {
            let (delivery, now) = (item.id(), std_now());
            // The lease may have ended, or the queue be about to move, since the run was handed out.
            let outcome = if goes_on && item.may_begin(now) {
                consume::<H, M>(&*handler, &desk, item, &mut timed).await
            } else {
                machine::Outcome::Returned
            };
            goes_on = matches!(outcome, machine::Outcome::Ack | machine::Outcome::Commit);
            done.push(Settlement { delivery, outcome });
            if goes_on && now.saturating_duration_since(handed_in) > HAND_IN {
                work.hand_in(done.drain(..));
                handed_in = now;
            }
            coop::consume_budget().await;
        }
        marks = Some(done);
    }
}

/// Several messages of a queue with one call.
pub(super) async fn together<H, M>(
    work: Arc<Work<machine::Batch>>,
    handler: Arc<H>,
    desk: Arc<Desk>,
) where
    H: Handler<Batch>,
    H::Output: IntoOutcome<BatchOutcome<M::Outcome>>,
    M: Mode,
{
    let (mut marks, mut timed) = (None, Timed::default());
    while let Some(batch) = work.next(marks.take()).await {
        marks = Some(consume_batch::<H, M>(&*handler, &desk, batch, &mut timed).await);
        coop::consume_budget().await;
    }
}

/// Opens a message and calls the handler.
pub(super) async fn consume<H, M>(
    handler: &H,
    desk: &Desk,
    item: machine::Delivery,
    timed: &mut Timed,
) -> machine::Outcome
where
    H: Handler,
    H::Output: IntoOutcome<M::Outcome>,
    M: Mode,
{
    let delivery = match desk.open(item.clone()) {
        Ok(delivery) => delivery,
        Err(outcome) => return outcome,
    };
    let watched = desk.hooks.before(slice::from_ref(&delivery));
    let reported = desk.report(slice::from_ref(&delivery));
    let begun = timed.begin();
    let span = desk.spans.process(slice::from_ref(&delivery));
    let called = pin!(call::<_, _, M::Outcome>(handler, delivery));
    let result = spans::within(&span, called).await;
    desk.pace.note(begun);
    desk.hooks.after(watched, result.as_ref().err());
    let result = result.map(Into::into);
    if let Some(reported) = reported {
        let ended = result.as_ref().map_or(Ended::Error, |outcome| (*outcome).into());
        reported.end(|_| ended);
    }
    match result {
        Ok(outcome) => outcome,
        Err(cause) => {
            spans::handler_failed(&span);
            tracing::warn!(delivery = ?item, %cause, "a handler failed; the message will come again");
            machine::Outcome::Retry
        }
    }
}

/// Calls the handler with a message that an operator wants consumed, and tells its error instead of what it leads to.
pub(super) async fn consume_directly<H, M>(
    handler: &H,
    desk: &Desk,
    item: machine::Delivery,
) -> Result<machine::Outcome, BoxError>
where
    H: Handler,
    H::Output: IntoOutcome<M::Outcome>,
    M: Mode,
{
    match desk.open(item) {
        Ok(delivery) => Ok(call::<_, _, M::Outcome>(handler, delivery).await?.into()),
        Err(outcome) => Ok(outcome),
    }
}

/// The same, of a handler of batches.
pub(super) async fn consume_batch_directly<H, M>(
    handler: &H,
    desk: &Desk,
    item: machine::Delivery,
) -> Result<machine::Outcome, BoxError>
where
    H: Handler<Batch>,
    H::Output: IntoOutcome<BatchOutcome<M::Outcome>>,
    M: Mode,
{
    match desk.open(item) {
        Ok(delivery) => {
            let batch = Batch::new(vec![delivery]);
            let outcome = call::<_, _, BatchOutcome<M::Outcome>>(handler, batch).await?;
            Ok(outcome.of(0).unwrap_or(machine::Outcome::Retry))
        }
        Err(outcome) => Ok(outcome),
    }
}

/// Opens the messages of a batch and calls the handler with those that it is to see.
pub(super) async fn consume_batch<H, M>(
    handler: &H,
    desk: &Desk,
    batch: machine::Batch,
    timed: &mut Timed,
) -> Vec<Settlement>
where
    H: Handler<Batch>,
    H::Output: IntoOutcome<BatchOutcome<M::Outcome>>,
    M: Mode,
{
    let now = std_now();
    let mut settlements = Vec::with_capacity(batch.len());
    let (mut opened, mut places) = (Vec::with_capacity(batch.len()), Vec::new());
    for item in batch {
        let delivery = item.id();
        let mut outcome = machine::Outcome::Returned;
        if item.may_begin(now) {
            match desk.open(item) {
                Ok(delivery) => {
                    places.push(settlements.len());
                    opened.push(delivery);
                }
                Err(without_handler) => outcome = without_handler,
            }
        }
        settlements.push(Settlement { delivery, outcome });
    }
    if opened.is_empty() {
        return settlements;
    }
    let watched = desk.hooks.before(&opened);
    let reported = desk.report(&opened);
    let begun = timed.begin();
    let span = desk.spans.process(&opened);
    let batch = Batch::new(opened);
    let acks = Arc::clone(&batch.acks);
    let called = call::<_, _, BatchOutcome<M::Outcome>>(handler, batch);
    let result = spans::within(&span, pin!(called)).await;
    desk.pace.note(begun);
    desk.hooks.after(watched, result.as_ref().err());
    if let Err(cause) = &result {
        spans::handler_failed(&span);
        tracing::warn!(%cause, "a handler failed; the messages of its batch will come again");
    }
    for (index, place) in places.iter().enumerate() {
        let said = result.as_ref().ok().and_then(|outcome| outcome.of(index));
        let acked = acks[index].load(std::sync::atomic::Ordering::Relaxed);
        settlements[*place].outcome = match said {
            _ if acked => machine::Outcome::Ack,
            Some(outcome) => outcome,
            None => machine::Outcome::Retry,
        };
    }
    if let Some(reported) = reported {
        let failed = result.is_err();
        reported.end(|index| match settlements[places[index]].outcome.into() {
            Ended::Failed if failed => Ended::Error,
            ended => ended,
        });
    }
    settlements
}

/// A panic is an error like any other. The call itself is inside too: a closure may panic before it returns its future.
async fn call<H, In, O>(handler: &H, input: In) -> Result<O, BoxError>
where
    H: Handler<In>,
    H::Output: IntoOutcome<O>,
{
    let mut call = pin!(async { handler.handle(input).await.into_outcome() });
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(message(&*panic).into())))
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or("no message"))
}
