//! `names.jsonl`: the defaults of Java's options, compared with what the builders say they hold.

use rocketmq_client::{Client, Tracing};
use rocketmq_mock::MockCluster;
use serde_json::Value;

use crate::reader::{Case, Outcome, cases, equal};

/// What stands here for an option of Java's.
enum Ours {
    /// The same: which builder, its option, and how Java counts.
    Same(Who, &'static str, In),
    /// Another value: which builder, what it says, what Java has, and why.
    Differs(Who, &'static str, &'static str, Reason),
    /// There is no such option, and why.
    None(Reason),
}

type Reason = &'static str;

#[derive(Clone, Copy)]
enum Who {
    Client,
    Push,
    LitePull,
    Producer,
    Tracing,
}

/// What a number of Java's is a number of.
#[derive(Clone, Copy)]
enum In {
    /// Nothing: numbers, flags.
    Plain,
    Millis,
    Minutes,
    Mebibytes,
    /// A limit, where -1 is none.
    Limit,
    /// A word that is one here as well.
    Word(&'static str),
}

use In::{Limit, Mebibytes, Millis, Minutes, Plain, Word};
use Ours::{Differs, None as No, Same};

/// Options of several clients, or of one.
const OPTIONS: &[(&[&str], &str, Ours)] = &[
    (ALL, "unitMode", Same(Who::Client, "unit_mode", Plain)),
    (ALL, "unitName", Same(Who::Client, "unit_name", Plain)),
    (ALL, "pollNameServerInterval", Same(Who::Client, "route_refresh_interval", Millis)),
    (ALL, "heartbeatBrokerInterval", Same(Who::Client, "heartbeat_interval", Millis)),
    (ALL, "mqClientApiTimeout", Same(Who::Client, "request_timeout", Millis)),
    (ALL, "vipChannelEnabled", Same(Who::Client, "vip_channel", Plain)),
    (ALL, "useHeartbeatV2", Same(Who::Client, "short_heartbeats", Plain)),
    (ALL, "traceMsgBatchNum", Same(Who::Tracing, "batch", Plain)),
    (
        ALL,
        "traceTopic",
        Differs(
            Who::Tracing,
            "topic: \"RMQ_SYS_TRACE_TOPIC\"",
            "null",
            "said in full: null means it",
        ),
    ),
    (ALL, "enableTrace", No("on with `tracing`")),
    (ALL, "useTLS", No("on with `tls`")),
    (ALL, "accessChannel", No("`Tracing::cloud` is all that it changes")),
    (ALL, "enableStreamRequestType", No("the code of every pull is the one that all brokers know")),
    (
        ALL,
        "enableHeartbeatChannelEventListener",
        No("always: a new connection is followed by a heartbeat"),
    ),
    (ALL, "decodeReadBody", No("bodies are slices, and cost nothing")),
    (ALL, "decodeDecompressBody", No("bodies are inflated when they are handed out")),
    (ALL, "sendLatencyEnable", No("an option of producers")),
    (ALL, "startDetectorEnable", No("on with latency faults")),
    (ALL, "detectTimeout", No("of latency faults, which have it")),
    (ALL, "detectInterval", No("of latency faults, which have it")),
    (ALL, "maxPageSizeInGetMetadata", No("of the admin tool")),
    (ALL, "enableConcurrentHeartbeat", No("always: a broker that hangs holds up no other's")),
    (ALL, "concurrentHeartbeatThreadPoolSize", No("there are no pools")),
    (ALL, "language", No("RUST")),
    (&["push"], "messageModel", Same(Who::Push, "model", Word("Clustering"))),
    (&["lite-pull"], "messageModel", Same(Who::LitePull, "model", Word("Clustering"))),
    (&["push"], "consumeFromWhere", Same(Who::Push, "start_from", Word("Last"))),
    (&["lite-pull"], "consumeFromWhere", Same(Who::LitePull, "start_from", Word("Last"))),
    (&["push"], "consumeConcurrentlyMaxSpan", Same(Who::Push, "span", Plain)),
    (&["lite-pull"], "consumeMaxSpan", Same(Who::LitePull, "span", Plain)),
    (&["push"], "consumeMessageBatchMaxSize", Same(Who::Push, "run", Plain)),
    (&["push"], "consumeThreadMax", Same(Who::Push, "concurrency", Plain)),
    (&["push"], "consumeThreadMin", Same(Who::Push, "concurrency", Plain)),
    (&["push"], "pullInterval", Same(Who::Push, "pull_interval", Millis)),
    (&["push"], "popThresholdForQueue", Same(Who::Push, "limit", Plain)),
    (&["push"], "pullThresholdForTopic", Same(Who::Push, "TopicLimits { messages", Limit)),
    (&["push"], "pullThresholdSizeForTopic", Same(Who::Push, "None, bytes", Limit)),
    (&["push"], "pullThresholdForQueue", Same(Who::Push, "Limits { messages", Plain)),
    (&["lite-pull"], "pullThresholdForQueue", Same(Who::LitePull, "Limits { messages", Plain)),
    (&["push"], "pullThresholdSizeForQueue", Same(Who::Push, "bytes", Mebibytes)),
    (&["lite-pull"], "pullThresholdSizeForQueue", Same(Who::LitePull, "bytes", Mebibytes)),
    (&["push"], "postSubscriptionWhenPull", Same(Who::Push, "post_subscription", Plain)),
    (&["push"], "suspendCurrentQueueTimeMillis", Same(Who::Push, "suspend_time", Millis)),
    (&["push"], "consumeTimeout", Same(Who::Push, "consume_timeout", Minutes)),
    (&["push"], "popInvisibleTime", Same(Who::Push, "invisible", Millis)),
    (&["push"], "popBatchNums", Same(Who::Push, "batch", Plain)),
    (&["push"], "pullBatchSizeInBytes", Same(Who::Push, "pull_batch_bytes", Plain)),
    (&["push"], "pullBatchSize", Same(Who::Push, "pull_batch", Plain)),
    (
        &["lite-pull"],
        "pullBatchSize",
        Differs(Who::LitePull, "pull_batch: 32", "10", "what brokers give at most"),
    ),
    (
        &["push"],
        "maxReconsumeTimes",
        Differs(
            Who::Push,
            "max_redeliveries: 16",
            "-1",
            "-1 means it, unless the group is ordered",
        ),
    ),
    (
        &["push"],
        "clientRebalance",
        Differs(Who::Push, "PopOptions { enabled: false", "true", "its opposite"),
    ),
    (&["push"], "persistConsumerOffsetInterval", Same(Who::Push, "commit_interval", Millis)),
    (
        &["lite-pull"],
        "persistConsumerOffsetInterval",
        Same(Who::LitePull, "commit_interval", Millis),
    ),
    (&["lite-pull"], "autoCommitIntervalMillis", Same(Who::LitePull, "commit_interval", Millis)),
    (&["push"], "pullTimeDelayMillsWhenException", Same(Who::Push, "retry_delay", Millis)),
    (&["lite-pull"], "pullTimeDelayMillsWhenException", Same(Who::LitePull, "retry_delay", Millis)),
    (&["push"], "pause", No("a consumer is paused while it runs")),
    (&["push"], "consumeOrderly", No("another type of builder")),
    (&["push"], "adjustThreadPoolNumsThreshold", No("without effect in Java")),
    (&["push"], "awaitTerminationMillisWhenShutdown", No("the argument of `shutdown`")),
    (&["lite-pull"], "autoCommit", Same(Who::LitePull, "auto_commit", Plain)),
    (&["lite-pull"], "brokerSuspendMaxTimeMillis", Same(Who::LitePull, "suspend", Millis)),
    (
        &["lite-pull"],
        "consumerTimeoutMillisWhenSuspend",
        Same(Who::LitePull, "pull_timeout", Millis),
    ),
    (
        &["lite-pull"],
        "topicMetadataCheckIntervalMillis",
        Same(Who::Client, "route_refresh_interval", Millis),
    ),
    (&["lite-pull"], "pullThreadNums", No("a waiting pull is a row in a table")),
    (&["lite-pull"], "pullThresholdForAll", No("bytes over all queues, not pulls")),
    (&["lite-pull"], "pollTimeoutMillis", No("the argument of `poll`")),
    (&["lite-pull"], "consumerPullTimeoutMillis", No("every pull may be held")),
    (&["lite-pull"], "customizedTraceTopic", No("lite pull consumers are not traced")),
    (&["lite-pull"], "enableMsgTrace", No("lite pull consumers are not traced")),
    (&["lite-pull"], "running", No("what is started runs")),
    (&["producer"], "persistConsumerOffsetInterval", No("of consumers")),
    (&["producer"], "pullTimeDelayMillsWhenException", No("of consumers")),
    (&["producer"], "sendMsgTimeout", Same(Who::Producer, "send_timeout", Millis)),
    (&["producer"], "sendMsgMaxTimeoutPerRequest", Same(Who::Producer, "attempt_timeout", Limit)),
    (&["producer"], "retryTimesWhenSendFailed", Same(Who::Producer, "retries", Plain)),
    (&["producer"], "retryTimesWhenSendAsyncFailed", Same(Who::Producer, "retries", Plain)),
    (
        &["producer"],
        "retryAnotherBrokerWhenNotStoreOK",
        Same(Who::Producer, "retry_unless_safe", Plain),
    ),
    (&["producer"], "backPressureForAsyncSendNum", Same(Who::Producer, "max_in_flight", Plain)),
    (
        &["producer"],
        "backPressureForAsyncSendSize",
        Same(Who::Producer, "max_in_flight_bytes", Plain),
    ),
    (&["producer"], "maxMessageSize", Same(Who::Producer, "max_message_size", Plain)),
    (&["producer"], "compressType", Same(Who::Producer, "compression", Word("Zlib"))),
    (&["producer"], "compressLevel", Same(Who::Producer, "level", Plain)),
    (&["producer"], "compressMsgBodyOverHowmuch", Same(Who::Producer, "threshold", Plain)),
    (&["producer"], "defaultTopicQueueNums", Same(Who::Producer, "new_topic_queues", Plain)),
    (
        &["producer"],
        "sendLatencyFaultEnable",
        Differs(Who::Producer, "faults: None", "false", "off"),
    ),
    (&["producer"], "autoBatch", Differs(Who::Producer, "batching: None", "false", "off")),
    (&["producer"], "batchMaxDelayMs", No("off; `Batching` has its own")),
    (&["producer"], "batchMaxBytes", No("off; `Batching` has its own")),
    (&["producer"], "totalBatchMaxBytes", No("`max_in_flight_bytes`")),
    (&["producer"], "enableBackpressureForAsyncMode", No("always")),
    (&["producer"], "sendMessageWithVIPChannel", No("`vip_channel` of the client")),
    (&["producer"], "createTopicKey", No("brokers have one topic for this")),
];

const ALL: &[&str] = &["push", "lite-pull", "producer"];

/// What the builders say about themselves before anybody has told them anything.
struct Builders {
    client: String,
    push: String,
    lite_pull: String,
    producer: String,
}

impl Builders {
    async fn shown() -> Self {
        let cluster = MockCluster::start().await.expect("a cluster");
        let address = cluster.name_server_address().to_string();
        let client = Client::connect(address.clone()).await.expect("a client");
        Self {
            client: format!("{:?}", Client::builder(address)),
            push: format!("{:?}", client.push_consumer("g")),
            lite_pull: format!("{:?}", client.lite_pull_consumer("g")),
            producer: format!("{:?}", client.producer("g")),
        }
    }

