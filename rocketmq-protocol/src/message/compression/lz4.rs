//! LZ4 frames: blocks of up to 4 MiB behind a header (`lz4_Frame_format.md` of the LZ4 project).
//!
//! The blocks are read by `lz4_flex`, the frame around them is read here. Its reader of frames takes one that was cut between two blocks
//! for a whole one, and fills 4 MiB with zeros before it reads the first byte of what Java writes.

use std::{hash::Hasher, io};

use lz4_flex::block::{DecompressError, decompress_into_with_dict};
use twox_hash::XxHash32;

use super::{BodyError, Compression, Inflated};

const MAGIC: u32 = 0x184d_2204;
/// How far back a block of a linked frame may refer.
const WINDOW: usize = 64 * 1024;
/// A byte of a block gives this many at most.
const RATIO_MAX: usize = 255;

/// Appends what all frames of `input` hold. Nothing but frames may be there.
pub(super) fn decompress(mut input: &[u8], output: &mut Inflated) -> Result<(), BodyError> {
    loop {
        input = Frame::read(input)?.decompress(output)?;
        if input.is_empty() {
            return Ok(());
        }
    }
}

/// The header of a frame, and what follows it.
struct Frame<'a> {
    independent: bool,
    block_checksums: bool,
    content_checksum: bool,
    content_size: Option<u64>,
    block_max: usize,
    blocks: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(input: &'a [u8]) -> Result<Self, BodyError> {
        let (magic, header) = word(input)?;
        if magic != MAGIC {
            return Err(damaged("not an LZ4 frame"));
        }
        let (&[flags, blocks], rest) = header.split_first_chunk().ok_or_else(cut)?;
        let [version, dictionary, reserved] =
            [flags >> 6, flags & 0x01, flags & 0x02 | blocks & 0x8f];
        if version != 1 || dictionary != 0 || reserved != 0 || blocks >> 4 < 4 {
            return Err(damaged("an unknown kind of LZ4 frame"));
        }
        let (content_size, rest) = match flags & 0x08 {
            0 => (None, rest),
            _ => {
                let (size, rest) = rest.split_first_chunk().ok_or_else(cut)?;
                (Some(u64::from_le_bytes(*size)), rest)
            }
        };
        let (&checksum, after) = rest.split_first().ok_or_else(cut)?;
        let described = header.get(..header.len() - rest.len()).unwrap_or_default();
        if (hash(described) >> 8) as u8 != checksum {
            return Err(damaged("the header's checksum does not match"));
        }
        Ok(Self {
            independent: flags & 0x20 != 0,
            block_checksums: flags & 0x10 != 0,
            content_checksum: flags & 0x04 != 0,
            content_size,
            block_max: 1 << (2 * (blocks >> 4) + 8),
            blocks: after,
        })
    }

    /// Returns what follows the frame.
    fn decompress(&self, output: &mut Inflated) -> Result<&'a [u8], BodyError> {
        let start = output.bytes.len();
        let mut input = self.blocks;
        loop {
            let (size, rest) = word(input)?;
            if size == 0 {
                return self.end(rest, output.bytes.get(start..).unwrap_or_default());
            }
            let length = (size & 0x7fff_ffff) as usize;
            if length > self.block_max {
                return Err(damaged("a block is too large"));
            }
            let (block, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
            input = rest;
            if self.block_checksums {
                let (checksum, rest) = word(input)?;
                input = rest;
                if hash(block) != checksum {
                    return Err(damaged("a block's checksum does not match"));
                }
            }
            if size > 0x7fff_ffff {
                output.push(block)?;
            } else {
                self.inflate(block, start, output)?;
            }
        }
    }

    fn inflate(&self, block: &[u8], start: usize, output: &mut Inflated) -> Result<(), BodyError> {
        let end = output.bytes.len();
        // No more than the block can give, nor than there is room for: a byte beyond tells that it is too much.
        let most = self.block_max.min(block.len().saturating_mul(RATIO_MAX));
        let place = most.min(output.room() + 1);
        output.reserve(place);
        output.bytes.resize(end + place, 0);
        let (done, place) = output.bytes.split_at_mut(end);
        let back = if self.independent { end } else { start.max(end.saturating_sub(WINDOW)) };
        let dictionary = done.get(back..).unwrap_or_default();
        let written = match decompress_into_with_dict(block, place, dictionary) {
            Ok(written) => written,
            Err(DecompressError::OutputTooSmall { .. }) if place.len() < most => {
                return Err(output.too_large());
            }
            Err(error) => return Err(damaged(error)),
        };
        output.bytes.truncate(end + written);
        output.check()
    }

    fn end(&self, mut rest: &'a [u8], content: &[u8]) -> Result<&'a [u8], BodyError> {
        if self.content_size.is_some_and(|size| size != content.len() as u64) {
            return Err(damaged("the content is not as long as the header says"));
        }
        if self.content_checksum {
            let (checksum, after) = word(rest)?;
            rest = after;
            if hash(content) != checksum {
                return Err(damaged("the content's checksum does not match"));
            }
        }
        Ok(rest)
    }
}

fn word(input: &[u8]) -> Result<(u32, &[u8]), BodyError> {
    let (word, rest) = input.split_first_chunk().ok_or_else(cut)?;
    Ok((u32::from_le_bytes(*word), rest))
}

fn hash(bytes: &[u8]) -> u32 {
    let mut hasher = XxHash32::with_seed(0);
    hasher.write(bytes);
    hasher.finish() as u32
}

fn cut() -> BodyError {
    let source = io::ErrorKind::UnexpectedEof.into();
    BodyError::Damaged { compression: Compression::Lz4, source }
}

fn damaged(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BodyError {
    let source = io::Error::new(io::ErrorKind::InvalidData, what);
    BodyError::Damaged { compression: Compression::Lz4, source }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

    use super::*;
    use crate::message::{BodyLimits, decompress};

    fn plain() -> Vec<u8> {
        (0..60_000u32).flat_map(|n| (n / 9).to_be_bytes()).collect()
    }

    fn packed(info: FrameInfo) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(&plain()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_kind_of_frame_is_read() {
        for mode in [BlockMode::Independent, BlockMode::Linked] {
            for size in [BlockSize::Max64KB, BlockSize::Max4MB] {
                let info = FrameInfo::new()
                    .block_mode(mode)
                    .block_size(size)
                    .block_checksums(true)
                    .content_checksum(true)
                    .content_size(Some(plain().len() as u64));
                let packed = packed(info);
                let read = decompress(Compression::Lz4, &packed, &BodyLimits::default()).unwrap();
                assert!(read == plain());
            }
        }
    }

    #[test]
    fn no_cut_and_no_damage_passes() {
        let good = packed(FrameInfo::new().block_checksums(true).content_checksum(true));
        for at in [0, 3, 6, 7, 10, 100, good.len() - 9, good.len() - 5, good.len() - 1] {
            let limits = BodyLimits::default();
            assert!(decompress(Compression::Lz4, &good[..at], &limits).is_err(), "cut at {at}");
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(decompress(Compression::Lz4, &bad, &limits).is_err(), "damaged at {at}");
        }
    }
}
