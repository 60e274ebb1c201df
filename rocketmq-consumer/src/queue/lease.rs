//! [`Lease`]: the broker's lock on a queue of an ordered group, and how long it can be trusted.
//!
//! ```text
//!   Wanted ── granted ──► Held { until } ── granted again ──► Held { later }
//!     ▲                      │
//!     │ (a new tenure)       └── leased to another member, or not confirmed in time ──► Lost
//! ```
//!
//! A lease counts from when it was asked for, half as long as the broker keeps it: whoever is stopped, cut off or slow
//! knows that it is over before anybody else can have the queue (`ProcessQueue.isLockExpired`).

use std::time::Instant;

/// The lease of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lease {
    /// The group needs none: it is not ordered, or every member reads every queue.
    Unneeded,
    /// It is asked for until it is granted.
    Wanted,
    /// Ours until then. `asked_at` is wall time, for running info.
    Held { until: Instant, asked_at: i64 },
    /// Perhaps another member's.
    Lost,
}

impl Lease {
    /// Whether a message may be handed out, and a result counts.
    pub(crate) fn is_valid(self, now: Instant) -> bool {
        match self {
            Self::Unneeded => true,
            Self::Held { until, .. } => now < until,
            Self::Wanted | Self::Lost => false,
        }
    }

    /// When it ends unless it is renewed.
    pub(crate) fn ends(self) -> Option<Instant> {
        match self {
            Self::Held { until, .. } => Some(until),
            Self::Unneeded | Self::Wanted | Self::Lost => None,
        }
    }
}
