//! Brokers that hang, move, hide, or are away: what upkeep makes of it.

use std::{sync::Arc, time::Duration};

use rocketmq_client::{
    AddressMap, Client, ClientEvent, Error, ErrorKind, Message, ServerState, StartFrom,
    protocol::{
        body::{self, HeartbeatData},
        code::RequestCode,
        header::GetMaxOffsetRequestHeader,
    },
};
use rocketmq_mock::{Fault, MockCluster};
use tokio::{net::TcpListener, time::Instant};

use crate::{PATIENCE, client_of, eventually, name_servers::in_memory, within};

/// Of virtual time.
const AN_HOUR: Duration = Duration::from_secs(3_600);

const HEART_BEAT: RequestCode = RequestCode::HEART_BEAT;
const MANY: usize = usize::MAX;

fn chain(error: &Error) -> String {
    let causes =
        std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| {
            error.source()
        });
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// An address where nobody listens.
async fn refusing() -> String {
    let dropped = TcpListener::bind("127.0.0.1:0").await.unwrap();
    dropped.local_addr().unwrap().to_string()
}

fn heartbeats(cluster: &MockCluster, broker: &str) -> Vec<HeartbeatData> {
    let log = cluster.requests();
    let beats = log.iter().filter(|request| request.code == HEART_BEAT && request.server == broker);
    beats.map(|request| body::decode(&request.command.body).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn f13_brokers_that_hang_do_not_delay_the_heartbeats_of_others() {
    let (cluster, pipes) = in_memory(MockCluster::builder().brokers(10).topic("t", 1)).await;
    for hangs in 'c'..='j' {
        cluster.inject_at(&format!("broker-{hangs}"), HEART_BEAT, Fault::Ignore, MANY);
    }
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    for _ in 0..10 {
        producer.send(Message::new("t", "x")).await.unwrap();
    }
    eventually("both are told", || async {
        ["broker-a", "broker-b"].iter().all(|broker| !heartbeats(&cluster, broker).is_empty())
    })
    .await;
    for healthy in ["broker-a", "broker-b"] {
        let began = Instant::now();
        let before = heartbeats(&cluster, healthy).len();
        within(AN_HOUR, "ten more", || async {
            heartbeats(&cluster, healthy).len() >= before + 10
        })
        .await;
        let gap = began.elapsed() / 10;
        assert!(gap <= Duration::from_secs(36), "{gap:?}");
    }
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_whose_connections_die_young_is_told_as_soon_as_they_live() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 1)).await;
    // Five connections in a row end with the heartbeat that was sent over them.
    cluster.inject_at("broker-a", HEART_BEAT, Fault::HangUp, 5);
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let began = Instant::now();
    client.ready(AN_HOUR).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    assert_eq!(heartbeats(&cluster, "broker-a").len(), 6);
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn a_unit_is_named_in_heartbeats_and_messages() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 1)).await;
    let builder = Client::builder(cluster.name_server_list()).connector(pipes);
    let client = builder.unit_name("u1").unit_mode(true).connect().await.unwrap();
    assert!(client.id().ends_with("@u1"));
    let consumer =
        client.push_consumer("g").subscribe("t", "*").start(|_delivery| async {}).await.unwrap();
    let puller = client.pull_consumer("h").start().await.unwrap();
    client.producer("p").start().await.unwrap().send(Message::new("t", "x")).await.unwrap();
    eventually("both groups are told", || async {
        heartbeats(&cluster, "broker-a").last().is_some_and(|last| {
            last.consumer_data_set.len() == 2
                && last.consumer_data_set.iter().all(|data| data.unit_mode)
        })
    })
    .await;
    let log = cluster.requests();
    let send = log.iter().find(|request| request.code == RequestCode::SEND_MESSAGE_V2).unwrap();
    assert_eq!(send.command.ext_fields.get("k").unwrap(), "true");
    puller.shutdown().await;
    consumer.shutdown(PATIENCE).await;
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn f71_a_broker_that_is_in_no_route_hears_nothing_more() {
    let (cluster, pipes) = in_memory(MockCluster::builder().brokers(2).topic("t", 1)).await;
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let consumer =
        client.push_consumer("g").subscribe("t", "*").start(|_delivery| async {}).await.unwrap();
    within(AN_HOUR, "both are told", || async {
        ["broker-a", "broker-b"].iter().all(|broker| !heartbeats(&cluster, broker).is_empty())
    })
    .await;
    // One leaves the routes and lives on; the next refresh shows that.
    cluster.set_heard("name-server", "broker-b", false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let told = |broker| heartbeats(&cluster, broker).len();
    let (a, b) = (told("broker-a"), told("broker-b"));
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(told("broker-a") >= a + 9);
    assert_eq!(told("broker-b"), b);
    let servers = client.health().brokers;
    assert!(
        servers.iter().all(
            |server| *server.address != cluster.broker_address("broker-b").unwrap().to_string()
        )
    );
    consumer.shutdown(PATIENCE).await;
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn f20_a_slow_heartbeat_does_not_cost_the_connection() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 1)).await;
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    let made = cluster.connections_made("broker-a");
    // One is late by more than its deadline; what else goes over the connection goes on.
    cluster.inject_at("broker-a", HEART_BEAT, Fault::LoseAnswer, MANY);
    for _ in 0..300 {
        producer.send(Message::new("t", "x")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(client.stats().upkeep.heartbeats_failed >= 9);
    assert_eq!(cluster.connections_made("broker-a"), made);
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn f19_short_heartbeats_are_for_brokers_that_know_the_rest() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 1)).await;
    let client = Client::builder(cluster.name_server_list())
        .connector(pipes)
        .short_heartbeats(true)
        .connect()
        .await
        .unwrap();
    let consumer =
        client.push_consumer("g").subscribe("t", "*").start(|_delivery| async {}).await.unwrap();
    within(AN_HOUR, "short ones", || async {
        heartbeats(&cluster, "broker-a").iter().filter(|beat| beat.without_sub).count() >= 2
    })
    .await;
    let beats = heartbeats(&cluster, "broker-a");
    let first = beats.iter().find(|beat| !beat.consumer_data_set.is_empty()).unwrap();
    assert!(!first.without_sub && first.heartbeat_fingerprint != 0);
    for short in beats.iter().filter(|beat| beat.without_sub) {
        assert!(short.consumer_data_set.iter().all(|data| data.subscription_data_set.is_empty()));
    }
    // A broker that has been restarted gets all of it.
    cluster.stop_broker("broker-a").await;
    let before = heartbeats(&cluster, "broker-a").len();
    cluster.start_broker("broker-a").await.unwrap();
    within(AN_HOUR, "it is told again", || async {
        heartbeats(&cluster, "broker-a").len() > before
    })
    .await;
    assert!(!heartbeats(&cluster, "broker-a")[before].without_sub);
    assert!(client.stats().upkeep.heartbeats_short >= 2);
    consumer.shutdown(PATIENCE).await;
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn f09_a_broker_that_has_moved_is_found_by_its_new_address() {
    let cluster = MockCluster::builder().brokers(2).topic("t", 1).start().await.unwrap();
    let client = Client::builder(cluster.name_server_list())
        .route_refresh_interval(Duration::from_millis(200))
        .connect()
        .await
        .unwrap();
    let producer = client.producer("p").start().await.unwrap();
    // It is advertised where nobody listens, and then where it is: the other one serves in between.
    let wrong = refusing().await;
    cluster.advertise("broker-a", &wrong);
    producer.send(Message::new("t", "x")).await.unwrap();
    let here = cluster.broker_address("broker-a").unwrap().to_string();
    cluster.advertise("broker-a", &here);
    eventually("broker-a is used", || async {
        let receipt = producer.send(Message::new("t", "x")).await.unwrap();
        &*receipt.queue().broker_name == "broker-a"
    })
    .await;
    let known: Vec<_> =
        client.health().brokers.iter().map(|server| server.address.to_string()).collect();
    assert!(known.contains(&here) && !known.contains(&wrong), "{known:?}");
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn an_address_that_leads_nowhere_here_names_the_option_that_helps() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let here = cluster.broker_address("broker-a").unwrap().to_string();
    let advertised = refusing().await;
    cluster.advertise("broker-a", &advertised);

    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    let error = producer.send(Message::new("t", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let text = chain(&error);
    assert!(text.contains(&advertised) && text.contains("ClientBuilder::address_map"), "{text}");
    assert!(text.contains("refused"), "{text}");
    let health = client.health();
    assert!(matches!(health.brokers[0].state, ServerState::Unreachable { .. }), "{health}");
    assert!(!health.is_ready());
    client.shutdown(PATIENCE).await;

    let lists = [
        AddressMap::from([(advertised.clone(), here.clone())]),
        AddressMap::by({
            let (advertised, here) = (advertised.clone(), here.clone());
            move |address| (address == advertised).then(|| here.clone())
        }),
    ];
    for map in lists {
        let builder = Client::builder(cluster.name_server_list()).address_map(map);
        let client = builder.connect().await.unwrap();
        let producer = client.producer("p").start().await.unwrap();
        producer.send(Message::new("t", "x")).await.unwrap();
        client.ready(PATIENCE).await.unwrap();
        client.shutdown(PATIENCE).await;
    }
}

#[tokio::test]
async fn events_tell_what_happens_to_connections() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let mut events = client.events();
    let address: Arc<str> = cluster.broker_address("broker-a").unwrap().to_string().into();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    let mut until = async |what: &str, wanted: &dyn Fn(&ClientEvent) -> bool| {
        let found = async {
            while let Some(event) = events.next().await {
                if wanted(&event) {
                    return true;
                }
            }
            false
        };
        assert!(
            tokio::time::timeout(PATIENCE, found).await.is_ok_and(|found| found),
            "never: {what}"
        );
    };
    let of_broker = |seen: &Arc<str>| *seen == address;
    until(
        "connected",
        &|event| matches!(event, ClientEvent::Connected { address } if of_broker(address)),
    )
    .await;
    cluster.stop_broker("broker-a").await;
    until(
        "lost",
        &|event| matches!(event, ClientEvent::Disconnected { address, .. } if of_broker(address)),
    )
    .await;
    // A connection that has lived for less than a second is not made again at once.
    let keep_sending = async {
        loop {
            let _ = producer.send(Message::new("t", "x")).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let is_away = |event: &ClientEvent| matches!(event, ClientEvent::Unreachable { address, .. } if of_broker(address));
    tokio::select! {
        () = until("away", &is_away) => {}
        () = keep_sending => {}
    }
    let stats = client.stats();
    assert!(stats.connections.frames_written > 0 && stats.upkeep.routes_answered > 0, "{stats:?}");
    drop(producer);
    client.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn topics_that_nobody_uses_are_no_longer_asked_about() {
    let (cluster, pipes) =
        in_memory(MockCluster::builder().topic("once", 1).topic("always", 1)).await;
    let client =
        Client::builder(cluster.name_server_list()).connector(pipes).connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("once", "x")).await.unwrap();
    for _ in 0..800 {
        producer.send(Message::new("always", "x")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(client.stats().topics, 1);
    producer.send(Message::new("once", "x")).await.unwrap();
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn whatever_has_no_method_goes_through_the_door() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let request =
        |queue_id| GetMaxOffsetRequestHeader { topic: "t".into(), queue_id, ..Default::default() };
    let broker = cluster.broker_address("broker-a").unwrap().to_string();
    let answer = client.call_broker(&broker, &request(0), "").await.unwrap();
    assert_eq!(answer.header.offset, 0);
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn shutting_a_client_down_closes_what_still_runs() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    let consumer =
        client.push_consumer("g").subscribe("t", "*").start(|_delivery| async {}).await.unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    eventually("the member is known", || async { !cluster.members("broker-a", "g").is_empty() })
        .await;
    let report = client.clone().shutdown(PATIENCE).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.consumers, report.producers), (1, 1));
    assert!(cluster.members("broker-a", "g").is_empty(), "the consumer took leave");
    let codes: Vec<_> = cluster.requests().iter().map(|request| request.code).collect();
    let last = |code| codes.iter().rposition(|seen| *seen == code).unwrap();
    assert!(last(RequestCode::UNREGISTER_CLIENT) > last(RequestCode::SEND_MESSAGE_V2));
    assert_eq!(producer.send(Message::new("t", "x")).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.shutdown(PATIENCE).await, Default::default(), "twice is no harm");
    drop(consumer);
}

#[tokio::test]
async fn shutting_a_client_down_takes_leave_for_consumers_of_every_kind() {
    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    let pull = client.pull_consumer("pull").start().await.unwrap();
    let simple = client.simple_consumer("simple").subscribe("t", "*").start().await.unwrap();
    let lite = client.lite_pull_consumer("lite").subscribe("t", "*").start_from(StartFrom::First);
    let lite = lite.start().await.unwrap();
    assert_eq!(lite.poll(PATIENCE).await.unwrap().len(), 1);
    let groups = ["pull", "simple", "lite"];
    let members = || groups.map(|group| cluster.members("broker-a", group).len());
    eventually("all are known", || async { members() == [1; 3] }).await;
    let report = client.clone().shutdown(PATIENCE).await;
    assert_eq!((report.consumers, report.is_clean()), (3, true), "{report:?}");
    assert_eq!(members(), [0; 3], "they took leave");
    assert_eq!(cluster.stored_offset("broker-a", "lite", "t", 0), Some(1), "it was polled");
    pull.shutdown().await;
    simple.shutdown().await;
    drop(lite);
}
