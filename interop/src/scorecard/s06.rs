//! S06: requests arrive and only their answers vanish, again and again; replies come after their time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rocketmq_client::{
    Client, ConnectionConfig, Delivery, Error, Message, Producer, PushConsumer, StartFrom,
};
use rocketmq_mock::{Fault, MockCluster};
use rocketmq_protocol::code::RequestCode;
use tokio::time::sleep;

use super::{
    Trial,
    field::{Field, judge},
    traffic::pace,
};
use crate::player::{Way, number_in};

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;
const LOST: Duration = Duration::from_secs(5);

pub(super) async fn run(trial: &mut Trial) {
    if play(trial).await.is_none() {
        trial.require(false, "the mock or the clients did not start");
    }
}

async fn play(trial: &mut Trial) -> Option<()> {
    let cluster = MockCluster::builder().brokers(2).topic("answers", 4).topic("questions", 4);
    let cluster = cluster.start().await.ok()?;
    let mut field = Field::new(&cluster.name_server_list(), "answers");
    let consumer = field.join(&field.consume(Way::Concurrent, 0))?;
    // The numbers of requests pass the end of their range while answers vanish.
    let mut connections = ConnectionConfig::default();
    connections.first_opaque = i32::MAX - 1_000;
    let client = Client::builder(&*field.name_servers).connections(connections);
    let client = client.connect().await.ok()?;
    let producer = client.producer("p").start().await.ok()?;
    let service = answer(&client).await?;

    let rounds = trial.times(10);
    let load = field.load(std::slice::from_ref(&producer), 500);
    field.moves().await;
    let wrong = Arc::new(AtomicUsize::new(0));
    let lasting = (LOST + Duration::from_secs(1)) * u32::try_from(rounds).ok()?;
    let asking = ask(&producer, &wrong, lasting);
    let losing = async {
        for _ in 0..rounds {
            cluster.inject_at("broker-a", SEND, Fault::LoseAnswer, usize::MAX);
            sleep(LOST).await;
            cluster.clear_faults();
            sleep(Duration::from_secs(1)).await;
        }
    };
    let (asked, ()) = tokio::join!(asking, losing);
    let sent = load.stop().await;
    let (verdict, _) = field.settle(Duration::from_secs(30)).await;
    judge(trial, &verdict);
    trial.note("rounds", rounds);
    trial.note("failed_sends", sent.failed.len());
    trial.note("questions", asked.took.len());
    trial.note("questions_without_reply", asked.failed.len());
    trial.at_most("replies_to_the_wrong_caller", wrong.load(Ordering::SeqCst) as f64, 0.0);
    // Each attempt leaves a copy, and no message has more of them than attempts.
    let mut copies = BTreeMap::new();
    for message in cluster.messages("answers") {
        *copies.entry(number_in(&message.body)).or_insert(0_u64) += 1;
    }
    trial.at_most("copies_of_a_message", copies.into_values().max()? as f64, 3.0);
    service.shutdown(Duration::from_secs(5)).await;
    consumer.leave().await;
    let report = client.shutdown(Duration::from_secs(5)).await;
    trial.at_most("tasks_left", report.tasks_left as f64, 0.0);
    Some(())
}

/// Questions of which every tenth is answered after its time.
async fn answer(client: &Client) -> Option<PushConsumer> {
    let replies = client.producer("replies").start().await.ok()?;
    let service = client.push_consumer("service").subscribe("questions", "*");
    let service = service.start_from(StartFrom::First).start(move |delivery: Delivery| {
        let replies = replies.clone();
        async move {
            if number_in(delivery.body()) % 10 == 3 {
                sleep(Duration::from_millis(700)).await;
            }
            replies.reply(&delivery, delivery.body().clone()).await.map(drop)
        }
    });
    service.await.ok()
}

async fn ask(
    producer: &Producer,
    wrong: &Arc<AtomicUsize>,
    lasting: Duration,
) -> super::traffic::Timings {
    let next = AtomicU64::new(0);
    pace(50, lasting, || {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let (producer, wrong) = (producer.clone(), Arc::clone(wrong));
        async move {
            let question = Message::new("questions", number.to_be_bytes().to_vec());
            let reply = producer.request(question).timeout(Duration::from_millis(500)).await?;
            wrong.fetch_add(usize::from(number_in(reply.body()) != number), Ordering::SeqCst);
            Ok::<(), Error>(())
        }
    })
    .await
}
