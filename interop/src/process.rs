//! A server process that does not outlive this one.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{InteropError, distribution::tail};

/// Starts the program with its output in the file `$0`, prints its process id, and ends it when standard input ends: when whoever
/// started this has closed it, or is no more, however it came to its end. It is in a process group of its own, so that Ctrl-C ends
/// whoever started this, and not this first.
const KEEPER: &str = r#"
"$@" </dev/null >>"$0" 2>&1 &
echo $!
cat >/dev/null
kill -9 $! 2>/dev/null
wait
"#;

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    log: PathBuf,
    id: u32,
    keeper: Child,
    /// Closing it ends the keeper, and that the server.
    stdin: Option<ChildStdin>,
}

impl Process {
    pub(crate) fn start(
        name: &str,
        log: &Path,
        program: &str,
        arguments: &[String],
    ) -> Result<Self, InteropError> {
        let starting = || format!("starting {name}");
        File::create(log).map_err(InteropError::io(starting()))?;
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER]).arg(log).arg(program).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut keeper = command.spawn().map_err(InteropError::io(starting()))?;
        let stdin = keeper.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(InteropError::io(starting()))?;
        }
        let id = line.trim().parse().map_err(|_| InteropError::Failed {
            program: "sh".to_owned(),
            output: format!("no process id but {line:?}"),
        })?;
        Ok(Self { name: name.to_owned(), log: log.to_owned(), id, keeper, stdin })
    }

    /// Waits until the log says so.
    pub(crate) fn wait_for(&self, said: &str, patience: Duration) -> Result<(), InteropError> {
        let until = Instant::now() + patience;
        loop {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            if log.contains(said) {
                return Ok(());
            }
            if !self.is_alive() || Instant::now() > until {
                return Err(self.not_started(&log));
            }
            pause();
        }
    }

    pub(crate) fn not_started(&self, log: &str) -> InteropError {
        InteropError::NotStarted {
            server: self.name.clone(),
            log: self.log.clone(),
            tail: tail(log, 20),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn is_alive(&self) -> bool {
        is_alive(self.id)
    }

    /// Ends it: `TERM` lets it say goodbye, `KILL` does not. Returns when it is gone.
    pub(crate) fn stop(mut self, signal: &str) {
        send_signal(self.id, signal);
        let until = Instant::now() + Duration::from_secs(60);
        while self.is_alive() && Instant::now() < until {
            pause();
        }
        self.end();
    }

    /// Kills it, unless that has been done.
    pub(crate) fn end(&mut self) {
        self.stdin = None;
        let _ = self.keeper.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether there is a process with this id.
pub(crate) fn is_alive(id: u32) -> bool {
    send_signal(id, "-0")
}

pub(crate) fn send_signal(id: u32, signal: &str) -> bool {
    let sent = Command::new("kill").args([signal, &id.to_string()]).stderr(Stdio::null()).status();
    sent.is_ok_and(|status| status.success())
}

/// Between two looks at another process, which tells nobody that it has changed.
#[expect(clippy::disallowed_methods, reason = "there is nothing to wait on")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losing standard input is what the keeper sees when its owner is killed, too.
    #[test]
    fn a_server_ends_with_its_owner() {
        let log = std::env::temp_dir().join(format!("keeper-{}.log", std::process::id()));
        let start = || Process::start("server", &log, "sleep", &["1000".to_owned()]).unwrap();
        let (dropped, mut orphaned, stopped) = (start(), start(), start());
        let ids = [dropped.id(), orphaned.id(), stopped.id()];
        assert!(ids.into_iter().all(is_alive));
        drop(dropped);
        orphaned.stdin = None;
        orphaned.keeper.wait().unwrap();
        stopped.stop("-TERM");
        assert!(!ids.into_iter().any(is_alive));
        std::fs::remove_file(log).unwrap();
    }
}
