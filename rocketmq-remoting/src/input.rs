//! [`Input`]: what was read and not yet taken, with the room for the next read. No IO.
//!
//! Whatever is cut from a frame keeps the whole buffer alive that the frame was read into. Small frames share a buffer that is no
//! larger than the traffic of late asks for. A large frame, which is how messages come, has a buffer of its own and of its size:
//! messages in a cache hold their own bytes and no others.

use bytes::{Bytes, BytesMut};
use rocketmq_protocol::{FrameError, FrameLimits, frame};

/// The room of a connection that hears little.
const LEAST: usize = 8 << 10;
/// The most that a read makes room for beyond what has come already.
const MOST: usize = 64 << 10;
/// Frames from here on share a buffer with no other. Below, a copy costs less than a read more.
const LARGE: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct Input {
    buffer: BytesMut,
    /// The room that small frames get: twice what the last read brought.
    ask: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self { buffer: BytesMut::new(), ask: LEAST }
    }
}

impl Input {
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What was read so far, with room for more behind it.
    pub(crate) fn room(&mut self, limits: &FrameLimits) -> &mut BytesMut {
        let (held, capacity) = (self.buffer.len(), self.buffer.capacity());
        match frame::length(&self.buffer, limits) {
            Ok(Some(length)) if length >= LARGE => {
                if held == capacity || length < capacity {
                    // No more than what has come already, whatever the length word promises.
                    self.move_to(length.min(held + held.max(MOST)));
                }
            }
            _ if capacity - held >= self.ask / 4 => {}
            _ if self.buffer.try_reclaim(self.ask) => {}
            _ => self.move_to(held + self.ask),
        }
        &mut self.buffer
    }

    /// Notes that so many bytes were put into the [`room`](Self::room).
    pub(crate) fn heard(&mut self, read: usize) {
        let is_full = self.buffer.len() == self.buffer.capacity();
        self.ask = (2 * if is_full { self.ask } else { read }).clamp(LEAST, MOST);
    }

    /// The next whole frame. `None`: more has to be read.
    pub(crate) fn next_frame(&mut self, limits: &FrameLimits) -> Result<Option<Bytes>, FrameError> {
        let Some(frame) = frame::split(&mut self.buffer, limits)? else { return Ok(None) };
        if frame.len() < LARGE {
            return Ok(Some(frame));
        }
        // Another is likely to follow: read little of it before its length is known.
        self.ask = LEAST;
        let is_alone = self.buffer.capacity() == 0;
        Ok(Some(if is_alone { frame } else { Bytes::copy_from_slice(&frame) }))
    }

    fn move_to(&mut self, capacity: usize) {
        let mut buffer = BytesMut::with_capacity(capacity);
        buffer.extend_from_slice(&self.buffer);
        self.buffer = buffer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FrameLimits = FrameLimits { frame: frame::FRAME_MAX };

    fn framed(body: usize) -> Vec<u8> {
        [&(body as u32).to_be_bytes()[..], &vec![b'x'; body]].concat()
    }

    /// Reads as a connection does, and as much at once as there is room for. How many reads that took.
    fn read_all(input: &mut Input, mut stream: &[u8], frames: &mut Vec<Bytes>) -> usize {
        let mut reads = 0;
        while !stream.is_empty() {
            let buffer = input.room(&LIMITS);
            let (now, later) = stream.split_at(stream.len().min(buffer.capacity() - buffer.len()));
            assert!(!now.is_empty(), "no room");
            buffer.extend_from_slice(now);
            stream = later;
            input.heard(now.len());
            while let Some(frame) = input.next_frame(&LIMITS).unwrap() {
                frames.push(frame);
            }
            reads += 1;
        }
        input.room(&LIMITS);
        reads
    }

    /// The bytes that a frame keeps alive, behind its length word.
    fn kept(frame: Bytes) -> usize {
        frame.try_into_mut().expect("a buffer of its own").capacity()
    }

    #[test]
    fn a_large_frame_has_a_buffer_of_its_own_and_of_its_size() {
        let (mut input, mut frames) = (Input::default(), Vec::new());
        let sizes = [LARGE, 40_000, 40_123, 39_876, 300_000, 1 << 20, 40_000];
        let stream: Vec<u8> = sizes.into_iter().flat_map(framed).collect();
        read_all(&mut input, &stream, &mut frames);
        assert_eq!(frames.into_iter().map(kept).collect::<Vec<_>>(), sizes);
    }

    #[test]
    fn a_large_frame_among_small_ones_lets_go_of_their_buffer() {
        let mut input = Input { buffer: BytesMut::with_capacity(MOST), ask: MOST };
        let mut frames = Vec::new();
        let stream = [framed(300), framed(20_000), framed(300)].concat();
        assert_eq!(read_all(&mut input, &stream, &mut frames), 1);
        assert_eq!(kept(frames.swap_remove(1)), 20_000);
    }

    #[test]
    fn small_frames_share_buffers_that_follow_the_traffic() {
        let (mut input, mut frames) = (Input::default(), Vec::new());
        let crowd = framed(300).repeat(1_000);
        read_all(&mut input, &crowd, &mut frames);
        frames.clear();
        let reads = read_all(&mut input, &crowd, &mut frames);
        assert!(reads <= 6, "{reads} reads of {} bytes", crowd.len());
        assert_eq!(frames.len(), 1_000);
        // Quiet again, while everything that came is still held: the next buffers are small ones.
        (0..600).for_each(|_| _ = read_all(&mut input, &framed(300), &mut frames));
        assert!(input.buffer.capacity() <= LEAST, "{}", input.buffer.capacity());
    }

    #[test]
    fn a_buffer_that_nobody_holds_is_used_again() {
        let mut input = Input::default();
        let first = input.room(&LIMITS).as_ptr() as usize;
        for _ in 0..1_000 {
            let room = input.room(&LIMITS);
            assert!((room.as_ptr() as usize).abs_diff(first) < LEAST, "another buffer");
            room.extend_from_slice(&framed(300));
            input.heard(304);
            assert!(input.next_frame(&LIMITS).unwrap().is_some());
        }
    }

    #[test]
    fn nothing_is_reserved_on_the_word_of_a_peer() {
        let mut input = Input::default();
        let stream = framed(frame::FRAME_MAX - 4);
        for arrived in [4, 5_000, 100_000, 1_000_000] {
            let held = input.room(&LIMITS).len();
            read_all(&mut input, &stream[held..arrived], &mut Vec::new());
            let reserved = input.room(&LIMITS).capacity();
            assert!(reserved <= arrived + arrived.max(MOST), "{reserved} for {arrived}");
        }
    }
}
