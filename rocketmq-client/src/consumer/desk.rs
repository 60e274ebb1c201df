//! [`Desk`]: where workers prepare messages for a handler, and what they note about it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rocketmq_consumer as machine;
use rocketmq_protocol::message::{BodyLimits, MessageExt};

use super::{
    Delivery,
    hooks::Hooks,
    reporting::{Reported, Reporter},
};
use crate::{
    client::{Core, Namespace, routes::std_now},
    spans,
};

/// What to do with a message that cannot be read: bytes that are no message, a wrong checksum, a body that does not inflate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Poison {
    /// Back to the broker, as if the handler had failed: it comes again, and after
    /// [enough attempts](super::PushConsumerBuilder::max_redeliveries) goes to the dead letters.
    #[default]
    SendBack,
    /// To the handler, as it came: [`Delivery::damage`] says what is wrong with it.
    HandOver,
    /// To nobody: its queue stops there, and [says so](machine::Activity::Halted), until somebody resets the group's offset or
    /// [resumes](super::PushConsumer::resume) the consumer.
    Stop,
}

/// Says whether a message is wanted.
pub(super) type Wanted = Arc<dyn Fn(&MessageExt) -> bool + Send + Sync>;

/// What all workers of a consumer share, but for the handler.
#[derive(Clone, Default)]
pub(super) struct Desk {
    pub(super) poison: Poison,
    pub(super) filters: Vec<Wanted>,
    pub(super) hooks: Hooks,
    pub(super) reporter: Option<Arc<Reporter>>,
    pub(super) pace: Arc<Pace>,
    pub(super) spans: spans::Consumer,
    pub(super) namespace: Namespace,
    limits: BodyLimits,
}

impl Desk {
    pub(super) fn new(core: &Core, group: &Arc<str>) -> Self {
        let (spans, namespace) = (spans::Consumer::new(core, group), core.namespace().clone());
        Self { spans, namespace, ..Self::default() }
    }

    /// The delivery as a handler gets it, or what becomes of it without one.
    pub(super) fn open(&self, item: machine::Delivery) -> Result<Delivery, machine::Outcome> {
        match Delivery::open(item, &self.limits, &self.namespace) {
            Ok(delivery) if self.filters.iter().all(|wanted| wanted(delivery.message())) => {
                Ok(delivery)
            }
            Ok(_) => Err(machine::Outcome::Ack),
            Err((item, cause)) => {
                tracing::error!(delivery = ?item, %cause, "a message that cannot be read");
                match self.poison {
                    Poison::HandOver => Ok(Delivery::raw(item, &self.namespace)),
                    Poison::SendBack => Err(machine::Outcome::Retry),
                    Poison::Stop => Err(machine::Outcome::Halt),
                }
            }
        }
    }
}

impl Desk {
    /// Reports that these are about to be consumed, where that is wanted.
    pub(super) fn report(&self, deliveries: &[Delivery]) -> Option<Reported> {
        self.reporter.as_ref().map(|reporter| reporter.begin(deliveries))
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("poison", &self.poison)
            .field("filters", &self.filters.len())
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

/// How long handlers take, from some of their calls: reading a clock twice for each would cost more than the rest of a worker's
/// work.
#[derive(Debug, Default)]
pub(super) struct Pace {
    calls: AtomicU64,
    nanos: AtomicU64,
}

/// One call in so many is timed.
const TIMED: u8 = 16;

impl Pace {
    /// The mean of what was timed.
    pub(super) fn mean(&self) -> Option<Duration> {
        let calls = self.calls.load(Ordering::Relaxed);
        let nanos = self.nanos.load(Ordering::Relaxed);
        (calls > 0).then(|| Duration::from_nanos(nanos / calls))
    }

    pub(super) fn note(&self, begun: Option<Instant>) {
        let Some(begun) = begun else { return };
        let elapsed = std_now().saturating_duration_since(begun).as_nanos();
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// A worker's own count of calls.
#[derive(Debug, Default)]
pub(super) struct Timed(u8);

impl Timed {
    /// When this call began, if it is one to be timed: the first, and some of those after it.
    pub(super) fn begin(&mut self) -> Option<Instant> {
        let timed = self.0 == 0;
        self.0 = (self.0 + 1) % TIMED;
        timed.then(std_now)
    }
}
