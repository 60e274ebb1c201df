//! The façade against the cluster inside the process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod batch;
mod broadcasting;
mod brokers;
mod connect;
mod consume;
mod consume_trace;
mod failing;
mod hooks;
mod later;
mod lite_pull;
mod lite_topics;
mod members;
mod name_servers;
mod namespace;
mod oneway;
mod ordered;
mod pop_push;
mod pull;
mod push;
mod questions;
mod request;
mod retry;
#[cfg(feature = "acl")]
mod security;
mod send;
mod simple;
mod slaves;
mod spans;
mod static_topics;
mod transaction;

use std::{future::Future, time::Duration};

use rocketmq_client::Client;
use rocketmq_mock::MockCluster;

/// Long enough for a loaded machine; nothing waits for so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

async fn client_of(cluster: &MockCluster) -> Client {
    Client::connect(cluster.name_server_address().to_string()).await.unwrap()
}

/// Waits until a condition holds.
async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl FnMut() -> F) {
    within(PATIENCE, what, holds).await;
}

/// Waits until a condition holds, for so long at most: of virtual time there is plenty.
async fn within<F: Future<Output = bool>>(
    patience: Duration,
    what: &str,
    mut holds: impl FnMut() -> F,
) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(patience / 10_000).await;
        }
    };
    assert!(tokio::time::timeout(patience, waited).await.is_ok(), "never: {what}");
}
