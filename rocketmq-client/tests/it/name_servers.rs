//! Name servers that are away, wrong, empty, or of another opinion.
//!
//! Tests whose name begins with an `f` and a number reproduce a failure that some client of RocketMQ had.

use std::{sync::Arc, time::Duration};

use rocketmq_client::{
    Client, ClientEvent, Connector, ErrorKind, Io, Message, protocol::code::RequestCode,
};
use rocketmq_mock::{Fault, MockCluster, MockClusterBuilder};
use tokio::time::Instant;

use crate::{PATIENCE, eventually};

const ROUTE: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;
const MANY: usize = usize::MAX;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Connects to a cluster in memory, for tests under paused time.
#[derive(Clone)]
pub(crate) struct InMemory(pub(crate) Arc<MockCluster>);

impl Connector for InMemory {
    fn connect<'a>(
        &'a self,
        address: &'a str,
        _deadline: Instant,
    ) -> rocketmq_client::ConnectFuture<'a> {
        Box::pin(async move { Ok(Box::new(self.0.open(address)?) as Box<dyn Io>) })
    }
}

pub(crate) async fn in_memory(builder: MockClusterBuilder) -> (Arc<MockCluster>, InMemory) {
    let cluster = Arc::new(builder.in_memory().start().await.unwrap());
    (Arc::clone(&cluster), InMemory(cluster))
}

