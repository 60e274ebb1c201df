//! Compressed bodies: zlib, LZ4 frames and Zstandard, with a cap on what may come out.

#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(any(feature = "zlib", feature = "zstd"))]
use std::io::Read;
use std::{io, str::FromStr};

use bytes::Bytes;
use thiserror::Error;

/// How a body is compressed (`common/compression/CompressionType.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// An LZ4 frame. Readable since 4.9.4.
    Lz4,
    /// A Zstandard frame. Readable since 4.9.4.
    Zstd,
    /// A zlib stream. Readable by every consumer.
    Zlib,
}

impl Compression {
    /// The compression of the bits in a [`SysFlag`](super::SysFlag); none set is what senders before 4.9.4 wrote.
    pub fn from_bits(bits: i32) -> Option<Self> {
        match bits {
            0 | 3 => Some(Self::Zlib),
            1 => Some(Self::Lz4),
            2 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The bits in a [`SysFlag`](super::SysFlag).
    pub const fn bits(self) -> i32 {
        match self {
            Self::Lz4 => 1,
            Self::Zstd => 2,
            Self::Zlib => 3,
        }
    }

    /// The name that Java's option has for it (`rocketmq.message.compressType`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lz4 => "LZ4",
            Self::Zstd => "ZSTD",
            Self::Zlib => "ZLIB",
        }
    }

    /// The name of the feature of this crate that reads and writes it.
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Zlib => "zlib",
        }
    }
}

/// A name that is none of a compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a compression: LZ4, ZSTD and ZLIB are")]
pub struct UnknownCompression;

impl FromStr for Compression {
    type Err = UnknownCompression;

    /// In any case, and with blanks around it, as Java's option takes it.
    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        let name = name.trim();
        let known = |known: &Self| name.eq_ignore_ascii_case(known.as_str());
        [Self::Lz4, Self::Zstd, Self::Zlib].into_iter().find(known).ok_or(UnknownCompression)
    }
}

/// What may come out of a compressed body. Declared sizes are not believed: output is counted as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes. Default 16 MiB: four times the largest body that a broker takes by default.
    pub inflated: usize,
    /// Bytes out for each byte in, where it is more than a mebibyte. Default 4,096: what bombs need is more, and what is honest and shrinks
    /// further is small.
    pub ratio: usize,
}

/// What may come out of however little.
const ALWAYS_ALLOWED: usize = 1024 * 1024;

impl Default for BodyLimits {
    fn default() -> Self {
        Self { inflated: 16 * 1024 * 1024, ratio: 4_096 }
    }
}

impl BodyLimits {
    /// The bytes that may come out of so many.
    pub fn of_input(&self, input: usize) -> usize {
        self.inflated.min(input.saturating_mul(self.ratio).max(ALWAYS_ALLOWED))
    }
}

/// Why a body cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The bits of the system flag name no compression.
    #[error("compression {0} is unknown")]
    UnknownCompression(i32),
    /// The crate was built without the feature for this compression.
    #[error("a {0:?} body, but the feature `{feature}` is off", feature = .0.feature())]
    FeatureOff(Compression),
    /// More comes out than is allowed.
    #[error("more than {limit} bytes come out of {input} compressed ones")]
    TooLarge {
        /// The compressed size.
        input: usize,
        /// What is allowed for it.
        limit: usize,
    },
    /// The compressed data is damaged.
    #[error("a damaged {compression:?} body")]
    Damaged {
        /// What it should have been.
        compression: Compression,
        /// What the decoder found.
        #[source]
        source: io::Error,
    },
}

/// The body as it was before it was compressed.
///
/// Several LZ4 or Zstandard frames in a row are one body, as they are to Java; anything else behind a frame is damage. What
/// follows a zlib stream is passed over, as Java passes over it.
///
/// # Errors
///
/// See [`BodyError`].
pub fn decompress(
    compression: Compression,
    input: &[u8],
    limits: &BodyLimits,
) -> Result<Bytes, BodyError> {
    let mut output = Inflated::new(input.len(), limits);
    inflate(compression, input, &mut output)?;
    Ok(output.bytes.into())
}

