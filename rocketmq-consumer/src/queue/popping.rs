//! [`Popping`]: a queue whose messages are popped. The broker keeps the offset, and puts back what nobody settles in time.
//!
//! ```text
//!                       ┌──── Returned ────┐
//!                       ▼                  │
//!   popped ──────────► Waiting ── take ──► Taken ── Ack ────────────► Acking ──► gone
//!                        │                 │  ▲ └── Retry, DeadLetter ► Leaving ─► gone
//!                        │        time ──► Renewing
//!                        └────────── out of time, in any state ─────► gone: it comes again
//! ```

mod settling;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_protocol::pop::Receipt;

use super::{ANSWER_GRACE, Context, Tenure};
use crate::{
    config::PopOptions,
    delivery::{Delivery, Pulled},
    flow::Pressure,
    io::{
        Action, DeliveryId, Event, Failure, Leftovers, Outcome, PopPlan, PullToken, Reappearance,
    },
    pop::{self, Popped},
    pull::{self, Pull, Rest},
};

/// A queue, or all queues of a broker, whose messages are popped.
#[derive(Debug)]
pub(crate) struct Popping {
    pub(crate) pop: Pull,
    /// Everything that is out of sight on our account, numbered in the order in which it came.
    entries: BTreeMap<i64, Entry>,
    waiting: VecDeque<i64>,
    last: i64,
    bytes: u64,
    acks: Acks,
    leaving: Option<Leaving>,
    undelivered: usize,
    /// The last pop's number.
    sequence: u32,
    expected: u64,
    failures: u32,
    fruitless: u32,
}

#[derive(Debug)]
struct Entry {
    pulled: Arc<Pulled>,
    index: u32,
    receipt: Receipt,
    expires: Instant,
    bytes: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Taken {
        renew_at: Option<Instant>,
    },
    /// More time is being asked for. What its handler said meanwhile waits for the new receipt.
    Renewing {
        since: Instant,
        overdue: Instant,
        then: Option<Outcome>,
    },
    Acking,
    Leaving,
}

/// Acknowledgements: one request at a time, and what comes meanwhile goes with the next.
#[derive(Debug, Default)]
struct Acks {
    wanted: Vec<i64>,
    in_flight: Option<(Vec<i64>, Instant)>,
    not_before: Option<Instant>,
}

/// A handler is not begun with a message that comes again sooner than this.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// It is being given up.
#[derive(Debug, Clone, Copy)]
struct Leaving {
    until: Instant,
    give_up: Instant,
}

impl Popping {
    pub(crate) fn new(options: PopOptions) -> Self {
        Self {
            pop: Pull::Off,
            entries: BTreeMap::new(),
            waiting: VecDeque::new(),
            last: 0,
            bytes: 0,
            acks: Acks::default(),
            leaving: None,
            undelivered: 0,
            sequence: 0,
            expected: u64::from(options.batch) << 10,
            failures: 0,
            fruitless: 0,
        }
    }

    /// Pops, or says why not.
    pub(crate) fn look(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        debug_assert!(!matches!(self.pop, Pull::InFlight { .. }), "one pop at a time");
        self.pop = if ctx.paused || self.leaving.is_some() {
            Pull::Off
        } else if self.entries.len() > ctx.config.pop.limit {
            Pull::NoRoom(Pressure::Messages)
        } else if !ctx.budget.admit(tenure.epoch.slot, self.expected) {
            Pull::NoRoom(Pressure::Budget)
        } else {
            self.send(tenure, ctx)
        };
    }

