//! [`Perm`]: what may be done with the queues of a topic.

use std::fmt;

/// What may be done with the queues of a topic on a broker (`common/constant/PermName.java`). Unknown bits survive.
///
/// Shows as `RWX`, with a hyphen for what is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Perm(pub i32);

impl Perm {
    /// Messages may be read.
    pub const READ: Self = Self(4);
    /// Messages may be written.
    pub const WRITE: Self = Self(2);
    /// Topics created on demand take their settings from this one.
    pub const INHERIT: Self = Self(1);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether messages may be read.
    pub const fn is_readable(self) -> bool {
        self.contains(Self::READ)
    }

    /// Whether messages may be written.
    pub const fn is_writable(self) -> bool {
        self.contains(Self::WRITE)
    }

    /// Whether brokers accept it as a setting of a topic.
    pub const fn is_valid(self) -> bool {
        self.0 >= 0 && self.0 <= 7
    }
}

impl fmt::Display for Perm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(Self::READ, "R"), (Self::WRITE, "W"), (Self::INHERIT, "X")] {
            f.write_str(if self.contains(bit) { letter } else { "-" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_show_as_letters() {
        assert_eq!(Perm(6).to_string(), "RW-");
        assert_eq!(Perm::READ.with(Perm::INHERIT).to_string(), "R-X");
        assert!(Perm(6).is_readable() && Perm(6).is_writable() && Perm(6).is_valid());
        assert!(!Perm(8).is_valid() && !Perm(-1).is_valid());
    }
}
