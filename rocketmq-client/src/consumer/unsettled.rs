//! [`Unsettled`]: a delivery that carries the duty to say what became of it.

use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use rocketmq_consumer::{DeliveryId, Outcome};

use super::{Concurrent, Delivery, Mode, Verdict, reporting::Reported};

/// Where settlements go. It never waits and never fails.
pub(super) trait Settle: Send + Sync {
    fn settle(&self, delivery: DeliveryId, outcome: Outcome);
}

/// The duty to settle one delivery.
struct Duty {
    delivery: DeliveryId,
    owed_to: Option<Arc<dyn Settle>>,
    reported: Option<Reported>,
}

impl Duty {
    fn settle(&mut self, outcome: Outcome) {
        if let Some(owed_to) = self.owed_to.take() {
            if let Some(reported) = self.reported.take() {
                reported.end(|_| outcome.into());
            }
            owed_to.settle(self.delivery, outcome);
        }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        if self.owed_to.is_some() {
            tracing::warn!(delivery = ?self.delivery, "dropped without a word: it counts as failed");
            self.settle(Outcome::Retry);
        }
    }
}

/// What a stream yields: a [`Delivery`], by `Deref`, that waits to be settled.
#[must_use = "a delivery dropped without `ack` counts as failed and comes again"]
pub struct Unsettled<M: Mode = Concurrent> {
    delivery: Delivery,
    duty: Duty,
    mode: PhantomData<fn() -> M>,
}

impl<M: Mode> Unsettled<M> {
    pub(super) fn new(
        delivery: Delivery,
        id: DeliveryId,
        owed_to: Arc<dyn Settle>,
        reported: Option<Reported>,
    ) -> Self {
        let duty = Duty { delivery: id, owed_to: Some(owed_to), reported };
        Self { delivery, duty, mode: PhantomData }
    }

    /// Done: the offset may move past it.
    pub fn ack(self) {
        self.settle(M::Outcome::ACK);
    }

    /// Says what became of it.
    pub fn settle(mut self, outcome: M::Outcome) {
        self.duty.settle(outcome.into());
    }

    /// The delivery.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }
}

impl<M: Mode> Deref for Unsettled<M> {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

impl<M: Mode> fmt::Debug for Unsettled<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unsettled").field(&self.delivery).finish()
    }
}
