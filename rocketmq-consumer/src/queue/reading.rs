//! [`Reading`]: a queue that is pulled from.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_protocol::{
    code::ResponseCode,
    message::{MessageExt, Undecodable},
};

use super::{
    Context, Tenure,
    ledger::{ANSWER_GRACE, Held, Ledger},
};
use crate::{
    config::{BeyondEnd, Config, Consumption, Model},
    delivery::Pulled,
    flow::Pressure,
    io::{Action, Epoch, Event, Failure, MoveCause, PullAnswer, PullPlan, PullStatus, PullToken},
    pull::{self, Pull, Rest},
    retry,
    snapshot::Activity,
};

/// A queue that is pulled from.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) ledger: Ledger,
    pub(crate) pull: Pull,
    /// First and one past the last offset that the broker had when it last answered.
    pub(crate) range: Option<(i64, i64)>,
    /// When the last pull was sent, by the wall clock.
    pub(crate) pulled_at: Option<i64>,
    /// It stands still at a message that nobody can deal with.
    pub(crate) halted: bool,
    /// A broker has said that it does not have the topic, and the queue's has not answered otherwise since.
    pub(crate) gone: bool,
    watch: Watch,
    /// Pulls that were answered so far.
    answers: u32,
    /// The broker id that the broker suggested.
    broker_id: i64,
    /// The last pull's number. It goes on through epochs.
    sequence: u32,
    /// What the next answer may bring: as much as the last one, half as much after each that was filtered away, and nothing to speak
    /// of once the queue has been read to its end: the next answer comes with the first message.
    expected: u64,
    failures: u32,
    fruitless: u32,
    repairs: u32,
}

/// What was last seen of a queue's progress.
#[derive(Debug, Clone, Copy)]
struct Watch {
    position: i64,
    answers: u32,
    since: Option<Instant>,
    told: bool,
}

/// A queue has to be read on elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) to: i64,
    pub(crate) cause: MoveCause,
}

impl Reading {
    pub(crate) fn new(config: &Config, start: i64, committed: Option<i64>) -> Self {
        Self {
            ledger: Ledger::new(config.consumption, start, committed),
            pull: Pull::Off,
            range: None,
            pulled_at: None,
            halted: false,
            gone: false,
            watch: Watch { position: start, answers: 0, since: None, told: false },
            answers: 0,
            broker_id: 0,
            sequence: 0,
            expected: config.pull_batch_bytes.into(),
            failures: 0,
            fruitless: 0,
            repairs: 0,
        }
    }

    /// Pulls, or says why not.
    pub(crate) fn look(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        debug_assert!(!matches!(self.pull, Pull::InFlight { .. }), "one pull at a time");
        self.pull = if ctx.paused || self.halted {
            Pull::Off
        } else if let Some(pressure) = ctx.limits.pressure(self.ledger.window.usage()) {
            Pull::NoRoom(pressure)
        } else if !ctx.budget.admit(tenure.epoch.slot, self.expected) {
            Pull::NoRoom(Pressure::Budget)
        } else {
            self.send(tenure, ctx)
        };
    }

    fn send(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) -> Pull {
        let Tenure { queue, epoch, .. } = tenure.clone();
        let (config, now) = (ctx.config, ctx.now);
        let deadline = now.monotonic + config.pull_timeout;
        self.sequence = self.sequence.wrapping_add(1);
        self.pulled_at = Some(now.wall);
        // A queue that may be idle reserves room for a whole answer until its broker has said so. While there is little room, it is
        // not to wait for messages first: thousands of queues stand in line.
        let is_probe = self.answers == 0 && ctx.budget.is_tight();
        let position = self.ledger.position().filter(|position| *position > 0);
        let commits = config.model == Model::Clustering && self.broker_id == 0;
        ctx.out.push(Action::Pull(PullPlan {
            pull: PullToken { epoch, sequence: self.sequence },
            queue,
            offset: self.ledger.window.next(),
            max_messages: config.pull_batch,
            max_bytes: config.pull_batch_bytes,
            suspend: if is_probe { Duration::ZERO } else { config.suspend },
            commit_offset: position.filter(|_| commits),
            broker_id: self.broker_id,
            sub_version: ctx.topic.map_or(0, |topic| topic.version),
            subscription: ctx
                .topic
                .filter(|_| config.post_subscription)
                .map(|topic| Arc::clone(&topic.announced)),
            deadline,
        }));
        Pull::InFlight {
            sequence: self.sequence,
            since: now.monotonic,
            expected: self.expected,
            overdue: deadline + ANSWER_GRACE,
        }
    }

    /// Something was settled: there may be room. Room in the budget is given out by the group, in the order of asking.
    pub(crate) fn look_if_room(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        match self.pull {
            Pull::NoRoom(Pressure::Budget) => {}
            Pull::NoRoom(_) => self.look(tenure, ctx),
            Pull::Off | Pull::InFlight { .. } | Pull::Resting { .. } => {}
        }
    }

