//! [`Ledger`]: which messages of a queue are where, and how far the broker knows of it.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Context, Tenure, window::Window};
use crate::{
    config::{Consumption, Model},
    delivery::{Delivery, Pulled},
    io::{Action, DeliveryId, Epoch, Event, Failure, Now, Outcome, SendBack},
    retry::{self, Step},
    snapshot::Tally,
    timer::Deadlines,
};

/// A message in the window.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) pulled: Arc<Pulled>,
    pub(crate) index: u32,
    /// How often it was delivered here without success and not sent back.
    pub(crate) local_attempts: u32,
    /// The number of the [`Taking`] that has handed it out last.
    pub(crate) taking: u32,
}

/// How far messages count as consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// As far as they are settled.
    Settled,
    /// As far as somebody has vouched for them, if at all.
    Vouched { up_to: Option<i64>, more_is_out: bool },
}

impl Mark {
    fn at(consumption: Consumption, start: i64, committed: Option<i64>) -> Self {
        let up_to = match consumption {
            Consumption::Settled => return Self::Settled,
            Consumption::Vouched { automatic: true } => Some(start),
            Consumption::Vouched { automatic: false } => committed,
        };
        Self::Vouched { up_to, more_is_out: false }
    }
}

/// Messages handed out at one moment.
#[derive(Debug)]
struct Taking {
    number: u32,
    at: Instant,
    first: i64,
    last: i64,
}

/// The delay level with which a message is sent back whose handler does not return
/// (`ConsumeMessageConcurrentlyService.cleanExpireMsg`).
const TIMED_OUT_LEVEL: i32 = 3;

impl Held {
    fn times(&self) -> i32 {
        let message = self.pulled.messages[self.index as usize].as_ref();
        let by_brokers = message.map_or(0, |message| message.reconsume_times);
        by_brokers.saturating_add_unsigned(self.local_attempts)
    }

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
    mark: Mark,
    /// What the broker has stored, as far as we know. `None` if it has nothing, or something that is wrong.
    pub(crate) committed: Option<i64>,
    /// When the last message was handed out, by the wall clock.
    pub(crate) consumed_at: Option<i64>,
    pub(crate) tally: Tally,
    /// By when the answer to a message's sending back is expected.
    settling: Deadlines,
    /// When a message that could not be sent back is handed out once more.
    parked: Deadlines,
    /// When an ordered queue goes on after a failure.
    rests_until: Option<Instant>,
    /// What was handed out when, oldest first.
    takings: VecDeque<Taking>,
    last_taking: u32,
    /// Messages that were sent back although a handler still has them: what it says later does not count.
    timed_out: BTreeSet<i64>,
}

/// The bounds of a rest (`ConsumeMessageOrderlyService.submitConsumeRequestLater`).
const SHORTEST_REST: Duration = Duration::from_millis(10);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// A driver that keeps its word answers by the deadline; this much later the machine goes on without.
pub(crate) const ANSWER_GRACE: Duration = Duration::from_secs(1);

impl Ledger {
    pub(crate) fn new(consumption: Consumption, start: i64, committed: Option<i64>) -> Self {
        Self {
            window: Window::new(start),
            mark: Mark::at(consumption, start, committed),
            committed,
            consumed_at: None,
            tally: Tally::default(),
            settling: Deadlines::default(),
            parked: Deadlines::default(),
            rests_until: None,
            takings: VecDeque::new(),
            last_taking: 0,
            timed_out: BTreeSet::new(),
        }
    }

    /// Forgets everything and begins at another offset, which no broker has confirmed yet.
    pub(crate) fn restart(&mut self, consumption: Consumption, start: i64) {
        let (consumed_at, tally) = (self.consumed_at, self.tally);
        *self = Self { consumed_at, tally, ..Self::new(consumption, start, None) };
    }

