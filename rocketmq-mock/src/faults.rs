//! Misbehaving on purpose, and remembering what was asked.

use std::{collections::VecDeque, time::Duration};

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
}

/// A request that some client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// The name of the broker, or `name-server`.
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
}

#[derive(Debug)]
struct Rule {
    code: RequestCode,
    fault: Fault,
    times_left: usize,
}

impl Faults {
    pub(crate) fn inject(&mut self, code: RequestCode, fault: Fault, times: usize) {
        self.rules.push(Rule { code, fault, times_left: times });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Remembers a request, and tells what is to go wrong with it.
    pub(crate) fn on_request(&mut self, server: &str, command: &Command) -> Option<Fault> {
        let code = command.request_code();
        if self.log.len() == LOG_MAX {
            self.log.pop_front();
        }
        self.log.push_back(LoggedRequest {
            server: server.to_owned(),
            code,
            command: command.clone(),
        });
        let rule = self.rules.iter_mut().find(|rule| rule.code == code && rule.times_left > 0)?;
        rule.times_left -= 1;
        Some(rule.fault.clone())
    }

    pub(crate) fn log(&self) -> impl Iterator<Item = &LoggedRequest> {
        self.log.iter()
    }
}
