//! What can keep real servers from running.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why real servers, or another client, cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InteropError {
    /// A program is not installed.
    #[error(
        "`{0}` is not installed: Apache RocketMQ needs a JDK (11 or later) and Maven, its Go client needs Go"
    )]
    Missing(&'static str),
    /// A program ended with an error.
    #[error("`{program}` failed: {output}")]
    Failed {
        /// What was run.
        program: String,
        /// The end of what it printed.
        output: String,
    },
    /// A server did not start, or did not show up in the route.
    #[error("{server} did not start; its log is {}:\n{tail}", log.display())]
    NotStarted {
        /// Which server.
        server: String,
        /// Its log, which is kept.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A server did not do what it was asked for.
    #[error("a server refuses: {what}")]
    Refused {
        /// What was asked for.
        what: String,
    },
    /// A certificate cannot be made.
    #[error("no certificate")]
    Certificate(#[from] rcgen::Error),
    /// Files, sockets or processes failed.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

impl InteropError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
