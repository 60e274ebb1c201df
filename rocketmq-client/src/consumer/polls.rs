//! Polls: one who asks for messages, and what happens to an answer that nobody takes.

use std::collections::VecDeque;

use rocketmq_consumer::{Batch, ConsumerGroup, Delivery, Input, Now, Vouch};
use tokio::sync::{mpsc, oneshot};

use super::driver::Request;

/// Somebody asks for messages of one queue.
pub(super) struct Poll {
    pub(super) max: usize,
    /// Whoever asks for more has dealt with what came before.
    pub(super) vouch: bool,
    pub(super) answer: oneshot::Sender<Polled>,
}

/// Messages on their way to whoever polled. Dropped without having been accepted they go back to the driver, and to the next who
/// polls.
pub(super) struct Polled {
    batch: Option<Batch>,
    back: mpsc::WeakUnboundedSender<Request>,
}

impl Polled {
    pub(super) fn accept(mut self) -> Vec<Delivery> {
        self.batch.take().into_iter().flatten().collect()
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take()
            && let Some(back) = self.back.upgrade()
        {
            let _ = back.send(Request::Returned(batch));
        }
    }
}

/// Who waits for messages, and what nobody took.
pub(super) struct Polls {
    waiting: VecDeque<Poll>,
    returned: VecDeque<Batch>,
    /// Offsets that are to be confirmed.
    confirming: Vec<oneshot::Sender<()>>,
    back: mpsc::WeakUnboundedSender<Request>,
}

impl Polls {
    pub(super) fn new(back: mpsc::WeakUnboundedSender<Request>) -> Self {
        Self { waiting: VecDeque::new(), returned: VecDeque::new(), confirming: Vec::new(), back }
    }

    pub(super) fn poll(&mut self, now: Now, machine: &mut ConsumerGroup, poll: Poll) {
        // What has come back was handed out too, and nobody has dealt with it.
        if poll.vouch && self.returned.is_empty() {
            machine.handle(now, Input::Vouch(Vouch::HandedOut));
        }
        self.waiting.push_back(poll);
    }

    pub(super) fn returned(&mut self, batch: Batch) {
        self.returned.push_back(batch);
    }

    /// Has what may be committed committed, and says when that is done.
    pub(super) fn commit(
        &mut self,
        now: Now,
        machine: &mut ConsumerGroup,
        done: oneshot::Sender<()>,
    ) {
        machine.handle(now, Input::Commit);
        self.confirming.push(done);
    }

    /// Answers those who wait, as far as there is something. Whether the machine may have something to do.
    pub(super) fn serve(&mut self, now: Now, machine: &mut ConsumerGroup) -> bool {
        let mut served = false;
        while let Some(poll) = self.waiting.pop_front() {
            if poll.answer.is_closed() {
                continue;
            }
            let Some(batch) = self.next(now, machine, poll.max) else {
                self.waiting.push_front(poll);
                break;
            };
            served = true;
            let polled = Polled { batch: Some(batch), back: self.back.clone() };
            // Whoever has gone meanwhile drops it, and so it comes back.
            let _ = poll.answer.send(polled);
        }
        if !self.confirming.is_empty() && machine.uncommitted() == 0 {
            for done in self.confirming.drain(..) {
                let _ = done.send(());
            }
        }
        served
    }

    fn next(&mut self, now: Now, machine: &mut ConsumerGroup, max: usize) -> Option<Batch> {
        while let Some(batch) = self.returned.pop_front() {
            let is_current = |delivery: &Delivery| machine.is_current(delivery.id().epoch);
            if batch.iter().all(is_current) {
                return Some(batch);
            }
        }
        machine.take(now, max)
    }
}
