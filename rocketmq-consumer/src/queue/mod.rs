//! One queue, from its assignment to this member until another one has it.
//!
//! ```text
//!   acquire ──► Acquiring ── offset known ──► Reading ── revoke ──► Revoking ── handlers done or late,
//!                   │                        │      ▲                            offset committed ──► gone
//!                   └── revoke ──► gone      └ move ┘ (a new epoch)
//! ```

mod acquiring;
mod arena;
mod lease;
mod ledger;
mod popping;
mod reading;
mod standing;
mod window;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use rocketmq_route::MessageQueue;

pub(crate) use acquiring::Acquiring;
pub(crate) use arena::Queues;
pub(crate) use lease::Lease;
pub(crate) use ledger::{ANSWER_GRACE, Ledger};
pub(crate) use popping::Popping;
pub(crate) use reading::{Move, Reading};
pub(crate) use standing::Standing;
pub use window::{Extent, Window};

use crate::{
    config::{Config, Order},
    delivery::{Claim, Delivery},
    flow::{Budget, Limits},
    io::{
        Action, Epoch, Event, Failure, Leftovers, MoveCause, Now, Outcome, PullAnswer, Settlement,
        Stored,
    },
    pull::Pull,
    snapshot::{Activity, Counters},
    subscriptions::Topic,
};

/// A queue in one slot of the [arena](Queues).
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) tenure: Tenure,
    pub(crate) stage: Stage,
    pub(crate) lease: Lease,
    /// Whether the application knows of it.
    pub(crate) standing: Standing,
    /// It stands in the line of queues with something to take.
    pub(crate) in_line: bool,
    /// Neither pulled from nor handed out.
    pub(crate) paused: bool,
    /// Somebody has vouched for what lies before this offset, and it is not read yet.
    pub(crate) vouched_early: Option<i64>,
}

/// A queue and the name of our time with it.
#[derive(Debug, Clone)]
pub(crate) struct Tenure {
    pub(crate) queue: MessageQueue,
    pub(crate) epoch: Epoch,
    /// What deliveries see of it.
    pub(crate) claim: Arc<Claim>,
}

/// Where in its life a queue is.
#[derive(Debug)]
pub(crate) enum Stage {
    Acquiring(Acquiring),
    Reading(Reading),
    Revoking(Revoking),
    /// A life of its own: nothing has to be known before it begins.
    Popping(Popping),
}

/// A queue that is being given up: nothing is pulled or handed out any more.
#[derive(Debug)]
pub(crate) struct Revoking {
    pub(crate) ledger: Ledger,
    /// Handlers may take so long.
    pub(crate) until: Instant,
    /// The last commit may take so long.
    pub(crate) give_up: Instant,
    pub(crate) undelivered: usize,
    /// It is still ours, so that its position may be committed.
    pub(crate) is_ours: bool,
}

/// What is around a queue while it handles something.
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a Config,
    pub(crate) topic: Option<&'a Topic>,
    /// The queue's limits, with those shared by its topic.
    pub(crate) limits: Limits,
    pub(crate) paused: bool,
    pub(crate) is_retry_topic: bool,
    pub(crate) lease: Lease,
    pub(crate) out: &'a mut Outbox,
    pub(crate) budget: &'a mut Budget,
    pub(crate) counters: &'a mut Counters,
    pub(crate) wishes: Wishes,
}

/// What a queue wants from the group.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wishes {
    /// Brokers should hear from us.
    pub(crate) heartbeat: bool,
    /// The position should be committed before the next tick.
    pub(crate) commit: bool,
    /// The queue should be leased.
    pub(crate) lock: bool,
    /// The queue should stand still.
    pub(crate) halt: bool,
    /// A broker did not know the subscription.
    pub(crate) doubt: bool,
    /// A broker did not have the topic, which concerns all queues of it.
    pub(crate) gone: bool,
}

/// Actions that there stays room for.
const ROOM_KEPT: usize = 1_024;

