//! S20: under load a topic grows, shrinks, moves to a second broker, cannot be read for a while, and is deleted and created again.

use std::time::{Duration, Instant};

use tokio::{task::block_in_place, time::sleep};

use super::{
    Trial,
    field::{Field, judge, on_servers, producers},
};
use crate::{Cluster, Signal, player::Way};

const TOPIC: &str = "changing";
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(trial: &mut Trial) {
    on_servers(trial, Cluster::builder().brokers(2), play).await;
}

async fn play(trial: &mut Trial, cluster: &mut Cluster) -> Option<()> {
    block_in_place(|| cluster.stop_broker("broker-b", Signal::Term));
    cluster.create_topic(TOPIC, 4).ok()?;
    let mut field = Field::new(cluster.name_server_address(), TOPIC);
    let mut part = field.consume(Way::Concurrent, 2);
    part.from_last = true;
    let members = field.join_all(4, &part)?;
    // A group that starts at the end sees what is sent once it is there.
    sleep(Duration::from_secs(3)).await;
    let (client, producers) = producers(&field.name_servers, 2).await?;
    let load = field.load(&producers, 300);
    field.moves().await;

    cluster.create_topic(TOPIC, 16).ok()?;
    trial.at_most("new_queues_consumed_s", consumed(&field, 16).await, 35.0);
    block_in_place(|| cluster.start_broker("broker-b")).ok()?;
    cluster.create_topic(TOPIC, 16).ok()?;
    trial.at_most("new_broker_consumed_s", consumed(&field, 32).await, 35.0);

    permit(cluster, 4)?;
    sleep(Duration::from_secs(5)).await;
    permit(cluster, 6)?;
    trial.at_most("written_again_s", consumed(&field, 32).await, 35.0);

    // Fewer to write to first, so that what is in the others is read before they go.
    resize(cluster, "6", "16")?;
    sleep(Duration::from_secs(40)).await;
    cluster.create_topic(TOPIC, 6).ok()?;
    trial.at_most("shrunk_consumed_s", consumed(&field, 12).await, 35.0);
    let sent = load.stop().await;
    let (verdict, _) = field.settle(PATIENCE).await;
    judge(trial, &verdict);
    trial.note("failed_sends", sent.failed.len());
    trial.note("first_failure", sent.failed.first().cloned());

    admin(cluster, &["deleteTopic", "-c", "DefaultCluster", "-t", TOPIC])?;
    sleep(Duration::from_secs(10)).await;
    cluster.create_topic(TOPIC, 4).ok()?;
    let load = field.load(&producers, 100);
    trial.at_most("created_again_consumed_s", consumed(&field, 8).await, 35.0);
    load.stop().await;
    let (verdict, _) = field.settle(PATIENCE).await;
    trial.at_most("lost_after_deletion", verdict.lost.len() as f64, 0.0);
    for member in members {
        member.leave().await;
    }
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}

fn admin(cluster: &Cluster, arguments: &[&str]) -> Option<String> {
    block_in_place(|| cluster.mqadmin(arguments)).ok()
}

fn permit(cluster: &Cluster, perm: u8) -> Option<()> {
    let perm = perm.to_string();
    admin(cluster, &["updateTopicPerm", "-c", "DefaultCluster", "-t", TOPIC, "-p", &perm]).map(drop)
}

fn resize(cluster: &Cluster, write: &str, read: &str) -> Option<()> {
    let base = ["updateTopic", "-c", "DefaultCluster", "-t", TOPIC];
    admin(cluster, &[&base[..], &["-w", write, "-r", read]].concat()).map(drop)
}

/// How long it takes, from now, until something has come from so many queues.
async fn consumed(field: &Field, queues: usize) -> f64 {
    let since = Instant::now();
    let all = || {
        let of = |id| field.ledger.queues_of(&format!("member-{id}"), since);
        (1..=4).flat_map(of).collect::<std::collections::BTreeSet<_>>().len() >= queues
    };
    field.reaches(PATIENCE, all).await;
    since.elapsed().as_secs_f64()
}