    /// The offset that may be committed, if any may.
    pub(crate) fn position(&self) -> Option<i64> {
        match self.mark {
            Mark::Settled => Some(self.window.position()),
            Mark::Vouched { up_to, .. } => up_to,
        }
    }

    /// The position is not what the broker has stored.
    pub(crate) fn is_dirty(&self) -> bool {
        self.position().is_some_and(|position| self.committed != Some(position))
    }

    /// Somebody vouches for what was handed out, or for what lies before an offset.
    pub(crate) fn vouch(&mut self, before: Option<i64>) {
        if matches!(self.mark, Mark::Vouched { .. }) {
            let up_to = Some(before.unwrap_or_else(|| self.window.position()));
            self.mark = Mark::Vouched { up_to, more_is_out: false };
        }
    }

    /// Messages have been handed out that nobody has vouched for.
    pub(crate) fn awaits_vouch(&self) -> bool {
        matches!(self.mark, Mark::Vouched { more_is_out: true, .. })
    }

    /// Hands out up to `max` messages for good: whoever gets them vouches for them, or they come again to somebody.
    pub(crate) fn hand_over(&mut self, epoch: Epoch, max: usize, now: Now) -> Vec<Delivery> {
        let mut deliveries = Vec::with_capacity(max.min(self.window.waiting()));
        self.window.take(max, |offset, held| deliveries.push(held.delivery(epoch, offset)));
        for delivery in &deliveries {
            self.window.ack(delivery.id.offset);
        }
        self.consumed_at = Some(now.wall);
        if let Mark::Vouched { more_is_out, .. } = &mut self.mark {
            *more_is_out |= !deliveries.is_empty();
        }
        deliveries
    }

    /// Hands out up to `max` messages.
    pub(crate) fn take(&mut self, epoch: Epoch, max: usize, now: Now) -> Vec<Delivery> {
        let mut deliveries = Vec::with_capacity(max.min(self.window.waiting()));
        self.last_taking = self.last_taking.wrapping_add(1);
        let number = self.last_taking;
        self.window.take(max, |offset, held| {
            held.taking = number;
            deliveries.push(held.delivery(epoch, offset));
        });
        self.consumed_at = Some(now.wall);
        let position = self.window.position();
        while self.takings.front().is_some_and(|taking| taking.last < position) {
            self.takings.pop_front();
        }
        // What comes again stands before what is fresh, and so do its offsets.
        if let (Some(first), Some(last)) = (deliveries.first(), deliveries.last()) {
            let (first, last) = (first.id.offset, last.id.offset);
            self.takings.push_back(Taking { number, at: now.monotonic, first, last });
        }
        deliveries
    }

    /// Whether another message may be handed out while order is kept.
    pub(crate) fn is_free(&self) -> bool {
        self.window.out() == 0 && self.rests_until.is_none()
    }

    /// A handler is done with a message, or gives it back.
    pub(crate) fn settle(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        offset: i64,
        outcome: Outcome,
    ) {
        if self.timed_out.remove(&offset) {
            ctx.counters.late_settlements += 1;
            return;
        }
        match outcome {
            Outcome::Ack | Outcome::Commit => self.tally.consumed += 1,
            Outcome::Returned => {}
            _ => self.tally.failed += 1,
        }
        let known = match outcome {
            // By far the most frequent, and for most groups all there is to it.
            Outcome::Ack if !ctx.config.order.is_strict() => self.window.ack(offset).is_some(),
            _ => self.window.taken(offset).map(Held::times).is_some_and(|times| {
                let step = retry::step(ctx.config, outcome, times);
                self.apply(tenure, ctx, offset, step);
                true
            }),
        };
        if !known {
            let why = "the delivery is not out: it was settled before, or never handed out";
            ctx.out.event(Event::Unexpected { input: "Settled", why });
        }
    }

