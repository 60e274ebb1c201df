//! One-way messages: what is not sent is counted and told.

use std::sync::{Arc, Mutex};

use rocketmq_client::{Client, ClientEvent, ConnectFuture, Connector, Io, Message};
use rocketmq_mock::MockCluster;
use tokio::{
    io::{DuplexStream, duplex},
    time::Instant,
};

use crate::{
    PATIENCE, client_of, eventually,
    name_servers::{InMemory, in_memory},
};

#[tokio::test]
async fn shutdown_sends_every_one_of_them() {
    let cluster = MockCluster::builder().topic("t", 4).start().await.unwrap();
    let client = client_of(&cluster).await;
    let producer = client.producer("p").start().await.unwrap();
    for number in 0..2_000 {
        producer.send(Message::new("t", format!("{number}"))).oneway().await.unwrap();
    }
    assert_eq!(producer.stats().oneway, 2_000);
    let report = client.shutdown(PATIENCE).await;
    assert!(report.is_clean() && report.oneways_lost == 0, "{report:?}");
    let arrived = async || cluster.messages("t").len() == 2_000;
    eventually("all that were counted are stored", arrived).await;
}

/// Connects to the name server of a cluster in memory, and to pipes that nobody reads in place of its brokers.
#[derive(Clone)]
struct Clogged {
    cluster: InMemory,
    ends: Arc<Mutex<Vec<DuplexStream>>>,
}

impl Connector for Clogged {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        if address == self.cluster.0.name_server_address().to_string() {
            return self.cluster.connect(address, deadline);
        }
        let (ours, theirs) = duplex(64);
        self.ends.lock().unwrap().push(theirs);
        Box::pin(async move { Ok(Box::new(ours) as Box<dyn Io>) })
    }
}

#[tokio::test(start_paused = true)]
async fn those_that_a_connection_takes_with_it_are_told() {
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 1)).await;
    let clogged = Clogged { cluster: pipes, ends: Arc::default() };
    let client = Client::builder(cluster.name_server_list()).connector(clogged.clone());
    let client = client.connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    let mut events = client.events();
    for _ in 0..5 {
        producer.send(Message::new("t", "x")).oneway().await.unwrap();
    }
    clogged.ends.lock().unwrap().clear();
    let lost = async {
        loop {
            match events.next().await {
                Some(ClientEvent::OnewaysLost { requests, .. }) => return requests,
                Some(_) => {}
                None => panic!("the client has ended"),
            }
        }
    };
    assert_eq!(lost.await, 5);
    assert_eq!(client.stats().connections.oneways_lost, 5);
    assert_eq!(producer.stats().oneway, 5, "they were handed to a connection");
}