    fn send(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) -> Pull {
        let Some(topic) = ctx.topic else { return Pull::Off };
        let (options, now) = (ctx.config.pop, ctx.now.monotonic);
        let deadline = now + options.wait + options.answer_time;
        self.sequence = self.sequence.wrapping_add(1);
        ctx.out.push(Action::Pop(PopPlan {
            pop: PullToken { epoch: tenure.epoch, sequence: self.sequence },
            queue: tenure.queue.clone(),
            max_messages: options.batch,
            invisible: options.invisible,
            wait: options.wait,
            from_first: ctx.config.start_from == crate::StartFrom::First,
            subscription: Arc::clone(&topic.announced),
            deadline,
        }));
        let overdue = deadline + ANSWER_GRACE;
        Pull::InFlight { sequence: self.sequence, since: now, expected: self.expected, overdue }
    }

    /// Pops if that was not possible for want of room or while the consumer was paused.
    pub(crate) fn look_again(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        match self.pop {
            Pull::Off | Pull::NoRoom(Pressure::Messages) => self.look(tenure, ctx),
            Pull::NoRoom(_) | Pull::InFlight { .. } | Pull::Resting { .. } => {}
        }
    }

    /// There may be room in the budget. The answer says whether it is still waited for.
    pub(crate) fn look_if_budget(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) -> bool {
        if self.pop == Pull::NoRoom(Pressure::Budget) {
            self.look(tenure, ctx);
        }
        self.pop == Pull::NoRoom(Pressure::Budget)
    }

    /// A pop has been answered.
    pub(crate) fn popped(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        sequence: u32,
        answer: Result<Vec<Popped>, Failure>,
    ) {
        let since = match self.pop {
            Pull::InFlight { sequence: sent, since, expected, .. } if sent == sequence => {
                ctx.budget.arrived(expected);
                since
            }
            _ => {
                ctx.counters.late_answers += 1;
                return;
            }
        };
        self.pop = Pull::Off;
        let popped = match answer {
            Ok(popped) => popped,
            Err(failure) => return self.failed(tenure, ctx, failure),
        };
        if std::mem::take(&mut self.failures) > 0 {
            ctx.out.event(Event::PullRecovered { queue: tenure.queue.clone() });
        }
        let before = self.bytes;
        let came = self.insert(tenure, ctx, popped);
        if came {
            self.fruitless = 0;
            self.expected = self.bytes.saturating_sub(before);
        } else {
            self.expected = 0; // the next one comes with the first message
            self.fruitless = self.fruitless.saturating_add(1);
            let waited = ctx.now.monotonic.saturating_duration_since(since);
            if let Some(delay) = pull::pace(waited, self.fruitless) {
                return self.rest(ctx, delay, Rest::Fruitless);
            }
        }
        self.look(tenure, ctx);
    }

