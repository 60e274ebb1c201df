//! S10: brokers tell different member lists, keep offsets to themselves, call offsets illegal and subscriptions unknown, and vanish
//! from the route. Nothing is lost, nothing is read again, no stored offset falls, and no pull asks for a negative one.

use std::{collections::BTreeMap, time::Duration};

use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::{
    code::{RequestCode, ResponseCode},
    header::PullMessageRequestHeader,
};
use tokio::time::{Instant, interval, sleep};

use super::{
    Trial,
    field::{Field, judge, producers},
};
use crate::player::Way;

const BROKERS: [&str; 3] = ["broker-a", "broker-b", "broker-c"];
const QUEUES: i32 = 8;
const MEMBERS: usize = 4;
const MANY: usize = usize::MAX;
const PULL: RequestCode = RequestCode::PULL_MESSAGE;
const OFFSET: RequestCode = RequestCode::QUERY_CONSUMER_OFFSET;
const LIST: RequestCode = RequestCode::GET_CONSUMER_LIST_BY_GROUP;

pub(super) async fn run(trial: &mut Trial) {
    if play(trial).await.is_none() {
        trial.require(false, "the mock or the members did not start");
    }
}

async fn play(trial: &mut Trial) -> Option<()> {
    let cluster = MockCluster::builder().brokers(BROKERS.len()).topic("doubted", 8);
    let cluster = cluster.start().await.ok()?;
    let mut field = Field::new(&cluster.name_server_list(), "doubted");
    let part = field.consume(Way::Concurrent, 2);
    let mut members = field.join_all(MEMBERS, &part)?;
    let (client, producers) = producers(&field.name_servers, 2).await?;
    let load = field.load(&producers, 200);
    field.moves().await;
    sleep(Duration::from_secs(3)).await;
    let mut watch = Watch::default();
    let before = field.ledger.verdict().repetitions();
    let phase = trial.lasting(30);

    let doubting = async {
        let faults = [Fault::Refuse(ResponseCode::SYSTEM_ERROR), Fault::HangUp, Fault::Ignore];
        let turns = faults.iter().cycle().zip(BROKERS.iter().cycle());
        for (fault, broker) in turns.take(trial.times(24) as usize) {
            cluster.inject_at(broker, LIST, fault.clone(), MANY);
            sleep(Duration::from_secs(1)).await;
            cluster.clear_faults();
        }
    };
    watch.while_running(&cluster, doubting).await;
    trial.note("repeated_by_doubtful_lists", field.ledger.verdict().repetitions() - before);

    // No offset is to be had, while queues change hands. One member comes: its queues wait, and nothing is read again.
    let before = field.ledger.verdict().repetitions();
    let fault = trial.chance.choice([
        Fault::Ignore,
        Fault::HangUp,
        Fault::Refuse(ResponseCode::SYSTEM_ERROR),
    ])?;
    trial.note("offsets_hidden_by", format!("{fault:?}"));
    cluster.inject(OFFSET, fault, MANY);
    members.push(field.join(&part)?);
    watch.while_running(&cluster, sleep(phase)).await;
    cluster.clear_faults();
    watch.while_running(&cluster, sleep(Duration::from_secs(4))).await;
    let again = field.ledger.verdict().repetitions() - before;
    trial.at_most("repeated_without_offsets", again as f64, 0.0);

    let before = field.ledger.verdict().repetitions();
    let refusing = async {
        for code in [
            ResponseCode::SUBSCRIPTION_NOT_EXIST,
            ResponseCode::SUBSCRIPTION_NOT_LATEST,
            ResponseCode::SYSTEM_BUSY,
        ] {
            cluster.inject(PULL, Fault::Refuse(code), 50);
            sleep(phase / 6).await;
            cluster.clear_faults();
        }
        for broker in BROKERS.iter().cycle().take(trial.times(12) as usize) {
            cluster.set_heard("name-server", broker, false);
            sleep(Duration::from_secs(1)).await;
            cluster.set_heard("name-server", broker, true);
        }
    };
    watch.while_running(&cluster, refusing).await;
    trial.note("repeated_by_refusals", field.ledger.verdict().repetitions() - before);

    let calm = Instant::now();
    let complete = || {
        let (sum, each) = shares(&field, calm);
        sum == BROKERS.len() * 8 && each
    };
    field.reaches(Duration::from_secs(20), complete).await;
    trial.at_most("assigned_again_after_s", calm.elapsed().as_secs_f64(), 3.0);
    load.stop().await;
    let (verdict, _) = field.settle(Duration::from_secs(30)).await;
    judge(trial, &verdict);
    trial.at_most("commits_that_fell", watch.fell as f64, 0.0);
    trial.at_most("negative_pulls", watch.negative as f64, 0.0);
    trial.note("pulls_looked_at", watch.pulls);
    for member in members {
        member.leave().await;
    }
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}

/// How many queues members have read since then, and whether no queue was read by two.
fn shares(field: &Field, since: Instant) -> (usize, bool) {
    let owned: Vec<_> = (1..=MEMBERS + 1)
        .map(|id| field.ledger.queues_of(&format!("member-{id}"), since.into_std()))
        .collect();
    let sum = owned.iter().map(std::collections::BTreeSet::len).sum();
    let all: std::collections::BTreeSet<_> = owned.into_iter().flatten().collect();
    (sum, all.len() == sum)
}

/// What brokers see of it.
#[derive(Default)]
struct Watch {
    stored: BTreeMap<(&'static str, i32), i64>,
    fell: usize,
    negative: usize,
    pulls: usize,
}

impl Watch {
    /// Looks at stored offsets and at pulls again and again, while something goes on.
    async fn while_running(&mut self, cluster: &MockCluster, going_on: impl Future<Output = ()>) {
        let mut beat = interval(Duration::from_millis(200));
        let mut going_on = std::pin::pin!(going_on);
        loop {
            tokio::select! {
                () = &mut going_on => return,
                _ = beat.tick() => self.look(cluster),
            }
        }
    }

    fn look(&mut self, cluster: &MockCluster) {
        for (broker, queue) in BROKERS.iter().flat_map(|b| (0..QUEUES).map(move |q| (*b, q))) {
            let stored = cluster.stored_offset(broker, "doubted-group", "doubted", queue);
            let Some(stored) = stored else { continue };
            let before = self.stored.insert((broker, queue), stored);
            self.fell += usize::from(before.is_some_and(|before| stored < before));
        }
        let requests = cluster.requests();
        let pulls = requests.iter().filter(|request| request.code == PULL);
        let offsets: Vec<i64> = pulls
            .filter_map(|pull| pull.command.header::<PullMessageRequestHeader>().ok())
            .map(|header| header.queue_offset)
            .collect();
        self.pulls = self.pulls.max(offsets.len());
        self.negative = self.negative.max(offsets.iter().filter(|offset| **offset < 0).count());
    }
}
