//! What tests in this crate share.

use std::time::Instant;

use crate::io::Now;

/// A moment to start virtual time from.
#[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
pub(crate) fn start() -> Now {
    Now { monotonic: Instant::now(), wall: 1_700_000_000_000 }
}
