//! Against real Apache RocketMQ. Run by `cargo xtask test`; by hand, for one release:
//! `ROCKETMQ_VERSION=4.9.7 cargo test -p rocketmq-interop --test real`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod consuming;
mod controller;
mod failover;
mod interchange;
mod lite_topics;
mod load;
mod mixed;
mod name_servers;
mod oneway;
mod operating;
mod popping;
mod proxy;
mod pulling;
mod retrying;
mod security;
mod sending;
mod slaves;
mod traffic;
mod wide;

use std::{
    future::Future,
    sync::LazyLock,
    time::{Duration, Instant},
};

use rocketmq_client::{Client, Delivery, Message};
use rocketmq_interop::{Cluster, DEFAULT_VERSION, Distribution, Peer};

/// Long enough for a loaded machine; nothing waits for so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(120);

/// The release that is tested.
fn distribution() -> Distribution {
    let version = std::env::var("ROCKETMQ_VERSION").unwrap_or_else(|_| DEFAULT_VERSION.to_owned());
    Distribution::fetch(&version).unwrap()
}

/// Whether to leave out a test of something that 4.x does not have, which is said.
fn only_since_5(what: &str) -> bool {
    let too_old = !distribution().is_5();
    if too_old {
        println!("left out: {} does not have {what}", distribution().version());
    }
    too_old
}

/// The cluster of all tests that leave it as it is: topics and groups keep them apart. Nobody drops it; its servers end with this
/// process.
fn shared() -> &'static Cluster {
    static SHARED: LazyLock<Cluster> =
        LazyLock::new(|| Cluster::builder().start(&distribution()).unwrap());
    &SHARED
}

/// The Java client of the release that is tested.
fn java() -> Peer {
    static JAVA: LazyLock<Peer> = LazyLock::new(|| Peer::java(&distribution()).unwrap());
    JAVA.clone()
}

async fn client_of(cluster: &Cluster) -> Client {
    Client::connect(cluster.name_server_address()).await.unwrap()
}

/// A message of 1 KiB with a number in its first eight bytes.
fn numbered(topic: &str, number: u64) -> Message {
    let mut body = vec![b'.'; 1024];
    body[..8].copy_from_slice(&number.to_be_bytes());
    Message::new(topic, body).tag("load").key(number)
}

fn number_of(delivery: &Delivery) -> u64 {
    u64::from_be_bytes(*delivery.body().first_chunk().unwrap())
}

/// Waits until a condition holds, and tells how long that took.
async fn eventually<F: Future<Output = bool>>(
    what: &str,
    mut holds: impl FnMut() -> F,
) -> Duration {
    let began = Instant::now();
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waited).await.is_ok(), "never: {what}");
    began.elapsed()
}
