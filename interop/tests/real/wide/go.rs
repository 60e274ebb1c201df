//! The Go client on the other side.

use rocketmq_interop::Peer;

use crate::{interchange, mixed};

fn go() -> Peer {
    Peer::go().unwrap()
}

#[tokio::test]
async fn go_and_rust_understand_each_other() {
    interchange::with(go(), "go").await;
}

#[tokio::test]
async fn go_and_rust_answer_each_other() {
    interchange::requests_with(go(), "go").await;
}

#[tokio::test]
async fn a7_a27_queues_are_shared_with_go_on_average() {
    mixed::queues_are_shared_with(go(), "mixed-go", ["averagely", "concurrently"]).await;
}
