//! What a consumer keeps of its queues, beside what every other client keeps: rows M9 and M12.
//!
//! M9: a window of offsets beside a tree under a lock; a batch of 32 comes in, is handed out and acknowledged in some order, and the
//! smallest unacknowledged offset is asked for each time. M12: the strategies that share out queues beside copying and sorting all of
//! them first. Allocations are gated, times are printed as ratios of one run.

use std::{
    alloc::System,
    collections::BTreeMap,
    hint::black_box,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use rocketmq_benches::report::{Outcome, at_most, figure, verdict};
use rocketmq_client::{
    Allocate, Averagely, AveragelyByCircle, ConsistentHash, MessageQueue, Share,
};
use rocketmq_consumer::{Window, java_order, java_queue_order};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Outcome {
    for depth in [32, 1_000, 100_000] {
        for order in [Order::Rising, Order::Falling, Order::Mixed] {
            windows(depth, order);
        }
    }
    for queues in [1_000, 16_000, 100_000] {
        for members in [1, 64, 1_024] {
            strategies(queues, members)?;
        }
    }
    verdict()
}

const BATCH: i64 = 32;
const BYTES: u32 = 1 << 10;

/// The order in which a batch is acknowledged.
#[derive(Debug, Clone, Copy)]
enum Order {
    Rising,
    Falling,
    Mixed,
}

impl Order {
    fn nth(self, nth: i64) -> i64 {
        match self {
            Self::Rising => nth,
            Self::Falling => BATCH - 1 - nth,
            Self::Mixed => nth * 13 % BATCH,
        }
    }
}

/// M9: `depth` messages are held all the time, while batches come and go.
fn windows(depth: i64, order: Order) {
    const ROUNDS: i64 = 2_000;
    let row = format!("M9 {depth} deep, {order:?}");
    let messages = (ROUNDS * BATCH) as f64;

    let mut window = Window::new(0);
    (0..depth).for_each(|offset| _ = window.insert(offset, BYTES, offset));
    let mut next = depth;
    let mut round = |window: &mut Window<i64>| {
        let first = next - depth;
        (next..next + BATCH).for_each(|offset| _ = window.insert(offset, BYTES, offset));
        next += BATCH;
        window.take(BATCH as usize, |_, value| _ = black_box(value));
        for nth in 0..BATCH {
            black_box(window.ack(first + order.nth(nth)));
            black_box(window.position());
        }
    };
    (0..ROUNDS / 10 + depth / BATCH).for_each(|_| round(&mut window));
    let (region, began) = (Region::new(ALLOCATOR), Instant::now());
    (0..ROUNDS).for_each(|_| round(&mut window));
    let (ours, allocated) = (began.elapsed().as_secs_f64(), region.change());

    let tree = RwLock::new((0..depth).map(|offset| (offset, offset)).collect::<BTreeMap<_, _>>());
    let locked = || tree.write().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    for batch in 0..ROUNDS {
        let first = batch * BATCH;
        locked().extend((depth + first..depth + first + BATCH).map(|offset| (offset, offset)));
        for nth in 0..BATCH {
            black_box(locked().remove(&(first + order.nth(nth))));
            black_box(locked().first_key_value());
        }
    }
    let theirs = began.elapsed().as_secs_f64();
    figure(&row, "ns a message", format_args!("{:.1}", ours * 1e9 / messages));
    figure(&row, "of a tree's time", format_args!("{:.3}", ours / theirs));
    let allocations = (allocated.allocations + allocated.reallocations) as f64;
    at_most(&row, "allocations a message", allocations / messages, 0.001);
}

/// M12: a member's own share, from the sorted queues that everyone has.
fn strategies(count: usize, members: usize) -> Outcome {
    const ROUNDS: u32 = 5;
    let queues = sorted_queues(count);
    let mut ids: Vec<Arc<str>> =
        (0..members).map(|nth| format!("10.0.0.{}@{nth}", nth % 250).into()).collect();
    ids.sort_by(|a, b| java_order(a, b));
    let me = ids.get(members / 2).cloned().unwrap_or_default();
    let share = Share::of("bench", &me, &ids, &queues)?;

    let began = Instant::now();
    for _ in 0..ROUNDS {
        let mut copy = black_box(&queues).clone();
        copy.sort_by(java_queue_order);
        black_box(Averagely.allocate(&Share::of("bench", &me, &ids, &copy)?)?);
    }
    let sorting = began.elapsed().as_secs_f64();
    let hash = ConsistentHash::default();
    for strategy in [&Averagely as &dyn Allocate, &AveragelyByCircle, &hash] {
        let row = format!("M12 {} {count} × {members}", strategy.name());
        let region = Region::new(ALLOCATOR);
        let mine = strategy.allocate(&share)?.len();
        let allocations = region.change().allocations;
        let began = Instant::now();
        for _ in 0..ROUNDS {
            black_box(strategy.allocate(black_box(&share))?);
        }
        let took = began.elapsed().as_secs_f64();
        figure(&row, "µs", format_args!("{:.1}", took * 1e6 / f64::from(ROUNDS)));
        figure(&row, "of copying and sorting", format_args!("{:.4}", took / sorting));
        if strategy.name() != hash.name() {
            // The share's own list, which may grow step by step.
            at_most(&row, "allocations", allocations as f64, 1.0 + (mine as f64 + 1.0).log2());
        }
    }
    Ok(())
}

fn sorted_queues(count: usize) -> Vec<MessageQueue> {
    const A_TOPIC: usize = 16;
    let topics: Vec<Arc<str>> =
        (0..count.div_ceil(A_TOPIC)).map(|nth| format!("topic-{nth:05}").into()).collect();
    let broker: Arc<str> = "broker-a".into();
    let queue = |nth: usize| {
        let topic = topics.get(nth / A_TOPIC).cloned().unwrap_or_default();
        MessageQueue { topic, broker_name: Arc::clone(&broker), queue_id: (nth % A_TOPIC) as i32 }
    };
    let mut queues: Vec<_> = (0..count).map(queue).collect();
    queues.sort_by(java_queue_order);
    queues
}
