//! Signed requests, and secrets that do not show.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use rocketmq_client::{Client, Credentials, ErrorKind, Message, protocol::code::RequestCode};
use rocketmq_mock::MockCluster;

use crate::PATIENCE;

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

#[tokio::test]
async fn secrets_show_nowhere() {
    const CANARY: &str = "canary-5d41402a";
    let log = Log::default();
    let (writer, subscriber) = (log.clone(), tracing_subscriber::fmt());
    let subscriber = subscriber.with_max_level(tracing::Level::TRACE).with_ansi(false);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

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

    shown += std::str::from_utf8(&log.0.lock().unwrap()).unwrap();
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