    fn failed(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, failure: Failure) {
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            ctx.out.event(Event::PullFailing { queue: tenure.queue.clone(), failure });
        }
        let delay = pull::delay_after(failure, self.failures, ctx.config.retry_delay);
        self.rest(ctx, delay, Rest::Failed(failure));
    }

    fn rest(&mut self, ctx: &Context<'_>, delay: Duration, why: Rest) {
        self.pop = Pull::Resting { until: ctx.now.monotonic + delay, why };
    }

    /// Whether anything came.
    fn insert(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, popped: Vec<Popped>) -> bool {
        let expires = ctx.now.monotonic + ctx.config.pop.invisible;
        let (mut messages, mut receipts) = (Vec::new(), Vec::new());
        for Popped { content, receipt } in popped {
            let Some(receipt) = receipt else {
                let why = "a message so damaged that it cannot be settled; it comes again";
                ctx.out.event(Event::Unexpected { input: "Popped", why });
                continue;
            };
            messages.push(content);
            receipts.push(receipt);
        }
        let pulled = Arc::new(Pulled {
            queue: tenure.queue.clone(),
            claim: Arc::clone(&tenure.claim),
            messages,
        });
        let came = !receipts.is_empty();
        for (index, receipt) in (0..).zip(receipts) {
            let content = &pulled.messages[index as usize];
            let wanted = ctx.topic.is_none_or(|topic| pull::is_wanted(&topic.announced, content));
            let bytes = match content {
                Ok(message) => message.store_size,
                Err(poison) => u32::try_from(poison.bytes.len()).unwrap_or(u32::MAX),
            };
            self.last += 1;
            let state = if wanted { State::Waiting } else { State::Acking };
            if wanted {
                self.waiting.push_back(self.last);
            } else {
                ctx.counters.filtered += 1;
                self.acks.wanted.push(self.last);
            }
            self.bytes += u64::from(bytes);
            let pulled = Arc::clone(&pulled);
            self.entries.insert(self.last, Entry { pulled, index, receipt, expires, bytes, state });
        }
        came
    }

    /// Hands out up to `max` messages.
    pub(crate) fn take(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        max: usize,
    ) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let renew_after = pop::renew_after(ctx.config.pop.invisible);
        while deliveries.len() < max
            && let Some(number) = self.waiting.pop_front()
        {
            let Some(entry) = self.entries.get_mut(&number) else { continue };
            if entry.expires.saturating_duration_since(ctx.now.monotonic) < LEAST_TIME {
                self.forget(number);
                continue;
            }
            let renew_at = renew_after
                .filter(|_| ctx.config.pop.renew)
                .map(|after| entry.expires - ctx.config.pop.invisible + after);
            entry.state = State::Taken { renew_at };
            deliveries.push(entry.delivery(DeliveryId { epoch: tenure.epoch, offset: number }));
        }
        deliveries
    }

    /// Does what has become possible. Ends whatever may change anything.
    pub(crate) fn wind_up(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        self.flush_acks(tenure, ctx);
        self.look_again(tenure, ctx);
    }

    /// Time has passed.
    pub(crate) fn timeout(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        let now = ctx.now.monotonic;
        if self.acks.in_flight.as_ref().is_some_and(|(_, overdue)| *overdue <= now) {
            self.acked(ctx, Err(Failure::Unanswered));
        }
        self.expire(tenure, ctx);
        self.renew(tenure, ctx);
        match self.pop {
            Pull::Resting { until, .. } if until <= now => self.look(tenure, ctx),
            Pull::InFlight { overdue, .. } if overdue <= now => {
                self.cancel(tenure, ctx);
                self.failed(tenure, ctx, Failure::Unanswered);
            }
            Pull::Off | Pull::NoRoom(_) | Pull::Resting { .. } | Pull::InFlight { .. } => {}
        }
    }

    /// What is out of time comes again, whatever anybody says about it.
    fn expire(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        let now = ctx.now.monotonic;
        let due = self.entries.iter().filter(|(_, entry)| entry.ends() <= now);
        for number in due.map(|(number, _)| *number).collect::<Vec<_>>() {
            let taken = self.forget(number).filter(|entry| entry.is_with_handler());
            if let Some(entry) = taken {
                let (queue, offset) = (tenure.queue.clone(), entry.receipt.queue_offset);
                ctx.out.event(Event::TimedOut { queue, offset });
            }
        }
    }

    fn renew(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        let now = ctx.now.monotonic;
        let overdue = now + ctx.config.request_timeout + ANSWER_GRACE;
        for (number, entry) in &mut self.entries {
            if matches!(entry.state, State::Taken { renew_at: Some(at) } if at <= now) {
                entry.state = State::Renewing { since: now, overdue, then: None };
                let action = entry.reappearance(tenure, ctx, *number, ctx.config.pop.invisible);
                ctx.out.push(action);
            }
        }
    }

    /// When [`timeout`](Self::timeout) has something to do.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        let pop = match self.pop {
            Pull::Off | Pull::NoRoom(_) => None,
            Pull::InFlight { overdue, .. } => Some(overdue),
            Pull::Resting { until, .. } => Some(until),
        };
        let acks = self.acks.in_flight.as_ref().map(|(_, overdue)| *overdue);
        let acks = acks.or(self.acks.not_before);
        let entries = self.entries.values().map(Entry::next);
        let leaving = self.leaving.iter().flat_map(|leaving| [leaving.until, leaving.give_up]);
        let leaving = leaving.filter(|at| *at > now);
        pop.into_iter().chain(acks).chain(entries).chain(leaving).min()
    }

    /// Forgets the pop in flight. What it brings comes again to somebody.
    fn cancel(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        if let Pull::InFlight { sequence, expected, .. } = self.pop {
            ctx.budget.arrived(expected);
            ctx.out.push(Action::CancelPull { pull: PullToken { epoch: tenure.epoch, sequence } });
        }
        self.pop = Pull::Off;
    }

    fn forget(&mut self, number: i64) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        self.bytes -= u64::from(entry.bytes);
        if entry.state == State::Waiting {
            self.waiting.retain(|waiting| *waiting != number);
        }
        Some(entry)
    }

    /// Stops popping and handing out: what nobody has begun is left to come again.
    pub(crate) fn leave(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, until: Instant) {
        self.cancel(tenure, ctx);
        self.leaving = Some(Leaving { until, give_up: until + ctx.config.request_timeout });
        for number in std::mem::take(&mut self.waiting) {
            self.undelivered += usize::from(self.forget(number).is_some());
        }
    }

    /// No handler has anything of it, or they are late.
    pub(crate) fn is_drained(&self, now: Instant) -> bool {
        let late = self.leaving.is_some_and(|leaving| leaving.until <= now);
        late || !self.entries.values().any(Entry::is_with_handler)
    }

    /// The broker knows what has become of everything.
    pub(crate) fn is_settled(&self) -> bool {
        !self.entries.values().any(Entry::is_settling)
    }

    /// Nothing is to be waited for.
    pub(crate) fn is_done(&self, now: Instant) -> bool {
        let late = self.leaving.is_some_and(|leaving| leaving.give_up <= now);
        self.is_drained(now) && (self.is_settled() || late)
    }

    pub(crate) fn leftovers(&self) -> Leftovers {
        let unsettled = self.entries.values().filter(|entry| entry.is_with_handler()).count();
        Leftovers {
            position: None,
            committed: self.is_settled(),
            undelivered: self.undelivered,
            unsettled,
        }
    }

    /// Messages that are out of sight on our account (`PopProcessQueue.getWaitAckMsgCount`).
    pub(crate) fn unacknowledged(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn waiting(&self) -> usize {
        if self.leaving.is_some() { 0 } else { self.waiting.len() }
    }
}

