//! The consumer as state machines. No IO, no clock, no threads.
//!
//! [`ConsumerGroup`] is one member of a consumer group: it decides which queues are its own, where to begin reading
//! them, when to pull and when to stop, what to hand out, which offsets are safe to commit, and how to leave. It does
//! so from what it is told, and says what should be done about it. Whoever owns it owns sockets, clocks and handlers.
//!
//! ```text
//!                    Input                                        Action
//!   routes, members, ─────► ┌────────────────────────────────┐ ───────► pull, commit, send back,
//!   answers, marks,  handle │         ConsumerGroup          │ poll     ask for members and offsets,
//!   close                   │                                │          heartbeat, unregister, events
//!                           │  Subscriptions   Round ──────┐ │
//!   time ─────────────────► │       │            │ Plan    │ │ ───────► when to come back
//!          handle_timeout   │       ▼            ▼         │ │ poll_timeout
//!                           │  Queue: Acquiring ► Reading ─┼►│
//!   appetite ─────────────► │    │  Pull    Window     ► Revoking ───► deliveries
//!                    take   │    └ Budget   Committer ◄────┘ │ Batch
//!                           └────────────────────────────────┘
//! ```
//!
//! # The contract
//!
//! > After every call of [`handle`](ConsumerGroup::handle), [`handle_timeout`](ConsumerGroup::handle_timeout) and
//! > [`new`](ConsumerGroup::new), draw [`poll`](ConsumerGroup::poll) until it gives nothing. Then wait for one more
//! > input, or for [`poll_timeout`](ConsumerGroup::poll_timeout).
//!
//! So a driver is a loop:
//!
//! 1. Do each [`Action`] that `poll` gives, without waiting for it: send the request, and note the token that came with
//!    it. Every question is answered exactly once by the [`Input`] that its documentation names, with a
//!    [`Failure`] at its deadline if nothing else comes; that of a cancelled pull need not be answered.
//! 2. While workers want messages, [`take`](ConsumerGroup::take) some for them.
//! 3. Wait for whatever comes first: an answer, a route, word from a broker, a call of the application, the time of
//!    `poll_timeout`, or that workers run dry.
//! 4. If workers have settled deliveries, put all of them into one [`Input::Settled`]. Settlements may wait here, which
//!    saves wake-ups, unless [`awaits_settlements`](ConsumerGroup::awaits_settlements) says that something depends on
//!    them; before a timeout is handled they are due as well, because offsets may be about to be committed.
//! 5. Tell the input, and go on with 1.
//!
//! [`Event`]s come in their place among the actions. Two of them ask something of the driver.
//! [`Event::Revoking`]: what was taken for this queue and has not been begun is settled as [`Outcome::Returned`] at
//! once. [`Event::Closed`]: the loop ends.
//!
//! ```
//! use std::time::Instant;
//! use rocketmq_consumer::{Action, Config, ConsumerGroup, Input, Now};
//! use rocketmq_protocol::subscription;
//!
//! # #[expect(clippy::disallowed_methods)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut now = Now { monotonic: Instant::now(), wall: 1_700_000_000_000 };
//! let mut config = Config::new("billing", "192.168.0.7@1", 42);
//! config.subscriptions.push(subscription::tags("orders", "paid || refunded", now.wall)?);
//! let mut group = ConsumerGroup::new(config, now)?;
//!
//! let mut asked = Vec::new();
//! while let Some(action) = group.poll() {
//!     asked.push(action);
//! }
//! assert!(matches!(&asked[..], [
//!     Action::WatchRoute { .. },
//!     Action::WatchRoute { .. },
//!     Action::Heartbeat,
//! ]));
//!
//! // Much later, and nobody has answered: there is nothing to do but to wait for the routes.
//! now.monotonic = group.poll_timeout().ok_or("no timer")?;
//! group.handle_timeout(now);
//! assert!(group.poll().is_none());
//! # Ok(()) }
//! ```
//!
//! # What it promises
//!
//! * A message is handed out, and again until it is settled; the committed offset never passes one that is not. Settled
//!   is what was acknowledged, and what a broker has confirmed to store again after a failure.
//! * "No answer" is never taken for an answer: not for "no offset", not for "no members".
//! * Committed offsets of one [`Epoch`] only rise. Settlements and answers of a former epoch count for nothing.
//! * Every queue makes progress or [says](Activity) what it waits for.
//! * Equal inputs, times and seeds give equal actions: a failure can be played again.
//! * An input that cannot be right is an [`Event::Unexpected`], never a panic, and never silent. One that merely comes
//!   too late is [counted](Counters).

mod config;
mod delivery;
mod error;
mod flow;
mod group;
mod io;
mod locks;
mod offsets;
pub mod pop;
mod pull;
mod queue;
mod random;
mod rebalance;
mod retry;
mod snapshot;
mod subscriptions;
#[cfg(test)]
mod testing;
mod timer;

pub use config::{Assignment, BeyondEnd, Config, Consumption, Model, Order, PopOptions};
pub use delivery::{Batch, Delivery};
pub use error::ConfigError;
pub use flow::{Limits, Pressure, TopicLimits, Usage};
pub use group::ConsumerGroup;
pub use io::{
    Action, Assigned, CloseReport, CommitId, DeliveryId, Epoch, Event, Failure, Input, LeaseLoss,
    Leftovers, LockId, MoveCause, Now, OffsetCommit, Outcome, PopAck, PopPlan, PullAnswer,
    PullPlan, PullStatus, PullToken, Reappearance, Seek, SendBack, Settlement, Stored, Vouch,
};
pub use offsets::StartFrom;
pub use pull::Rest;
pub use queue::{Extent, Window};
pub use rebalance::{
    Allocate, AllocateError, Averagely, AveragelyByCircle, ByConfig, ConsistentHash, MachineRoom,
    MachineRoomNearby, Rooms, Share, java_order, java_queue_order,
};
pub use snapshot::{Activity, Counters, QueueSnapshot, Snapshot, Tally};
