//! [`Peer`]: another client on the other side.

use std::{process::Command, sync::Arc};

use serde_json::Value;

use crate::{InteropError, Ledger, Member, distribution::run};

/// A client of another language, behind a small program: [`Peer::java`] or [`Peer::go`].
#[derive(Debug, Clone)]
pub struct Peer {
    pub(crate) name: &'static str,
    /// The program and its first arguments.
    pub(crate) line: Vec<String>,
    /// The same for the program that is a member of a group.
    pub(crate) member: Vec<String>,
}

/// What crosses from one client to the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crossing {
    /// The body, as hexadecimal digits.
    pub body: String,
    /// The keys, joined by blanks.
    pub keys: String,
    /// The tag.
    pub tag: String,
    /// The property `größe`.
    pub property: String,
}

impl Peer {
    /// Its language, under which its members are in the ledger.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Has it send `count` messages, and returns what it sent, in every way that consumers can tell apart: compressed,
    /// in a batch, delayed and so on.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn produce(
        &self,
        name_server: &str,
        topic: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["produce", name_server, topic, &count.to_string()])
    }

    /// Has it consume `count` messages as a new group from the beginning, and returns what it received.
    ///
    /// # Errors
    ///
    /// When it fails, or gets fewer within a minute.
    pub fn consume(
        &self,
        name_server: &str,
        topic: &str,
        group: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["consume", name_server, topic, &count.to_string(), group])
    }

    /// Has it send `count` messages to the queues that belong to their keys. The property is the number of the queue. Java only:
    /// other clients choose other queues.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn send_by_key(
        &self,
        name_server: &str,
        topic: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["send-by-key", name_server, topic, &count.to_string()])
    }

    /// Has it make `count` requests, and returns the replies.
    ///
    /// # Errors
    ///
    /// When it fails, or gets no reply within a minute.
    pub fn request(
        &self,
        name_server: &str,
        topic: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["request", name_server, topic, &count.to_string()])
    }

    /// Has it reply to `count` requests with what they say in capitals, and returns the requests.
    ///
    /// # Errors
    ///
    /// When it fails, or gets fewer within a minute.
    pub fn reply(
        &self,
        name_server: &str,
        topic: &str,
        group: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["reply", name_server, topic, &count.to_string(), group])
    }

    /// Has it join a group, from the first message on. `how` is a strategy, `averagely`, `by-circle` or `consistent-hash` (Java only),
    /// and `concurrently` or `orderly`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn join(
        &self,
        name_server: &str,
        topic: &str,
        group: &str,
        how: [&str; 2],
        ledger: &Arc<Ledger>,
    ) -> Result<Member, InteropError> {
        let mut command = command(&self.member);
        command.args([name_server, topic, group]).args(how);
        Member::start(command, self.name, ledger)
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<Crossing>, InteropError> {
        let output = run(command(&self.line).args(arguments), self.name)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().filter(|line| line.starts_with('{'));
        Ok(lines.filter_map(|line| serde_json::from_str(line).ok()).map(crossing).collect())
    }
}

fn command(line: &[String]) -> Command {
    let mut words = line.iter();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    command.args(words);
    command
}

fn crossing(line: Value) -> Crossing {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Crossing {
        body: text("body"),
        keys: text("keys"),
        tag: text("tag"),
        property: text("property"),
    }
}