impl Entry {
    fn delivery(&self, id: DeliveryId) -> Delivery {
        let pulled = Arc::clone(&self.pulled);
        Delivery { id, pulled, index: self.index, local_attempts: 0 }
    }

    fn times(&self) -> i32 {
        let message = self.pulled.messages[self.index as usize].as_ref();
        message.map_or(0, |message| message.reconsume_times)
    }

    fn is_with_handler(&self) -> bool {
        matches!(self.state, State::Taken { .. } | State::Renewing { then: None, .. })
    }

    /// A handler is done with it, and its broker is to confirm that.
    fn is_settling(&self) -> bool {
        matches!(self.state, State::Renewing { then: Some(_), .. } | State::Acking | State::Leaving)
    }

    /// When it comes again. Whether more time was granted in time is known with the answer only.
    fn ends(&self) -> Instant {
        match self.state {
            State::Renewing { overdue, .. } => self.expires.max(overdue),
            _ => self.expires,
        }
    }

    fn next(&self) -> Instant {
        match self.state {
            State::Taken { renew_at: Some(at) } => at.min(self.expires),
            _ => self.ends(),
        }
    }

    fn reappearance(
        &self,
        tenure: &Tenure,
        ctx: &Context<'_>,
        number: i64,
        after: Duration,
    ) -> Action {
        Action::Reappear(Reappearance {
            delivery: DeliveryId { epoch: tenure.epoch, offset: number },
            queue: tenure.queue.clone(),
            receipt: self.receipt.clone(),
            after,
            deadline: ctx.now.monotonic + ctx.config.request_timeout,
        })
    }
}
