//! Name servers that refuse or hang beside a real one.

use rocketmq_client::{Client, Message};
use tokio::net::TcpListener;

use crate::{PATIENCE, shared};

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
