//! Many queues: rows S1 to S5.
//!
//! S1, S2 and S5 are a whole client against a cluster that stores nothing; S3 and S4 are the machine of a group alone, every question
//! answered at once. Bytes, requests and cancelled pulls are gated, times are printed.

use std::{
    alloc::System,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rocketmq_benches::{
    cluster::{self, Shape},
    cpu::process_time,
    report::{Outcome, at_most, figure, verdict},
    server::{Server, serve_if_asked},
};
use rocketmq_client::{
    Client, Delivery, MessageQueue, PushConsumer, RpcHook, StartFrom,
    protocol::{Command, code::RequestCode, subscription},
};
use rocketmq_consumer::{Action, Config, ConsumerGroup, Input, Now, Stored};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::{
    runtime,
    sync::Notify,
    time::{sleep, timeout},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TOPICS: usize = 1_000;
const QUEUES: usize = 16;
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> Outcome {
    serve_if_asked()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(idle())?;
    runtime.block_on(beside_idle_queues())?;
    rebalances()?;
    growth()?;
    verdict()
}

/// S1 and S2: every queue polled, and then nothing to do.
async fn idle() -> Outcome {
    const IDLE: Duration = Duration::from_secs(20);
    let (_server, client, asked) = connect(0).await?;
    let (region, began) = (Region::new(ALLOCATOR), Instant::now());
    let consumer = consumer(&client, TOPICS, Arc::default()).await?;
    let polling = async {
        while client.stats().outstanding < TOPICS * QUEUES {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, polling).await.map_err(|_| "not every queue is polled")?;
    figure(
        "S1",
        "seconds to poll 16,000 queues",
        format_args!("{:.2}", began.elapsed().as_secs_f64()),
    );
    let asked = asked.counts();
    figure("S1", "requests", asked.values().sum::<u64>());
    let lists = asked.get(&RequestCode::GET_CONSUMER_LIST_BY_GROUP).copied().unwrap_or(0);
    at_most("S1", "requests for members", lists as f64, 10.0);

    let change = region.change();
    let held = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    figure("S2", "bytes a queue, routes included", (held / (TOPICS * QUEUES) as f64).round());
    let (cpu, polls) = (process_time()?, client.stats().connections.frames_read);
    sleep(IDLE).await;
    let cpu = process_time()?.saturating_sub(cpu).as_secs_f64();
    let polls = client.stats().connections.frames_read - polls;
    figure("S2", "ms of CPU a minute", format_args!("{:.0}", cpu * 60e3 / IDLE.as_secs_f64()));
    figure("S2", "µs of CPU a poll", format_args!("{:.2}", cpu * 1e6 / polls as f64));
    consumer.shutdown(PATIENCE).await;
    Ok(())
}

/// S5: what 16,000 idle queues cost a topic that is drained beside them.
async fn beside_idle_queues() -> Outcome {
    let mut alone = f64::NAN;
    for idle in [0, TOPICS] {
        let (_server, client, _) = connect(10_000).await?;
        let hot = Arc::new(Hot { left: Mutex::new(10_000 * QUEUES), all: Notify::new() });
        let cold = match idle {
            0 => None,
            _ => Some(consumer(&client, idle, Arc::default()).await?),
        };
        while client.stats().outstanding < idle * QUEUES {
            sleep(Duration::from_millis(20)).await;
        }
        let cpu = process_time()?;
        let running = consumer(&client, 0, Arc::clone(&hot)).await?;
        timeout(PATIENCE, hot.all.notified()).await.map_err(|_| "not every message came")?;
        let cpu = process_time()?.saturating_sub(cpu).as_secs_f64();
        match idle {
            0 => alone = cpu,
            _ => figure("S5", "of the CPU without idle queues", format_args!("{:.2}", cpu / alone)),
        }
        running.shutdown(PATIENCE).await;
        if let Some(cold) = cold {
            cold.shutdown(PATIENCE).await;
        }
    }
    Ok(())
}

struct Hot {
    left: Mutex<usize>,
    all: Notify,
}

impl Default for Hot {
    fn default() -> Self {
        Self { left: Mutex::new(usize::MAX), all: Notify::new() }
    }
}

/// On so many idle topics, or on the one with messages.
async fn consumer(client: &Client, idle: usize, hot: Arc<Hot>) -> Outcome<PushConsumer> {
    let group = if idle > 0 { "cold" } else { "hot" };
    let mut consumer = client.push_consumer(group).start_from(StartFrom::First);
    if idle == 0 {
        consumer = consumer.subscribe("bench", "*");
    }
    for nth in 0..idle {
        consumer = consumer.subscribe(&topic(nth), "*");
    }
    let count = move |_: Delivery| {
        let mut left = hot.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left -= 1;
        if *left == 0 {
            hot.all.notify_one();
        }
        async {}
    };
    Ok(consumer.start(count).await?)
}

async fn connect(backlog: u32) -> Outcome<(Server, Client, Arc<Asked>)> {
    let hold = Duration::from_secs(15);
    let server = cluster::start(Shape { queues: QUEUES as u32, backlog, body: 1 << 10, hold })?;
    let asked = Arc::new(Asked::default());
    let hook = Counting(Arc::clone(&asked));
    let client = Client::builder(server.address().to_string()).rpc_hook(hook).connect().await?;
    Ok((server, client, asked))
}

/// What was asked, and how often.
#[derive(Debug, Default)]
struct Asked(Mutex<BTreeMap<RequestCode, u64>>);

impl Asked {
    fn counts(&self) -> BTreeMap<RequestCode, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Debug)]
struct Counting(Arc<Asked>);

impl RpcHook for Counting {
    fn before_request(&self, _: &str, request: &mut Command) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(request.request_code()).or_default() += 1;
    }
}

fn topic(nth: usize) -> String {
    format!("idle-{nth:05}")
}

/// S3: 16,000 queues, seven other members; nothing changes, one joins, routes grow.
fn rebalances() -> Outcome {
    let mut member = Member::new(TOPICS)?;
    member.others = 7;
    member.start();
    let held = member.pulls;

    let (cpu, cancelled) = member.rebalanced()?;
    figure("S3", "ms of CPU, nothing changes", format_args!("{:.2}", cpu * 1e3));
    at_most("S3", "pulls cancelled, nothing changes", cancelled as f64, 0.0);

    member.others = 8;
    let (cpu, cancelled) = member.rebalanced()?;
    figure("S3", "ms of CPU, a ninth joins", format_args!("{:.2}", cpu * 1e3));
    figure("S3", "pulls cancelled, a ninth joins", cancelled);

    member.grow(TOPICS / 10);
    let (cpu, _) = member.rebalanced()?;
    figure("S3", "ms of CPU, routes grow by a tenth", format_args!("{:.2}", cpu * 1e3));
    figure("S3", "queues held at first", held);
    Ok(())
}

/// S4: the same with more and more queues; steeper than the queues is too steep.
fn growth() -> Outcome {
    let mut first: Option<(f64, f64, f64)> = None;
    for queues in [1_000, 4_000, 16_000, 64_000, 100_000] {
        let row = format!("S4 {queues} queues");
        let (region, cpu) = (Region::new(ALLOCATOR), process_time()?);
        let mut member = Member::new(queues / QUEUES)?;
        member.start();
        let start = process_time()?.saturating_sub(cpu).as_secs_f64();
        let change = region.change();
        let held = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
        let (rebalance, _) = member.rebalanced()?;
        figure(&row, "ms of CPU to start", format_args!("{:.1}", start * 1e3));
        figure(&row, "ms of CPU to rebalance", format_args!("{:.2}", rebalance * 1e3));
        at_most(&row, "bytes a queue", held / queues as f64, 1_200.0);
        let (least, bytes, _) = *first.get_or_insert((queues as f64, held, rebalance));
        if queues as f64 > least {
            let slope = (held / bytes).ln() / (queues as f64 / least).ln();
            at_most(&row, "log-log slope of bytes", slope, 1.1);
        }
    }
    Ok(())
}

/// A group whose questions are answered at once, by a cluster without messages.
struct Member {
    group: ConsumerGroup,
    now: Now,
    topics: usize,
    /// Members beside this one, whose ids sort behind it.
    others: usize,
    pulls: usize,
    cancelled: usize,
}

impl Member {
    fn new(topics: usize) -> Outcome<Self> {
        let now = Now { monotonic: Instant::now(), wall: 1_700_000_000_000 };
        let mut config = Config::new("bench", "10.0.0.1@0", 42);
        config.retries = false;
        config.budget = None; // no pull is ever answered
        for nth in 0..topics + TOPICS / 10 {
            config.subscriptions.push(subscription::tags(&topic(nth), "*", now.wall)?);
        }
        let group = ConsumerGroup::new(config, now)?;
        Ok(Self { group, now, topics, others: 0, pulls: 0, cancelled: 0 })
    }

    /// Goes on until every queue that is this member's is pulled from.
    fn start(&mut self) {
        const A_WHILE: Duration = Duration::from_secs(5);
        let until = self.now.monotonic + A_WHILE;
        self.settle();
        while self.group.poll_timeout().is_some_and(|next| next <= until) {
            self.step();
        }
        self.now.monotonic = until;
    }

    /// Goes on to when something is due. `false`: nothing will be.
    fn step(&mut self) -> bool {
        let Some(next) = self.group.poll_timeout() else { return false };
        self.now.monotonic = self.now.monotonic.max(next);
        self.group.handle_timeout(self.now);
        self.settle();
        true
    }

    /// Answers until nothing is asked.
    fn settle(&mut self) {
        while let Some(action) = self.group.poll() {
            let input = match action {
                Action::WatchRoute { topic } => Input::Route { queues: self.route(&topic), topic },
                Action::Heartbeat => Input::Registered,
                Action::QueryMembers { broker, .. } => {
                    Input::Members { broker, answer: Ok(self.members()) }
                }
                Action::QueryStoredOffset { epoch, .. } => {
                    Input::StoredOffset { epoch, answer: Ok(Stored::At(0)) }
                }
                Action::Pull(_) => {
                    self.pulls += 1;
                    continue;
                }
                Action::CancelPull { .. } => {
                    self.cancelled += 1;
                    continue;
                }
                _ => continue,
            };
            self.group.handle(self.now, input);
        }
    }

    fn route(&self, topic: &Arc<str>) -> Vec<MessageQueue> {
        let known = topic
            .get(5..)
            .and_then(|nth| nth.parse().ok())
            .is_some_and(|nth: usize| nth < self.topics);
        let broker: Arc<str> = "broker-a".into();
        let queue = |queue_id| MessageQueue {
            topic: Arc::clone(topic),
            broker_name: Arc::clone(&broker),
            queue_id,
        };
        (0..if known { QUEUES as i32 } else { 0 }).map(queue).collect()
    }

    fn members(&self) -> Vec<Arc<str>> {
        (0..=self.others).map(|nth| format!("10.0.0.1@{nth}").into()).collect()
    }

    /// More of the subscribed topics have queues.
    fn grow(&mut self, topics: usize) {
        let before = self.topics;
        self.topics += topics;
        for nth in before..self.topics {
            let topic: Arc<str> = topic(nth).into();
            let queues = self.route(&topic);
            self.group.handle(self.now, Input::Route { topic, queues });
        }
    }

    /// The CPU seconds of the next rebalance, and how many pulls it cancels.
    fn rebalanced(&mut self) -> Outcome<(f64, usize)> {
        let (cpu, cancelled) = (process_time()?, self.cancelled);
        self.group.handle(self.now, Input::MembersChanged);
        self.settle();
        for _ in 0..3 {
            if !self.step() {
                break;
            }
        }
        Ok((process_time()?.saturating_sub(cpu).as_secs_f64(), self.cancelled - cancelled))
    }
}
