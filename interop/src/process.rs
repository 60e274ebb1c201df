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
/// started this has closed it, or is no more, however it came to its end.
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
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .arg(log)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(InteropError::io(starting()))?;
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

    pub(crate) fn is_alive(&self) -> bool {
        self.signal("-0")
    }

    /// Ends it: `TERM` lets it say goodbye, `KILL` does not. Returns when it is gone.
    pub(crate) fn stop(mut self, signal: &str) {
        self.signal(signal);
        let until = Instant::now() + Duration::from_secs(60);
        while self.is_alive() && Instant::now() < until {
            pause();
        }
        self.end();
    }

    fn signal(&self, signal: &str) -> bool {
        let sent = Command::new("kill")
            .args([signal, &self.id.to_string()])
            .stderr(Stdio::null())
            .status();
        sent.is_ok_and(|status| status.success())
    }

    fn end(&mut self) {
        self.stdin = None;
        let _ = self.keeper.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Between two looks at another process, which tells nobody that it has changed.
#[expect(clippy::disallowed_methods, reason = "there is nothing to wait on")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}
