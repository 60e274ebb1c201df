//! The network between members and brokers: it takes its time, and loses things.

use std::{sync::Arc, time::Instant};

use rocketmq_consumer::{Failure, Input};
use rocketmq_protocol::code::ResponseCode;
use rocketmq_route::MessageQueue;

use super::{
    broker::{Effect, Request, Stock},
    member::Member,
    world::{EVERYBODY, Happening, World, ms},
};

impl World {
    pub(super) fn at_broker(
        &mut self,
        index: usize,
        number: u32,
        request: Request,
        answered: bool,
        deadline: Instant,
    ) -> Result<(), String> {
        // A dead process's connection is closed before its last words are read, more often than not. One that takes leave
        // waits until they are.
        let is_leave = matches!(request, Request::Unregister { .. });
        if !self.members.contains_key(&number) && !is_leave {
            return Ok(());
        }
        let name = Arc::clone(&self.brokers[index].name);
        if self.is_cut(number, index) {
            let lost = request.failed(&name, Failure::Unanswered);
            self.fail_at(number, lost, deadline);
            return Ok(());
        }
        if self.happens(self.trouble.refused)
            && let Some(input) = request.failed(&name, Failure::Refused(ResponseCode::SYSTEM_BUSY))
        {
            self.answer(number, input);
            return Ok(());
        }
        let failed = request.failed(&name, Failure::Unanswered);
        for effect in self.brokers[index].handle(self.now, number, request) {
            match effect {
                Effect::Answer(input) if answered => self.answer(number, input),
                Effect::Answer(_) => {}
                Effect::Changed(members) => self.notify(&members),
                Effect::Retry { stock, from } => {
                    self.dealt_with.insert((EVERYBODY, from.0, from.1));
                    let at = self.between(100, 3_000);
                    self.book(at, Happening::Stored { broker: index, stock });
                }
                Effect::Buried { id, from } => {
                    self.dealt_with.insert((EVERYBODY, from.0, from.1));
                    self.finished.insert((EVERYBODY, id));
                    self.handled.insert(id);
                }
                Effect::Acked(ids) => {
                    for id in ids {
                        if !self.handled.contains(&id) {
                            return Err(format!(
                                "{id} is acknowledged, but nobody has consumed it"
                            ));
                        }
                        self.finished.insert((EVERYBODY, id));
                    }
                }
                Effect::Committed { queue, offset } => {
                    self.check_commit(EVERYBODY, &queue, offset)?;
                }
            }
        }
        if !answered {
            self.fail_at(number, failed, deadline);
        }
        self.look_after_pops(index);
        if let Some(held) = self.brokers[index].held.iter().map(|held| held.until.monotonic).min() {
            let at = held.saturating_duration_since(self.now.monotonic);
            self.book(at, Happening::HoldEnds { broker: index });
        }
        Ok(())
    }

    pub(super) fn store(
        &mut self,
        broker: usize,
        queue: &MessageQueue,
        stock: Stock,
    ) -> Result<(), String> {
        let logs = &mut self.brokers[broker].logs;
        logs.get_mut(queue).ok_or("no such queue")?.messages.push(stock);
        let (ready, held) = std::mem::take(&mut self.brokers[broker].held)
            .into_iter()
            .partition::<Vec<_>, _>(|held| held.plan.queue == *queue);
        self.brokers[broker].held = held;
        for held in ready {
            match self.brokers[broker].answer(&held.plan) {
                Some(answer) => {
                    let pulled = Input::Pulled { pull: held.plan.pull, answer: Ok(answer) };
                    self.answer_held(broker, held.member, pulled);
                }
                None => self.brokers[broker].held.push(held),
            }
        }
        self.revive(broker);
        Ok(())
    }

    pub(super) fn end_holds(&mut self, broker: usize) {
        let now = self.now.monotonic;
        let (over, held) = std::mem::take(&mut self.brokers[broker].held)
            .into_iter()
            .partition::<Vec<_>, _>(|held| held.until.monotonic <= now);
        self.brokers[broker].held = held;
        for held in over {
            let answer = self.brokers[broker].nothing(&held.plan);
            let pulled = Input::Pulled { pull: held.plan.pull, answer: Ok(answer) };
            self.answer_held(broker, held.member, pulled);
        }
    }

