//! Members and their drivers: what they are told, and what they do.

use std::sync::Arc;

use rocketmq_consumer::{Action, Delivery, Input, OffsetCommit, Outcome, PullToken, Stored};

use super::{
    broker::{Request, id},
    setup::Kind,
    world::{EVERYBODY, Happening, World, ms},
};

impl World {
    pub(super) fn tell(&mut self, number: u32, input: Input) -> Result<(), String> {
        if let Input::Pulled { pull, .. } | Input::Popped { pop: pull, .. } = &input
            && !self.wants(number, *pull)
        {
            return Ok(());
        }
        self.say(|| format!("{number} > {input:?}"));
        if let Some(member) = self.members.get_mut(&number) {
            let input = member.spoiler.input(input);
            member.note_answer(&input);
            member.group.handle(self.now, input);
        }
        self.drive(number)
    }

    /// Whether the driver passes the answer to a pull on. That to one that was cancelled may slip through.
    fn wants(&mut self, number: u32, pull: PullToken) -> bool {
        let asked = self.members.get_mut(&number).is_some_and(|it| it.pulls.remove(&pull));
        asked || self.happens(self.trouble.stray)
    }

    /// Does what the machine says, and hands out what it has.
    pub(super) fn drive(&mut self, number: u32) -> Result<(), String> {
        loop {
            while let Some(action) = self.members.get_mut(&number).and_then(|it| it.group.poll()) {
                self.say(|| format!("{number} < {action:?}"));
                let Some(member) = self.members.get_mut(&number) else { return Ok(()) };
                match member.spoiler.action(action) {
                    Ok(action) => {
                        member.note(&action)?;
                        self.act(number, action)?;
                    }
                    Err(input) => self.answer(number, input),
                }
            }
            let now = self.now;
            let Some(member) = self.members.get_mut(&number) else { return Ok(()) };
            if member.closed.is_some() {
                self.say(|| format!("member {number} is gone"));
                self.members.remove(&number);
                return Ok(());
            }
            for delivery in member.begin(now)? {
                self.begin(number, delivery)?;
            }
            let Some(member) = self.members.get_mut(&number) else { return Ok(()) };
            let Some(settled) = member.settlements(false) else { return Ok(()) };
            let settled = member.spoiler.input(settled);
            member.group.handle(now, settled);
        }
    }

    fn begin(&mut self, member: u32, delivery: Delivery) -> Result<(), String> {
        if self.setup.kind == Kind::Ordered {
            self.check_order(member, &delivery)?;
        }
        let message = delivery.message().map_err(|_| "no run has poison")?;
        self.stats.consumed += 1;
        let whom = if self.setup.kind == Kind::Broadcasting { member } else { EVERYBODY };
        self.stats.repeated += u64::from(self.finished.contains(&(whom, id(message))));
        let (outcome, time) = if self.happens(self.trouble.stuck) {
            (Outcome::Ack, ms(30_000))
        } else if self.happens(self.trouble.failing) {
            let outcomes = match self.setup.kind {
                Kind::Concurrent | Kind::Popping | Kind::Broadcasting => {
                    [Outcome::Retry, Outcome::RetryAfter(3), Outcome::DeadLetter]
                }
                Kind::Ordered => [Outcome::Retry, Outcome::Suspend(300), Outcome::DeadLetter],
            };
            (outcomes[self.up_to(2) as usize], self.between(0, 200))
        } else {
            (Outcome::Ack, self.between(0, 200))
        };
        self.book(time, Happening::HandlerDone { member, delivery, outcome });
        Ok(())
    }

