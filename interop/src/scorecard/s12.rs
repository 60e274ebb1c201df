//! S12: popped messages whose acknowledgements are lost, whose consumers die and whose broker starts again.

use std::{collections::BTreeMap, time::Duration};

use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;
use tokio::{task::block_in_place, time::sleep};

use super::{
    Trial,
    field::{Field, judge, kill_and_start, on_servers, producers},
};
use crate::{Cluster, player::Way};

const INVISIBLE: Duration = Duration::from_secs(10);
const MOST_DELIVERIES: usize = 3;

pub(super) async fn run(trial: &mut Trial) {
    if lose_answers(trial).await.is_none() {
        trial.require(false, "the mock or the members did not start");
    }
    on_servers(trial, Cluster::builder(), kill).await;
}

fn way() -> Way {
    Way::Pop(INVISIBLE.as_millis() as u64)
}

/// On a cluster with faults: every tenth acknowledgement is carried out and not answered, and more time is granted late.
async fn lose_answers(trial: &mut Trial) -> Option<()> {
    let cluster = MockCluster::builder().topic("popped", 8).start().await.ok()?;
    cluster.set_pop_mode("popped", "popped-group", true);
    let mut field = Field::new(&cluster.name_server_list(), "popped");
    let part = field.consume(way(), 12_000);
    let members = [field.join(&part)?, field.join(&part)?];
    let (client, producers) = producers(&field.name_servers, 1).await?;
    // Handlers take six seconds: no more than so many are under way.
    let load = field.load(&producers, 5);
    field.moves().await;
    let until = tokio::time::Instant::now() + trial.lasting(120);
    while tokio::time::Instant::now() < until {
        cluster.inject(RequestCode::ACK_MESSAGE, Fault::LoseAnswer, 1);
        cluster.inject(RequestCode::BATCH_ACK_MESSAGE, Fault::LoseAnswer, 1);
        let late = Fault::Delay(Duration::from_secs(2));
        cluster.inject(RequestCode::CHANGE_MESSAGE_INVISIBLETIME, late, 3);
        sleep(Duration::from_secs(2)).await;
    }
    cluster.clear_faults();
    load.stop().await;
    let (verdict, _) = field.settle(Duration::from_secs(60)).await;
    judge(trial, &verdict);
    trial.at_most(
        "deliveries_of_a_message",
        most_deliveries(&field) as f64,
        MOST_DELIVERIES as f64,
    );
    // Time was granted, or acknowledgements were tried again: nothing that was consumed may come again.
    trial.at_most("repeated_by_lost_answers", verdict.repetitions() as f64, 0.0);
    for member in members {
        member.leave().await;
    }
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}

/// On real servers: members are killed, and the broker.
async fn kill(trial: &mut Trial, cluster: &mut Cluster) -> Option<()> {
    cluster.create_topic("pop-chaos", 8).ok()?;
    let mode = ["setConsumeMode", "-c", "DefaultCluster", "-t", "pop-chaos", "-g"];
    block_in_place(|| {
        cluster.mqadmin(&[&mode[..], &["pop-chaos-group", "-m", "POP", "-q", "0"]].concat())
    })
    .ok()?;
    let mut field = Field::new(cluster.name_server_address(), "pop-chaos");
    let part = field.consume(way(), 100);
    let mut members = vec![field.join(&part)?, field.join(&part)?];
    let (client, producers) = producers(&field.name_servers, 2).await?;
    let load = field.load(&producers, 200);
    field.moves().await;
    for _ in 0..trial.times(8) {
        sleep(Duration::from_secs(5)).await;
        members.remove(0).kill().await;
        members.push(field.join(&part)?);
    }
    sleep(Duration::from_secs(3)).await;
    let died = field.ledger.verdict().repetitions();
    kill_and_start(cluster, "broker-a")?;
    sleep(Duration::from_secs(5)).await;
    load.stop().await;
    let (verdict, took) = field.settle(Duration::from_secs(120)).await;
    trial.note("real_acknowledged", verdict.acknowledged);
    trial.note("real_repeated_by_dead_members", died);
    trial.note("real_repeated_by_a_dead_broker", verdict.repetitions() - died);
    trial.at_most("real_lost", verdict.lost.len() as f64, 0.0);
    trial.at_most("real_unexplained", verdict.invented.len() as f64, 0.0);
    trial.note("real_last_seen_after_s", took.as_secs_f64());
    let most = most_deliveries(&field);
    trial.at_most("real_deliveries_of_a_message", most as f64, MOST_DELIVERIES as f64);
    for member in members {
        member.leave().await;
    }
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}

/// How often the message was consumed that was consumed most often.
fn most_deliveries(field: &Field) -> usize {
    let mut deliveries = BTreeMap::new();
    for (_, word) in field.words() {
        *deliveries.entry(word.number).or_insert(0) += 1;
    }
    deliveries.into_values().max().unwrap_or_default()
}