#[tokio::test(start_paused = true)]
async fn f01_a4_a_name_server_that_hangs_costs_no_request() {
    let (cluster, pipes) = in_memory(MockCluster::builder().name_servers(2)).await;
    cluster.inject_at("name-server", ROUTE, Fault::Ignore, MANY);
    let began = Instant::now();
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    assert!(began.elapsed() < secs(1), "{:?}", began.elapsed());
    let producer = client.producer("p").start().await.unwrap();
    for nth in 0..50 {
        let began = Instant::now();
        // Each to a topic of its own, which has to be asked about.
        producer.send(Message::new(format!("t{nth}"), "x")).await.unwrap();
        assert!(began.elapsed() < secs(1), "{:?}", began.elapsed());
    }
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn f02_a_name_server_that_knows_no_topic_is_not_the_last_word() {
    let (cluster, pipes) = in_memory(MockCluster::builder().name_servers(2).topic("t", 4)).await;
    cluster.set_heard("name-server", "broker-a", false);
    // Each client draws with which of the two it begins: some ask the empty one first.
    for _ in 0..20 {
        let builder = Client::builder(cluster.name_server_list()).connector(pipes.clone());
        let client = builder.connect().await.unwrap();
        let producer = client.producer("p").create_topics(false).start().await.unwrap();
        producer.send(Message::new("t", "x")).await.unwrap();
        client.shutdown(PATIENCE).await;
    }
    let log = cluster.requests();
    let in_vain = log.iter().filter(|asked| asked.code == ROUTE && asked.server == "name-server");
    assert!(in_vain.count() >= 2, "the empty one was asked");
}

#[tokio::test(start_paused = true)]
async fn f03_a_half_open_name_server_does_not_stop_refreshing() {
    let (cluster, pipes) = in_memory(MockCluster::builder().name_servers(2).topic("t", 4)).await;
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    // From now on the first one takes requests and says nothing; the topic grows where only the second can tell.
    cluster.inject_at("name-server", ROUTE, Fault::Ignore, MANY);
    cluster.create_topic("t", 32);
    let queues = async {
        loop {
            let receipt = producer.send(Message::new("t", "x")).await.unwrap();
            if receipt.queue().queue_id >= 4 {
                return;
            }
            tokio::time::sleep(secs(1)).await;
        }
    };
    tokio::time::timeout(secs(35), queues).await.expect("the route is refreshed");
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn f04_servers_that_left_the_list_are_left() {
    let (cluster, pipes) = in_memory(MockCluster::builder().name_servers(4).topic("t", 4)).await;
    let list = |from: usize| {
        let two: Vec<_> = cluster.name_server_addresses()[from..from + 2].iter().collect();
        format!("{};{}", two[0], two[1])
    };
    let client = Client::builder(list(0)).connector(pipes).connect().await.unwrap();
    let producer = client.producer("p").create_topics(false).start().await.unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    client.replace_name_servers(&list(2)).unwrap();
    for old in ["name-server", "name-server-1"] {
        cluster.set_heard(old, "broker-a", false);
        eventually("the old server is left", || async { cluster.connections(old) == 0 }).await;
    }
    cluster.create_topic("new", 4);
    producer.send(Message::new("new", "x")).await.unwrap();
    tokio::time::sleep(secs(200)).await;
    producer.send(Message::new("t", "x")).await.unwrap();
    assert!(client.replace_name_servers("nowhere").is_err());
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn f05_a_name_server_that_has_just_started_is_not_believed() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 4)).await;
    let client = Client::builder(cluster.name_server_list())
        .connector(pipes)
        .route_refresh_interval(secs(5))
        .connect()
        .await
        .unwrap();
    let producer = client.producer("p").create_topics(false).start().await.unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    let mut events = client.events();
    cluster.set_heard("name-server", "broker-a", false);
    let until = Instant::now() + secs(60);
    while Instant::now() < until {
        producer.send(Message::new("t", "x")).await.unwrap();
        tokio::time::sleep(secs(1)).await;
    }
    let doubted = async {
        while events.next().await != Some(ClientEvent::RouteDoubted { topic: "t".into() }) {}
    };
    tokio::time::timeout(PATIENCE, doubted).await.expect("an event says so");
    assert!(client.stats().upkeep.routes_doubted > 5);
    cluster.set_heard("name-server", "broker-a", true);
    tokio::time::sleep(secs(10)).await;
    producer.send(Message::new("t", "x")).await.unwrap();
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn f06_disagreement_is_counted() {
    let (cluster, pipes) = in_memory(MockCluster::builder().name_servers(2).topic("t", 4)).await;
    cluster.set_heard("name-server", "broker-a", false);
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let mut events = client.events();
    let producer = client.producer("p").create_topics(false).start().await.unwrap();
    // Whichever is asked first, the other is preferred after the first good answer: begin with the empty one.
    let mut reversed: Vec<_> = cluster.name_server_addresses().to_vec();
    client.replace_name_servers(&reversed[0].to_string()).unwrap();
    let error = producer.send(Message::new("t", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TopicNotFound);
    reversed.truncate(2);
    client.replace_name_servers(&cluster.name_server_list()).unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    assert!(client.stats().upkeep.route_disagreements >= 1);
    let told = async {
        while events.next().await != Some(ClientEvent::NameServersDisagree { topic: "t".into() }) {}
    };
    tokio::time::timeout(PATIENCE, told).await.expect("an event says so");
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn garbage_from_a_name_server_does_no_harm_beside_a_good_one() {
    let cluster = MockCluster::builder().name_servers(2).topic("t", 4).start().await.unwrap();
    for fault in [
        Fault::Garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec().into()),
        Fault::HangUp,
        Fault::Reset,
        Fault::Cut,
        Fault::HalfFrame,
        Fault::ForeignAnswer,
    ] {
        cluster.clear_faults();
        cluster.inject_at("name-server", ROUTE, fault.clone(), MANY);
        let client = Client::connect(cluster.name_server_list()).await.unwrap();
        let producer = client.producer("p").start().await.unwrap();
        producer
            .send(Message::new("t", "x"))
            .await
            .unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        assert!(client.shutdown(PATIENCE).await.is_clean(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_url_names_servers_too() {
    let cluster = MockCluster::builder().name_servers(2).start().await.unwrap();
    let hosts: Vec<_> = cluster.name_server_addresses().iter().map(ToString::to_string).collect();
    let url = format!("rocketmq://{}/?instance_name=mine", hosts.join(","));
    let client = Client::connect(url).await.unwrap();
    assert!(client.id().ends_with("@mine"));
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn a28_many_topics_and_a_dead_name_server_keep_heartbeats_on_schedule() {
    let (cluster, pipes) = in_memory(MockCluster::builder().name_servers(2)).await;
    for nth in 0..1_000 {
        cluster.create_topic(&format!("t{nth}"), 1);
    }
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    for nth in 0..1_000 {
        producer.send(Message::new(format!("t{nth}"), "x")).await.unwrap();
    }
    cluster.inject_at("name-server", ROUTE, Fault::Ignore, MANY);
    let start = client.stats().upkeep;
    assert!(
        start.heartbeats_answered <= 3,
        "a route is news for no broker that knows us: {start:?}"
    );
    for nth in 1..=10 {
        tokio::time::sleep(secs(31)).await;
        let beats = client.stats().upkeep.heartbeats_answered - start.heartbeats_answered;
        assert!(beats >= nth, "{beats} heartbeats in {nth} intervals");
    }
    let end = client.stats().upkeep;
    assert!(end.routes_answered >= start.routes_answered + 9_000, "all are refreshed: {end:?}");
    assert_eq!(end.heartbeats_failed, 0);
    client.shutdown(PATIENCE).await;
}