    fn act(&mut self, number: u32, action: Action) -> Result<(), String> {
        match action {
            Action::WatchRoute { topic } => {
                if let Some(member) = self.members.get_mut(&number) {
                    member.watched.insert(Arc::clone(&topic));
                }
                self.send_route(number, topic);
            }
            Action::Heartbeat => self.heartbeat(number),
            Action::QueryMembers { broker, deadline } => {
                self.send(number, &broker, Request::Members, deadline);
            }
            Action::QueryStoredOffset { queue, epoch, .. }
                if self.setup.kind == Kind::Broadcasting =>
            {
                let local = self.members.get(&number).and_then(|it| it.local.get(&queue));
                let stored = local.map_or(Stored::Never, |offset| Stored::At(*offset));
                self.answer(number, Input::StoredOffset { epoch, answer: Ok(stored) });
            }
            Action::QueryStoredOffset { queue, epoch, deadline } => {
                let broker = Arc::clone(&queue.broker_name);
                self.send(number, &broker, Request::Stored { queue, epoch }, deadline);
            }
            Action::QueryStartOffset { queue, epoch, seek, deadline } => {
                let broker = Arc::clone(&queue.broker_name);
                self.send(number, &broker, Request::Start { queue, epoch, seek }, deadline);
            }
            Action::Pull(plan) => {
                let (broker, deadline) = (Arc::clone(&plan.queue.broker_name), plan.deadline);
                self.send(number, &broker, Request::Pull(plan), deadline);
            }
            Action::SendBack(send_back) => {
                let broker = Arc::clone(&send_back.delivery.queue().broker_name);
                let deadline = send_back.deadline;
                self.send(number, &broker, Request::SendBack(send_back), deadline);
            }
            Action::Commit { commit, offsets, .. } if self.setup.kind == Kind::Broadcasting => {
                for OffsetCommit { queue, offset, .. } in offsets {
                    self.check_commit(number, &queue, offset)?;
                    if let Some(member) = self.members.get_mut(&number) {
                        member.local.insert(queue, offset);
                    }
                }
                self.answer(number, Input::Committed { commit, failed: Vec::new() });
            }
            Action::Commit { commit, broker, offsets, deadline } => {
                self.send(number, &broker, Request::Commit { commit, offsets }, deadline);
            }
            Action::Unregister { deadline } => {
                let client_id = Arc::clone(&self.members[&number].client_id);
                for broker in ["a", "b"] {
                    let request = Request::Unregister { client_id: Arc::clone(&client_id) };
                    self.send(number, &broker.into(), request, deadline);
                }
            }
            Action::Lock { lock, broker, queues, deadline } => {
                let client_id = Arc::clone(&self.members[&number].client_id);
                self.send(number, &broker, Request::Lock { lock, client_id, queues }, deadline);
            }
            Action::Unlock { lock, broker, queues, deadline } => {
                let client_id = Arc::clone(&self.members[&number].client_id);
                self.send(number, &broker, Request::Unlock { lock, client_id, queues }, deadline);
            }
            Action::TellAssigned { epoch, .. } => self.hear(number, Input::AssignDone { epoch }),
            Action::TellRevoked { epoch, .. } => self.hear(number, Input::RevokeDone { epoch }),
            Action::UnwatchRoute { .. } | Action::CancelPull { .. } | Action::Event(_) => {}
            Action::QueryAssignment { topic, broker, deadline, .. } => {
                self.send(number, &broker, Request::Assignment { topic }, deadline);
            }
            Action::Pop(plan) => {
                let (broker, deadline) = (Arc::clone(&plan.queue.broker_name), plan.deadline);
                self.send(number, &broker, Request::Pop(plan), deadline);
            }
            Action::Ack(plan) => {
                let (broker, deadline) = (Arc::clone(&plan.queue.broker_name), plan.deadline);
                self.send(number, &broker, Request::Ack(plan), deadline);
            }
            Action::Reappear(plan) => {
                let (broker, deadline) = (Arc::clone(&plan.queue.broker_name), plan.deadline);
                self.send(number, &broker, Request::Reappear(plan), deadline);
            }
        }
        Ok(())
    }

    /// A listener takes its time, and some take too much of it.
    fn hear(&mut self, member: u32, input: Input) {
        let time = self.between(0, 2_000);
        self.book(time, Happening::ToMember { member, input });
    }
}
