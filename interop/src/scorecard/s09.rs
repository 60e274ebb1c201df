//! S09: ordered queues change hands by joins, leaves, kills, freezes and a restart of the broker. One handles a queue at a time, in
//! its order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    Trial,
    field::{Field, judge, kill_and_start, on_servers, producers},
};
use crate::{
    Cluster,
    player::{Way, Word},
};

/// How long a broker lets a lease live: shorter than the 60 s that it has by default, to save time, and longer than the 30 s for which its
/// owner relies on it, as between Java and its brokers. A broker that lets go sooner breaks the order of every client.
const LEASE: Duration = Duration::from_secs(40);

pub(super) async fn run(trial: &mut Trial) {
    let builder = Cluster::builder().broker_java_option(&format!(
        "-Drocketmq.broker.rebalance.lockMaxLiveTime={}",
        LEASE.as_millis()
    ));
    on_servers(trial, builder, play).await;
}

async fn play(trial: &mut Trial, cluster: &mut Cluster) -> Option<()> {
    cluster.create_topic("in-order", 16).ok()?;
    let mut field = Field::new(cluster.name_server_address(), "in-order");
    let part = field.consume(Way::Ordered, 2);
    let mut members = field.join_all(5, &part)?;
    let (client, producers) = producers(&field.name_servers, 2).await?;
    let load = field.load(&producers, 400);
    field.moves().await;
    let mut slowest_leave = Duration::ZERO;
    for _ in 0..trial.times(8) {
        members.push(field.join(&part)?);
        sleep(Duration::from_secs(4)).await;
        slowest_leave = slowest_leave.max(members.remove(0).leave().await);
        sleep(Duration::from_secs(4)).await;
    }
    let killed = Instant::now();
    members.remove(0).kill().await;
    sleep(LEASE + Duration::from_secs(10)).await;
    let stall = field.ledger.longest_pause(killed);
    members.push(field.join(&part)?);
    // Longer than its leases live.
    let victim = members.first()?;
    victim.freeze(true);
    sleep(LEASE + trial.lasting(50)).await;
    victim.freeze(false);
    sleep(Duration::from_secs(3)).await;
    kill_and_start(cluster, "broker-a")?;
    sleep(Duration::from_secs(5)).await;
    load.stop().await;
    let (verdict, lag) = field.settle(Duration::from_secs(90)).await;
    judge(trial, &verdict);
    let words = field.words();
    trial.at_most("first_successes_out_of_order", out_of_order(&words) as f64, 0.0);
    let (overlaps, stale) = overlaps(&words);
    trial.at_most("two_at_a_time", overlaps as f64, 0.0);
    trial.note("ended_after_the_lease", stale);
    trial.at_most("stall_after_a_kill_s", stall.as_secs_f64(), LEASE.as_secs_f64() + 5.0);
    trial.at_most("slowest_leave_s", slowest_leave.as_secs_f64(), 2.0);
    trial.note("lag_gone_after_s", lag.as_secs_f64());
    for member in members {
        member.leave().await;
    }
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}

/// Queue by queue, by when a handler ended.
fn by_queue(words: &[(usize, Word)]) -> BTreeMap<&str, Vec<(usize, &Word)>> {
    let mut queues: BTreeMap<&str, Vec<(usize, &Word)>> = BTreeMap::new();
    for (member, word) in words {
        queues.entry(&word.queue).or_default().push((*member, word));
    }
    for words in queues.values_mut() {
        words.sort_by_key(|(_, word)| word.ended);
    }
    queues
}

/// Messages whose first success came after that of a later one.
fn out_of_order(words: &[(usize, Word)]) -> usize {
    let mut wrong = 0;
    for words in by_queue(words).into_values() {
        let (mut seen, mut last) = (BTreeSet::new(), -1);
        for (_, word) in words {
            if seen.insert(word.offset) {
                wrong += usize::from(word.offset < last);
                last = last.max(word.offset);
            }
        }
    }
    wrong
}

/// How often two members were in their handlers for one queue at the same time, and how often that was because one of them had been
/// frozen in there until its lease was over: nobody can keep it from waking up, and its result counts for nothing.
fn overlaps(words: &[(usize, Word)]) -> (usize, usize) {
    let (mut overlaps, mut stale) = (0, 0);
    for mut words in by_queue(words).into_values() {
        words.sort_by_key(|(_, word)| word.began);
        for (one, other) in words.iter().zip(words.iter().skip(1)) {
            if one.0 != other.0 && other.1.began < one.1.ended {
                let frozen = one.1.ended.saturating_sub(one.1.began) >= LEASE / 2;
                overlaps += usize::from(!frozen);
                stale += usize::from(frozen);
            }
        }
    }
    (overlaps, stale)
}
