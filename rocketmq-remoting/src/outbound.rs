//! [`Outbound`]: frames that wait for the socket, and [`Flight`]: those on their way into it. No IO.
//!
//! Heads and small bodies are copied into one buffer, so that whatever is queued leaves in one write; large bodies are
//! never copied and leave by vectored write, between the pieces of that buffer. Measured: copying wins up to 4 KiB,
//! vectored writes from 16 KiB.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes, BytesMut};

/// Bodies below are copied.
pub(crate) const COPY_BELOW: usize = 8 << 10;

/// What one write may carry. Beyond, a longer write saves nothing, and what is in flight cannot be withdrawn.
const FLIGHT: usize = 256 << 10;

const SLICES: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Outbound {
    /// Heads and small bodies of all frames, in order.
    buffer: BytesMut,
    frames: VecDeque<Frame>,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A request, by the number of its row.
    Call(i32),
    /// A request that nobody will answer.
    Oneway,
    /// An answer to a request of the peer.
    Answer,
}

#[derive(Debug)]
struct Frame {
    purpose: Purpose,
    /// Bytes in the buffer.
    buffered: usize,
    /// The body, where it was not copied.
    body: Bytes,
    /// Bytes of the queue's limit that it holds.
    cost: usize,
}

/// A frame being added: its head goes to the end of the buffer.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    outbound: &'a mut Outbound,
    start: usize,
}

impl Outbound {
    pub(crate) fn draft(&mut self) -> Draft<'_> {
        let start = self.buffer.len();
        Draft { outbound: self, start }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Drops all frames. How many of them were one-way requests.
    pub(crate) fn clear(&mut self) -> u64 {
        let frames = std::mem::take(self).frames;
        frames.iter().filter(|frame| frame.purpose == Purpose::Oneway).count() as u64
    }

    /// Moves the next frames to `flight`. `sent` is asked for each request that waits for an answer, with the byte of
    /// the outgoing stream at which it ends: `false` withdraws it.
    pub(crate) fn take(&mut self, flight: &mut Flight, mut sent: impl FnMut(i32, u64) -> bool) {
        let mut run = 0; // bytes of the buffer that go out together
        while flight.len() + run < FLIGHT {
            let Some(frame) = self.frames.pop_front() else { break };
            flight.cost += frame.cost;
            let len = frame.buffered + frame.body.len();
            let end = flight.end + (run + len) as u64;
            if matches!(frame.purpose, Purpose::Call(opaque) if !sent(opaque, end)) {
                flight.push(self.buffer.split_to(run).freeze());
                self.buffer.advance(frame.buffered);
                run = 0;
                continue;
            }
            run += frame.buffered;
            flight.frames += 1;
            flight.oneways += u64::from(frame.purpose == Purpose::Oneway);
            if !frame.body.is_empty() {
                flight.push(self.buffer.split_to(run).freeze());
                flight.push(frame.body);
                run = 0;
            }
        }
        flight.push(self.buffer.split_to(run).freeze());
    }
}

impl Draft<'_> {
    /// Where the head is written. Whoever fails to write it leaves the buffer as it was, and drops the draft.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.outbound.buffer
    }

    /// Adds the frame to the queue.
    pub(crate) fn finish(self, purpose: Purpose, body: &Bytes, cost: usize) {
        let body = if body.len() < COPY_BELOW {
            self.outbound.buffer.extend_from_slice(body);
            Bytes::new()
        } else {
            body.clone()
        };
        let buffered = self.outbound.buffer.len() - self.start;
        self.outbound.frames.push_back(Frame { purpose, buffered, body, cost });
    }
}

/// The bytes that the owner of the socket is writing.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    pieces: VecDeque<Bytes>,
    len: usize,
    /// Bytes of the outgoing stream that were ever taken into flight.
    end: u64,
    frames: u64,
    /// One-way requests among them.
    oneways: u64,
    cost: usize,
}

impl Flight {
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the outgoing stream that the socket has taken.
    pub(crate) fn written(&self) -> u64 {
        self.end - self.len as u64
    }

    /// What to write next.
    pub(crate) fn slices(&self) -> ([IoSlice<'_>; SLICES], usize) {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
            used += 1;
        }
        (slices, used)
    }

    /// The socket took so many bytes.
    pub(crate) fn advance(&mut self, mut written: usize) {
        self.len = self.len.saturating_sub(written);
        while let Some(piece) = self.pieces.front_mut() {
            if piece.len() > written {
                return piece.advance(written);
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
    }

    /// How many frames were taken, and what they held of the queue's limit, since this was last asked.
    pub(crate) fn settle(&mut self) -> (u64, usize) {
        self.oneways = 0;
        (std::mem::take(&mut self.frames), std::mem::take(&mut self.cost))
    }

    /// One-way requests of which the socket has not taken every byte, as far as can be told: all in flight, or none.
    pub(crate) fn oneways(&self) -> u64 {
        if self.is_empty() { 0 } else { self.oneways }
    }

    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len();
            self.end += piece.len() as u64;
            self.pieces.push_back(piece);
        }
    }
}
