//! S02: of two masters one is killed while four producers send, and comes back. No send fails, nothing acknowledged is lost.

use std::time::{Duration, Instant};

use tokio::{task::block_in_place, time::sleep};

use super::{
    Trial,
    field::{Field, judge, on_servers, producers},
};
use crate::{Cluster, Signal, player::Way};

const PER_SECOND: u32 = 1_000;

pub(super) async fn run(trial: &mut Trial) {
    let builder = Cluster::builder().brokers(2);
    on_servers(trial, builder, play).await;
}

async fn play(trial: &mut Trial, cluster: &mut Cluster) -> Option<()> {
    cluster.create_topic("killed", 8).ok()?;
    let mut field = Field::new(cluster.name_server_address(), "killed");
    let consumer = field.join(&field.consume(Way::Concurrent, 0))?;
    let (client, producers) = producers(&field.name_servers, 4).await?;
    let load = field.load(&producers, PER_SECOND);
    field.moves().await;
    sleep(trial.lasting(40)).await;
    let calm = load.stop().await;
    let rounds = trial.times(5);
    let load = field.load(&producers, PER_SECOND);
    let mut recovered = Duration::ZERO;
    for _ in 0..rounds {
        sleep(Duration::from_millis(trial.chance.u64(500..3_000))).await;
        block_in_place(|| cluster.stop_broker("broker-a", Signal::Kill));
        sleep(trial.lasting(30)).await;
        block_in_place(|| cluster.start_broker("broker-a")).ok()?;
        let back = Instant::now();
        let again = || {
            let queues = field.ledger.queues_of("member-1", back);
            queues.iter().filter(|queue| queue.contains("broker-a")).count() == 8
        };
        field.reaches(Duration::from_secs(60), again).await;
        recovered = recovered.max(back.elapsed());
    }
    let faulty = load.stop().await;
    let (verdict, _) = field.settle(Duration::from_secs(60)).await;
    judge(trial, &verdict);
    trial.note("rounds", rounds);
    trial.at_most("failed_sends", (calm.failed.len() + faulty.failed.len()) as f64, 0.0);
    trial.note("first_failure", faulty.failed.first().cloned());
    trial.at_most("calm_p99_ms", calm.percentile(0.99), 50.0);
    trial.at_most("fault_p99_ms", faulty.percentile(0.99), 1_500.0);
    trial.note("fault_longest_ms", faulty.longest());
    trial.at_most("recovered_s", recovered.as_secs_f64(), 5.0);
    consumer.leave().await;
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}