    /// There may be room in the budget. The answer says whether it is still waited for.
    pub(crate) fn look_if_budget(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) -> bool {
        if self.pull == Pull::NoRoom(Pressure::Budget) {
            self.look(tenure, ctx);
        }
        self.pull == Pull::NoRoom(Pressure::Budget)
    }

    /// The consumer is not paused any more, and nothing stands still.
    pub(crate) fn look_if_off(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        self.halted = false;
        if self.pull == Pull::Off {
            self.look(tenure, ctx);
        }
    }

    /// What a failed pull complained about may have changed.
    pub(crate) fn look_if_failed(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        if matches!(self.pull, Pull::Resting { why: Rest::Failed(_), .. }) {
            self.look(tenure, ctx);
        }
    }

    /// The offset was corrected. Once is well; a broker that does it over and over is asked slowly.
    pub(crate) fn look_after_repair(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        if self.repairs > 1 {
            self.rest(ctx, ctx.config.retry_delay, Rest::Repairing);
        } else {
            self.look(tenure, ctx);
        }
    }

    /// Forgets the pull in flight.
    pub(crate) fn cancel(&mut self, epoch: Epoch, ctx: &mut Context<'_>) {
        if let Pull::InFlight { sequence, expected, .. } = self.pull {
            ctx.budget.arrived(expected);
            ctx.out.push(Action::CancelPull { pull: PullToken { epoch, sequence } });
        }
        self.pull = Pull::Off;
    }

    /// Forgets all messages and begins at another offset, which no broker has confirmed yet.
    pub(crate) fn restart(&mut self, consumption: Consumption, start: i64) {
        self.ledger.restart(consumption, start);
        self.halted = false;
    }

    /// A pull has been answered. The answer is where to read on, if that is not where the window ends.
    pub(crate) fn pulled(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        sequence: u32,
        answer: Result<PullAnswer, Failure>,
    ) -> Option<Move> {
        let since = match self.pull {
            Pull::InFlight { sequence: sent, since, expected, .. } if sent == sequence => {
                ctx.budget.arrived(expected);
                since
            }
            _ => {
                ctx.counters.late_answers += 1;
                return None;
            }
        };
        self.pull = Pull::Off;
        match answer {
            Err(failure) => {
                self.failed(tenure, ctx, failure);
                None
            }
            Ok(answer) if answer.next_begin_offset < 0 => {
                ctx.out.event(Event::Unexpected {
                    input: "Pulled",
                    why: "the next offset is negative",
                });
                self.rest(ctx, ctx.config.retry_delay, Rest::Fruitless);
                None
            }
            Ok(answer) => self.answered(tenure, ctx, since, answer),
        }
    }

    fn failed(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, failure: Failure) {
        self.failures = self.failures.saturating_add(1);
        // The master decides anew whom to ask; whoever did not answer may be gone.
        self.broker_id = 0;
        if self.failures == 1 {
            ctx.out.event(Event::PullFailing { queue: tenure.queue.clone(), failure });
        }
        if matches!(failure, Failure::Refused(code) if pull::is_unknown_subscription(code)) {
            ctx.wishes.heartbeat = true;
            ctx.wishes.doubt = self.failures == 1;
        }
        ctx.wishes.gone = failure == Failure::Refused(ResponseCode::TOPIC_NOT_EXIST);
        let delay = pull::delay_after(failure, self.failures, ctx.config.retry_delay);
        self.rest(ctx, delay, Rest::Failed(failure));
    }

    fn answered(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        since: Instant,
        answer: PullAnswer,
    ) -> Option<Move> {
        if std::mem::take(&mut self.failures) > 0 {
            ctx.out.event(Event::PullRecovered { queue: tenure.queue.clone() });
        }
        let was_gone = std::mem::take(&mut self.gone);
        self.answers = self.answers.wrapping_add(1);
        self.range = Some((answer.min_offset, answer.max_offset));
        self.broker_id = answer.suggest_which_broker_id.max(0);
        match answer.status {
            PullStatus::Found | PullStatus::NoNewMessage | PullStatus::NoMatchedMessage => {
                self.repairs = 0;
                self.received(tenure, ctx, since, answer);
                None
            }
            PullStatus::OffsetReset => {
                Some(Move { to: answer.next_begin_offset, cause: MoveCause::ServerReset })
            }
            PullStatus::OffsetIllegal => self.correct(tenure, ctx, &answer, was_gone),
        }
    }

    /// The broker says that the offset lies outside of the queue, and where to go on.
    fn correct(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        answer: &PullAnswer,
        was_gone: bool,
    ) -> Option<Move> {
        let (from, told) = (self.ledger.window.next(), answer.next_begin_offset);
        let to = match ctx.config.beyond_end {
            BeyondEnd::End if from > answer.max_offset => answer.max_offset.max(0),
            // The topic has been created again: all that it has is new.
            BeyondEnd::AsTold if was_gone && told < from => answer.min_offset.clamp(0, told),
            _ => told,
        };
        self.repairs = self.repairs.saturating_add(1);
        if to == from {
            self.rest(ctx, ctx.config.retry_delay, Rest::Repairing);
            return None;
        }
        // Messages that the broker has deleted since may still be with us, and are the last of their kind.
        if to > from && !self.ledger.window.is_empty() {
            ctx.out.event(Event::SkippedExpired { queue: tenure.queue.clone(), from, to });
            self.ledger.window.advance(to);
            self.look_after_repair(tenure, ctx);
            return None;
        }
        Some(Move { to, cause: MoveCause::OffsetIllegal })
    }

