//! [`Acquiring`]: finding the offset to begin at.
//!
//! ```text
//!   Waiting ── time ──► Locking ── leased ──┐ (ordered groups)
//!     │                                     ▼
//!     └─────── time ──► AskingStored ── At, Young ───────────────────► begin
//!      ▲                  │      └── Never ──► a rule ── known ──────► begin
//!      │                  │                      └──► AskingStart ───► begin
//!      └─ failed, silent ─┴─────────────────────────────────┘
//! ```
//!
//! Only the broker's explicit "never" leads to the rule for new queues. A question without an answer is asked again:
//! taken for "none" it would read a whole queue again, or pass over what is in it.

use std::time::Instant;

use super::{Context, Lease, Tenure};
use crate::{
    io::{Action, Event, Failure, Seek, Stored},
    offsets::{Start, start},
};

/// A queue without an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acquiring {
    /// The question is asked then.
    Waiting { until: Instant },
    /// For the lease.
    Locking,
    /// For what the group has stored.
    AskingStored { deadline: Instant },
    /// For where to start instead.
    AskingStart { deadline: Instant },
}

impl Acquiring {
    /// A queue whose offset is asked for then.
    pub(crate) fn at(until: Instant) -> Self {
        Self::Waiting { until }
    }

    /// Whether it may still belong to somebody else.
    pub(crate) fn is_locking(&self) -> bool {
        matches!(self, Self::Locking)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        match *self {
            Self::Locking => None,
            Self::Waiting { until } => Some(until),
            Self::AskingStored { deadline } | Self::AskingStart { deadline } => Some(deadline),
        }
    }

    pub(crate) fn timeout(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        if self.next().is_none_or(|at| at > ctx.now.monotonic) {
            return;
        }
        match self {
            Self::Waiting { .. } if ctx.lease == Lease::Wanted => {
                ctx.wishes.lock = true;
                *self = Self::Locking;
            }
            Self::Waiting { .. } => self.ask_stored(tenure, ctx),
            Self::AskingStored { .. } | Self::AskingStart { .. } => self.again(ctx),
            Self::Locking => {}
        }
    }

    /// The queue is ours. Its former owner has committed by now.
    pub(crate) fn leased(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        if self.is_locking() {
            self.ask_stored(tenure, ctx);
        }
    }

    fn ask_stored(&mut self, tenure: &Tenure, ctx: &mut Context<'_>) {
        let deadline = ctx.now.monotonic + ctx.config.request_timeout;
        let Tenure { queue, epoch, .. } = tenure.clone();
        ctx.out.push(Action::QueryStoredOffset { queue, epoch, deadline });
        *self = Self::AskingStored { deadline };
    }

    /// The answer is the offset to begin at, if that is known now.
    pub(crate) fn stored(
        &mut self,
        tenure: &Tenure,
        ctx: &mut Context<'_>,
        answer: Result<Stored, Failure>,
    ) -> Option<i64> {
        if !matches!(self, Self::AskingStored { .. }) {
            ctx.counters.late_answers += 1;
            return None;
        }
        match answer {
            Ok(Stored::At(offset)) => self.checked("StoredOffset", ctx, offset),
            Ok(Stored::Young) => Some(0),
            Ok(Stored::Never) => match self.start(tenure, ctx) {
                Start::At(offset) => Some(offset),
                Start::Ask(seek) => {
                    self.ask(tenure, ctx, seek);
                    None
                }
            },
            Err(_) => {
                self.again(ctx);
                None
            }
        }
    }

    /// The answer is the offset to begin at, if that is known now.
    pub(crate) fn sought(
        &mut self,
        ctx: &mut Context<'_>,
        answer: Result<i64, Failure>,
    ) -> Option<i64> {
        if !matches!(self, Self::AskingStart { .. }) {
            ctx.counters.late_answers += 1;
            return None;
        }
        match answer {
            Ok(offset) => self.checked("StartOffset", ctx, offset),
            Err(_) => {
                self.again(ctx);
                None
            }
        }
    }

    fn start(&self, tenure: &Tenure, ctx: &Context<'_>) -> Start {
        let since = ctx.topic.and_then(|topic| topic.older_than(&tenure.queue));
        start(ctx.config.start_from, ctx.is_retry_topic, since)
    }

    fn ask(&mut self, tenure: &Tenure, ctx: &mut Context<'_>, seek: Seek) {
        let deadline = ctx.now.monotonic + ctx.config.request_timeout;
        let Tenure { queue, epoch, .. } = tenure.clone();
        ctx.out.push(Action::QueryStartOffset { queue, epoch, seek, deadline });
        *self = Self::AskingStart { deadline };
    }

    fn checked(&mut self, input: &'static str, ctx: &mut Context<'_>, offset: i64) -> Option<i64> {
        if offset >= 0 {
            return Some(offset);
        }
        ctx.out.event(Event::Unexpected { input, why: "the offset is negative" });
        self.again(ctx);
        None
    }

    fn again(&mut self, ctx: &Context<'_>) {
        *self = Self::Waiting { until: ctx.now.monotonic + ctx.config.retry_delay };
    }
}
