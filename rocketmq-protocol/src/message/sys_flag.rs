//! Flag words: of messages, and of pulls.

/// The system flag of a message (`common/sysflag/MessageSysFlag.java`). Unknown bits survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SysFlag(pub i32);

impl SysFlag {
    /// The body is compressed.
    pub const COMPRESSED: Self = Self(0x1);
    /// The topic has several tags a message.
    pub const MULTI_TAGS: Self = Self(0x2);
    /// A half message.
    pub const TRANSACTION_PREPARED: Self = Self(0x4);
    /// A committed transaction's message.
    pub const TRANSACTION_COMMIT: Self = Self(0x8);
    /// A rolled back transaction's message; also the mask of the transaction bits.
    pub const TRANSACTION_ROLLBACK: Self = Self(0xc);
    /// The born host is an IPv6 address.
    pub const BORN_HOST_V6: Self = Self(0x10);
    /// The store host is an IPv6 address.
    pub const STORE_HOST_V6: Self = Self(0x20);
    /// The body holds several messages.
    pub const NEED_UNWRAP: Self = Self(0x40);
    /// The message is a stored batch.
    pub const INNER_BATCH: Self = Self(0x80);

    const COMPRESSION_SHIFT: u32 = 8;

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without the bits of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The three bits that name the compression: 0 (written before 4.9.4) and 3 zlib, 1 LZ4, 2 Zstandard.
    pub const fn compression_bits(self) -> i32 {
        (self.0 >> Self::COMPRESSION_SHIFT) & 0x7
    }

    /// With these compression bits.
    #[must_use]
    pub const fn with_compression_bits(self, bits: i32) -> Self {
        Self(
            (self.0 & !(0x7 << Self::COMPRESSION_SHIFT))
                | ((bits & 0x7) << Self::COMPRESSION_SHIFT),
        )
    }
}

/// The system flag of a pull (`common/sysflag/PullSysFlag.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PullSysFlag(pub i32);

impl PullSysFlag {
    /// The commit offset of the request is to be stored. Never towards a slave.
    pub const COMMIT_OFFSET: Self = Self(0x1);
    /// The broker may wait for messages.
    pub const SUSPEND: Self = Self(0x2);
    /// The subscription is in the request, and not to be taken from the heartbeat.
    pub const SUBSCRIPTION: Self = Self(0x4);
    /// Historic.
    pub const CLASS_FILTER: Self = Self(0x8);
    /// Of a lite pull consumer.
    pub const LITE_PULL: Self = Self(0x10);

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
