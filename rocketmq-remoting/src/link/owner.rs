//! What the owner of a connection does with its [`Link`].

use std::sync::{Arc, atomic::Ordering::Relaxed};

use rocketmq_protocol::{Command, code::ResponseCode};
use tokio::time::Instant;

use super::{Link, State, Then, Waiter};
use crate::{
    CallError, CloseReason, NotSent, Reply, Unanswered,
    outbound::Flight,
    pending::{Row, Stage, Unmatched},
};

impl Link {
    /// Takes the next frames to write, after those in `flight` are written. A request whose deadline has come is none of them.
    pub(crate) fn load(&self, flight: &mut Flight, now: Instant) {
        let (frames, cost) = flight.settle();
        self.counters.frames_written.add(frames);
        if cost > 0 && !self.room.is_closed() {
            self.room.add_permits(cost);
        }
        let mut state = self.lock();
        let State { pending, outbound, told, .. } = &mut *state;
        outbound.take(flight, |opaque, end| pending.sent(opaque, end, now));
        *told = !(flight.is_empty() && outbound.is_empty());
    }

    /// Hands answers to those who wait for them. Whether somebody still waits for others. `matched` is room to work in, kept from
    /// one time to the next.
    pub(crate) fn deliver(
        &self,
        answers: &mut Vec<Command>,
        matched: &mut Vec<(Waiter, Command)>,
    ) -> bool {
        let (mut late, mut foreign) = (0, 0);
        let waiting = {
            let mut state = self.lock();
            for answer in answers.drain(..) {
                if answer.response_code() == ResponseCode::GO_AWAY {
                    self.leaving.store(true, Relaxed);
                }
                match state.pending.take(answer.opaque) {
                    Ok(row) => matched.push((row.waiter, answer)),
                    Err(Unmatched::Late) => late += 1,
                    Err(Unmatched::Foreign) => foreign += 1,
                }
            }
            state.pending.len() > 0
        };
        self.counters.late_answers.add(late);
        self.counters.foreign_answers.add(foreign);
        for (waiter, command) in matched.drain(..) {
            self.hand_out(waiter, Ok(command));
        }
        waiting
    }

    fn hand_out(&self, waiter: Waiter, outcome: Result<Command, CallError>) {
        let reply = |command| Reply { address: Arc::clone(&self.address), command };
        match waiter {
            Waiter::Call(caller) => _ = caller.send(outcome),
            Waiter::Mail(ticket) => ticket.deliver(outcome.map(reply)),
            Waiter::Then(Then(act)) => act(outcome.map(reply)),
            Waiter::Observed(code, waiter) => {
                let outcome = outcome.map(reply);
                for hook in &self.config.hooks {
                    hook.after_response(&self.address, code, &outcome);
                }
                self.hand_out(*waiter, outcome.map(|reply| reply.command));
            }
        }
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.lock().pending.next_expiry()
    }

    /// Ends the requests whose deadline has come. Whether one of them had been sent.
    pub(crate) fn expire(&self, now: Instant) -> bool {
        let mut expired = Vec::new();
        self.lock().pending.expire(now, &mut expired);
        self.counters.timeouts.add(expired.len() as u64);
        let mut unanswered = false;
        for Row { stage, waiter, .. } in expired {
            let error = match stage {
                Stage::Queued => self.not_sent(NotSent::TimedOut),
                Stage::Sent { .. } => {
                    unanswered = true;
                    self.unknown(Unanswered::TimedOut)
                }
            };
            self.hand_out(waiter, Err(error));
        }
        unanswered
    }

    /// Takes no more requests, and ends all there are. `written` bytes of the outgoing stream are the peer's: it may
    /// have acted on the requests that lie within. What waits for no answer stays queued.
    pub(crate) fn close(&self, reason: &CloseReason, written: u64) {
        let rows = {
            let mut state = self.lock();
            if state.closed.is_some() {
                return;
            }
            state.closed = Some(reason.clone());
            state.pending.drain()
        };
        self.room.close();
        self.closed.cancel();
        for Row { stage, waiter, .. } in rows {
            let error = match stage {
                Stage::Sent { end } if end <= written => {
                    self.unknown(Unanswered::Closed(reason.clone()))
                }
                Stage::Sent { .. } | Stage::Queued => {
                    self.not_sent(NotSent::Closed(reason.clone()))
                }
            };
            self.hand_out(waiter, Err(error));
        }
    }

    /// Drops what is still queued or being written. One-way requests among that are counted, and told: nobody waits for an answer
    /// that would show their loss.
    pub(crate) fn abandon(&self, flight: &Flight) {
        let lost = flight.oneways() + self.lock().outbound.clear();
        self.counters.oneways_lost.add(lost);
        if lost > 0 {
            tracing::warn!(address = %self.address, lost, "one-way requests were lost with their connection");
        }
    }
}
