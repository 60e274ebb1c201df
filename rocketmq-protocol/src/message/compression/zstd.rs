//! Zstandard frames (RFC 8878), read by `ruzstd`.

use std::io::{self, Read};

use ruzstd::decoding::StreamingDecoder;

use super::{BodyError, Compression, Inflated};

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The smallest window there is.
const WINDOW_MIN: u64 = 1024;
/// The largest block there is. A window below makes blocks smaller.
const BLOCK_MAX: u64 = 128 * 1024;

/// Appends what all frames of `input` hold. Nothing but frames may be there.
pub(super) fn decompress(mut input: &[u8], output: &mut Inflated) -> Result<(), BodyError> {
    while !input.is_empty() {
        input = one_frame(input, output)?;
    }
    Ok(())
}

/// Returns what follows the frame.
fn one_frame<'a>(input: &'a [u8], output: &mut Inflated) -> Result<&'a [u8], BodyError> {
    let limit = output.room() as u64;
    let header = Header::read(input).ok_or_else(|| damaged("not a Zstandard frame"))?;
    if header.content_size.is_some_and(|size| size > limit) {
        return Err(output.too_large());
    }
    // Nothing refers further back than there is output. So a window that is larger than what may come out is made smaller, for the
    // decoder allocates what the header asks for.
    let (mut start, rest) = input.split_at_checked(6).ok_or_else(|| damaged("a cut frame"))?;
    let lowered;
    let enough = limit.max(BLOCK_MAX);
    if header.window.is_some_and(|window| window > enough) {
        lowered = lower_window(start, enough);
        start = &lowered;
    }
    let mut decoder =
        StreamingDecoder::new(start.chain(rest)).map_err(|e| damaged(e.to_string()))?;
    let before = output.bytes.len();
    output.read_from(&mut decoder, Compression::Zstd)?;
    let frame = &decoder.decoder;
    let stated = frame.get_checksum_from_data();
    if stated.is_some() && stated != frame.get_calculated_checksum() {
        return Err(damaged("the content's checksum does not match"));
    }
    let length = (output.bytes.len() - before) as u64;
    if header.content_size.is_some_and(|size| size != length) {
        return Err(damaged("the content is not as long as the header says"));
    }
    // A frame is longer than the six bytes in front.
    Ok(decoder.into_inner().into_inner().1)
}

/// What the header of a frame says about sizes.
struct Header {
    /// How far back the frame may refer, unless that is its whole content.
    window: Option<u64>,
    content_size: Option<u64>,
}

impl Header {
    fn read(input: &[u8]) -> Option<Self> {
        let rest = input.strip_prefix(&MAGIC)?;
        let (&descriptor, rest) = rest.split_first()?;
        let single_segment = descriptor & 0x20 != 0;
        let (window, rest) = if single_segment {
            (None, rest)
        } else {
            let (&window, rest) = rest.split_first()?;
            (Some(window_size(window)), rest)
        };
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let rest = rest.get(dictionary..)?;
        let content_size = match descriptor >> 6 {
            0 if single_segment => Some(u64::from(*rest.first()?)),
            0 => None,
            1 => Some(u64::from(u16::from_le_bytes(*rest.first_chunk()?)) + 256),
            2 => Some(u64::from(u32::from_le_bytes(*rest.first_chunk()?))),
            _ => Some(u64::from_le_bytes(*rest.first_chunk()?)),
        };
        Some(Self { window, content_size })
    }
}

/// Five bits of exponent, three of mantissa.
fn window_size(descriptor: u8) -> u64 {
    let base = WINDOW_MIN << (descriptor >> 3);
    base + base / 8 * u64::from(descriptor & 7)
}

/// The start of a frame with the smallest window that holds `enough` bytes.
fn lower_window(start: &[u8], enough: u64) -> Vec<u8> {
    let descriptor = (0..=u8::MAX).find(|descriptor| window_size(*descriptor) >= enough);
    let mut start = start.to_vec();
    if let (Some(place), Some(descriptor)) = (start.get_mut(5), descriptor) {
        *place = descriptor;
    }
    start
}

fn damaged(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BodyError {
    let source = io::Error::new(io::ErrorKind::InvalidData, what);
    BodyError::Damaged { compression: Compression::Zstd, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_lowered_to_what_is_needed() {
        assert_eq!(window_size(0), 1024);
        assert_eq!(window_size(0x88), 128 << 20);
        let start = [&MAGIC[..], &[0, 0x88]].concat();
        let lowered = lower_window(&start, 16 << 20);
        assert_eq!(window_size(lowered[5]), 16 << 20);
        let lowered = lower_window(&start, 1025);
        assert_eq!(window_size(lowered[5]), 1024 + 128);
    }
}
