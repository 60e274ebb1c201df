//! The world of one run: members, brokers, a network that loses things, and a clock that jumps.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_consumer::{Action, Delivery, Failure, Input, Now, Outcome, PullToken};
use rocketmq_protocol::code::ResponseCode;
use rocketmq_route::MessageQueue;

use crate::{
    broker::{Broker, Effect, Held, Request, Stock, id},
    member::Member,
    setup::{Kind, Setup, Trouble},
};

pub(crate) const GROUP: &str = "g";

/// A run without trouble is over by then: no queue waits for a lease to end by itself.
pub(crate) const PROMPT: Duration = Duration::from_secs(105);

/// What a run came to.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Stats {
    /// Handlers that were begun.
    pub(crate) consumed: u64,
    /// Of them, those for a message that had been acknowledged before.
    pub(crate) repeated: u64,
    /// Something like a checksum of the run.
    pub(crate) steps: u64,
    pub(crate) ended: Duration,
}

enum Happening {
    ToBroker { broker: usize, member: u32, request: Request, answered: bool, deadline: Instant },
    ToMember { member: u32, input: Input },
    HandlerDone { member: u32, delivery: Delivery, outcome: Outcome },
    Stored { broker: usize, stock: Stock },
    HoldEnds { broker: usize },
    Heartbeat { member: u32 },
    Refresh { member: u32 },
    Flush { broker: usize },
    Produce,
    Join,
    Leave,
    Crash,
    Restart { broker: usize },
    Trim,
    Reset,
    NewQueue,
}

struct World {
    now: Now,
    begun: Instant,
    random: u64,
    setup: Setup,
    trouble: Trouble,
    /// Who handles a queue of an ordered group.
    handling: BTreeMap<MessageQueue, Vec<(u32, Delivery)>>,
    agenda: BTreeMap<(Instant, u64), Happening>,
    booked: u64,
    brokers: Vec<Broker>,
    members: BTreeMap<u32, Member>,
    leaving: BTreeSet<u32>,
    next_member: u32,
    next_message: u64,
    /// Places that nobody needs to look at again: acknowledged, sent back, or deleted.
    dealt_with: BTreeSet<(MessageQueue, i64)>,
    /// Messages that came to their end: acknowledged, buried, or deleted.
    finished: BTreeSet<u64>,
    stats: Stats,
    trace: Option<Vec<String>>,
}

const TROUBLE_ENDS: Duration = Duration::from_secs(60);
const ALL_ENDS: Duration = Duration::from_secs(400);
const LAST_MESSAGES: u64 = 300;

/// Plays a run.
pub(crate) fn try_run(setup: Setup) -> Result<Stats, String> {
    let mut world = World::new(setup, false);
    world.play().map(|()| world.stats)
}