    fn notify(&mut self, client_ids: &[Arc<str>]) {
        let is_told = |member: &Member| client_ids.contains(&member.client_id);
        let told = self.members.iter().filter(|(_, member)| is_told(member));
        let numbers: Vec<_> = told.map(|(number, _)| *number).collect();
        for number in numbers {
            if !self.happens(self.trouble.lost) {
                self.answer(number, Input::MembersChanged);
            }
        }
    }

    pub(super) fn heartbeat(&mut self, number: u32) {
        let Some(member) = self.members.get(&number) else { return };
        let client_id = Arc::clone(&member.client_id);
        let deadline = self.now.monotonic + ms(3_000);
        for broker in ["a", "b"] {
            let request = Request::Heartbeat { client_id: Arc::clone(&client_id) };
            self.send(number, &broker.into(), request, deadline);
        }
    }

    pub(super) fn send_route(&mut self, member: u32, topic: Arc<str>) {
        if self.happens(self.trouble.lost) {
            return;
        }
        let all = self.brokers.iter().flat_map(|broker| broker.logs.keys());
        let queues = all.filter(|queue| queue.topic == topic).cloned().collect();
        self.answer(member, Input::Route { topic, queues });
    }

    pub(super) fn send(
        &mut self,
        member: u32,
        broker: &Arc<str>,
        request: Request,
        deadline: Instant,
    ) {
        let Some(index) = self.brokers.iter().position(|it| it.name == *broker) else { return };
        if self.happens(self.trouble.lost) {
            self.fail_at(member, request.failed(broker, Failure::Unanswered), deadline);
            return;
        }
        let answered = !self.happens(self.trouble.lost);
        let at = self.latency();
        self.book(at, Happening::ToBroker { broker: index, member, request, answered, deadline });
    }

    pub(super) fn answer(&mut self, member: u32, input: Input) {
        let at = self.latency();
        self.book(at, Happening::ToMember { member, input });
    }

    /// No answer comes, which is noticed at the deadline.
    fn fail_at(&mut self, member: u32, failed: Option<Input>, deadline: Instant) {
        if let Some(input) = failed {
            let at = deadline.saturating_duration_since(self.now.monotonic);
            self.book(at, Happening::ToMember { member, input });
        }
    }

    fn is_cut(&self, member: u32, broker: usize) -> bool {
        self.cut.get(&(member, broker)).is_some_and(|until| *until > self.now.monotonic)
    }

    /// What a broker has held back for a while. If it cannot be told, the member notices a broken connection some time.
    fn answer_held(&mut self, broker: usize, member: u32, input: Input) {
        if !self.is_cut(member, broker) {
            return self.answer(member, input);
        }
        let failed = match input {
            Input::Pulled { pull, .. } => Input::Pulled { pull, answer: Err(Failure::Unanswered) },
            Input::Popped { pop, .. } => Input::Popped { pop, answer: Err(Failure::Unanswered) },
            other => other,
        };
        self.book(ms(5_000), Happening::ToMember { member, input: failed });
    }

    /// Popped messages may be out of time, and pops have waited long enough.
    pub(super) fn revive(&mut self, broker: usize) {
        let now = self.now.monotonic;
        for (member, input) in self.brokers[broker].revive(now) {
            self.answer_held(broker, member, input);
        }
        self.look_after_pops(broker);
    }

    /// Each broker is looked after once at a time.
    fn look_after_pops(&mut self, broker: usize) {
        let Some(at) = self.brokers[broker].next_pop() else { return };
        let at = at.max(self.now.monotonic + ms(1));
        let is_booked = |booked: &Instant| *booked <= at && *booked > self.now.monotonic;
        if !self.revivals.get(&broker).is_some_and(is_booked) {
            self.revivals.insert(broker, at);
            self.book(
                at.saturating_duration_since(self.now.monotonic),
                Happening::Revive { broker },
            );
        }
    }
}
