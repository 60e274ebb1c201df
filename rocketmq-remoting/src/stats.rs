//! What a connection counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Relaxed);
        }
    }

    fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.value(),)* }
            }
        }

        /// Sums, for several connections.
        impl std::ops::Add for Stats {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self { $($name: self.$name + other.$name,)* }
            }
        }

        /// What a connection has counted since it was opened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }
    };
}

counters! {
    /// Writes to the socket. Under load far fewer than frames.
    writes,
    /// Frames that the socket has taken.
    frames_written,
    /// Bytes that the socket has taken.
    bytes_written,
    /// Reads from the socket.
    reads,
    /// Frames received.
    frames_read,
    /// Bytes received.
    bytes_read,
    /// One-way requests that were queued when their connection ended, or of which the socket had not taken every byte: they have not
    /// arrived, or cannot be told from those that have not.
    oneways_lost,
    /// Requests that ran out of time.
    timeouts,
    /// Answers to requests that had timed out, were cancelled, or had been answered.
    late_answers,
    /// Answers to requests that were never sent on this connection.
    foreign_answers,
    /// Requests of the peer that were refused or dropped because too many were waiting.
    inbound_refused,
}