    fn of(&self, who: Who) -> String {
        match who {
            Who::Client => self.client.clone(),
            Who::Push => self.push.clone(),
            Who::LitePull => self.lite_pull.clone(),
            Who::Producer => self.producer.clone(),
            Who::Tracing => format!("{:?}", Tracing::default()),
        }
    }

    fn compare(&self, case: &Case) -> Outcome {
        let (what, option) = (case.text("what"), case.text("option"));
        let row = OPTIONS.iter().find(|(whats, name, _)| *name == option && whats.contains(&what));
        let Some((_, _, ours)) = row else {
            return Err(format!("{what} {option}: neither here, nor said why not"));
        };
        let (who, text) = match ours {
            Same(who, field, unit) => (who, format!("{field}: {}", in_rust(case, *unit))),
            Differs(who, text, java, _) => {
                equal("what Java has", &case.get("value").to_string(), &(*java).to_owned())?;
                (who, (*text).to_owned())
            }
            No(_) => return Ok(()),
        };
        let shown = self.of(*who);
        // A field begins behind a blank, and a value ends where the next thing begins.
        let found = shown
            .match_indices(&format!(" {text}"))
            .any(|(at, found)| shown[at + found.len()..].starts_with([',', ' ', '}']));
        if found { Ok(()) } else { Err(format!("no `{text}` in {shown}")) }
    }
}

/// A default of Java's, as `Debug` writes it here.
fn in_rust(case: &Case, unit: In) -> String {
    let value = case.get("value");
    let number = || value.as_u64().expect("a number");
    match unit {
        Plain if value.is_null() => "None".to_owned(),
        Plain => value.to_string(),
        Millis => format!("{:?}", std::time::Duration::from_millis(number())),
        Minutes => format!("{:?}", std::time::Duration::from_secs(number() * 60)),
        Mebibytes => (number() << 20).to_string(),
        Limit if value == -1 => "None".to_owned(),
        Limit => format!("Some({value})"),
        Word(word) => match value.as_str().unwrap_or_default() {
            "CLUSTERING" | "CONSUME_FROM_LAST_OFFSET" | "ZLIB" => word.to_owned(),
            other => other.to_owned(),
        },
    }
}

#[tokio::test]
async fn names_and_defaults_of_options() {
    let builders = Builders::shown().await;
    let mut failures = Vec::new();
    for case in cases("names").iter().filter(|case| case.text("kind") == "default") {
        if let Err(why) = builders.compare(case) {
            failures.push(format!("{}: {why}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Java does not go below ten messages, or a mebibyte; one is a bound too, and what is more is the same.
#[tokio::test]
async fn names_and_bounds_of_what_is_in_flight() {
    let cluster = MockCluster::start().await.expect("a cluster");
    let client =
        Client::connect(cluster.name_server_address().to_string()).await.expect("a client");
    for case in cases("names").iter().filter(|case| case.text("kind") == "clamp") {
        let set = case.get("set").as_i64().expect("a number");
        let given = usize::try_from(set).unwrap_or(0);
        let builder = client.producer("g").max_in_flight(given).max_in_flight_bytes(given);
        let shown = format!("{builder:?}");
        for (member, field, least) in [
            ("backPressureForAsyncSendNum", "max_in_flight", 10),
            ("backPressureForAsyncSendSize", "max_in_flight_bytes", 1 << 20),
        ] {
            equal(member, &case.get(member)["ok"], &Value::from(set.max(least))).unwrap();
            assert!(shown.contains(&format!(" {field}: {},", set.max(1))), "{field} in {shown}");
        }
    }
}

#[test]
fn whatever_is_said_about_an_option_is_about_one_that_exists() {
    let cases = cases("names");
    for (whats, option, ours) in OPTIONS {
        if let Differs(_, _, _, reason) | No(reason) = ours {
            assert!(!reason.is_empty(), "{option}");
        }
        for what in *whats {
            let exists = |case: &Case| case.line["what"] == *what && case.line["option"] == *option;
            assert!(cases.iter().any(exists), "{what} {option}");
        }
    }
}