/// What is to be done, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox(VecDeque<Action>);

impl Outbox {
    pub(crate) fn push(&mut self, action: Action) {
        self.0.push_back(action);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.push(Action::Event(event));
    }

    pub(crate) fn pop(&mut self) -> Option<Action> {
        let action = self.0.pop_front();
        // What a start with thousands of queues has filled is not needed again.
        if self.0.is_empty() && self.0.capacity() > ROOM_KEPT {
            self.0.shrink_to(ROOM_KEPT);
        }
        action
    }
}

impl Queue {
    /// The broker has told, or not, what it has stored.
    pub(crate) fn stored_offset(&mut self, ctx: &mut Context<'_>, answer: Result<Stored, Failure>) {
        let Stage::Acquiring(acquiring) = &mut self.stage else {
            ctx.counters.late_answers += 1;
            return;
        };
        let stored = match &answer {
            Ok(Stored::At(offset)) => Some(*offset),
            // It is committed, as in Java: brokers of 4.x do not let operators reset offsets of which one is not stored
            // (`Broker2Client.resetOffset`).
            Ok(Stored::Young | Stored::Never) | Err(_) => None,
        };
        if let Some(offset) = acquiring.stored(&self.tenure, ctx, answer) {
            self.begin(ctx, offset, stored);
        }
    }

    /// The broker has told, or not, where to start.
    pub(crate) fn start_offset(&mut self, ctx: &mut Context<'_>, answer: Result<i64, Failure>) {
        let Stage::Acquiring(acquiring) = &mut self.stage else {
            ctx.counters.late_answers += 1;
            return;
        };
        if let Some(offset) = acquiring.sought(ctx, answer) {
            self.begin(ctx, offset, None);
        }
    }

    fn begin(&mut self, ctx: &mut Context<'_>, offset: i64, committed: Option<i64>) {
        let Tenure { queue, epoch, .. } = self.tenure.clone();
        ctx.out.event(Event::Started { queue, epoch, offset });
        let mut reading = Reading::new(ctx.config, offset, committed);
        if let Some(offset) = self.vouched_early.take() {
            reading.ledger.vouch(Some(offset));
            ctx.wishes.commit = true;
        }
        reading.look(&self.tenure, ctx);
        self.stage = Stage::Reading(reading);
        self.welcome(ctx);
    }

    /// The broker has leased the queue to us, or not. The answer says whether a lease is lost.
    pub(crate) fn leased(&mut self, ctx: &mut Context<'_>, lease: Lease) -> bool {
        let Lease::Held { until, .. } = lease else {
            return matches!(self.lease, Lease::Held { .. });
        };
        self.lease = lease;
        self.tenure.claim.extend(until);
        if let Stage::Acquiring(acquiring) = &mut self.stage {
            acquiring.leased(&self.tenure, ctx);
        }
        false
    }

