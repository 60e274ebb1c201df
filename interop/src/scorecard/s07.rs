//! S07: every one of eight members is replaced, one after the other. Nothing is lost, and who leaves has nothing come twice.
//!
//! When a member joins, brokers tell it at once, and it may ask for offsets before who gives the queues up has stored them: then what was
//! consumed and not stored comes twice, a window at most. The protocol has no hand-over that could prevent it.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{
    Trial,
    field::{Field, judge, on_servers, producers},
};
use crate::{Cluster, player::Way};

const MEMBERS: usize = 8;
/// How far a queue may be read ahead.
const WINDOW: f64 = 1_000.0;

pub(super) async fn run(trial: &mut Trial) {
    on_servers(trial, Cluster::builder(), play).await;
}

async fn play(trial: &mut Trial, cluster: &mut Cluster) -> Option<()> {
    cluster.create_topic("rolling", 16).ok()?;
    let mut field = Field::new(cluster.name_server_address(), "rolling");
    let part = field.consume(Way::Concurrent, 5);
    let mut members = field.join_all(MEMBERS, &part)?;
    let (client, producers) = producers(&field.name_servers, 4).await?;
    let load = field.load(&producers, 800);
    field.moves().await;
    // The group is complete: what the first members have handed over to the last is not what this is about.
    let complete = || (1..=MEMBERS).all(|id| field.ledger.seen_by(&format!("member-{id}")) > 0);
    field.reaches(Duration::from_secs(60), complete).await;
    sleep(Duration::from_secs(3)).await;
    let before = field.ledger.verdict().repetitions();
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    let rounds = trial.times(2);
    let (mut by_leaves, mut by_joins) = (0, 0);
    for _ in 0..rounds {
        for _ in 0..MEMBERS {
            let before = field.ledger.verdict().repetitions();
            slowest = slowest.max(members.remove(0).leave().await);
            sleep(trial.lasting(10)).await;
            let between = field.ledger.verdict().repetitions();
            members.push(field.join(&part)?);
            sleep(trial.lasting(10)).await;
            by_leaves += between - before;
            by_joins += field.ledger.verdict().repetitions() - between;
        }
    }
    let sent = load.stop().await;
    let (verdict, _) = field.settle(Duration::from_secs(30)).await;
    judge(trial, &verdict);
    trial.note("rounds", rounds);
    trial.note("failed_sends", sent.failed.len());
    trial.note("repeated_while_the_group_grew", before);
    trial.at_most("repeated_by_leaves", by_leaves as f64, 0.0);
    // Sixteen queues among eight: two go to who joins, and seven change hands at most to make the shares even.
    let moved = (rounds * MEMBERS as u64 * 9) as f64;
    trial.note("repeated_by_joins", by_joins);
    trial.at_most("repeated_by_joins_a_queue", by_joins as f64 / moved, WINDOW);
    let pause = field.ledger.longest_pause(began);
    trial.at_most("longest_stall_s", pause.as_secs_f64(), 5.0);
    trial.at_most("slowest_leave_s", slowest.as_secs_f64(), 5.0);
    for member in members {
        member.leave().await;
    }
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}
