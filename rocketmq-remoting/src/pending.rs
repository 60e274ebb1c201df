//! [`Pending`]: the requests in flight on one connection, with their deadlines. No IO, no clock.
//!
//! ```text
//!              insert                    sent                    take (answer)
//!   (nothing) ────────► Queued ───────────────────► Sent ──────────────────────► gone
//!                          │                          │
//!                          └── remove, expire, drain ─┴──────────────────────────► gone
//! ```
//!
//! Numbers are handed out in order and wrap, so that one comes again only after 2³² requests: an answer that is late,
//! comes twice, or was never asked for finds no row. A row lies at its number modulo the size of the table; a number
//! whose place is taken by a long-lived row is skipped. So a look-up is an index and a comparison, and growing (the
//! table is at most half full) cannot collide.
//!
//! Deadlines cost nothing per request. The table remembers an instant before which no row expires; when it comes, one
//! sweep expires what is due and finds the next such instant. Most requests are answered long before their deadline,
//! so sweeps are rare: about one per timeout, not one per request. [`SWEEP_INTERVAL`] bounds the rest.

use std::time::Duration;

use tokio::time::Instant;

/// Sweeps keep this distance, so that many deadlines close to each other cost one sweep. A lone deadline is exact.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_millis(10);

const SMALLEST: usize = 16;

#[derive(Debug)]
pub(crate) struct Pending<W> {
    rows: Vec<Option<Row<W>>>,
    len: usize,
    first: i32,
    issued: u64,
    /// No row expires before this.
    earliest: Option<Instant>,
    swept: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Row<W> {
    pub(crate) opaque: i32,
    pub(crate) deadline: Instant,
    pub(crate) stage: Stage,
    pub(crate) waiter: W,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// None of its bytes was handed to the writer: it can still be withdrawn.
    Queued,
    /// With this byte of the outgoing stream it is complete.
    Sent { end: u64 },
}

/// An answer that nobody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmatched {
    /// The request was there once: timed out, cancelled, or answered already.
    Late,
    /// No request on this connection ever had this number, or it has not been sent yet.
    Foreign,
}

impl<W> Pending<W> {
    pub(crate) fn new(first: i32) -> Self {
        Self { rows: Vec::new(), len: 0, first, issued: 0, earliest: None, swept: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether a row with this deadline would expire before all others.
    pub(crate) fn is_sooner(&self, deadline: Instant) -> bool {
        self.earliest.is_none_or(|earliest| deadline < earliest)
    }

    /// A number for a request that is not answered.
    pub(crate) fn number(&mut self) -> i32 {
        let opaque = self.first.wrapping_add(self.issued as i32);
        self.issued += 1;
        opaque
    }

    /// Adds a request and numbers it.
    pub(crate) fn insert(&mut self, deadline: Instant, waiter: W) -> i32 {
        if (self.len + 1) * 2 > self.rows.len() {
            self.grow();
        }
        loop {
            let opaque = self.number();
            let place = self.place(opaque);
            if let Some(slot @ None) = self.rows.get_mut(place) {
                *slot = Some(Row { opaque, deadline, stage: Stage::Queued, waiter });
                self.len += 1;
                self.earliest = Some(self.earliest.map_or(deadline, |at| at.min(deadline)));
                return opaque;
            }
        }
    }

    /// Notes that the request is on its way. `false`: it is gone, or late, and must not be sent.
    pub(crate) fn sent(&mut self, opaque: i32, end: u64, now: Instant) -> bool {
        let row = self.row_mut(opaque).filter(|row| row.deadline > now);
        row.map(|row| row.stage = Stage::Sent { end }).is_some()
    }

    /// Matches an answer.
    pub(crate) fn take(&mut self, opaque: i32) -> Result<Row<W>, Unmatched> {
        match self.row_mut(opaque).map(|row| row.stage) {
            Some(Stage::Sent { .. }) => self.remove(opaque).ok_or(Unmatched::Late),
            Some(Stage::Queued) => Err(Unmatched::Foreign),
            None if self.was_issued(opaque) => Err(Unmatched::Late),
            None => Err(Unmatched::Foreign),
        }
    }

    /// Forgets a request.
    pub(crate) fn remove(&mut self, opaque: i32) -> Option<Row<W>> {
        let place = self.place(opaque);
        let row = self.rows.get_mut(place)?.take_if(|row| row.opaque == opaque)?;
        self.len -= 1;
        Some(row)
    }

    /// When to call [`expire`](Self::expire) next.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let earliest = self.earliest.filter(|_| self.len > 0)?;
        Some(self.swept.map_or(earliest, |swept| earliest.max(swept + SWEEP_INTERVAL)))
    }

    /// Moves the requests whose deadline has come to `expired`.
    pub(crate) fn expire(&mut self, now: Instant, expired: &mut Vec<Row<W>>) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return;
        }
        let before = expired.len();
        let due = |row: &mut Row<W>| row.deadline <= now;
        expired.extend(self.rows.iter_mut().filter_map(|slot| slot.take_if(due)));
        self.len -= expired.len() - before;
        self.earliest = self.rows.iter().flatten().map(|row| row.deadline).min();
        self.swept = Some(now);
        if self.len == 0 {
            self.rows = Vec::new(); // a burst does not hold its memory for ever
        }
    }

    /// Takes every request.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Row<W>> + use<W> {
        self.len = 0;
        self.earliest = None;
        std::mem::take(&mut self.rows).into_iter().flatten()
    }

    fn row_mut(&mut self, opaque: i32) -> Option<&mut Row<W>> {
        let place = self.place(opaque);
        self.rows.get_mut(place)?.as_mut().filter(|row| row.opaque == opaque)
    }

    /// The size is a power of two. An empty table has no place, and so no row is found there.
    fn place(&self, opaque: i32) -> usize {
        opaque as u32 as usize & self.rows.len().wrapping_sub(1)
    }

    fn was_issued(&self, opaque: i32) -> bool {
        u64::from(opaque.wrapping_sub(self.first) as u32) < self.issued
    }

    fn grow(&mut self) {
        let size = (self.rows.len() * 2).max(SMALLEST);
        let old = std::mem::replace(&mut self.rows, (0..size).map(|_| None).collect());
        for row in old.into_iter().flatten() {
            let place = self.place(row.opaque);
            if let Some(slot) = self.rows.get_mut(place) {
                *slot = Some(row);
            }
        }
    }
}