    /// Something has happened to a queue that is popped.
    pub(crate) fn with_popping(
        &mut self,
        ctx: &mut Context<'_>,
        apply: impl FnOnce(&mut Popping, &Tenure, &mut Context<'_>),
    ) {
        let Stage::Popping(popping) = &mut self.stage else {
            ctx.counters.late_answers += 1;
            return;
        };
        apply(popping, &self.tenure, ctx);
        popping.wind_up(&self.tenure, ctx);
    }

    /// A pull has been answered.
    pub(crate) fn pulled(
        &mut self,
        ctx: &mut Context<'_>,
        sequence: u32,
        answer: Result<PullAnswer, Failure>,
    ) {
        let Stage::Reading(reading) = &mut self.stage else {
            ctx.counters.late_answers += 1;
            return;
        };
        if let Some(Move { to, cause }) = reading.pulled(&self.tenure, ctx, sequence, answer) {
            self.move_to(ctx, to, cause);
        }
    }

    /// Reads on elsewhere, in a new epoch: whatever is still under way belongs to the old one. That is why nothing
    /// need be frozen meanwhile (Java: `OffsetStore.updateAndFreezeOffset`).
    pub(crate) fn move_to(&mut self, ctx: &mut Context<'_>, to: i64, cause: MoveCause) {
        let reading = match &mut self.stage {
            Stage::Reading(reading) => reading,
            // Where it was to begin does not matter any more.
            Stage::Acquiring(acquiring) if !acquiring.is_locking() => {
                ctx.wishes.commit = true;
                return self.begin(ctx, to, None);
            }
            Stage::Acquiring(_) | Stage::Revoking(_) | Stage::Popping(_) => return,
        };
        let before = self.tenure.epoch;
        self.tenure.epoch.tenure = before.tenure.wrapping_add(1);
        self.tenure.claim.end();
        self.tenure.claim = Claim::new(ctx.now.monotonic, self.lease.ends());
        reading.cancel(before, ctx);
        let from = reading.ledger.window.next();
        reading.restart(ctx.config.consumption, to);
        let Tenure { queue, epoch, .. } = self.tenure.clone();
        ctx.out.event(Event::Moved { queue, before, epoch, from, to, cause });
        ctx.wishes.commit = true;
        reading.look_after_repair(&self.tenure, ctx);
    }

    /// A handler is done, or gives back.
    pub(crate) fn settle(&mut self, ctx: &mut Context<'_>, settlement: Settlement) {
        if let Stage::Popping(popping) = &mut self.stage {
            let number = settlement.delivery.offset;
            return popping.settle(&self.tenure, ctx, number, settlement.outcome);
        }
        let is_valid = self.lease.is_valid(ctx.now.monotonic);
        if let Some(ledger) = self.stage.ledger_mut() {
            // Without a lease another member may be at it already.
            let outcome = if is_valid { settlement.outcome } else { Outcome::Returned };
            ledger.settle(&self.tenure, ctx, settlement.delivery.offset, outcome);
        }
        if std::mem::take(&mut ctx.wishes.halt)
            && let Stage::Reading(reading) = &mut self.stage
        {
            reading.halted = true;
        }
        self.after_settling(ctx);
    }

    /// A message has been sent back, or not.
    pub(crate) fn sent_back(
        &mut self,
        ctx: &mut Context<'_>,
        offset: i64,
        answer: Result<(), Failure>,
    ) {
        if let Stage::Popping(popping) = &mut self.stage {
            popping.sent_back(&self.tenure, ctx, offset, answer);
        }
        if let Some(ledger) = self.stage.ledger_mut() {
            ledger.sent_back(&self.tenure, ctx, offset, answer);
        }
        self.after_settling(ctx);
    }

    pub(crate) fn after_settling(&mut self, ctx: &mut Context<'_>) {
        match &mut self.stage {
            Stage::Acquiring(_) => {}
            Stage::Popping(popping) => popping.wind_up(&self.tenure, ctx),
            Stage::Reading(reading) => reading.look_if_room(&self.tenure, ctx),
            Stage::Revoking(revoking) => revoking.abandon(),
        }
    }

    /// Time has passed.
    pub(crate) fn timeout(&mut self, ctx: &mut Context<'_>) {
        self.standing.timeout(ctx.now.monotonic);
        match &mut self.stage {
            Stage::Acquiring(acquiring) => acquiring.timeout(&self.tenure, ctx),
            Stage::Reading(reading) => reading.timeout(&self.tenure, ctx),
            Stage::Revoking(revoking) => revoking.ledger.expire(&self.tenure, ctx),
            Stage::Popping(popping) => popping.timeout(&self.tenure, ctx),
        }
        self.after_settling(ctx);
    }

    /// When [`timeout`](Self::timeout) has something to do.
    pub(crate) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let lease = self.lease.ends();
        let of_stage = match &self.stage {
            Stage::Acquiring(acquiring) => acquiring.next().into_iter().chain(lease).min(),
            Stage::Reading(reading) => reading.next().into_iter().chain(lease).min(),
            Stage::Revoking(revoking) => {
                let ends = [revoking.until, revoking.give_up].into_iter().filter(|at| *at > now);
                ends.chain(revoking.ledger.next()).chain(lease).min()
            }
            Stage::Popping(popping) => popping.next(now),
        };
        of_stage.into_iter().chain(self.standing.next()).min()
    }

