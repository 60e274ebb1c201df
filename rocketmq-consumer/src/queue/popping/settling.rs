//! How popped messages are settled: acknowledged, made to come again, or buried.

use std::time::Duration;

use rocketmq_protocol::pop::Receipt;

use super::{Entry, Popping, State};
use crate::{
    io::{Action, DeliveryId, Event, Failure, Outcome, PopAck, SendBack},
    pop,
    queue::{ANSWER_GRACE, Context, Tenure},
};

/// An acknowledgement without an answer is sent again after this: what has gathered behind it goes along, and must not come too late.
const ACK_TIME: Duration = Duration::from_secs(1);

impl Popping {
    /// A handler is done with a message, or gives it back. One that was out of time is out already, somewhere.
    pub(crate) fn settle(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        number: i64,
        outcome: Outcome,
    ) {
        match self.entries.get_mut(&number) {
            Some(entry) if matches!(entry.state, State::Taken { .. }) => {
                self.apply(tenure, ctx, number, outcome);
            }
            Some(Entry { state: State::Renewing { then: then @ None, .. }, .. }) => {
                *then = Some(outcome);
            }
            Some(_) | None => ctx.counters.late_settlements += 1,
        }
    }

    fn apply(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, number: i64, outcome: Outcome) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        let times = entry.times();
        let given_up = u32::try_from(times).is_ok_and(|times| times >= ctx.config.max_redeliveries);
        match outcome {
            Outcome::Ack => {
                entry.state = State::Acking;
                self.acks.wanted.push(number);
            }
            Outcome::Returned if self.leaving.is_none() => {
                entry.state = State::Waiting;
                self.waiting.push_front(number);
            }
            Outcome::Returned => {
                self.undelivered += 1;
                self.forget(number);
            }
            Outcome::RetryAfter(level) if !given_up => {
                self.reappear(tenure, ctx, number, pop::delay_after(level.into()));
            }
            Outcome::DeadLetter => self.bury(tenure, ctx, number),
            _ if given_up => self.bury(tenure, ctx, number),
            _ => {
                let redeliveries = u32::try_from(times).unwrap_or(0);
                self.reappear(tenure, ctx, number, pop::delay_after(redeliveries));
            }
        }
    }

    /// It is to come again after a while.
    fn reappear(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, number: i64, after: Duration) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.state = State::Leaving;
            ctx.out.push(entry.reappearance(tenure, ctx, number, after));
        }
    }

    /// Brokers bury what is sent back once too often; popped messages never get there by themselves.
    fn bury(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, number: i64) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.state = State::Leaving;
            let delivery = entry.delivery(DeliveryId { epoch: tenure.epoch, offset: number });
            ctx.out.push(Action::SendBack(SendBack {
                delivery,
                delay_level: -1,
                max_redeliveries: ctx.config.max_redeliveries as i32,
                deadline: ctx.now.monotonic + ctx.config.request_timeout,
            }));
        }
    }

    /// It is among the dead letters, or it comes again.
    pub(crate) fn sent_back(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        number: i64,
        answer: Result<(), Failure>,
    ) {
        let Some(entry) = self.entries.get_mut(&number) else {
            ctx.counters.late_answers += 1;
            return;
        };
        match answer {
            Ok(()) => {
                entry.state = State::Acking;
                self.acks.wanted.push(number);
            }
            Err(failure) => {
                let (queue, offset) = (tenure.queue.clone(), entry.receipt.queue_offset);
                ctx.out.event(Event::SendBackFailed { queue, offset, failure });
                self.forget(number);
            }
        }
    }

    /// The broker has given a message another time, or not.
    pub(crate) fn reappears(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        number: i64,
        answer: Result<Receipt, Failure>,
    ) {
        let (invisible, now) = (ctx.config.pop.invisible, ctx.now.monotonic);
        let Some(entry) = self.entries.get_mut(&number) else {
            ctx.counters.late_answers += 1;
            return;
        };
        let State::Renewing { since, then, .. } = entry.state else {
            // It comes again, at the time that was asked for or at the old one.
            self.forget(number);
            return;
        };
        let renew_at = match answer {
            Ok(receipt) => {
                entry.receipt = receipt;
                // The broker has counted from some moment since then.
                entry.expires = since + invisible;
                pop::renew_after(invisible).map(|after| since + after)
            }
            Err(_) => Some(now + entry.expires.saturating_duration_since(now) / 2),
        };
        entry.state = State::Taken { renew_at };
        if let Some(outcome) = then {
            self.apply(tenure, ctx, number, outcome);
        }
    }

    /// The broker has taken acknowledgements, or not.
    pub(crate) fn acked(&mut self, ctx: &mut Context<'_>, answer: Result<(), Failure>) {
        let Some((numbers, _)) = self.acks.in_flight.take() else {
            ctx.counters.late_answers += 1;
            return;
        };
        match answer {
            // What it refuses it refuses for good: the message is gone, or comes again.
            Ok(()) | Err(Failure::Refused(_)) => {
                for number in numbers {
                    self.forget(number);
                }
            }
            Err(Failure::Unanswered | Failure::Unreachable) => {
                self.acks.wanted.extend(numbers);
                self.acks.not_before = Some(ctx.now.monotonic + ctx.config.retry_delay);
            }
        }
    }

    pub(super) fn flush_acks(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        let now = ctx.now.monotonic;
        if self.acks.in_flight.is_some() || self.acks.not_before.is_some_and(|at| at > now) {
            return;
        }
        self.acks.not_before = None;
        let wanted = std::mem::take(&mut self.acks.wanted);
        let (numbers, acks): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .filter_map(|number| Some((number, self.entries.get(&number)?.receipt.clone())))
            .unzip();
        if numbers.is_empty() {
            return;
        }
        let deadline = now + ctx.config.request_timeout.min(ACK_TIME);
        let Tenure { queue, epoch, .. } = tenure.clone();
        self.acks.in_flight = Some((numbers, deadline + ANSWER_GRACE));
        ctx.out.push(Action::Ack(PopAck { epoch, queue, receipts: acks, deadline }));
    }
}