/// Plays a run; panics with the script if anything is wrong.
pub(crate) fn run(setup: Setup) -> Stats {
    match try_run(setup) {
        Ok(stats) => stats,
        Err(_) => {
            let mut world = World::new(setup, true);
            let why = world.play().expect_err("the same seed fails again");
            let trace = world.trace.unwrap_or_default();
            let end = &trace[trace.len().saturating_sub(250)..];
            panic!("{}\n{setup:?}: {why}", end.join("\n"));
        }
    }
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
    fn new(setup: Setup, traced: bool) -> Self {
        let Setup { seed, trouble, .. } = setup;
        let begun = Instant::now();
        let mut world = Self {
            now: Now { monotonic: begun, wall: 1_700_000_000_000 },
            begun,
            random: seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x9e37_79b9,
            setup,
            trouble,
            handling: BTreeMap::new(),
            agenda: BTreeMap::new(),
            booked: 0,
            brokers: vec![Broker::new("a", 4), Broker::new("b", 3)],
            members: BTreeMap::new(),
            leaving: BTreeSet::new(),
            next_member: 0,
            next_message: 0,
            dealt_with: BTreeSet::new(),
            finished: BTreeSet::new(),
            stats: Stats::default(),
            trace: traced.then(Vec::new),
        };
        world.plan();
        world
    }

    /// The schedule of the run.
    fn plan(&mut self) {
        for _ in 0..LAST_MESSAGES {
            let at = self.between(0, 70_000);
            self.book(at, Happening::Produce);
        }
        self.book(Duration::ZERO, Happening::Join);
        self.book(ms(5), Happening::Join);
        for broker in 0..self.brokers.len() {
            self.book(ms(5_000), Happening::Flush { broker });
        }
        for _ in 0..self.up_to(3) {
            let (join, leave) = (self.between(0, 60_000), self.between(5_000, 60_000));
            self.book(join, Happening::Join);
            self.book(leave, Happening::Leave);
        }
        let trouble = self.trouble;
        for _ in 0..self.up_to(trouble.crashes) {
            let at = self.between(5_000, 60_000);
            self.book(at, Happening::Crash);
        }
        for _ in 0..self.up_to(trouble.restarts) {
            let (at, broker) = (self.between(1_000, 60_000), self.up_to(1) as usize);
            self.book(at, Happening::Restart { broker });
        }
        for _ in 0..self.up_to(trouble.trims) {
            let at = self.between(1_000, 60_000);
            self.book(at, Happening::Trim);
        }
        for _ in 0..self.up_to(trouble.resets) {
            let at = self.between(1_000, 60_000);
            self.book(at, Happening::Reset);
        }
        for _ in 0..self.up_to(trouble.new_queues) {
            let at = self.between(1_000, 60_000);
            self.book(at, Happening::NewQueue);
        }
    }

    fn play(&mut self) -> Result<(), String> {
        loop {
            let booked = self.agenda.keys().next().map(|(at, _)| *at);
            let timers = self.members.values().filter_map(Member::wakes);
            let timer = timers.min();
            let next = booked.into_iter().chain(timer).min().ok_or("nothing will ever happen")?;
            let past = next.saturating_duration_since(self.begun);
            if past > ALL_ENDS {
                return self.rest();
            }
            self.stats.steps += 1;
            self.advance(next);
            if booked == Some(next) {
                let (_, happening) = self.agenda.pop_first().ok_or("booked")?;
                self.happen(happening)?;
            } else {
                self.timeouts()?;
            }
            if past > TROUBLE_ENDS + Duration::from_secs(20) && self.rest().is_ok() {
                self.stats.ended = past;
                return Ok(());
            }
        }
    }

    fn advance(&mut self, to: Instant) {
        let passed = to.saturating_duration_since(self.now.monotonic);
        self.now.monotonic += passed;
        self.now.wall = 1_700_000_000_000 + (self.now.monotonic - self.begun).as_millis() as i64;
    }

    fn timeouts(&mut self) -> Result<(), String> {
        let now = self.now;
        let is_due = |member: &Member| member.wakes().is_some_and(|at| at <= now.monotonic);
        let due = self.members.iter().filter(|(_, member)| is_due(member));
        let numbers: Vec<_> = due.map(|(number, _)| *number).collect();
        for number in numbers {
            let Some(member) = self.members.get_mut(&number) else { continue };
            if let Some(settled) = member.settlements(true) {
                self.tell(number, settled)?;
            }
            if let Some(member) = self.members.get_mut(&number) {
                member.group.handle_timeout(now);
            }
            self.drive(number)?;
        }
        Ok(())
    }

    // ---- What happens

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::ToBroker { broker, member, request, answered, deadline } => {
                self.at_broker(broker, member, request, answered, deadline)?;
            }
            Happening::ToMember { member, input } => self.tell(member, input)?,
            Happening::HandlerDone { member, delivery, outcome } => {
                self.handler_done(member, &delivery, outcome)?;
            }
            Happening::Stored { broker, stock } => {
                let queue = self.brokers[broker].retry_queue();
                self.store(broker, &queue, stock)?;
            }
            Happening::HoldEnds { broker } => self.end_holds(broker),
            Happening::Heartbeat { member } => {
                self.heartbeat(member);
                self.book(ms(30_000), Happening::Heartbeat { member });
            }
            Happening::Refresh { member } => self.refresh(member),
            Happening::Flush { broker } => {
                let flushed = &mut self.brokers[broker];
                flushed.flushed = flushed.stored.clone();
                self.book(ms(5_000), Happening::Flush { broker });
            }
            Happening::Produce => self.produce()?,
            Happening::Join => self.join()?,
            Happening::Leave => self.leave()?,
            Happening::Crash => self.crash(),
            Happening::Restart { broker } => self.restart(broker),
            Happening::Trim => self.trim(),
            Happening::Reset => self.reset(),
            Happening::NewQueue => {
                let id = self.topic_queues(0).len() as i32;
                self.brokers[0].add_queue(MessageQueue::new("t", "a", id));
            }
        }
        Ok(())
    }

    fn produce(&mut self) -> Result<(), String> {
        let (broker, queue) = self.any_queue();
        let stock = Stock { id: self.next_message, topic: Arc::clone(&queue.topic), times: 0 };
        self.next_message += 1;
        self.store(broker, &queue, stock)
    }

    fn refresh(&mut self, member: u32) {
        self.book(ms(10_000), Happening::Refresh { member });
        let watched = self.members.get(&member).map(|member| member.watched.clone());
        for topic in watched.into_iter().flatten() {
            self.send_route(member, topic);
        }
    }

    /// A process dies. Its handlers die with it.
    fn crash(&mut self) {
        if self.members.len() > 1
            && let Some(number) = self.any_member()
        {
            self.say(|| format!("member {number} crashes"));
            self.members.remove(&number);
        }
    }

    fn restart(&mut self, broker: usize) {
        self.say(|| format!("broker {broker} restarts"));
        for Held { member, plan, .. } in self.brokers[broker].restart() {
            let input = Input::Pulled { pull: plan.pull, answer: Err(Failure::Unanswered) };
            self.book(ms(1), Happening::ToMember { member, input });
        }
        // Connections are made anew, and a heartbeat goes first.
        let members: Vec<_> = self.members.keys().copied().collect();
        for member in members {
            let at = self.between(0, 2_000);
            self.book(at, Happening::Heartbeat { member });
        }
    }

    /// An administrator wants the last messages to be read once more.
    fn reset(&mut self) {
        let (broker, queue) = self.any_queue();
        let broker = &mut self.brokers[broker];
        let stored = broker.stored.get(&queue).copied().unwrap_or(0);
        let to = (stored - 7).max(broker.logs[&queue].min);
        broker.resets.insert(queue.clone(), to);
        self.say(|| format!("reset of {queue:?} to {to}"));
    }

    fn join(&mut self) -> Result<(), String> {
        let number = self.next_member;
        self.next_member += 1;
        self.say(|| format!("member {number} joins"));
        let member = Member::new(number, &self.setup, self.now);
        self.members.insert(number, member);
        self.book(ms(10_000), Happening::Refresh { member: number });
        self.book(ms(30_000), Happening::Heartbeat { member: number });
        self.drive(number)
    }

    fn leave(&mut self) -> Result<(), String> {
        if self.members.len() < 2 {
            return Ok(());
        }
        match self.any_member() {
            Some(number) if self.leaving.insert(number) => {
                self.tell(number, Input::Close { grace: ms(5_000) })
            }
            _ => Ok(()),
        }
    }

    /// The broker deletes the older half of a queue.
    fn trim(&mut self) {
        let (broker, queue) = self.any_queue();
        let Some(log) = self.brokers[broker].logs.get_mut(&queue) else { return };
        let min = log.min.midpoint(log.messages.len() as i64);
        for offset in log.min..min {
            // Who has it in memory may still consume it, and need not.
            self.dealt_with.insert((queue.clone(), offset));
            self.finished.insert(log.messages[offset as usize].id);
        }
        log.min = min;
        self.say(|| format!("{queue:?} begins at {min}"));
    }

    fn handler_done(
        &mut self,
        number: u32,
        delivery: &Delivery,
        outcome: Outcome,
    ) -> Result<(), String> {
        let Some(member) = self.members.get_mut(&number) else { return Ok(()) };
        if !member.is_running(delivery.id()) {
            return Ok(());
        }
        member.mark(delivery.id(), outcome);
        if self.setup.kind == Kind::Ordered && outcome != Outcome::Ack {
            member.give_back_behind(delivery.id());
        }
        if let Some(handling) = self.handling.get_mut(delivery.queue()) {
            handling.retain(|(by, it)| *by != number || it.id() != delivery.id());
        }
        let message = delivery.message().map_err(|_| "no run has poison")?;
        if outcome == Outcome::Ack {
            self.finished.insert(id(message));
            self.dealt_with.insert((delivery.queue().clone(), delivery.id().offset));
        }
        let settled = member.settlements(false);
        self.say(|| format!("{number}: {delivery:?} ends with {outcome:?}"));
        match settled {
            Some(input) => self.tell(number, input),
            None => self.drive(number),
        }
    }

    // ---- Brokers

    fn at_broker(
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
        if self.chance(self.trouble.refused)
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
                    self.dealt_with.insert(from);
                    let at = self.between(100, 3_000);
                    self.book(at, Happening::Stored { broker: index, stock });
                }
                Effect::Buried { id, from } => {
                    self.dealt_with.insert(from);
                    self.finished.insert(id);
                }
                Effect::Committed { queue, offset } => self.check_commit(&queue, offset)?,
            }
        }
        if !answered && let Some(input) = failed {
            let at = deadline.saturating_duration_since(self.now.monotonic);
            self.book(at, Happening::ToMember { member: number, input });
        }
        if let Some(held) = self.brokers[index].held.iter().map(|held| held.until.monotonic).min() {
            let at = held.saturating_duration_since(self.now.monotonic);
            self.book(at, Happening::HoldEnds { broker: index });
        }
        Ok(())
    }

    /// The heart of the matter: whatever lies below a stored offset will never be read again.
    fn check_commit(&self, queue: &MessageQueue, offset: i64) -> Result<(), String> {
        let skipped = (0..offset).find(|at| !self.dealt_with.contains(&(queue.clone(), *at)));
        match skipped {
            Some(at) => {
                Err(format!("{offset} of {queue:?} is stored, but nobody has consumed {at}"))
            }
            None => Ok(()),
        }
    }

    fn store(&mut self, broker: usize, queue: &MessageQueue, stock: Stock) -> Result<(), String> {
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
                    self.answer(held.member, pulled);
                }
                None => self.brokers[broker].held.push(held),
            }
        }
        Ok(())
    }

    fn end_holds(&mut self, broker: usize) {
        let now = self.now.monotonic;
        let (over, held) = std::mem::take(&mut self.brokers[broker].held)
            .into_iter()
            .partition::<Vec<_>, _>(|held| held.until.monotonic <= now);
        self.brokers[broker].held = held;
        for held in over {
            let answer = self.brokers[broker].nothing(&held.plan);
            let pulled = Input::Pulled { pull: held.plan.pull, answer: Ok(answer) };
            self.answer(held.member, pulled);
        }
    }

    fn notify(&mut self, client_ids: &[Arc<str>]) {
        let is_told = |member: &Member| client_ids.contains(&member.client_id);
        let told = self.members.iter().filter(|(_, member)| is_told(member));
        let numbers: Vec<_> = told.map(|(number, _)| *number).collect();
        for number in numbers {
            if !self.chance(self.trouble.lost) {
                self.answer(number, Input::MembersChanged);
            }
        }
    }

    // ---- Members

    fn tell(&mut self, number: u32, input: Input) -> Result<(), String> {
        if let Input::Pulled { pull, .. } = &input
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
        asked || self.chance(self.trouble.stray)
    }

    /// Does what the machine says, and hands out what it has.
    fn drive(&mut self, number: u32) -> Result<(), String> {
        loop {
            while let Some(action) = self.members.get_mut(&number).and_then(|it| it.group.poll()) {
                self.say(|| format!("{number} < {action:?}"));
                let Some(member) = self.members.get_mut(&number) else { return Ok(()) };
                match member.spoiler.action(action) {
                    Ok(action) => {
                        member.note(&action)?;
                        self.act(number, action);
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
        self.stats.repeated += u64::from(self.finished.contains(&id(message)));
        let (outcome, time) = if self.chance(self.trouble.stuck) {
            (Outcome::Ack, ms(30_000))
        } else if self.chance(self.trouble.failing) {
            let outcomes = match self.setup.kind {
                Kind::Concurrent => [Outcome::Retry, Outcome::RetryAfter(3), Outcome::DeadLetter],
                Kind::Ordered => [Outcome::Retry, Outcome::Suspend(300), Outcome::DeadLetter],
            };
            (outcomes[self.up_to(2) as usize], self.between(0, 200))
        } else {
            (Outcome::Ack, self.between(0, 200))
        };
        self.book(time, Happening::HandlerDone { member, delivery, outcome });
        Ok(())
    }

    /// Nobody else handles the queue with a right to it, and all that lies before has been dealt with.
    fn check_order(&mut self, member: u32, delivery: &Delivery) -> Result<(), String> {
        let now = self.now.monotonic;
        let alive = &self.members;
        let handling = self.handling.entry(delivery.queue().clone()).or_default();
        handling.retain(|(by, it)| alive.contains_key(by) && !it.is_stale(now));
        if let Some((by, other)) = handling.first() {
            return Err(format!("{member} begins {delivery:?} while {by} is at {other:?}"));
        }
        handling.push((member, delivery.clone()));
        self.check_commit(delivery.queue(), delivery.id().offset)
    }

    fn act(&mut self, number: u32, action: Action) {
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
            Action::UnwatchRoute { .. } | Action::CancelPull { .. } | Action::Event(_) => {}
            Action::QueryAssignment { .. }
            | Action::Pop(_)
            | Action::Ack(_)
            | Action::Reappear(_) => unreachable!("these groups pull"),
        }
    }

    fn heartbeat(&mut self, number: u32) {
        let Some(member) = self.members.get(&number) else { return };
        let client_id = Arc::clone(&member.client_id);
        let deadline = self.now.monotonic + ms(3_000);
        for broker in ["a", "b"] {
            let request = Request::Heartbeat { client_id: Arc::clone(&client_id) };
            self.send(number, &broker.into(), request, deadline);
        }
    }

    fn send_route(&mut self, member: u32, topic: Arc<str>) {
        if self.chance(self.trouble.lost) {
            return;
        }
        let all = self.brokers.iter().flat_map(|broker| broker.logs.keys());
        let queues = all.filter(|queue| queue.topic == topic).cloned().collect();
        self.answer(member, Input::Route { topic, queues });
    }

    fn send(&mut self, member: u32, broker: &Arc<str>, request: Request, deadline: Instant) {
        let Some(index) = self.brokers.iter().position(|it| it.name == *broker) else { return };
        if self.chance(self.trouble.lost) {
            let at = deadline.saturating_duration_since(self.now.monotonic);
            if let Some(input) = request.failed(broker, Failure::Unanswered) {
                self.book(at, Happening::ToMember { member, input });
            }
            return;
        }
        let answered = !self.chance(self.trouble.lost);
        let at = self.latency();
        self.book(at, Happening::ToBroker { broker: index, member, request, answered, deadline });
    }

    fn answer(&mut self, member: u32, input: Input) {
        let at = self.latency();
        self.book(at, Happening::ToMember { member, input });
    }

    // ---- The end

    /// Every message has come to its end, nothing is with a handler, and every queue is where it should be.
    fn rest(&self) -> Result<(), String> {
        if self.finished.len() as u64 != LAST_MESSAGES {
            let missing = (0..LAST_MESSAGES).find(|id| !self.finished.contains(id));
            return Err(format!("message {missing:?} has not come to its end"));
        }
        for (number, member) in &self.members {
            if member.group.snapshot().queues.iter().any(|queue| queue.out > 0) {
                return Err(format!("{number} has something out, but all is consumed"));
            }
        }
        self.owners()
    }

    /// Every queue has one owner, and the shares of each topic are even.
    fn owners(&self) -> Result<(), String> {
        let mut owners = BTreeMap::<MessageQueue, u32>::new();
        let mut shares = BTreeMap::<(Arc<str>, u32), usize>::new();
        for (number, member) in &self.members {
            for queue in member.group.snapshot().queues {
                *shares.entry((Arc::clone(&queue.queue.topic), *number)).or_default() += 1;
                if let Some(other) = owners.insert(queue.queue.clone(), *number) {
                    return Err(format!("{:?} belongs to {other} and {number}", queue.queue));
                }
            }
        }
        let all = self.brokers.iter().flat_map(|broker| broker.logs.keys());
        if let Some(queue) = all.into_iter().find(|queue| !owners.contains_key(*queue)) {
            return Err(format!("{queue:?} belongs to nobody"));
        }
        let of = |number| shares.get(&(Arc::from("t"), number)).copied().unwrap_or(0);
        let sizes = || self.members.keys().map(|number| of(*number));
        if sizes().max() > sizes().min().map(|least| least + 1) {
            return Err(format!("shares are not even: {shares:?}"));
        }
        Ok(())
    }

    // ---- Chance and time

    fn book(&mut self, after: Duration, happening: Happening) {
        self.booked += 1;
        self.agenda.insert((self.now.monotonic + after, self.booked), happening);
    }

    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn up_to(&mut self, most: u64) -> u64 {
        self.next_random() % (most + 1)
    }

    fn between(&mut self, least: u64, most: u64) -> Duration {
        ms(least + self.up_to(most - least))
    }

    fn latency(&mut self) -> Duration {
        self.between(1, 20)
    }

    /// Trouble ends.
    fn chance(&mut self, of_a_thousand: u64) -> bool {
        let over = self.now.monotonic - self.begun > TROUBLE_ENDS;
        let drawn = self.next_random() % 1_000;
        !over && drawn < of_a_thousand
    }

    fn any_member(&mut self) -> Option<u32> {
        let numbers: Vec<_> = self.members.keys().copied().collect();
        let index = self.up_to((numbers.len() as u64).saturating_sub(1)) as usize;
        numbers.get(index).copied()
    }

    fn any_queue(&mut self) -> (usize, MessageQueue) {
        let broker = self.up_to(1) as usize;
        let queues = self.topic_queues(broker);
        let index = self.up_to(queues.len() as u64 - 1) as usize;
        (broker, queues[index].clone())
    }

    fn topic_queues(&self, broker: usize) -> Vec<MessageQueue> {
        let queues = self.brokers[broker].logs.keys();
        queues.filter(|queue| *queue.topic == *"t").cloned().collect()
    }

    fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at = (self.now.monotonic - self.begun).as_secs_f64();
            trace.push(format!("{at:>9.3} {}", line()));
        }
    }
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}