    /// Stops pulling and handing out. The answer says whether there is anything to wait for.
    pub(crate) fn revoke(&mut self, ctx: &mut Context<'_>, until: Instant) -> bool {
        if matches!(self.stage, Stage::Acquiring(_)) {
            return false;
        }
        self.tenure.claim.leave();
        if let Stage::Popping(popping) = &mut self.stage {
            let Tenure { queue, epoch, .. } = self.tenure.clone();
            ctx.out.event(Event::Revoking { queue, epoch, deadline: until });
            popping.leave(&self.tenure, ctx, until);
            return true;
        }
        let is_ours = self.lease != Lease::Lost;
        let Tenure { queue, epoch, .. } = self.tenure.clone();
        let parted = Stage::Acquiring(Acquiring::at(until));
        self.stage = match std::mem::replace(&mut self.stage, parted) {
            Stage::Reading(mut reading) => {
                reading.cancel(epoch, ctx);
                ctx.out.event(Event::Revoking { queue, epoch, deadline: until });
                let give_up = until + ctx.config.request_timeout;
                let mut revoking =
                    Revoking { ledger: reading.ledger, until, give_up, undelivered: 0, is_ours };
                revoking.abandon();
                Stage::Revoking(revoking)
            }
            other => other,
        };
        true
    }

    /// Nothing is to be waited for but what brokers have to confirm. Asked of a queue that is being given up.
    pub(crate) fn is_drained(&self, now: Instant) -> bool {
        match &self.stage {
            Stage::Acquiring(_) | Stage::Reading(_) => true,
            Stage::Revoking(revoking) => revoking.is_drained(now),
            Stage::Popping(popping) => popping.is_drained(now),
        }
    }

    /// Nothing is to be waited for. Asked of a queue that is being given up.
    pub(crate) fn is_done(&self, now: Instant) -> bool {
        match &self.stage {
            Stage::Acquiring(_) | Stage::Reading(_) => false,
            Stage::Revoking(revoking) => revoking.is_done(now),
            Stage::Popping(popping) => popping.is_done(now),
        }
    }

    /// The brokers know all that they are to know.
    pub(crate) fn is_committed(&self) -> bool {
        match &self.stage {
            Stage::Acquiring(_) | Stage::Reading(_) => true,
            Stage::Revoking(revoking) => revoking.is_committed(),
            Stage::Popping(popping) => popping.is_settled(),
        }
    }

