//! The world of one run: members, brokers, a network that loses things, and a clock that jumps.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_consumer::{Delivery, Failure, Input, Now, Outcome};
use rocketmq_route::MessageQueue;

use super::{
    broker::{Broker, Held, Request, Stock, id},
    chance::Chance,
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

/// What is going to happen.
pub(super) enum Happening {
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
    Partition,
    Revive { broker: usize },
    Restart { broker: usize },
    Trim,
    Reset,
    NewQueue,
}

pub(super) struct World {
    pub(super) now: Now,
    pub(super) begun: Instant,
    pub(super) chance: Chance,
    pub(super) setup: Setup,
    pub(super) trouble: Trouble,
    /// Who handles a queue of an ordered group.
    pub(super) handling: BTreeMap<MessageQueue, Vec<(u32, Delivery)>>,
    pub(super) agenda: BTreeMap<(Instant, u64), Happening>,
    pub(super) booked: u64,
    pub(super) brokers: Vec<Broker>,
    pub(super) members: BTreeMap<u32, Member>,
    pub(super) leaving: BTreeSet<u32>,
    pub(super) next_member: u32,
    pub(super) next_message: u64,
    /// When each broker is looked after next.
    pub(super) revivals: BTreeMap<usize, Instant>,
    /// Who cannot reach which broker, and until when.
    pub(super) cut: BTreeMap<(u32, usize), Instant>,
    /// Places whose messages brokers have deleted.
    pub(super) deleted: BTreeSet<(MessageQueue, i64)>,
    /// Places that nobody needs to look at again, acknowledged or sent back, by whom that concerns.
    pub(super) dealt_with: BTreeSet<(u32, MessageQueue, i64)>,
    /// Messages that came to their end: acknowledged, buried, or deleted, by whom that concerns.
    pub(super) finished: BTreeSet<(u32, u64)>,
    /// Popped messages that a handler has acknowledged, or that were buried.
    pub(super) handled: BTreeSet<u64>,
    pub(super) stats: Stats,
    pub(super) trace: Option<Vec<String>>,
}

pub(super) const TROUBLE_ENDS: Duration = Duration::from_secs(60);
/// No run that ends has so many.
const MANY_STEPS: u64 = 100_000;
const ALL_ENDS: Duration = Duration::from_secs(400);

/// Whom it concerns what becomes of a message, where that is the whole group.
pub(super) const EVERYBODY: u32 = u32::MAX;

/// Plays a run.
pub(crate) fn try_run(setup: Setup) -> Result<Stats, String> {
    try_play(setup, Chance::of_seed(setup.seed))
}

/// Plays a run that is decided so.
pub(crate) fn try_play(setup: Setup, chance: Chance) -> Result<Stats, String> {
    let mut world = World::new(setup, chance, false);
    world.play().map(|()| world.stats)
}

/// Plays a run; panics with the script if anything is wrong.
pub(crate) fn run(setup: Setup) -> Stats {
    match try_run(setup) {
        Ok(stats) => stats,
        Err(_) => {
            let mut world = World::new(setup, Chance::of_seed(setup.seed), true);
            let why = world.play().expect_err("the same seed fails again");
            let trace = world.trace.unwrap_or_default();
            let end = &trace[trace.len().saturating_sub(250)..];
            panic!("{}\n{setup:?}: {why}", end.join("\n"));
        }
    }
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
    fn new(setup: Setup, chance: Chance, traced: bool) -> Self {
        let trouble = setup.trouble;
        let begun = Instant::now();
        let mut world = Self {
            now: Now { monotonic: begun, wall: 1_700_000_000_000 },
            begun,
            chance,
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
            revivals: BTreeMap::new(),
            cut: BTreeMap::new(),
            deleted: BTreeSet::new(),
            dealt_with: BTreeSet::new(),
            finished: BTreeSet::new(),
            handled: BTreeSet::new(),
            stats: Stats::default(),
            trace: traced.then(Vec::new),
        };
        world.plan();
        world
    }

    /// The schedule of the run.
    fn plan(&mut self) {
        for _ in 0..self.setup.messages {
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
        for _ in 0..self.up_to(trouble.partitions) {
            let at = self.between(1_000, 30_000);
            self.book(at, Happening::Partition);
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
            if self.stats.steps > MANY_STEPS {
                return Err("it goes on without end".to_owned());
            }
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
            Happening::Partition => self.partition(),
            Happening::Revive { broker } => self.revive(broker),
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

    /// A member and a broker cannot reach each other for a while.
    fn partition(&mut self) {
        let (broker, lasts) = (self.up_to(1) as usize, self.between(500, 28_000));
        if let Some(number) = self.any_member() {
            self.say(|| format!("{number} cannot reach broker {broker} for {lasts:?}"));
            self.cut.insert((number, broker), self.now.monotonic + lasts);
        }
    }

    fn restart(&mut self, broker: usize) {
        self.say(|| format!("broker {broker} restarts"));
        for Held { member, plan, .. } in self.brokers[broker].restart() {
            let input = Input::Pulled { pull: plan.pull, answer: Err(Failure::Unanswered) };
            self.book(ms(1), Happening::ToMember { member, input });
        }
        for (member, input) in self.brokers[broker].forget_pops() {
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
        if !matches!(self.setup.kind, Kind::Concurrent | Kind::Ordered) {
            return;
        }
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
        let mut deleted = Vec::new();
        for offset in log.min..min {
            // Who has it in memory may still consume it, and need not.
            self.deleted.insert((queue.clone(), offset));
            deleted.push(log.messages[offset as usize].id);
        }
        log.min = min;
        for id in deleted {
            self.finished.insert((EVERYBODY, id));
        }
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
        let settled = member.settlements(false);
        let message = delivery.message().map_err(|_| "no run has poison")?;
        let (id, place) = (id(message), (delivery.queue().clone(), delivery.id().offset));
        match self.setup.kind {
            // Its broker has the last word.
            Kind::Popping if outcome == Outcome::Ack => _ = self.handled.insert(id),
            // What fails is passed over.
            Kind::Broadcasting => self.done(number, id, place),
            Kind::Concurrent | Kind::Ordered if outcome == Outcome::Ack => {
                self.done(EVERYBODY, id, place);
            }
            _ => {}
        }
        self.say(|| format!("{number}: {delivery:?} ends with {outcome:?}"));
        match settled {
            Some(input) => self.tell(number, input),
            None => self.drive(number),
        }
    }

    fn done(&mut self, whom: u32, id: u64, (queue, offset): (MessageQueue, i64)) {
        self.finished.insert((whom, id));
        self.dealt_with.insert((whom, queue, offset));
    }

    // ---- Chance and time

    pub(super) fn book(&mut self, after: Duration, happening: Happening) {
        self.booked += 1;
        self.agenda.insert((self.now.monotonic + after, self.booked), happening);
    }

    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        self.chance.up_to(most)
    }

    pub(super) fn between(&mut self, least: u64, most: u64) -> Duration {
        ms(least + self.up_to(most - least))
    }

    pub(super) fn latency(&mut self) -> Duration {
        self.between(1, 20)
    }

    /// Trouble ends.
    pub(super) fn happens(&mut self, of_a_thousand: u64) -> bool {
        let over = self.now.monotonic - self.begun > TROUBLE_ENDS;
        let drawn = self.up_to(999);
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

    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at = (self.now.monotonic - self.begun).as_secs_f64();
            trace.push(format!("{at:>9.3} {}", line()));
        }
    }
}

pub(super) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}
