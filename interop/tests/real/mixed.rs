//! Groups with members of different clients.

use std::{collections::BTreeSet, ops::RangeInclusive, sync::Arc, time::Instant};

use rocketmq_client::{
    AveragelyByCircle, Client, ConsistentHash, Delivery, PushConsumer, StartFrom,
};
use rocketmq_interop::{Ledger, Member, Peer};
use tokio::task::spawn_blocking;

use crate::{
    PATIENCE, client_of, eventually, java, number_of, shared,
    traffic::{Traffic, queues_of},
};

/// Odd, so that one of two members has more.
const QUEUES: u16 = 7;

/// How members share queues, and how they consume, in words that peers understand.
pub(crate) type How = [&'static str; 2];

/// A group of the same name as its topic, with a member of ours and one of a peer's that come and go under load.
struct Mixed {
    peer: Peer,
    topic: &'static str,
    how: How,
    ledger: Arc<Ledger>,
}

/// The queues of our member and of the peer's.
type Split = [BTreeSet<String>; 2];

impl Mixed {
    async fn ours(&self, client: &Client) -> PushConsumer {
        let builder = client.push_consumer(self.topic).subscribe(self.topic, "*");
        let builder = builder.start_from(StartFrom::First);
        let builder = match self.how[0] {
            "by-circle" => builder.strategy(AveragelyByCircle),
            "consistent-hash" => builder.strategy(ConsistentHash::default()),
            _ => builder,
        };
        let ledger = Arc::clone(&self.ledger);
        let handler = move |delivery: Delivery| {
            ledger.seen(number_of(&delivery), "ours", &delivery.queue().to_string());
            async {}
        };
        match self.how[1] {
            "orderly" => builder.ordered().start(handler).await.unwrap(),
            _ => builder.start(handler).await.unwrap(),
        }
    }

    fn theirs(&self) -> Member {
        let server = shared().name_server_address();
        self.peer.join(server, self.topic, self.topic, self.how, &self.ledger).unwrap()
    }

    /// Who has been given messages of which queues, in a moment long enough for every queue to show up.
    async fn split(&self) -> Split {
        let (since, seen) = (Instant::now(), self.ledger.distinct());
        let split = || ["ours", self.peer.name()].map(|by| self.ledger.queues_of(by, since));
        eventually("every queue is consumed from", || async {
            let all: BTreeSet<_> = split().into_iter().flatten().collect();
            self.ledger.distinct() > seen + 300 && all.len() == usize::from(QUEUES)
        })
        .await;
        split()
    }

    /// Waits until so many queues are ours and all others the peer's, for two moments in which nothing comes twice; then that has to
    /// last.
    async fn settles(&self, what: &str, ours: RangeInclusive<usize>) -> Split {
        let began = Instant::now();
        loop {
            let (repeated, split) = (self.repetitions(), self.split().await);
            let lasts = self.split().await == split && self.repetitions() == repeated;
            if lasts && split[0].is_disjoint(&split[1]) && ours.contains(&split[0].len()) {
                for _ in 0..3 {
                    assert_eq!(self.split().await, split, "{what}: queues move in steady state");
                }
                assert_eq!(self.repetitions(), repeated, "{what}: repeated in steady state");
                return split;
            }
            assert!(began.elapsed() < PATIENCE, "never: {what}; {split:?}");
        }
    }

    fn repetitions(&self) -> usize {
        self.ledger.verdict().repetitions()
    }
}

/// A peer is joined, leaves, joins, and is left, while messages are sent all the time.
pub(crate) async fn queues_are_shared_with(peer: Peer, topic: &'static str, how: How) {
    shared().create_topic(topic, QUEUES).unwrap();
    let (client, all) = (client_of(shared()).await, usize::from(QUEUES));
    let group = Mixed { peer, topic, how, ledger: Arc::default() };
    let traffic = Traffic::start(&client, topic, 1, &group.ledger);
    let shared_out = match how[0] {
        "consistent-hash" => 1..=all - 1,
        _ => all / 2..=all.div_ceil(2),
    };
    let member = group.theirs();
    group.settles("the peer consumes alone", 0..=0).await;
    let consumer = group.ours(&client).await;
    let split = group.settles("we have joined the peer", shared_out.clone()).await;
    assert_eq!(split[0], queues_of(&consumer, topic).await);
    spawn_blocking(move || member.leave()).await.unwrap().unwrap();
    group.settles("the peer has left", all..=all).await;
    let member = group.theirs();
    let split = group.settles("the peer has joined us", shared_out).await;
    assert_eq!(split[0], queues_of(&consumer, topic).await);
    let report = consumer.shutdown(PATIENCE).await;
    assert_eq!((report.unsettled, report.uncommitted), (0, 0));
    group.settles("we have left the peer", 0..=0).await;
    traffic.drain(&group.ledger).await;
    spawn_blocking(move || member.leave()).await.unwrap().unwrap();
    let verdict = group.ledger.verdict();
    println!("{} {how:?} with {}: {verdict}", group.topic, group.peer.name());
    if how[1] == "orderly" {
        assert_eq!(group.ledger.out_of_order(), 0);
    }
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn a7_a27_queues_are_shared_with_java_on_average() {
    queues_are_shared_with(java(), "mixed-averagely", ["averagely", "concurrently"]).await;
}

#[tokio::test]
async fn a27_queues_are_shared_with_java_by_circle_and_in_order() {
    queues_are_shared_with(java(), "mixed-by-circle", ["by-circle", "orderly"]).await;
}

#[tokio::test]
async fn a27_queues_are_shared_with_java_by_consistent_hash() {
    queues_are_shared_with(java(), "mixed-by-hash", ["consistent-hash", "concurrently"]).await;
}
