//! S14: a consumer starts on a backlog that is much larger than what it may hold, with slow handlers.

use std::time::Duration;

use bytes::Bytes;
use rocketmq_client::Message;
use rocketmq_mock::MockCluster;
use rocketmq_protocol::code::RequestCode;
use tokio::time::{Instant, sleep};

use super::{
    Trial,
    field::{Field, producers},
};
use crate::player::Way;

const BUDGET_MIB: u64 = 128;
const QUEUES: u16 = 64;

pub(super) async fn run(trial: &mut Trial) {
    if play(trial).await.is_none() {
        trial.require(false, "the mock or the member did not start");
    }
}

async fn play(trial: &mut Trial) -> Option<()> {
    // The backlog is in the memory of this process: at full scale 1.2 GiB of it.
    let (small, large) = (trial.times(400_000), trial.times(200));
    let cluster = MockCluster::builder().topic("backlog", QUEUES).start().await.ok()?;
    let mut field = Field::new(&cluster.name_server_list(), "backlog");
    let (client, producers) = producers(&field.name_servers, 1).await?;
    let producer = producers.first()?;
    for _ in 0..large {
        producer.send(Message::new("backlog", vec![b'.'; 3 << 20])).await.ok()?;
    }
    let body = Bytes::from(vec![b'.'; 1 << 10]);
    for _ in 0..small / 1_000 {
        let batch = (0..1_000).map(|_| Message::new("backlog", body.clone()));
        producer.send_batch(batch).await.ok()?;
    }
    let mut part = field.consume(Way::Concurrent, 50);
    part.budget = Some(BUDGET_MIB << 20);
    let member = field.join(&part)?;
    let began = Instant::now();
    let (mut beats, mut seen, mut gap) = (0, began, Duration::ZERO);
    while began.elapsed() < trial.lasting(240) {
        sleep(Duration::from_millis(250)).await;
        let count = cluster.count(RequestCode::HEART_BEAT);
        if count != beats {
            (beats, seen) = (count, Instant::now());
        }
        gap = gap.max(seen.elapsed());
    }
    trial.note("small_messages", small);
    trial.note("large_messages", large);
    trial.note("consumed", field.words().len());
    trial.require(!field.words().is_empty(), "nothing was consumed");
    trial.at_most("peak_mib", member.peak_mib(), (BUDGET_MIB + 64) as f64);
    trial.at_most("longest_between_heartbeats_s", gap.as_secs_f64(), 36.0);
    trial.at_most("stop_s", member.leave().await.as_secs_f64(), 5.0);
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}
