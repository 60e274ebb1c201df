//! What an operator sees of a running consumer and does to it: the same as with a Java consumer beside it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rocketmq_client::{Client, Delivery, PushConsumer};
use rocketmq_interop::{Ledger, Member};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    PATIENCE, client_of,
    consuming::{Seen, reader, send},
    distribution, eventually, java, numbered, shared,
    traffic::consume,
};

/// What the administration tool prints, while consumers go on.
async fn admin(arguments: &[&str]) -> String {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let asked = spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        shared().mqadmin(&arguments).unwrap()
    });
    asked.await.unwrap()
}

/// A consumer of ours and one of Java's. Each is the only member of its group, and so each gets all that the topic has.
struct Pair {
    client: Client,
    ours: PushConsumer,
    theirs: Member,
    ledger: Arc<Ledger>,
    groups: [Group; 2],
}

struct Group {
    name: String,
    member: String,
}

impl Pair {
    async fn start(topic: &str) -> Self {
        let client = client_of(shared()).await;
        let ledger = Arc::new(Ledger::default());
        let [rust, javas] = ["rust", "java"].map(|who| format!("{topic}-{who}"));
        let ours = consume(&client, &rust, topic, "ours", &ledger).await;
        let (servers, how) = (shared().name_server_address(), ["averagely", "concurrently"]);
        let theirs = java().join(servers, topic, &javas, how, &ledger).unwrap();
        eventually("Java consumes", || async { ledger.seen_by("java") > 0 }).await;
        let connection = admin(&["consumerConnection", "-g", &javas]).await;
        let member = connection.lines().find(|line| line.contains("JAVA")).unwrap();
        let member = member.split_whitespace().next().unwrap().to_owned();
        let groups =
            [Group { name: rust, member: client.id().to_owned() }, Group { name: javas, member }];
        Self { client, ours, theirs, ledger, groups }
    }

    async fn have_seen(&self, messages: usize) {
        let seen = || async { ["ours", "java"].map(|by| self.ledger.seen_by(by)) == [messages; 2] };
        eventually("each has seen them all", seen).await;
    }

    /// What the tool says about each of them, where `<group>` and `<member>` are its names, in the question and in the answer.
    async fn told(&self, question: &[&str]) -> [String; 2] {
        let mut told = [String::new(), String::new()];
        for (told, Group { name, member }) in told.iter_mut().zip(&self.groups) {
            let named = |word: &&str| word.replace("<group>", name).replace("<member>", member);
            let question: Vec<_> = question.iter().map(named).collect();
            let question: Vec<_> = question.iter().map(String::as_str).collect();
            *told = admin(&question).await.replace(member, "<member>").replace(name, "<group>");
        }
        told
    }

    /// The offsets by queue that each member tells its broker that it holds.
    async fn held_offsets(&self, topic: &'static str) -> Vec<BTreeMap<i32, i64>> {
        let groups = self.groups.each_ref().map(|group| group.name.clone());
        let asked = spawn_blocking(move || {
            groups.map(|group| shared().held_offsets("broker-a", topic, &group))
        });
        let told = asked.await.unwrap().into_iter().zip(&self.groups);
        told.map(|(mut told, group)| told.remove(&group.member).unwrap()).collect()
    }

    async fn leave(self) {
        assert_eq!(self.ours.shutdown(PATIENCE).await.uncommitted, 0);
        spawn_blocking(move || self.theirs.leave()).await.unwrap().unwrap();
        assert!(self.client.shutdown(PATIENCE).await.is_clean());
    }
}

/// The words of a text, without what has to differ between two consumers: figures, languages, versions.
fn shape(text: &str) -> Vec<String> {
    let figure = |word: &str| {
        let is_figure = |text: &str| {
            text == "N/A" || text.chars().all(|c| c.is_ascii_digit() || ".:-,".contains(c))
        };
        match word.split_once('=') {
            _ if is_figure(word) => "<figure>".to_owned(),
            Some((key, value)) if is_figure(value.trim_end_matches(']')) => {
                format!("{key}=<figure>")
            }
            // Java since 5 says so of groups without order, whose queues nobody locks.
            Some(("locked", _)) => "locked=<either>".to_owned(),
            _ if ["JAVA", "RUST"].contains(&word) => "<language>".to_owned(),
            _ if word.starts_with("V5_") || word.starts_with("V4_") => "<version>".to_owned(),
            _ => word.to_owned(),
        }
    };
    let line = |line: &str| line.split_whitespace().map(figure).collect::<Vec<_>>().join(" ");
    text.lines().map(line).filter(|line| !line.is_empty()).collect()
}

/// What `consumerStatus` says: the consumer's properties, and the shape of all else but Java's threads, which nobody else has.
struct RunningInfo {
    properties: BTreeMap<String, String>,
    shape: Vec<String>,
}

impl RunningInfo {
    fn read(text: &str) -> Self {
        let (properties, rest) = text.split_once("#Consumer Subscription#").unwrap();
        let property = |line: &str| {
            let (key, value) = line.split_once(':')?;
            Some((key.trim().to_owned(), value.trim().to_owned()))
        };
        let rest = rest.split("#User Consume Info#").next().unwrap_or_default();
        Self { properties: properties.lines().filter_map(property).collect(), shape: shape(rest) }
    }
}

