//! Compressed bodies: zlib, LZ4 frames and Zstandard, with a cap on what may come out.

use std::io;
#[cfg(any(feature = "zlib", feature = "lz4", feature = "zstd"))]
use std::io::Read;

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

    /// The name of the feature of this crate that reads and writes it.
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Zlib => "zlib",
        }
    }
}

/// What may come out of a compressed body. Declared sizes are not believed: output is counted as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes. Default 16 MiB: four times the largest body that a broker takes by default.
    pub inflated: usize,
    /// Bytes out for each byte in. Default 4,096: beyond what honest text reaches, below what bombs need.
    pub ratio: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { inflated: 16 * 1024 * 1024, ratio: 4_096 }
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
/// # Errors
///
/// See [`BodyError`].
pub fn decompress(
    compression: Compression,
    input: &[u8],
    limits: &BodyLimits,
) -> Result<Bytes, BodyError> {
    let _ = (input, limits); // nobody looks at them when every feature is off
    match compression {
        #[cfg(feature = "zlib")]
        Compression::Zlib => {
            read_capped(flate2::read::ZlibDecoder::new(input), compression, input, limits)
        }
        #[cfg(feature = "lz4")]
        Compression::Lz4 => {
            read_capped(lz4_flex::frame::FrameDecoder::new(input), compression, input, limits)
        }
        #[cfg(feature = "zstd")]
        Compression::Zstd => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(input).map_err(|error| {
                BodyError::Damaged { compression, source: io::Error::other(error.to_string()) }
            })?;
            read_capped(decoder, compression, input, limits)
        }
        #[allow(unreachable_patterns, reason = "reached when a feature is off")]
        off => Err(BodyError::FeatureOff(off)),
    }
}

#[cfg(any(feature = "zlib", feature = "lz4", feature = "zstd"))]
fn read_capped(
    reader: impl Read,
    compression: Compression,
    input: &[u8],
    limits: &BodyLimits,
) -> Result<Bytes, BodyError> {
    let limit = limits.inflated.min(input.len().saturating_mul(limits.ratio));
    let mut output = Vec::with_capacity(limit.min(input.len().saturating_mul(4)));
    // One byte more than allowed, so that too much can be told from exactly enough.
    let mut capped = reader.take(limit as u64 + 1);
    capped.read_to_end(&mut output).map_err(|source| BodyError::Damaged { compression, source })?;
    if output.len() > limit {
        return Err(BodyError::TooLarge { input: input.len(), limit });
    }
    Ok(output.into())
}

/// Compresses a body. `level` (0 to 9) counts for zlib; the encoders of LZ4 and Zstandard have one level each.
///
/// # Errors
///
/// [`BodyError::FeatureOff`] when the crate was built without this compression.
pub fn compress(compression: Compression, body: &[u8], level: u32) -> Result<Bytes, BodyError> {
    let _ = (body, level); // nobody looks at them when every feature is off
    match compression {
        #[cfg(feature = "zlib")]
        Compression::Zlib => {
            let mut output = Vec::new();
            flate2::read::ZlibEncoder::new(body, flate2::Compression::new(level.min(9)))
                .read_to_end(&mut output)
                .map_err(|source| BodyError::Damaged { compression, source })?;
            Ok(output.into())
        }
        #[cfg(feature = "lz4")]
        Compression::Lz4 => {
            let failed = |source| BodyError::Damaged { compression, source };
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            io::Write::write_all(&mut encoder, body).map_err(failed)?;
            Ok(encoder.finish().map_err(|error| failed(io::Error::other(error)))?.into())
        }
        #[cfg(feature = "zstd")]
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
    fn bombs_and_damage_are_errors() {
        let plain = vec![0; 1_000_000];
        for compression in ALL {
            let packed = compress(compression, &plain, 9).unwrap();
            let limits = BodyLimits { inflated: 999_999, ratio: usize::MAX };
            let error = decompress(compression, &packed, &limits).unwrap_err();
            assert!(matches!(error, BodyError::TooLarge { limit: 999_999, .. }), "{error}");
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
