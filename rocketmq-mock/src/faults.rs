//! Misbehaving on purpose, and remembering what was asked.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use rocketmq_protocol::{
    Command,
    code::{RequestCode, ResponseCode},
};

/// What a server does with a request instead of answering it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Answers with this code, without looking at the request.
    Refuse(ResponseCode),
    /// Handles the request at once, and answers only after this.
    Delay(Duration),
    /// Does nothing at all, ever.
    Ignore,
    /// Handles the request and does not answer.
    LoseAnswer,
    /// Closes the connection.
    HangUp,
    /// Ends the connection without a goodbye: the other side sees a reset. Over pipes the same as [`HangUp`](Self::HangUp).
    Reset,
    /// Writes these bytes instead of an answer.
    Garbage(Bytes),
    /// Handles the request, and answers with this code in place of its own.
    AnswerAs(ResponseCode),
    /// Handles the request, and answers twice.
    AnswerTwice,
    /// Handles the request, and answers another that nobody has made.
    ForeignAnswer,
    /// Handles the request, and writes half of the answer.
    HalfFrame,
    /// Handles the request, writes half of the answer, and closes the connection.
    Cut,
    /// Handles the request, and writes the answer byte by byte, with such pauses.
    Drip(Duration),
    /// Reads nothing more from this connection, ever.
    StopReading,
}

/// A request that some client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// The name of the broker, or `name-server`; further name servers are `name-server-1` and so on.
    pub server: String,
    /// What was asked for.
    pub code: RequestCode,
    /// The whole request.
    pub command: Command,
}

/// The requests that are kept for assertions: the last ones.
const LOG_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    log: VecDeque<LoggedRequest>,
    answers: VecDeque<LoggedRequest>,
}

#[derive(Debug)]
struct Rule {
    /// Where it happens; everywhere if nowhere in particular.
    server: Option<String>,
    code: RequestCode,
    fault: Fault,
    times_left: usize,
}

impl Faults {
    pub(crate) fn inject(
        &mut self,
        server: Option<&str>,
        code: RequestCode,
        fault: Fault,
        times: usize,
    ) {
        let server = server.map(str::to_owned);
        self.rules.push(Rule { server, code, fault, times_left: times });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Remembers a request, and tells what is to go wrong with it.
    pub(crate) fn on_request(&mut self, server: &str, command: &Command) -> Option<Fault> {
        let code = command.request_code();
        remember(&mut self.log, server, command);
        let rule = self.rules.iter_mut().find(|rule| {
            rule.code == code
                && rule.times_left > 0
                && rule.server.as_deref().is_none_or(|at| at == server)
        })?;
        rule.times_left -= 1;
        Some(rule.fault.clone())
    }

    /// Remembers what a client has answered to a request of a server.
    pub(crate) fn on_answer(&mut self, server: &str, command: &Command) {
        remember(&mut self.answers, server, command);
    }

    pub(crate) fn log(&self) -> impl Iterator<Item = &LoggedRequest> {
        self.log.iter()
    }

    pub(crate) fn answers(&self) -> impl Iterator<Item = &LoggedRequest> {
        self.answers.iter()
    }
}

fn remember(log: &mut VecDeque<LoggedRequest>, server: &str, command: &Command) {
    if log.len() == LOG_MAX {
        log.pop_front();
    }
    let (server, code) = (server.to_owned(), command.request_code());
    log.push_back(LoggedRequest { server, code, command: command.clone() });
}
