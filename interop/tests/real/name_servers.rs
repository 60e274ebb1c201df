//! Name servers that refuse or hang beside a real one.

use std::time::{Duration, Instant};

use rocketmq_client::{
    AddressMap, Client, ConnectFuture, Connector, ErrorKind, Message, TcpConnector,
};
use rocketmq_interop::Cluster;
use tokio::net::TcpListener;

use crate::{PATIENCE, distribution, shared};

#[tokio::test]
async fn a_bad_name_server_does_no_harm_beside_a_real_one() {
    let cluster = shared();
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs = hanging.local_addr().unwrap().to_string();
    let refuses = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let good = cluster.name_server_address();
    for list in [
        format!("{refuses};{good}"),
        format!("{hangs};{good}"),
        format!("{good};{hangs};{refuses}"),
    ] {
        let client = Client::connect(list).await.unwrap();
        let producer = client.producer("bad-name-servers").start().await.unwrap();
        producer.send(Message::new("bad-name-servers", "x")).await.unwrap();
        assert!(client.shutdown(PATIENCE).await.is_clean());
    }
}

/// Swallows attempts to connect to the documentation's network, as a firewall does.
struct Hole(TcpConnector);

impl Connector for Hole {
    fn connect<'a>(
        &'a self,
        address: &'a str,
        deadline: tokio::time::Instant,
    ) -> ConnectFuture<'a> {
        if address.starts_with("192.0.2.") {
            return Box::pin(std::future::pending());
        }
        self.0.connect(address, deadline)
    }
}

#[tokio::test]
async fn a_black_hole_before_a_real_name_server_delays_no_send() {
    let list = format!("192.0.2.1:9876;{}", shared().name_server_address());
    let began = Instant::now();
    let builder = Client::builder(list).connector(Hole(TcpConnector::default()));
    let client = builder.connect().await.unwrap();
    println!("connected after {:?}", began.elapsed());
    let producer = client.producer("black-hole").start().await.unwrap();
    producer.send(Message::new("black-hole", "x")).await.unwrap();
    let mut longest = Duration::ZERO;
    for _ in 0..500 {
        let began = Instant::now();
        producer.send(Message::new("black-hole", "x")).await.unwrap();
        longest = longest.max(began.elapsed());
    }
    println!("of 500 sends the longest took {longest:?}");
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn a_broker_that_advertises_what_leads_nowhere_is_reached_by_the_address_map() {
    // The last of two lines for a key counts.
    let advertises = Cluster::builder().broker_option("brokerIP1=203.0.113.9");
    let cluster = advertises.start(&distribution()).unwrap();
    let here = cluster.broker_address("broker-a").unwrap();
    let there = here.replace("127.0.0.1", "203.0.113.9");
    let builder = || Client::builder(cluster.name_server_address());

    let client = builder().connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    let send = producer.send(Message::new("Mapped", "x")).timeout(Duration::from_secs(10));
    let error = send.await.unwrap_err();
    println!("without a map: {error}");
    assert_eq!(error.kind(), ErrorKind::Connection);
    let text = error.to_string();
    assert!(text.contains(&there) && text.contains("ClientBuilder::address_map"), "{text}");
    client.shutdown(Duration::from_secs(1)).await;

    let map = AddressMap::from([(there, here)]);
    let client = builder().address_map(map).connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("Mapped", "x")).await.unwrap();
    assert!(client.shutdown(PATIENCE).await.is_clean());
}
