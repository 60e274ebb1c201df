//! [`Standing`]: whether the application has been told that a queue is this member's, and that it goes.
//!
//! ```text
//!   Untold ── offset known ──► Welcoming ── AssignDone, or late ──► Known
//!                                  │                                  │
//!                                  └──────── handlers done ───────────┴──► Parting ── RevokeDone, or late ──► Parted
//! ```

use std::time::Instant;

use super::{Context, Queue, Tenure};
use crate::io::{Action, Epoch};

/// What the application knows of a queue, and is waited for. Where nobody listens it knows of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Untold,
    /// It is told that the queue is there: nothing is handed out before it has heard that, or time is up.
    Welcoming {
        asked: Epoch,
        until: Instant,
    },
    Known,
    /// It is told that the queue goes: nobody else gets it before it has heard that, or time is up.
    Parting {
        until: Instant,
    },
    Parted,
}

impl Standing {
    /// Messages may be handed out.
    pub(crate) fn is_open(self) -> bool {
        !matches!(self, Self::Welcoming { .. })
    }

    /// The application has been told of the queue, and not that it goes.
    pub(crate) fn is_to_part(self) -> bool {
        matches!(self, Self::Welcoming { .. } | Self::Known)
    }

    /// The application does not hold the queue any more.
    pub(crate) fn has_parted(self) -> bool {
        matches!(self, Self::Untold | Self::Parted)
    }

    pub(crate) fn next(self) -> Option<Instant> {
        match self {
            Self::Welcoming { until, .. } | Self::Parting { until } => Some(until),
            Self::Untold | Self::Known | Self::Parted => None,
        }
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        if self.next().is_some_and(|until| until <= now) {
            self.go_on();
        }
    }

    /// The application has heard it, whatever it was.
    fn go_on(&mut self) {
        *self = match *self {
            Self::Welcoming { .. } => Self::Known,
            Self::Parting { .. } => Self::Parted,
            other => other,
        };
    }
}

impl Queue {
    /// Has the application told that the queue is there, if it listens.
    pub(crate) fn welcome(&mut self, ctx: &mut Context<'_>) {
        if let Some(patience) = ctx.config.listen
            && self.standing == Standing::Untold
        {
            let Tenure { queue, epoch, .. } = self.tenure.clone();
            let until = ctx.now.monotonic + patience;
            ctx.out.push(Action::TellAssigned { queue, epoch, deadline: until });
            self.standing = Standing::Welcoming { asked: epoch, until };
        }
    }

    /// Has the application told that the queue goes, if it knows of it.
    pub(crate) fn part(&mut self, ctx: &mut Context<'_>) {
        if let Some(patience) = ctx.config.listen
            && self.standing.is_to_part()
        {
            let Tenure { queue, epoch, .. } = self.tenure.clone();
            let until = ctx.now.monotonic + patience;
            ctx.out.push(Action::TellRevoked { queue, epoch, deadline: until });
            self.standing = Standing::Parting { until };
        }
    }

    /// Neither a broker nor the application is waited for. Asked of a queue whose handlers are done.
    pub(crate) fn may_go(&self) -> bool {
        self.is_committed() && self.standing.has_parted()
    }

    /// The application has heard that the queue is there. It may have been moved since.
    pub(crate) fn assign_done(&mut self, ctx: &mut Context<'_>, epoch: Epoch) {
        match self.standing {
            Standing::Welcoming { asked, .. } if asked == epoch => self.standing.go_on(),
            _ => ctx.counters.late_answers += 1,
        }
    }

    /// The application has heard that the queue goes.
    pub(crate) fn revoke_done(&mut self, ctx: &mut Context<'_>) {
        match self.standing {
            Standing::Parting { .. } => self.standing.go_on(),
            _ => ctx.counters.late_answers += 1,
        }
    }
}