    fn apply(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, offset: i64, step: Step) {
        match step {
            Step::Settle => _ = self.window.ack(offset),
            Step::Keep => _ = self.window.keep(offset),
            Step::SettleKept => {
                self.window.ack(offset);
                self.window.settle_kept();
            }
            Step::GiveBack => _ = self.window.give_back(offset),
            Step::Suspend(millis) => self.suspend(ctx, offset, millis),
            Step::RollBack(millis) => {
                self.suspend(ctx, offset, millis);
                self.window.roll_back();
            }
            Step::SendBack(level) => self.send_back(tenure, ctx, offset, level),
            Step::PassOver => {
                self.window.ack(offset);
                ctx.out.event(Event::PassedOver { queue: tenure.queue.clone(), offset });
            }
            Step::Halt => {
                self.window.give_back(offset);
                ctx.wishes.halt = true;
                ctx.out.event(Event::Halted { queue: tenure.queue.clone(), offset });
            }
        }
    }

    fn suspend(&mut self, ctx: &Context<'_>, offset: i64, millis: u32) {
        let millis = Duration::from_millis(millis.into());
        if let Some(held) = self.window.give_back(offset) {
            held.local_attempts += 1;
            let until = ctx.now.monotonic + millis.clamp(SHORTEST_REST, LONGEST_REST);
            self.rests_until = self.rests_until.max(Some(until));
        }
    }

    fn send_back(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, offset: i64, level: i32) {
        let held = match self.window.taken(offset) {
            Some(_) => self.window.send_back(offset),
            None => self.window.send_back_again(offset),
        };
        let Some(held) = held else { return };
        let deadline = ctx.now.monotonic + ctx.config.request_timeout;
        self.settling.insert(offset, deadline + ANSWER_GRACE);
        ctx.out.push(Action::SendBack(SendBack {
            delivery: held.delivery(tenure.epoch, offset),
            delay_level: level,
            max_redeliveries: ctx.config.max_redeliveries as i32,
            deadline,
        }));
    }

    /// Sends back what handlers have had for too long.
    pub(crate) fn time_out(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        while let Some(taking) = self.takings.front()
            && ctx.now.monotonic.saturating_duration_since(taking.at) >= ctx.config.consume_timeout
        {
            let Taking { number, first, last, .. } = *taking;
            self.takings.pop_front();
            for offset in self.window.taken_between(first, last, |held| held.taking == number) {
                let queue = tenure.queue.clone();
                ctx.out.event(Event::TimedOut { queue, offset });
                self.timed_out.insert(offset);
                match ctx.config.model {
                    Model::Clustering => self.send_back(tenure, ctx, offset, TIMED_OUT_LEVEL),
                    Model::Broadcasting => _ = self.window.ack(offset),
                }
            }
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
        let again = ctx.now.monotonic + ctx.config.redelivery_delay;
        self.parked.insert(offset, again);
        if ctx.config.order.is_strict() {
            self.rests_until = self.rests_until.max(Some(again));
        }
        true
    }

    /// Time has passed: answers are overdue, messages may be handed out once more.
    pub(crate) fn expire(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        while let Some(offset) = self.settling.pop_due(ctx.now.monotonic) {
            self.sent_back(tenure, ctx, offset, Err(Failure::Unanswered));
        }
        while let Some(offset) = self.parked.pop_due(ctx.now.monotonic) {
            if self.timed_out.contains(&offset) {
                // A handler still has it, so it is not for another one: brokers are asked once more.
                self.send_back(tenure, ctx, offset, TIMED_OUT_LEVEL);
            } else {
                self.window.wake(offset);
            }
        }
        if self.rests_until.is_some_and(|until| until <= ctx.now.monotonic) {
            self.rests_until = None;
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(crate) fn next(&self) -> Option<Instant> {
        let deadlines = [self.settling.next(), self.parked.next(), self.rests_until];
        deadlines.into_iter().flatten().min()
    }

    /// Lets go of what is not out.
    pub(crate) fn abandon(&mut self) -> usize {
        self.parked.clear();
        self.window.abandon()
    }
}
