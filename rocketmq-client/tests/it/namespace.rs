//! Namespaces: names as servers see them, and as applications do.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use rocketmq_client::{Client, Delivery, Message, Outcome, StartFrom};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::{Text, code::RequestCode, names::AUTO_CREATE_TOPIC};

use crate::{PATIENCE, eventually};

async fn client_in(cluster: &MockCluster, namespace: &str) -> Client {
    let servers = cluster.name_server_address().to_string();
    Client::builder(servers).namespace(namespace).connect().await.unwrap()
}

async fn send(client: &Client, bodies: &[&'static str]) {
    let producer = client.producer("p").start().await.unwrap();
    for body in bodies {
        producer.send(Message::new("t", *body)).await.unwrap();
    }
}

/// Every name of a topic or group in these requests is in the namespace, but for that of the topic from which others are made.
fn assert_wrapped(cluster: &MockCluster, codes: &[RequestCode]) {
    let requests = cluster.requests();
    for code in codes {
        let mut of_code = requests.iter().filter(|request| request.code == *code).peekable();
        assert!(of_code.peek().is_some(), "no request {code}");
        for request in of_code {
            for key in ["topic", "b", "consumerGroup", "group", "producerGroup"] {
                let name = request.command.ext_fields.get(key).unwrap_or_default();
                let wrapped =
                    name.is_empty() || name == AUTO_CREATE_TOPIC || name.contains("shop%");
                assert!(wrapped, "{code}: {key} is {name}");
            }
        }
    }
}

#[tokio::test]
async fn a_push_consumer_reads_its_namespace_and_does_not_see_it() {
    let cluster = MockCluster::builder().topic("shop%t", 1).start().await.unwrap();
    let client = client_in(&cluster, "shop").await;
    send(&client, &["first", "failing", "last"]).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let consumer = client
        .push_consumer("g")
        .subscribe("t", "*")
        .start_from(StartFrom::First)
        .max_redeliveries(0)
        .start(move |delivery: Delivery| {
            let body = String::from_utf8_lossy(delivery.body()).into_owned();
            let shown = format!("{} {} {body}", delivery.topic(), delivery.queue());
            noted.lock().unwrap().push(shown);
            async move { if body == "failing" { Outcome::Retry } else { Outcome::Ack } }
        })
        .await
        .unwrap();
    let buried = async || cluster.messages("%DLQ%shop%g").len() == 1;
    eventually("what fails is buried in the namespace", buried).await;
    eventually("all are handed out", async || seen.lock().unwrap().len() == 3).await;
    let mut shown = seen.lock().unwrap().clone();
    shown.sort();
    assert_eq!(shown, ["failing", "first", "last"].map(|body| format!("t t/broker-a/0 {body}")));
    assert_eq!(consumer.group(), "g");
    let queues = consumer.snapshot().await.unwrap().queues;
    let mut topics: Vec<_> = queues.iter().map(|queue| &*queue.queue.topic).collect();
    topics.sort_unstable();
    assert!(topics.ends_with(&["t"]), "{topics:?}");
    assert_eq!(cluster.members("broker-a", "shop%g").len(), 1);
    consumer.shutdown(PATIENCE).await;
    assert_eq!(cluster.stored_offset("broker-a", "shop%g", "shop%t", 0), Some(3));
    let letters = client.dead_letters("g").await.unwrap();
    let buried = letters.read(32).await.unwrap();
    assert_eq!(buried.iter().map(|letter| letter.topic().unwrap()).collect::<Vec<_>>(), ["t"]);
    letters.shutdown().await;
    assert_wrapped(
        &cluster,
        &[
            RequestCode::SEND_MESSAGE_V2,
            RequestCode::PULL_MESSAGE,
            RequestCode::CONSUMER_SEND_MSG_BACK,
            RequestCode::UPDATE_CONSUMER_OFFSET,
            RequestCode::GET_CONSUMER_LIST_BY_GROUP,
            RequestCode::UNREGISTER_CLIENT,
        ],
    );
}

#[tokio::test]
async fn consumers_that_ask_have_their_namespace_too() {
    let cluster = MockCluster::builder().topic("shop%t", 1).start().await.unwrap();
    let client = client_in(&cluster, "shop").await;
    send(&client, &["one"]).await;

    let pull = client.pull_consumer("pull").start().await.unwrap();
    let queue = pull.queues("t").await.unwrap().remove(0);
    assert_eq!(queue.to_string(), "t/broker-a/0");
    let pulled = pull.pull(&queue, 0).await.unwrap();
    assert_eq!(&*pulled.messages[0].topic, "t");
    pull.commit(&queue, 1).await.unwrap();
    assert_eq!(pull.committed(&queue).await.unwrap(), Some(1));
    assert_eq!(pull.max_offset(&queue).await.unwrap(), 1);
    pull.shutdown().await;
    assert_eq!(cluster.stored_offset("broker-a", "shop%pull", "shop%t", 0), Some(1));

    let lite = client.lite_pull_consumer("lite").assign([queue.clone()]);
    let lite = lite.start_from(StartFrom::First).start().await.unwrap();
    let polled = lite.poll(PATIENCE).await.unwrap();
    assert_eq!((polled[0].topic(), polled[0].queue()), ("t", &queue));
    lite.commit().await.unwrap();
    assert_eq!(lite.committed(&queue).await.unwrap(), Some(1));
    lite.seek_to_begin(&queue).await.unwrap();
    assert_eq!(lite.poll(PATIENCE).await.unwrap().len(), 1, "again");
    assert_eq!(lite.assignment().await.unwrap(), [queue]);
    lite.shutdown(PATIENCE).await;

    let simple = client.simple_consumer("simple").subscribe("t", "*");
    let simple = simple.start_from(StartFrom::First).start().await.unwrap();
    let received = simple.receive(1, Duration::from_secs(30)).await.unwrap();
    assert_eq!((received[0].topic(), &*received[0].message().unwrap().topic), ("t", "t"));
    simple.ack_all(&received).await.unwrap();
    assert_eq!(cluster.popped("broker-a", "shop%simple"), 0);
    simple.shutdown().await;
    assert_wrapped(&cluster, &[RequestCode::POP_MESSAGE, RequestCode::ACK_MESSAGE]);
}

#[tokio::test]
async fn a_producer_looks_into_its_namespace() {
    let cluster = MockCluster::builder().topic("shop%t", 1).start().await.unwrap();
    let client = client_in(&cluster, "shop").await;
    let producer = client.producer("p").start().await.unwrap();
    let sent = producer.send(Message::new("t", "x").key("k")).await.unwrap();
    assert_eq!(sent.queue().to_string(), "t/broker-a/0");
    assert_eq!(producer.queues("t").await.unwrap(), [sent.queue().clone()]);
    assert_eq!(producer.max_offset(sent.queue()).await.unwrap(), 1);
    let always = SystemTime::UNIX_EPOCH..SystemTime::now() + PATIENCE;
    let found = producer.messages_by_key("t", "k", 32, always).await.unwrap();
    assert_eq!(found.iter().map(|message| &*message.topic).collect::<Vec<_>>(), ["t"]);
}

#[tokio::test]
async fn the_second_kind_is_in_every_request_and_in_no_name() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let servers = cluster.name_server_address().to_string();
    let client = Client::builder(servers).namespace_v2("tenant").connect().await.unwrap();
    send(&client, &["x"]).await;
    client.shutdown(PATIENCE).await;
    assert_eq!(cluster.messages("t").len(), 1);
    let requests = cluster.requests();
    let codes = [RequestCode::GET_ROUTEINFO_BY_TOPIC, RequestCode::SEND_MESSAGE_V2];
    for code in codes {
        assert!(requests.iter().any(|request| request.code == code), "{code}");
    }
    for request in requests {
        let field = |key| request.command.ext_fields.get(key);
        assert_eq!(field("nsd").as_deref(), Some("true"), "{}", request.code);
        assert_eq!(field("ns"), Some(Text::from_static("tenant")), "{}", request.code);
    }
}
