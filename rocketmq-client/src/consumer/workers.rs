//! Workers: tasks that take deliveries one by one, call the handler, and hand in what became of them.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use rocketmq_consumer::Settlement;
use rocketmq_protocol::message::BodyLimits;
use tokio::task::coop;

use super::{Delivery, Handler, IntoOutcome, Outcome, Verdict, work_queue::WorkQueue};
use crate::BoxError;

/// What waits for workers, and what they have done.
pub(super) type Work = WorkQueue<rocketmq_consumer::Delivery, Settlement>;

/// Works until the queue is closed. Generic over the handler: no box, no spawn and no allocation for a message.
pub(super) async fn run<H>(work: Arc<Work>, handler: Arc<H>)
where
    H: Handler,
    H::Output: IntoOutcome<Outcome>,
{
    let limits = BodyLimits::default();
    let mut mark = None;
    while let Some(item) = work.next(mark.take()).await {
        let delivery = item.id();
        let outcome = match Delivery::open(item.clone(), &limits) {
            Ok(opened) => outcome(&*handler, opened).await.unwrap_or_else(|cause| {
                tracing::warn!(delivery = ?item, %cause, "a handler failed; the message will come again");
                Outcome::FAILED
            }),
            Err(cause) => {
                tracing::error!(delivery = ?item, %cause, "a message that cannot be read; it is handed back");
                Outcome::FAILED
            }
        };
        mark = Some(Settlement { delivery, outcome: outcome.into() });
        // A handler that never waits must not keep the thread from its neighbours.
        coop::consume_budget().await;
    }
}

/// A panic is an error like any other. The call itself is inside too: a closure may panic before it returns its future.
async fn outcome<H>(handler: &H, delivery: Delivery) -> Result<Outcome, BoxError>
where
    H: Handler,
    H::Output: IntoOutcome<Outcome>,
{
    let mut call = pin!(async { handler.handle(delivery).await.into_outcome() });
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
