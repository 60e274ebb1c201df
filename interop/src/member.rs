//! [`Member`]: a consumer in a process of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::{InteropError, Ledger};

/// A member of a group that prints what it consumes, a number and a queue a line, and leaves the group when its standard input ends.
///
/// So it leaves by itself when this process dies. Dropping it kills it.
#[derive(Debug)]
pub struct Member {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Member {
    /// Runs a program, and writes what it prints into the ledger, under a name.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(
        mut command: Command,
        name: &'static str,
        ledger: &Arc<Ledger>,
    ) -> Result<Self, InteropError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(InteropError::io(format!("starting {name}")))?;
        let (stdout, ledger) = (child.stdout.take(), Arc::clone(ledger));
        let reader = thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|lines| BufReader::new(lines).lines()).flatten()
            {
                if let Some((Ok(number), queue)) =
                    line.split_once(' ').map(|(number, queue)| (number.parse(), queue))
                {
                    ledger.seen(number, name, queue);
                }
            }
        });
        Ok(Self { child, reader: Some(reader) })
    }

    /// Has it leave its group, and returns when everything that it has seen is in the ledger.
    ///
    /// # Errors
    ///
    /// When it ends with an error.
    pub fn leave(mut self) -> Result<(), InteropError> {
        drop(self.child.stdin.take());
        let status = self.child.wait().map_err(InteropError::io("waiting for a member"))?;
        self.await_reader();
        let failed =
            || InteropError::Failed { program: "member".into(), output: status.to_string() };
        status.success().then_some(()).ok_or_else(failed)
    }

    /// Kills it without a word, and returns when everything that it has seen is in the ledger.
    pub fn kill(self) {
        drop(self);
    }

    fn await_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.await_reader();
    }
}
