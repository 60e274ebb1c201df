//! [`ConsumeHook`]: who looks on while messages are consumed.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::Delivery;
use crate::{BoxError, client::routes::std_now};

/// Looks on before and after every call of a handler: for traces, metrics, logs. It may keep something from the one to the other.
///
/// It is called where the handler runs, and should be quick. What it panics with is logged, and the message is consumed all the same.
#[doc(alias = "ConsumeMessageHook")]
pub trait ConsumeHook: Send + Sync + 'static {
    /// The handler is about to be called with these. What is returned comes back in [`after`](Self::after).
    fn before(&self, deliveries: &[Delivery]) -> Option<Box<dyn Any + Send>>;

    /// The handler has returned.
    fn after(
        &self,
        deliveries: &[Delivery],
        kept: Option<Box<dyn Any + Send>>,
        consumed: &Consumed<'_>,
    );
}

/// How a handler's call ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Consumed<'a> {
    /// The error that the handler returned, or the panic that it ended in.
    pub error: Option<&'a BoxError>,
    /// How long it took.
    pub elapsed: Duration,
}

/// All hooks of a consumer, in the order in which they were added.
#[derive(Clone, Default)]
pub(super) struct Hooks(Vec<Arc<dyn ConsumeHook>>);

/// What hooks have been told of, and what each of them has kept.
pub(super) struct Watched {
    deliveries: Vec<Delivery>,
    kept: Vec<Option<Box<dyn Any + Send>>>,
    begun: Instant,
}

impl Hooks {
    pub(super) fn add(&mut self, hook: impl ConsumeHook) {
        self.0.push(Arc::new(hook));
    }

    /// `None` where nobody looks on, which costs nothing.
    pub(super) fn before(&self, deliveries: &[Delivery]) -> Option<Watched> {
        if self.0.is_empty() {
            return None;
        }
        let kept = self.0.iter().map(|hook| guarded(|| hook.before(deliveries)).flatten());
        Some(Watched { deliveries: deliveries.to_vec(), kept: kept.collect(), begun: std_now() })
    }

    pub(super) fn after(&self, watched: Option<Watched>, error: Option<&BoxError>) {
        let Some(Watched { deliveries, kept, begun }) = watched else { return };
        let consumed = Consumed { error, elapsed: std_now().saturating_duration_since(begun) };
        for (hook, kept) in self.0.iter().zip(kept) {
            guarded(|| hook.after(&deliveries, kept, &consumed));
        }
    }
}

fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    let called = catch_unwind(AssertUnwindSafe(call));
    called.inspect_err(|_| tracing::error!("a hook of a consumer panicked")).ok()
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hooks").field(&self.0.len()).finish()
    }
}
