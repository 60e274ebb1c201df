//! The façade against the cluster inside the process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod connect;
mod consume;
mod pull;
mod send;
mod simple;

use std::{future::Future, time::Duration};

use rocketmq_client::Client;
use rocketmq_mock::MockCluster;

/// Long enough for a loaded machine; nothing waits for so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

async fn client_of(cluster: &MockCluster) -> Client {
    Client::connect(cluster.name_server_address().to_string()).await.unwrap()
}

/// Waits until a condition holds.
async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waited).await.is_ok(), "never: {what}");
}
