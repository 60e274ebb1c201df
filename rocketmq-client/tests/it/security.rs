//! Signed requests, and secrets that do not show.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use rocketmq_client::{
    AllowList, Client, ConnectFuture, Connector, Credentials, ErrorKind, Message, MessageQueue,
    protocol::code::RequestCode,
};
use rocketmq_mock::MockCluster;
use tokio::time::{Duration, Instant};

use crate::{
    PATIENCE,
    name_servers::{InMemory, in_memory},
};

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

async fn cluster() -> MockCluster {
    let cluster = MockCluster::builder().brokers(2).topic("t", 4).start().await.unwrap();
    cluster.user("adminuser", "adminsecret", &[]);
    cluster.user("reader", "readsecret", &[SEND]);
    cluster
}

fn builder(cluster: &MockCluster) -> rocketmq_client::ClientBuilder {
    Client::builder(cluster.name_server_list())
}

#[tokio::test]
async fn a_good_key_opens_and_others_are_told_apart_and_not_tried_again() {
    let cluster = cluster().await;
    let client = builder(&cluster).credentials(Credentials::new("adminuser", "adminsecret"));
    let client = client.connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();

    client.replace_credentials(&Credentials::new("reader", "readsecret")).unwrap();
    let before = cluster.count(SEND);
    let error = producer.send(Message::new("t", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(!error.is_retryable() && !error.outcome_unknown());
    assert_eq!(cluster.count(SEND), before + 1, "it is not tried again");

    client.replace_credentials(&Credentials::new("adminuser", "other")).unwrap();
    let error = producer.send(Message::new("t", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.to_string().contains("check signature failed"), "{error}");

    client.replace_credentials(&Credentials::new("adminuser", "adminsecret")).unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn no_key_and_a_bad_key_do_not_connect() {
    let cluster = cluster().await;
    let bad =
        [None, Some(Credentials::new("adminuser", "bad")), Some(Credentials::new("nobody", "x"))];
    for credentials in bad {
        let builder = match credentials {
            None => builder(&cluster),
            Some(credentials) => builder(&cluster).credentials(credentials),
        };
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NameServer, "{error:?}");
    }
    let empty = builder(&cluster).credentials(Credentials::new("adminuser", "")).connect().await;
    assert_eq!(empty.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn temporary_keys_bring_their_token() {
    let cluster = cluster().await;
    let credentials = Credentials::new("adminuser", "adminsecret").security_token("session-token");
    let client = builder(&cluster).credentials(credentials).connect().await.unwrap();
    let requests = cluster.requests();
    let fields = &requests.last().unwrap().command.ext_fields;
    assert_eq!(fields.get("SecurityToken").unwrap(), "session-token");
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn keys_are_read_again_from_their_file() {
    let cluster = cluster().await;
    let directory = std::env::temp_dir().join(format!("rocketmq-keys-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("tools.yml");
    std::fs::write(&file, "accessKey: adminuser\nsecretKey: adminsecret\n").unwrap();
    let client = builder(&cluster).credentials(Credentials::from_file(&file).unwrap());
    let client = client.connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();

    cluster.user("adminuser", "rotated", &[]);
    let error = producer.send(Message::new("t", "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    std::fs::write(&file, "accessKey: adminuser\nsecretKey: rotated\n").unwrap();
    client.replace_credentials(&Credentials::from_file(&file).unwrap()).unwrap();
    producer.send(Message::new("t", "x")).await.unwrap();
    client.shutdown(PATIENCE).await;
    std::fs::remove_dir_all(directory).unwrap();
}

/// The one name server, at an address that is not this machine's.
const ELSEWHERE: &str = "203.0.113.7:9876";

/// Reaches it all the same.
struct Tunnel(InMemory);

impl Connector for Tunnel {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        Box::pin(async move {
            let inside = self.0.0.name_server_address().to_string();
            let address = if address == ELSEWHERE { &inside } else { address };
            self.0.connect(address, deadline).await
        })
    }
}

#[tokio::test]
async fn keys_that_travel_in_plaintext_are_warned_of_once_and_only_beyond_this_machine() {
    const WARNING: &str = "signed requests travel in plaintext to another machine";
    let (log, _guard) = logged();
    let (cluster, pipes) = in_memory(MockCluster::builder().topic("t", 1)).await;
    cluster.user("adminuser", "adminsecret", &[]);
    let send = async |name_server: String| {
        let builder = Client::builder(name_server).connector(Tunnel(pipes.clone()));
        let builder = builder.credentials(Credentials::new("adminuser", "adminsecret"));
        let client = builder.connect().await.unwrap();
        let producer = client.producer("p").start().await.unwrap();
        producer.send(Message::new("t", "x")).await.unwrap();
        client.shutdown(PATIENCE).await;
    };
    send(cluster.name_server_list()).await;
    assert_eq!(log.text().matches(WARNING).count(), 0);
    send(format!("{};{ELSEWHERE}", cluster.name_server_list())).await;
    send(ELSEWHERE.to_owned()).await;
    let text = log.text();
    assert!(text.contains(&format!("address={ELSEWHERE}")), "{text}");
    assert!((1..=2).contains(&text.matches(WARNING).count()), "once a client: {text}");
}

#[tokio::test]
async fn x08_keys_that_must_not_travel_in_plaintext_stay_on_this_machine() {
    const OPTION: &str = "ClientBuilder::plaintext_credentials";
    const MAPPED: &str = "203.0.113.8:10911";
    let (cluster, pipes) = in_memory(MockCluster::builder().brokers(2).topic("t", 1)).await;
    cluster.user("adminuser", "adminsecret", &[]);
    let builder = |name_server: &str| {
        let builder = Client::builder(name_server).connector(Tunnel(pipes.clone()));
        let builder = builder.credentials(Credentials::new("adminuser", "adminsecret"));
        builder.plaintext_credentials(false)
    };
    let error = builder(ELSEWHERE).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    assert!(error.to_string().contains(OPTION) && !error.is_retryable(), "{error}");
    assert!(cluster.requests().is_empty(), "the name server was asked");

    // A name server on this machine, and one of two brokers that is not: what is dialled decides, and not what is advertised.
    let mapped = [(cluster.broker_address("broker-a").unwrap().to_string(), MAPPED)];
    let client = builder(&cluster.name_server_list()).address_map(mapped).connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    let send = async |broker| {
        let queue = MessageQueue::new("t", broker, 0);
        producer.send(Message::new("t", "x")).to_queue(queue).await
    };
    send("broker-b").await.unwrap();
    let error = send("broker-a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    assert!(error.to_string().contains(OPTION) && !error.outcome_unknown(), "{error}");
    client.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn x02_a_broker_that_is_not_allowed_is_never_dialled() {
    let cluster = MockCluster::builder().brokers(2).topic("t", 1).start().await.unwrap();
    let rogue = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    cluster.advertise("broker-a", &rogue.local_addr().unwrap().to_string());
    let list = AllowList::new(["127.0.0.1", "*.mq.example"]).unwrap();
    // The name server goes by a name that is not on the list, and need not be.
    let name_server = format!("localhost:{}", cluster.name_server_address().port());
    let client = Client::builder(name_server).allowed_brokers(list).connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    for _ in 0..4 {
        let receipt = producer.send(Message::new("t", "x")).await.unwrap();
        assert_eq!(&*receipt.queue().broker_name, "broker-b");
    }
    let queue = MessageQueue::new("t", "broker-a", 0);
    let error = producer.send(Message::new("t", "x")).to_queue(queue).await.unwrap_err();
    assert!(error.to_string().contains("ClientBuilder::allowed_brokers"), "{error}");
    client.shutdown(PATIENCE).await;
    let dialled = tokio::time::timeout(Duration::ZERO, rogue.accept()).await;
    assert!(dialled.is_err(), "the rogue was dialled");
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Has this thread's log kept, until the guard is dropped.
fn logged() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let (writer, subscriber) = (log.clone(), tracing_subscriber::fmt());
    let subscriber = subscriber.with_max_level(tracing::Level::TRACE).with_ansi(false);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn secrets_show_nowhere() {
    const CANARY: &str = "canary-5d41402a";
    let (log, _guard) = logged();

    let cluster = MockCluster::builder().topic("t", 1).start().await.unwrap();
    cluster.user("adminuser", CANARY, &[]);
    let url = format!("rocketmq://adminuser:{CANARY}@{}", cluster.name_server_address());
    let builder = Client::builder(url);
    let mut shown = format!("{builder:?}");
    let client = builder.connect().await.unwrap();
    let producer = client.producer("p").start().await.unwrap();
    producer.send(Message::new("t", "body-canary")).await.unwrap();
    let consumer = client.push_consumer("g").subscribe("t", "*").start(|_delivery| async {});
    let consumer = consumer.await.unwrap();
    cluster.user("adminuser", "changed", &[]);
    let error = producer.send(Message::new("t", "body-canary")).await.unwrap_err();
    cluster.stop_broker("broker-a").await;
    let lost = producer.send(Message::new("t", "body-canary")).await.unwrap_err();
    shown += &format!("{error:?} {error} {lost:?} {lost} {client:?} {consumer:?}");
    shown += &format!("{} {:?} {:?}", client.health(), client.health(), client.stats());
    let token = Credentials::new("a", CANARY).security_token(CANARY);
    shown += &format!("{token:?}");
    consumer.shutdown(PATIENCE).await;
    client.shutdown(PATIENCE).await;

    shown += &log.text();
    assert!(shown.len() > 1_000 && shown.contains("connected"), "something was logged: {shown}");
    for secret in [CANARY, "body-canary"] {
        assert!(!shown.contains(secret), "{secret} shows");
    }
    // Nothing that was signed with it either.
    for request in cluster.requests() {
        let signature = request.command.ext_fields.get("Signature").unwrap();
        assert!(!shown.contains(&*signature));
    }
}
