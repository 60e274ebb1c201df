//! What can be wrong before anything runs. A running group has no errors: it has events.

use thiserror::Error;

/// Options that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A name is empty or blank.
    #[error("{0} is blank")]
    Blank(&'static str),
    /// Queues that are popped are neither leased nor read by every member.
    #[error("{0} groups cannot pop")]
    CannotPop(&'static str),
    /// A number is out of its range.
    #[error("{option} is {value}, not between {least} and {most}")]
    Range {
        /// The option.
        option: &'static str,
        /// What it was given as.
        value: u64,
        /// The least that is allowed.
        least: u64,
        /// The most that is allowed.
        most: u64,
    },
}