    /// Puts messages into the window, and pulls again.
    fn received(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        since: Instant,
        answer: PullAnswer,
    ) {
        let from = self.ledger.window.next();
        if answer.next_begin_offset < from {
            let why = "the next offset lies before the one asked for";
            ctx.out.event(Event::Unexpected { input: "Pulled", why });
        }
        let before = self.ledger.window.bytes();
        let at_the_end = answer.status == PullStatus::NoNewMessage;
        let inserted = self.insert(tenure, ctx, answer.messages, from);
        let waited = ctx.now.monotonic.saturating_duration_since(since);
        self.ledger.tally.pulled(inserted, waited);
        self.ledger.window.advance(answer.next_begin_offset);
        if inserted > 0 {
            self.fruitless = 0;
            self.expected = self.ledger.window.bytes() - before;
            if ctx.config.pull_interval.is_zero() {
                self.look(tenure, ctx);
            } else {
                self.rest(ctx, ctx.config.pull_interval, Rest::Interval);
            }
            return;
        }
        self.expected = if at_the_end { 0 } else { self.expected / 2 };
        if self.ledger.window.next() > from {
            self.fruitless = 0;
            self.look(tenure, ctx);
            return;
        }
        self.fruitless = self.fruitless.saturating_add(1);
        match pull::pace(waited, self.fruitless) {
            Some(delay) => self.rest(ctx, delay, Rest::Fruitless),
            None => self.look(tenure, ctx),
        }
    }

    fn insert(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        entries: Vec<Result<MessageExt, Undecodable>>,
        from: i64,
    ) -> usize {
        let mut places = Vec::with_capacity(entries.len());
        let mut messages = Vec::with_capacity(entries.len());
        for mut placed in pull::place(entries, from) {
            if placed.offset < from {
                ctx.counters.repeated += 1;
                continue;
            }
            if ctx.topic.is_some_and(|topic| !pull::is_wanted(&topic.announced, &placed.content)) {
                ctx.counters.filtered += 1;
                continue;
            }
            if ctx.is_retry_topic
                && let Ok(message) = &mut placed.content
            {
                retry::restore_topic(message);
            }
            places.push((placed.offset, placed.bytes));
            messages.push(placed.content);
        }
        let (queue, claim) = (tenure.queue.clone(), Arc::clone(&tenure.claim));
        let pulled = Arc::new(Pulled { queue, claim, messages });
        let mut inserted = 0;
        for (index, (offset, bytes)) in (0..).zip(places) {
            let held = Held { pulled: Arc::clone(&pulled), index, local_attempts: 0, taking: 0 };
            if self.ledger.window.insert(offset, bytes, held) {
                inserted += 1;
            } else {
                ctx.counters.repeated += 1;
            }
        }
        inserted
    }

    fn rest(&mut self, ctx: &Context<'_>, delay: Duration, why: Rest) {
        self.pull = Pull::Resting { until: ctx.now.monotonic + delay, why };
    }

    pub(crate) fn timeout(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        let now = ctx.now.monotonic;
        self.ledger.expire(tenure, ctx);
        match self.pull {
            Pull::Resting { until, .. } if until <= now => self.look(tenure, ctx),
            Pull::InFlight { overdue, .. } if overdue <= now => {
                self.cancel(tenure.epoch, ctx);
                self.failed(tenure, ctx, Failure::Unanswered);
            }
            Pull::Off | Pull::NoRoom(_) | Pull::Resting { .. } | Pull::InFlight { .. } => {}
        }
    }

    /// Whether it has moved since it was last looked at, and what if it has not for long.
    pub(crate) fn watch(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, activity: Activity) {
        let (now, position) = (ctx.now.monotonic, self.ledger.window.position());
        let since = match self.watch.since {
            Some(since)
                if (position, self.answers) == (self.watch.position, self.watch.answers) =>
            {
                since
            }
            _ => now,
        };
        let queue = || tenure.queue.clone();
        let stalls = !ctx.paused && now.saturating_duration_since(since) >= ctx.config.stall_after;
        if stalls && !self.watch.told {
            ctx.out.event(Event::Stalled { queue: queue(), activity });
        } else if self.watch.told && !stalls {
            ctx.out.event(Event::Unstalled { queue: queue() });
        }
        self.watch = Watch { position, answers: self.answers, since: Some(since), told: stalls };
    }

    /// Whether it has been told that nothing moves.
    pub(crate) fn is_stalled(&self) -> bool {
        self.watch.told
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        let pull = match self.pull {
            Pull::Off | Pull::NoRoom(_) => None,
            Pull::InFlight { overdue, .. } => Some(overdue),
            Pull::Resting { until, .. } => Some(until),
        };
        pull.into_iter().chain(self.ledger.next()).min()
    }
}
