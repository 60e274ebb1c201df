//! [`Call`]: the future of an operation.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use crate::Error;

/// The future of an operation: two words in the caller's own future, `Send` and `Unpin`.
///
/// It is a type with a name, where an `async fn` would have one without: it can be stored, and a mistake in a handler is
/// reported once.
#[must_use = "nothing happens until awaited"]
pub struct Call<'a, T, E = Error>(Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>);

impl<'a, T, E> Call<'a, T, E> {
    pub(crate) fn new(operation: impl Future<Output = Result<T, E>> + Send + 'a) -> Self {
        Self(Box::pin(operation))
    }
}

impl<T, E> Future for Call<'_, T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T, E> fmt::Debug for Call<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