fn inflate(compression: Compression, input: &[u8], output: &mut Inflated) -> Result<(), BodyError> {
    let _ = (input, &output); // nobody looks at them when every feature is off
    match compression {
        // Java makes nothing of nothing.
        #[cfg(feature = "zlib")]
        Compression::Zlib if input.is_empty() => Ok(()),
        #[cfg(feature = "zlib")]
        Compression::Zlib => {
            output.read_from(flate2::bufread::ZlibDecoder::new(input), compression)
        }
        #[cfg(feature = "lz4")]
        Compression::Lz4 => lz4::decompress(input, output),
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::decompress(input, output),
        #[allow(unreachable_patterns, reason = "reached when a feature is off")]
        off => Err(BodyError::FeatureOff(off)),
    }
}

/// What has come out of a body so far, and how much more may.
struct Inflated {
    bytes: Vec<u8>,
    input: usize,
    limit: usize,
}

#[allow(dead_code, reason = "each compression needs another part")]
impl Inflated {
    fn new(input: usize, limits: &BodyLimits) -> Self {
        let limit = limits.of_input(input);
        // Text shrinks to about a quarter.
        let bytes = Vec::with_capacity(limit.min(input.saturating_mul(4)));
        Self { bytes, input, limit }
    }

    fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        if bytes.len() > self.room() {
            return Err(self.too_large());
        }
        self.reserve(bytes.len());
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Grows by doubling as long as that is allowed: a `Vec` by itself would go on to twice the limit for the byte that is too much.
    fn reserve(&mut self, more: usize) {
        let (capacity, wanted) = (self.bytes.capacity(), self.bytes.len().saturating_add(more));
        if wanted > capacity {
            let doubled = capacity.saturating_mul(2).min(self.limit.saturating_add(1));
            self.bytes.reserve_exact(doubled.max(wanted) - self.bytes.len());
        }
    }

    #[cfg(any(feature = "zlib", feature = "zstd"))]
    fn read_from(&mut self, reader: impl Read, compression: Compression) -> Result<(), BodyError> {
        // One byte more than allowed, so that too much can be told from exactly enough.
        let mut capped = reader.take(self.room() as u64 + 1);
        let damaged = |source| BodyError::Damaged { compression, source };
        while capped.limit() > 0 {
            self.reserve(1);
            let place = self.bytes.capacity() - self.bytes.len();
            let mut part = capped.by_ref().take(place as u64);
            if part.read_to_end(&mut self.bytes).map_err(damaged)? < place {
                break;
            }
        }
        self.check()
    }

    fn check(&self) -> Result<(), BodyError> {
        if self.bytes.len() > self.limit { Err(self.too_large()) } else { Ok(()) }
    }

    fn too_large(&self) -> BodyError {
        BodyError::TooLarge { input: self.input, limit: self.limit }
    }
}