    /// How it is left.
    pub(crate) fn leftovers(&self) -> Leftovers {
        match &self.stage {
            Stage::Acquiring(_) | Stage::Reading(_) => Leftovers::default(),
            Stage::Revoking(revoking) => revoking.leftovers(),
            Stage::Popping(popping) => popping.leftovers(),
        }
    }

    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        match &self.stage {
            Stage::Acquiring(_) | Stage::Popping(_) => None,
            Stage::Reading(reading) => Some(&reading.ledger),
            Stage::Revoking(revoking) => Some(&revoking.ledger),
        }
    }

    pub(crate) fn ledger_mut(&mut self) -> Option<&mut Ledger> {
        self.stage.ledger_mut()
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.stage {
            Stage::Popping(popping) => popping.bytes(),
            _ => self.ledger().map_or(0, |ledger| ledger.window.bytes()),
        }
    }

    /// Whether it would pull if there were room.
    pub(crate) fn is_starved(&self) -> bool {
        let pull = match &self.stage {
            Stage::Reading(reading) => reading.pull,
            Stage::Popping(popping) => popping.pop,
            Stage::Acquiring(_) | Stage::Revoking(_) => return false,
        };
        matches!(pull, Pull::NoRoom(_))
    }

    /// Whether there is something to hand out. In order means: nothing else is out.
    pub(crate) fn has_waiting(&self, order: Order) -> bool {
        if !self.standing.is_open() {
            return false;
        }
        let reading = match &self.stage {
            Stage::Reading(reading) => reading,
            Stage::Popping(popping) => return popping.waiting() > 0 && !self.paused,
            Stage::Acquiring(_) | Stage::Revoking(_) => return false,
        };
        reading.ledger.window.waiting() > 0
            && !self.paused
            && !reading.halted
            && (!order.is_strict() || reading.ledger.is_free())
    }

    /// Somebody vouches for what was handed out, or for what lies before an offset.
    pub(crate) fn vouch(&mut self, before: Option<i64>) {
        match self.ledger_mut() {
            Some(ledger) => ledger.vouch(before),
            None => self.vouched_early = before.or(self.vouched_early),
        }
    }

    /// It has an offset to be committed that no broker has confirmed.
    pub(crate) fn is_uncommitted(&self) -> bool {
        let is_dirty = self.ledger().is_some_and(Ledger::is_dirty);
        self.vouched_early.is_some() || (is_dirty && self.may_commit())
    }

    /// Hands out up to `max` messages for good, which may make room to pull.
    pub(crate) fn hand_over(&mut self, ctx: &mut Context<'_>, max: usize) -> Vec<Delivery> {
        let epoch = self.tenure.epoch;
        let Some(ledger) = self.ledger_mut() else { return Vec::new() };
        let deliveries = ledger.hand_over(epoch, max, ctx.now);
        self.after_settling(ctx);
        deliveries
    }

    /// Sends back what handlers have had for too long, and looks whether there is progress.
    pub(crate) fn sweep(&mut self, ctx: &mut Context<'_>) {
        if !ctx.config.order.is_strict()
            && let Some(ledger) = self.stage.ledger_mut()
        {
            ledger.time_out(&self.tenure, ctx);
            self.after_settling(ctx);
        }
        let activity = Activity::of(&self.stage);
        if let Stage::Reading(reading) = &mut self.stage {
            reading.watch(&self.tenure, ctx, activity);
        }
    }

    /// Whether its position may be told to the broker.
    pub(crate) fn may_commit(&self) -> bool {
        !matches!(&self.stage, Stage::Revoking(revoking) if !revoking.is_ours)
    }
}

impl Stage {
    fn ledger_mut(&mut self) -> Option<&mut Ledger> {
        match self {
            Self::Acquiring(_) | Self::Popping(_) => None,
            Self::Reading(reading) => Some(&mut reading.ledger),
            Self::Revoking(revoking) => Some(&mut revoking.ledger),
        }
    }
}

impl Revoking {
    /// Lets go of what will not be handed out any more.
    fn abandon(&mut self) {
        self.undelivered += self.ledger.abandon();
    }

    /// Nothing is to be waited for but the commit.
    pub(crate) fn is_drained(&self, now: Instant) -> bool {
        let is_out = self.ledger.window.out() > 0 || self.ledger.awaits_vouch();
        !is_out || self.until <= now
    }

    /// Nothing is to be waited for.
    pub(crate) fn is_done(&self, now: Instant) -> bool {
        self.is_drained(now) && (self.is_committed() || self.give_up <= now)
    }

    /// The broker has the position, or is not to have it.
    pub(crate) fn is_committed(&self) -> bool {
        !self.is_ours || !self.ledger.is_dirty()
    }

    pub(crate) fn leftovers(&self) -> Leftovers {
        Leftovers {
            position: self.ledger.position(),
            committed: !self.ledger.is_dirty(),
            undelivered: self.undelivered,
            unsettled: self.ledger.window.out(),
        }
    }
}