#[tokio::test]
async fn an_operator_sees_of_ours_what_they_see_of_java() {
    let topic = "inspected";
    shared().create_topic(topic, 3).unwrap();
    send(&client_of(shared()).await, topic, 0..40).await;
    let pair = Pair::start(topic).await;
    pair.have_seen(40).await;
    for command in ["consumerConnection", "consumerProgress"] {
        eventually(&format!("{command} looks like Java's"), || async {
            let [ours, theirs] = pair.told(&[command, "-g", "<group>"]).await;
            shape(&ours) == shape(&theirs)
        })
        .await;
    }
    let status = pair.told(&["consumerStatus", "-g", "<group>", "-i", "<member>"]).await;
    let [ours, theirs] = status.map(|text| RunningInfo::read(&text));
    assert_eq!(ours.shape, theirs.shape);
    for (name, value) in &ours.properties {
        let known_to_java = theirs.properties.get(name);
        match name.as_str() {
            // The number of no limit, and the name of a class.
            "maxReconsumeTimes" | "allocateMessageQueueStrategy" => {}
            "PROP_CLIENT_VERSION" | "PROP_CONSUMER_START_TIMESTAMP" => {
                assert!(known_to_java.is_some());
            }
            _ if known_to_java.is_none() && !distribution().is_5() => {}
            _ => assert_eq!(Some(value), known_to_java, "{name}"),
        }
    }
    let facts = |info: &RunningInfo| -> Vec<String> {
        let names = info.properties.keys();
        names.filter(|name| name.starts_with("PROP_")).cloned().collect()
    };
    assert_eq!(facts(&ours), facts(&theirs));
    // Of this no command of the tool tells, but the dashboard does.
    let held = pair.held_offsets(topic).await;
    assert_eq!(held[0].len(), 3);
    assert_eq!(held[0], held[1]);
    pair.leave().await;
}

fn now() -> String {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().to_string()
}

/// Brokers of 4.x refuse until the group has committed something.
async fn reset(group: &str, topic: &str, time: &str) {
    let reset = ["resetOffsetByTime", "-g", group, "-t", topic, "-s", time];
    eventually("offsets are reset", || async { !admin(&reset).await.contains("Exception") }).await;
}

#[tokio::test]
async fn a18_an_operator_moves_a_running_consumer_forward_and_back() {
    let (topic, group) = ("operated", "operated");
    shared().create_topic(topic, 1).unwrap();
    let client = client_of(shared()).await;
    let begun = now();
    let (seen, gate) = (Seen::default(), Arc::new(Semaphore::new(0)));
    let (noted, entered) = (seen.clone(), Arc::clone(&gate));
    let consumer = reader(&client, group, topic).concurrency(1).start(move |delivery: Delivery| {
        noted.note(&delivery);
        let gate = Arc::clone(&entered);
        async move { gate.acquire().await.unwrap().forget() }
    });
    let consumer = consumer.await.unwrap();
    let holds = || async {
        let snapshot = consumer.snapshot().await.unwrap();
        snapshot.queues.iter().map(|queue| queue.cached_messages).sum::<usize>()
    };
    send(&client, topic, 0..20).await;
    eventually("the first is with the handler, the others wait", || async {
        seen.count() == 1 && holds().await == 20
    })
    .await;

    // Forward: over what waits here, and over the result of what a handler still has.
    reset(group, topic, "now").await;
    eventually("nothing waits any longer", || async { holds().await == 0 }).await;
    gate.add_permits(1_000);
    send(&client, topic, 20..25).await;
    eventually("what came later is seen", || async { seen.count() >= 6 }).await;
    assert_eq!(seen.numbers(), [0, 20, 21, 22, 23, 24]);

    // Back to the beginning, and everything once more.
    reset(group, topic, &begun).await;
    eventually("all are seen", || async { seen.count() >= 6 + 25 }).await;
    let mut expected: Vec<u64> = (0..25).chain([0, 20, 21, 22, 23, 24]).collect();
    expected.sort_unstable();
    assert_eq!(seen.numbers(), expected);
    assert_eq!(consumer.shutdown(PATIENCE).await.uncommitted, 0);
    assert_eq!(shared().committed("broker-a", topic, group, 1), 25);
    assert!(client.shutdown(PATIENCE).await.is_clean());
}

#[tokio::test]
async fn an_operator_has_a_message_consumed_by_ours_and_by_java() {
    let topic = "on-demand";
    shared().create_topic(topic, 1).unwrap();
    let producer = client_of(shared()).await.producer("p").start().await.unwrap();
    let receipt = producer.send(numbered(topic, 7)).await.unwrap();
    let id = receipt.offset_message_id().unwrap().to_string();
    let pair = Pair::start(topic).await;
    pair.have_seen(1).await;
    let mut question = vec!["queryMsgById", "-i", &id, "-g", "<group>", "-d", "<member>"];
    if distribution().is_5() {
        question.extend(["-t", topic]);
    }
    let [ours, theirs] = pair.told(&question).await.map(|text| shape(&text));
    assert!(ours.iter().any(|line| line.contains("CR_SUCCESS")), "{ours:?}");
    assert_eq!(ours, theirs);
    pair.have_seen(2).await;
    pair.leave().await;
}