/// Compresses a body. `level` counts for zlib, from 0 to 9, and for Zstandard with the feature `zstd-c`, from 1 to 22. LZ4 has one
/// level here as it has in Java, and Zstandard without that feature only its fastest.
///
/// # Errors
///
/// [`BodyError::FeatureOff`] when the crate was built without this compression.
pub fn compress(compression: Compression, body: &[u8], level: u32) -> Result<Bytes, BodyError> {
    let _ = (body, level); // nobody looks at them when every feature is off
    #[allow(unused_variables, reason = "not every compression can fail")]
    let failed = |source| BodyError::Damaged { compression, source };
    match compression {
        #[cfg(feature = "zlib")]
        Compression::Zlib => {
            let mut output = Vec::new();
            flate2::bufread::ZlibEncoder::new(body, flate2::Compression::new(level.min(9)))
                .read_to_end(&mut output)
                .map_err(failed)?;
            Ok(output.into())
        }
        #[cfg(feature = "lz4")]
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            io::Write::write_all(&mut encoder, body).map_err(failed)?;
            Ok(encoder.finish().map_err(|error| failed(io::Error::other(error)))?.into())
        }
        #[cfg(feature = "zstd-c")]
        Compression::Zstd => {
            let level = i32::try_from(level).unwrap_or(i32::MAX).clamp(1, 22);
            Ok(::zstd::bulk::compress(body, level).map_err(failed)?.into())
        }
        #[cfg(all(feature = "zstd", not(feature = "zstd-c")))]
        Compression::Zstd => {
            Ok(ruzstd::encoding::compress_to_vec(body, ruzstd::encoding::CompressionLevel::Fastest)
                .into())
        }
        #[allow(unreachable_patterns, reason = "reached when a feature is off")]
        off => Err(BodyError::FeatureOff(off)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Compression; 3] = [Compression::Zlib, Compression::Lz4, Compression::Zstd];

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    #[cfg(all(feature = "zlib", feature = "lz4", feature = "zstd"))]
    fn what_java_writes_is_read() {
        let plain = "hello rocketmq".repeat(20);
        let check = |compression, hex: &str| {
            let read = decompress(compression, &bytes(hex), &BodyLimits::default()).unwrap();
            assert_eq!(read, plain, "{compression:?}");
        };
        check(Compression::Zlib, "785ecb48cdc9c95728ca4fce4e2dc92dcc18e541790071337009");
        check(
            Compression::Lz4,
            "04224d1860707318000000ef68656c6c6f20726f636b65746d710e00f2506b65746d7100000000",
        );
        check(Compression::Zstd, "28b52ffd601800ad00007068656c6c6f20726f636b65746d71010007a14e25");
    }

    #[test]
    #[cfg(all(feature = "zlib", feature = "lz4", feature = "zstd"))]
    fn what_is_written_is_read() {
        let plain: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_be_bytes()).collect();
        for compression in ALL {
            let packed = compress(compression, &plain, 5).unwrap();
            assert!(packed.len() < plain.len());
            let read = decompress(compression, &packed, &BodyLimits::default()).unwrap();
            assert_eq!(read, plain, "{compression:?}");
        }
    }

    #[test]
    #[cfg(all(feature = "zlib", feature = "lz4", feature = "zstd"))]
    fn a_bomb_takes_no_more_than_is_allowed_for_it() {
        for compression in ALL {
            let packed = compress(compression, &vec![b'.'; 4 << 20], 5).unwrap();
            let limits = BodyLimits { inflated: 1 << 20, ..BodyLimits::default() };
            let mut output = Inflated::new(packed.len(), &limits);
            let error = inflate(compression, &packed, &mut output).unwrap_err();
            assert!(matches!(error, BodyError::TooLarge { .. }), "{error}");
            let (taken, limit) = (output.bytes.capacity(), output.limit);
            assert!(taken <= limit + 1, "{compression:?}: {taken} of {limit}");
        }
    }

    /// Levels of zlib count always, those of Zstandard with its C library; beyond the last there is no further one.
    #[test]
    #[cfg(all(feature = "zlib", feature = "zstd"))]
    fn levels_count_where_there_are_some() {
        let words =
            ["broker", "queue", "offset", "consumer", "producer", "topic", "retry", "commit"];
        let mut random = 1u32;
        let mut word = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            words[(random >> 29) as usize].as_bytes()
        };
        let plain: Vec<u8> = (0..20_000).flat_map(|_| word()).copied().collect();
        let size = |compression, level| compress(compression, &plain, level).unwrap().len();
        assert!(size(Compression::Zlib, 9) < size(Compression::Zlib, 1));
        assert_eq!(size(Compression::Zlib, 9), size(Compression::Zlib, 22));
        let (first, last) = (size(Compression::Zstd, 1), size(Compression::Zstd, 22));
        assert_eq!(last < first, cfg!(feature = "zstd-c"), "{first} and {last} bytes");
        assert_eq!(last, size(Compression::Zstd, u32::MAX));
    }

    #[test]
    #[cfg(all(feature = "zlib", feature = "lz4", feature = "zstd"))]
    fn bombs_and_damage_are_errors() {
        let plain = vec![0; 2_000_000];
        for compression in ALL {
            let packed = compress(compression, &plain, 9).unwrap();
            let limits = BodyLimits { inflated: 1_999_999, ratio: usize::MAX };
            let error = decompress(compression, &packed, &limits).unwrap_err();
            assert!(matches!(error, BodyError::TooLarge { limit: 1_999_999, .. }), "{error}");
            let unbounded = BodyLimits { inflated: usize::MAX >> 1, ratio: usize::MAX };
            let error = decompress(compression, &packed[..packed.len() / 2], &unbounded);
            assert!(matches!(error, Err(BodyError::Damaged { .. })), "{error:?}");
            let limits = BodyLimits { ratio: 2, ..BodyLimits::default() };
            assert!(matches!(
                decompress(compression, &packed, &limits),
                Err(BodyError::TooLarge { .. })
            ));
        }
    }

    #[test]
    fn bits_name_compressions() {
        for compression in ALL {
            assert_eq!(Compression::from_bits(compression.bits()), Some(compression));
        }
        assert_eq!(Compression::from_bits(0), Some(Compression::Zlib));
        assert_eq!(Compression::from_bits(4), None);
    }
}
