//! What an operator sees of a running consumer and does to it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use rocketmq_client::Delivery;
use rocketmq_interop::Ledger;

use crate::{
    PATIENCE, client_of,
    consuming::{Seen, reader, send},
    distribution, eventually, java, number_of, numbered, shared,
    traffic::consume,
};

/// What the administration tool prints, while consumers go on.
async fn admin(arguments: &[&str]) -> String {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let asked = tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        shared().mqadmin(&arguments).unwrap()
    });
    asked.await.unwrap()
}

/// A text of the tool without what has to differ between two consumers: who they are, and figures.
fn shape(text: &str, group: &str, id: &str) -> Vec<String> {
    let text = text.replace(id, "<id>").replace(group, "<group>");
    let figure = |word: &str| {
        let is_figure = |text: &str| {
            text == "N/A" || text.chars().all(|c| c.is_ascii_digit() || ".:-,".contains(c))
        };
        match word.split_once('=') {
            _ if is_figure(word) => "<figure>".to_owned(),
            Some((key, value)) if is_figure(value.trim_end_matches(']')) => {
                format!("{key}=<figure>")
            }
            _ if ["JAVA", "RUST"].contains(&word) => "<language>".to_owned(),
            _ if word.starts_with("V5_") || word.starts_with("V4_") => "<version>".to_owned(),
            _ => word.to_owned(),
        }
    };
    let line = |line: &str| line.split_whitespace().map(figure).collect::<Vec<_>>().join(" ");
    text.lines().map(line).filter(|line| !line.is_empty()).collect()
}

const COUNT: u64 = 200;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[tokio::test]
async fn an_operator_sees_and_moves_a_running_consumer() {
    let (topic, group) = ("operated", "operated");
    shared().create_topic(topic, 2).unwrap();
    let client = client_of(shared()).await;
    let begun = now().to_string();
    let (seen, sum) = (Seen::default(), Arc::new(AtomicU64::new(0)));
    let (noted, summed) = (seen.clone(), Arc::clone(&sum));
    let consumer = reader(&client, group, topic).start(move |delivery: Delivery| {
        noted.note(&delivery);
        summed.fetch_add(number_of(&delivery), Ordering::SeqCst);
        async {}
    });
    let consumer = consumer.await.unwrap();
    send(&client, topic, 0..COUNT).await;
    eventually("all are seen", || async { seen.count() as u64 == COUNT }).await;
    let connection = admin(&["consumerConnection", "-g", group]).await;
    for fact in [client.id(), "CONSUME_PASSIVELY", "CLUSTERING", "CONSUME_FROM_FIRST_OFFSET", topic]
    {
        assert!(connection.contains(fact), "no {fact} in\n{connection}");
    }
    eventually("progress is told", || async {
        let progress = admin(&["consumerProgress", "-g", group]).await;
        progress.contains(topic) && progress.contains("Diff Total: 0")
    })
    .await;
    let status = admin(&["consumerStatus", "-g", group, "-i", client.id()]).await;
    for fact in ["PROP_CONSUMER_START_TIMESTAMP", "consumeThreadMin", "#Consumer MQ Detail#", topic]
    {
        assert!(status.contains(fact), "no {fact} in\n{status}");
    }
    assert!(!status.contains("null"), "{status}");

    // Back to the beginning, and consumed once more.
    admin(&["resetOffsetByTime", "-g", group, "-t", topic, "-s", &begun]).await;
    eventually("all are seen again", || async { seen.count() as u64 >= 2 * COUNT }).await;
    assert_eq!(sum.load(Ordering::SeqCst), COUNT * (COUNT - 1));
    // Forward over what nobody has read: the consumer is paused meanwhile, so that there is something to pass over.
    consumer.pause();
    eventually("it is paused", || async { consumer.snapshot().await.unwrap().paused }).await;
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    send(&client, topic, COUNT..COUNT + 20).await;
    admin(&["resetOffsetByTime", "-g", group, "-t", topic, "-s", "now"]).await;
    let noted = seen.clone();
    let consumer = reader(&client, group, topic).start(move |delivery: Delivery| {
        noted.note(&delivery);
        async {}
    });
    let consumer = consumer.await.unwrap();
    send(&client, topic, COUNT + 20..COUNT + 30).await;
    eventually("what came later is seen", || async { seen.count() as u64 >= 2 * COUNT + 10 }).await;
    assert_eq!(seen.count() as u64, 2 * COUNT + 10, "what was passed over is not");
    consumer.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn an_operator_has_a_message_consumed_by_ours_and_by_java() {
    let topic = "on-demand";
    shared().create_topic(topic, 1).unwrap();
    let client = client_of(shared()).await;
    let producer = client.producer("p").start().await.unwrap();
    let receipt = producer.send(numbered(topic, 7)).await.unwrap();
    let id = receipt.offset_message_id().unwrap().to_string();
    let ledger = Arc::new(Ledger::default());
    let consumer = consume(&client, "on-demand-rust", topic, "ours", &ledger).await;
    let address = shared().name_server_address();
    let how = ["averagely", "concurrently"];
    let member = java().join(address, topic, "on-demand-java", how, &ledger).unwrap();
    eventually("both have seen it", || async {
        ledger.seen_by("ours") == 1 && ledger.seen_by("java") == 1
    })
    .await;
    let connection = admin(&["consumerConnection", "-g", "on-demand-java"]).await;
    let of_java = connection.lines().find(|line| line.contains("JAVA")).unwrap_or_default();
    let of_java = of_java.split_whitespace().next().unwrap_or_default();
    let mut said = Vec::new();
    for (group, client_id) in [("on-demand-rust", client.id()), ("on-demand-java", of_java)] {
        let mut question = vec!["queryMsgById", "-i", &id, "-g", group, "-d", client_id];
        if distribution().is_5() {
            question.extend(["-t", topic]);
        }
        said.push(shape(&admin(&question).await, group, client_id));
    }
    assert!(said[0].iter().any(|line| line.contains("CR_SUCCESS")), "{said:?}");
    assert_eq!(said[0], said[1]);
    eventually("both have seen it once more", || async {
        ledger.seen_by("ours") == 2 && ledger.seen_by("java") == 2
    })
    .await;
    consumer.shutdown(PATIENCE).await;
    tokio::task::spawn_blocking(move || member.leave()).await.unwrap().unwrap();
}
