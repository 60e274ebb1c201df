//! [`Ledger`]: which messages of a queue are where, and how far the broker knows of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Context, Tenure, window::Window};
use crate::{
    delivery::{Delivery, Pulled},
    io::{Action, DeliveryId, Epoch, Event, Failure, Outcome, SendBack},
    retry,
    timer::Deadlines,
};

/// A message in the window.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) pulled: Arc<Pulled>,
    pub(crate) index: u32,
    /// How often it was delivered here without success and could not be sent back.
    pub(crate) local_attempts: u32,
}

impl Held {
    fn delivery(&self, epoch: Epoch, offset: i64) -> Delivery {
        Delivery {
            id: DeliveryId { epoch, offset },
            pulled: Arc::clone(&self.pulled),
            index: self.index,
            local_attempts: self.local_attempts,
        }
    }
}

/// The messages of a queue, and the offset that its broker has confirmed.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) window: Window<Held>,
    /// What the broker has stored, as far as we know. `None` if it has nothing, or something that is wrong.
    pub(crate) committed: Option<i64>,
    /// When the last message was handed out, by the wall clock.
    pub(crate) consumed_at: Option<i64>,
    /// By when the answer to a message's sending back is expected.
    settling: Deadlines,
    /// When a message that could not be sent back is handed out once more.
    parked: Deadlines,
}

/// A driver that keeps its word answers by the deadline; this much later the machine goes on without.
pub(crate) const ANSWER_GRACE: Duration = Duration::from_secs(1);

impl Ledger {
    pub(crate) fn new(start: i64, committed: Option<i64>) -> Self {
        Self {
            window: Window::new(start),
            committed,
            consumed_at: None,
            settling: Deadlines::default(),
            parked: Deadlines::default(),
        }
    }

    /// Forgets everything and begins at another offset, which no broker has confirmed yet.
    pub(crate) fn restart(&mut self, start: i64) {
        *self = Self { consumed_at: self.consumed_at, ..Self::new(start, None) };
    }

    /// The position is not what the broker has stored.
    pub(crate) fn is_dirty(&self) -> bool {
        self.committed != Some(self.window.position())
    }

    /// Hands out up to `max` messages.
    pub(crate) fn take(&mut self, epoch: Epoch, max: usize, wall: i64) -> Vec<Delivery> {
        let mut deliveries = Vec::with_capacity(max.min(self.window.waiting()));
        self.window.take(max, |offset, held| deliveries.push(held.delivery(epoch, offset)));
        self.consumed_at = Some(wall);
        deliveries
    }

    /// A handler is done with a message, or gives it back.
    pub(crate) fn settle(
        &mut self,
        epoch: Epoch,
        ctx: &mut Context<'_>,
        offset: i64,
        outcome: Outcome,
    ) {
        let known = match (outcome, retry::delay_level(outcome)) {
            (_, Some(delay_level)) => match self.window.send_back(offset) {
                Some(held) => {
                    let deadline = ctx.now.monotonic + ctx.config.request_timeout;
                    self.settling.insert(offset, deadline + ANSWER_GRACE);
                    ctx.out.push(Action::SendBack(SendBack {
                        delivery: held.delivery(epoch, offset),
                        delay_level,
                        max_redeliveries: ctx.config.max_redeliveries as i32,
                        deadline,
                    }));
                    true
                }
                None => false,
            },
            (Outcome::Returned, None) => self.window.give_back(offset).is_some(),
            (_, None) => self.window.ack(offset).is_some(),
        };
        if !known {
            let why = "the delivery is not out: it was settled before, or never handed out";
            ctx.out.event(Event::Unexpected { input: "Settled", why });
        }
    }

    /// A message has been sent back, or not.
    pub(crate) fn sent_back(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        offset: i64,
        answer: Result<(), Failure>,
    ) {
        match answer {
            Ok(()) if self.window.sent_back(offset).is_some() => {
                self.settling.remove(offset);
                self.parked.remove(offset);
            }
            Err(failure) if self.park(ctx, offset) => {
                let queue = tenure.queue.clone();
                ctx.out.event(Event::SendBackFailed { queue, offset, failure });
            }
            Ok(()) | Err(_) => ctx.counters.late_answers += 1,
        }
    }

    fn park(&mut self, ctx: &Context<'_>, offset: i64) -> bool {
        let Some(held) = self.window.park(offset) else { return false };
        held.local_attempts += 1;
        self.settling.remove(offset);
        self.parked.insert(offset, ctx.now.monotonic + ctx.config.redelivery_delay);
        true
    }

    /// Time has passed: answers are overdue, messages may be handed out once more.
    pub(crate) fn expire(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        while let Some(offset) = self.settling.pop_due(ctx.now.monotonic) {
            self.sent_back(tenure, ctx, offset, Err(Failure::Unanswered));
        }
        while let Some(offset) = self.parked.pop_due(ctx.now.monotonic) {
            self.window.wake(offset);
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.settling.next().into_iter().chain(self.parked.next()).min()
    }

    /// Lets go of what is not out.
    pub(crate) fn abandon(&mut self) -> usize {
        self.parked.clear();
        self.window.abandon()
    }
}
