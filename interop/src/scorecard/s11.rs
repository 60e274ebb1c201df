//! S11: transactional producers are killed between half message and decision. What is delivered is what a table says.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    Trial,
    field::{Field, on_servers},
};
use crate::{
    Cluster,
    player::{Part, Player, Transact, Way, Word, decided},
};

/// The numbers that one incarnation of a producer may use.
const RANGE: u64 = 1_000_000;

pub(super) async fn run(trial: &mut Trial) {
    let builder = Cluster::builder().broker_option("transactionCheckMax=60");
    on_servers(trial, builder, play).await;
}

async fn play(trial: &mut Trial, cluster: &mut Cluster) -> Option<()> {
    cluster.create_topic("decided", 4).ok()?;
    let mut field = Field::new(cluster.name_server_address(), "decided");
    let consumer = field.join(&field.consume(Way::Concurrent, 0))?;
    let halves = Arc::new(Mutex::new(BTreeSet::new()));
    let mut incarnations = 0;
    let mut begin = |count| {
        incarnations += 1;
        let part = Transact {
            name_servers: cluster.name_server_address().to_owned(),
            topic: "decided".to_owned(),
            group: "decided-producers".to_owned(),
            numbers: incarnations * RANGE..incarnations * RANGE + count,
            per_second: 100,
        };
        let halves = Arc::clone(&halves);
        let hear = move |word: Word| {
            halves.lock().unwrap_or_else(PoisonError::into_inner).insert(word.number);
        };
        Player::start(&std::env::current_exe().ok()?, &Part::Transact(part), hear).ok()
    };
    let (mut one, other) = (begin(RANGE)?, begin(RANGE)?);
    let rounds = trial.times(20);
    for _ in 0..rounds {
        sleep(Duration::from_millis(trial.chance.u64(2_000..4_000))).await;
        one.kill().await;
        one = begin(RANGE)?;
    }
    sleep(Duration::from_secs(3)).await;
    one.kill().await;
    other.kill().await;
    // A third one answers for all that the dead have left open.
    let answering = begin(1)?;
    let began = Instant::now();
    let halves = || halves.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let seen = || field.words().into_iter().map(|(_, word)| word.number).collect::<BTreeSet<_>>();
    let missing = || {
        let seen = seen();
        let lacks = |number: &u64| decided(*number).is_committed() && !seen.contains(number);
        halves().into_iter().filter(lacks).count()
    };
    field.reaches(Duration::from_secs(60), || missing() == 0).await;
    trial.note("complete_after_s", began.elapsed().as_secs_f64());
    trial.note("rounds", rounds);
    trial.note("half_messages", halves().len());
    trial.note("delivered", seen().len());
    trial.at_most("missing", missing() as f64, 0.0);
    let wrong = seen().into_iter().filter(|number| !decided(*number).is_committed()).count();
    trial.at_most("rolled_back_and_seen", wrong as f64, 0.0);
    trial.note("repeated", field.ledger.verdict().repetitions());
    answering.leave().await;
    consumer.leave().await;
    Some(())
}
