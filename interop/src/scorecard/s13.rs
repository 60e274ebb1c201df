//! S13: handlers panic, fail and hang, one message always fails, sending back fails too, and a member is killed meanwhile.

use std::{collections::BTreeMap, time::Duration};

use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::{RequestCode, ResponseCode};
use tokio::time::{Instant, sleep};

use super::{
    Trial,
    field::{Field, judge, producers},
};
use crate::player::{Trouble, Way, number_in};

const BACK: RequestCode = RequestCode::CONSUMER_SEND_MSG_BACK;
const POISON: u64 = 777;

pub(super) async fn run(trial: &mut Trial) {
    if play(trial).await.is_none() {
        trial.require(false, "the mock or the members did not start");
    }
}

async fn play(trial: &mut Trial) -> Option<()> {
    let cluster = MockCluster::builder().topic("failing", 8).delay_step(Duration::from_millis(20));
    let cluster = cluster.start().await.ok()?;
    let mut field = Field::new(&cluster.name_server_list(), "failing");
    let mut part = field.consume(Way::Concurrent, 2);
    part.trouble = Some(Trouble { panics: 100, fails: 98, hangs: 1_000, poison: POISON });
    let (one, other) = (field.join(&part)?, field.join(&part)?);
    let (client, producers) = producers(&field.name_servers, 2).await?;
    let (load, began) = (field.load(&producers, 300), Instant::now());
    field.moves().await;
    sleep(Duration::from_secs(5)).await;
    let seen = field.ledger.distinct();
    let failing = Instant::now();
    for fault in [Fault::Refuse(ResponseCode::SYSTEM_ERROR), Fault::Ignore, Fault::HangUp] {
        cluster.inject(BACK, fault, usize::MAX);
        sleep(trial.lasting(24)).await;
        cluster.clear_faults();
    }
    let rate = (field.ledger.distinct() - seen) as f64 / failing.elapsed().as_secs_f64();
    cluster.inject(BACK, Fault::Refuse(ResponseCode::SYSTEM_ERROR), usize::MAX);
    sleep(Duration::from_secs(2)).await;
    one.kill().await;
    sleep(Duration::from_secs(1)).await;
    cluster.clear_faults();
    let sent = load.stop().await;
    let offered = sent.took.len() as f64 / began.elapsed().as_secs_f64();
    let dead = || cluster.messages("%DLQ%failing-group");
    // The poison message is never consumed; everything else has to be.
    let settled = || {
        let lost = field.ledger.verdict().lost;
        lost.iter().all(|number| *number == POISON) && !dead().is_empty()
    };
    field.reaches(Duration::from_secs(60), settled).await;
    let mut verdict = field.ledger.verdict();
    verdict.lost.retain(|number| *number != POISON);
    judge(trial, &verdict);
    trial.note("sent", sent.took.len());
    trial.note("consumed_per_second_while_failing", rate);
    trial.note("sent_per_second", offered);
    trial.require(rate >= 0.9 * offered, format_args!("only {rate:.0} of {offered:.0} a second"));
    let mut letters = BTreeMap::new();
    for letter in dead() {
        *letters.entry(number_in(&letter.body)).or_insert(0_u64) += 1;
    }
    trial.at_most("poison_letters", letters.get(&POISON).map_or(9.0, |count| *count as f64), 1.0);
    let innocent = letters.keys().filter(|number| **number != POISON).count();
    trial.at_most("innocent_letters", innocent as f64, 0.0);
    other.leave().await;
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}
