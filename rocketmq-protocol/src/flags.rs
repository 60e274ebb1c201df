//! [`Flags`]: what kind of command it is.

/// The flag word of a command. Bits without a meaning survive a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub i32);

impl Flags {
    /// A request that is answered.
    pub const REQUEST: Self = Self(0);
    /// An answer. To be looked at before `opaque`: a broker numbers its own requests as it likes.
    pub const RESPONSE: Self = Self(1);
    /// A request that is never answered, not even with an error.
    pub const ONEWAY: Self = Self(2);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
