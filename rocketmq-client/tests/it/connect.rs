//! Connecting, with good and with bad name servers.

use std::time::Duration;

use rocketmq_client::{Client, ErrorKind, Message};
use rocketmq_mock::MockCluster;
use tokio::net::TcpListener;

use crate::PATIENCE;

/// An address where nobody listens.
async fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A server that accepts and never says anything. It lives as long as the listener.
async fn hanging() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap().to_string(), listener)
}

#[tokio::test]
async fn a_bad_name_server_does_no_harm_beside_a_good_one() {
    let cluster = MockCluster::start().await.unwrap();
    let (hangs, _listener) = hanging().await;
    for bad in [refusing().await, hangs] {
        let good = cluster.name_server_address();
        for list in [format!("{bad};{good}"), format!("{good};{bad}")] {
            let client = Client::connect(list.as_str()).await.unwrap();
            let producer = client.producer("p").start().await.unwrap();
            producer.send(Message::new("t", "x")).await.unwrap();
            assert!(client.shutdown(PATIENCE).await.is_clean(), "tasks are left with {list}");
        }
    }
}

#[tokio::test]
async fn no_name_server_is_an_error_that_names_each() {
    let (hangs, _listener) = hanging().await;
    let refuses = refusing().await;
    let connect = Client::builder(format!("{refuses};{hangs}"))
        .connect_timeout(Duration::from_millis(300))
        .request_timeout(Duration::from_millis(200));
    let error = connect.connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameServer);
    let text = error.to_string();
    assert!(text.contains(&refuses) && text.contains("refused"), "{text}");
    assert!(text.contains(&hangs) && text.contains("timed out"), "{text}");
}

#[tokio::test]
async fn a_list_that_is_none_is_refused_at_once() {
    for list in ["", ";", "nowhere", "host:port"] {
        let error = Client::connect(list).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{list:?}");
    }
}

#[tokio::test]
async fn no_task_is_left_after_shutdown() {
    let cluster = MockCluster::start().await.unwrap();
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..20 {
        let client = crate::client_of(&cluster).await;
        let producer = client.producer("p").start().await.unwrap();
        producer.send(Message::new("t", "x")).await.unwrap();
        let consumer = client
            .push_consumer("g")
            .subscribe("t", "*")
            .start(|_delivery| async {})
            .await
            .unwrap();
        consumer.shutdown(PATIENCE).await;
        producer.shutdown(PATIENCE).await;
        assert!(client.shutdown(PATIENCE).await.is_clean());
    }
    // The mock's own tasks end when they notice the closed connections.
    crate::eventually("no task of a client is left", || async {
        tokio::runtime::Handle::current().metrics().num_alive_tasks() <= before
    })
    .await;
}

/// Answers every request with the text that is there then.
#[cfg(feature = "http-discovery")]
async fn endpoint(
    text: std::sync::Arc<std::sync::Mutex<String>>,
) -> (String, tokio::task::JoinSet<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let found = request[..read].starts_with(b"GET /rocketmq/nsaddr HTTP/1.1\r\n");
            let (status, body) = match found {
                true => ("200 OK", text.lock().unwrap().clone()),
                false => ("404 Not Found", String::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    (address, serving)
}

#[cfg(feature = "http-discovery")]
#[tokio::test]
async fn an_endpoint_names_the_name_servers_and_is_asked_again() {
    use std::sync::{Arc, Mutex};
    let cluster = MockCluster::builder().name_servers(2).start().await.unwrap();
    let list = |nth: usize| format!("{}\r\nanything\r\n", cluster.name_server_addresses()[nth]);
    let text = Arc::new(Mutex::new(list(0)));
    let (domain, _serving) = endpoint(Arc::clone(&text)).await;
    let client = Client::discover(&*domain).discovery_interval(Duration::from_millis(20));
    let client = client.connect().await.unwrap();
    *text.lock().unwrap() = list(1);
    crate::eventually("the first is left", || async { cluster.connections("name-server") == 0 })
        .await;
    // A list that is none changes nothing.
    *text.lock().unwrap() = "<html>".to_owned();
    client.producer("p").start().await.unwrap().send(Message::new("t", "x")).await.unwrap();
    assert!(client.shutdown(PATIENCE).await.tasks_left == 0);

    let error = Client::discover(format!("http://{domain}/elsewhere")).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameServer);
}
