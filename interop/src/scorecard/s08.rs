//! S08: members are killed, or frozen for a while, at random. Nothing is lost, and what comes twice is bounded.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    Trial,
    field::{Field, judge, on_servers, producers},
};
use crate::{Cluster, player::Way};

const MEMBERS: usize = 8;
const QUEUES: u16 = 16;
const PER_SECOND: u32 = 800;
const FROZEN: Duration = Duration::from_secs(20);
/// How far a queue may be read ahead.
const WINDOW: f64 = 1_000.0;

pub(super) async fn run(trial: &mut Trial) {
    on_servers(trial, Cluster::builder(), play).await;
}

async fn play(trial: &mut Trial, cluster: &mut Cluster) -> Option<()> {
    cluster.create_topic("chaos", QUEUES).ok()?;
    let mut field = Field::new(cluster.name_server_address(), "chaos");
    let part = field.consume(Way::Concurrent, 5);
    let mut members = field.join_all(MEMBERS, &part)?;
    let (client, producers) = producers(&field.name_servers, 4).await?;
    let load = field.load(&producers, PER_SECOND);
    field.moves().await;
    sleep(Duration::from_secs(3)).await;
    let began = std::time::Instant::now();
    let rounds = trial.times(24);
    let (mut killed, mut frozen) = (0, 0);
    for round in 0..rounds {
        let at = trial.chance.usize(..members.len());
        // Each is seen at least once, whatever chance says.
        if round == 0 || (round > 1 && trial.chance.bool()) {
            members.swap_remove(at).kill().await;
            killed += 1;
            sleep(Duration::from_secs(10)).await;
            members.push(field.join(&part)?);
        } else {
            let victim = members.get(at)?;
            victim.freeze(true);
            frozen += 1;
            sleep(FROZEN).await;
            victim.freeze(false);
        }
    }
    load.stop().await;
    let (verdict, lag) = field.settle(Duration::from_secs(60)).await;
    // Not before everybody has gone on: a pause ends with the message behind it.
    let stall = field.ledger.longest_pause(began);
    judge(trial, &verdict);
    trial.note("killed", killed);
    trial.note("frozen", frozen);
    // A kill or a freeze moves two queues away and two back.
    let moved = f64::from(4 * (killed + frozen));
    let limit = WINDOW * moved + f64::from(PER_SECOND) * 10.0;
    trial.at_most("repeated_of_the_bound", verdict.repetitions() as f64 / limit, 1.0);
    trial.at_most("longest_stall_s", stall.as_secs_f64(), 30.0);
    trial.at_most("lag_gone_after_s", lag.as_secs_f64(), 20.0);
    for member in members {
        member.leave().await;
    }
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}
