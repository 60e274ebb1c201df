//! What a push consumer holds and does, in the words of Java's tools.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use rocketmq_consumer::{Config, Model, Order, QueueSnapshot, Snapshot, StartFrom, Tally};
use rocketmq_protocol::{
    Command,
    body::{ConsumeStatus, ConsumeType, ConsumerRunningInfo, ProcessQueueInfo, SubscriptionData},
    java,
};

use super::{answers::on_the_wire, desk::Pace};
use crate::client::wall_millis;

/// What does not change while a consumer runs.
pub(super) struct Facts {
    properties: BTreeMap<String, String>,
    pace: Arc<Pace>,
}

impl Facts {
    pub(super) fn new(
        config: &Config,
        name_servers: &str,
        consume_type: ConsumeType,
        concurrency: usize,
        batch: usize,
        pace: Arc<Pace>,
    ) -> Self {
        let ordered = config.order != Order::Any;
        let mut properties = BTreeMap::new();
        let mut put = |name: &str, value: &dyn ToString| {
            properties.insert(name.to_owned(), value.to_string());
        };
        put(ConsumerRunningInfo::PROP_NAMESERVER_ADDR, &format!("{name_servers};"));
        put(ConsumerRunningInfo::PROP_CONSUME_TYPE, &consume_type.as_str());
        put(ConsumerRunningInfo::PROP_CONSUMEORDERLY, &ordered);
        put(ConsumerRunningInfo::PROP_THREADPOOL_CORE_SIZE, &concurrency);
        put(ConsumerRunningInfo::PROP_CONSUMER_START_TIMESTAMP, &wall_millis());
        put(ConsumerRunningInfo::PROP_CLIENT_VERSION, &client_version());
        put("consumerGroup", &config.group);
        put(
            "messageModel",
            &match config.model {
                Model::Broadcasting => "BROADCASTING",
                _ => "CLUSTERING",
            },
        );
        put(
            "consumeFromWhere",
            &match config.start_from {
                StartFrom::First => "CONSUME_FROM_FIRST_OFFSET",
                StartFrom::Timestamp(_) => "CONSUME_FROM_TIMESTAMP",
                _ => "CONSUME_FROM_LAST_OFFSET",
            },
        );
        if let StartFrom::Timestamp(time) = config.start_from {
            put("consumeTimestamp", &java::date_time(time));
        }
        put("allocateMessageQueueStrategy", &config.strategy.name());
        put("consumeThreadMin", &concurrency);
        put("consumeThreadMax", &concurrency);
        put("consumeMessageBatchMaxSize", &batch);
        put("consumeConcurrentlyMaxSpan", &config.limits.span);
        put("pullThresholdForQueue", &config.limits.messages);
        put("pullThresholdSizeForQueue", &mebibytes(config.limits.bytes));
        put("pullThresholdForTopic", &config.topic_limits.messages.map_or(-1, |all| all as i64));
        let topic_bytes = config.topic_limits.bytes;
        put("pullThresholdSizeForTopic", &topic_bytes.map_or(-1, |all| mebibytes(all) as i64));
        put("pullInterval", &config.pull_interval.as_millis());
        put("pullBatchSize", &config.pull_batch);
        put("pullBatchSizeInBytes", &config.pull_batch_bytes);
        put("pullTimeDelayMillsWhenException", &config.retry_delay.as_millis());
        put("postSubscriptionWhenPull", &config.post_subscription);
        put("maxReconsumeTimes", &config.max_redeliveries);
        put("consumeTimeout", &(config.consume_timeout.as_secs() / 60));
        put("suspendCurrentQueueTimeMillis", &config.suspend_time.as_millis());
        put("persistConsumerOffsetInterval", &config.commit_interval.as_millis());
        put("heartbeatBrokerInterval", &config.heartbeat_interval.as_millis());
        Self { properties, pace }
    }

    /// The answer to an operator who asks what this consumer does.
    pub(super) fn running_info(
        &self,
        snapshot: &Snapshot,
        rates: &Rates,
        subscriptions: impl Iterator<Item = SubscriptionData>,
        with_tasks: bool,
    ) -> ConsumerRunningInfo {
        let subscription_set: Vec<_> = subscriptions.collect();
        let queues = snapshot.queues.iter();
        let consume_rt = self.pace.mean().unwrap_or_default().as_secs_f64() * 1_000.0;
        let status = |topic: &String| (topic.clone(), rates.status(snapshot, topic, consume_rt));
        ConsumerRunningInfo {
            jstack: with_tasks.then(|| tasks(snapshot)),
            mq_table: queues
                .map(|queue| (on_the_wire(&queue.queue), process_queue(queue)))
                .collect(),
            properties: self.properties.clone(),
            status_table: subscription_set.iter().map(|data| status(&data.topic)).collect(),
            subscription_set,
            ..ConsumerRunningInfo::default()
        }
    }
}

/// The version that our requests carry, in the words of tools: `V5_5_0`.
fn client_version() -> String {
    format!("V{}", Command::VERSION.to_string().replace('.', "_"))
}

fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

fn process_queue(queue: &QueueSnapshot) -> ProcessQueueInfo {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let is_taken = queue.taken_min_offset.is_some();
    ProcessQueueInfo {
        commit_offset: queue.commit_offset.unwrap_or(-1),
        cached_msg_count: count(queue.cached_messages),
        cached_msg_min_offset: queue.cached_min_offset.unwrap_or(0),
        cached_msg_max_offset: queue.cached_max_offset.unwrap_or(0),
        cached_msg_size_in_mib: i32::try_from(mebibytes(queue.cached_bytes)).unwrap_or(i32::MAX),
        transaction_msg_count: if is_taken { count(queue.out + queue.kept) } else { 0 },
        transaction_msg_min_offset: queue.taken_min_offset.unwrap_or(0),
        transaction_msg_max_offset: queue.taken_max_offset.unwrap_or(0),
        locked: queue.leased_at.is_some(),
        last_lock_timestamp: queue.leased_at.unwrap_or(0),
        last_pull_timestamp: queue.last_pull_at.unwrap_or(0),
        last_consume_timestamp: queue.last_consume_at.unwrap_or(0),
        ..ProcessQueueInfo::default()
    }
}

/// What stands in place of the stacks of threads: what each queue does or waits for.
fn tasks(snapshot: &Snapshot) -> String {
    let mut text = String::from("queues, and what each of them does:\n");
    for queue in &snapshot.queues {
        let stalled = if queue.stalled { ", without progress" } else { "" };
        let _ = writeln!(
            text,
            "{}: {:?}{stalled}, {} held, {} with handlers",
            queue.queue, queue.activity, queue.cached_messages, queue.out
        );
    }
    text
}

/// What has been consumed when, for rates of the last minute.
pub(super) struct Rates {
    began: Instant,
    samples: VecDeque<(Instant, BTreeMap<Arc<str>, Tally>)>,
}

const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);
const SAMPLES: usize = 7;

impl Rates {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, samples: VecDeque::new() }
    }

    /// Whether it is time to take a sample.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let last = self.samples.back().map_or(self.began, |(at, _)| *at);
        now.saturating_duration_since(last) >= SAMPLE_INTERVAL
    }

    pub(super) fn sample(&mut self, now: Instant, tallies: BTreeMap<Arc<str>, Tally>) {
        self.samples.push_back((now, tallies));
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
    }

    /// Since the oldest sample, or since the beginning.
    fn status(&self, snapshot: &Snapshot, topic: &str, consume_rt: f64) -> ConsumeStatus {
        let now = snapshot.topics.get(topic).copied().unwrap_or_default();
        let since = self.samples.front().map_or(self.began, |(at, _)| *at);
        let before = self.samples.front().and_then(|(_, tallies)| tallies.get(topic));
        let before = before.copied().unwrap_or_default();
        let passed = crate::client::routes::std_now().saturating_duration_since(since);
        let rate = |now: u64, before: u64| {
            now.saturating_sub(before) as f64 / passed.as_secs_f64().max(1.0)
        };
        ConsumeStatus {
            consume_failed_msgs: i64::try_from(now.failed).unwrap_or(i64::MAX),
            consume_failed_tps: rate(now.failed, before.failed),
            consume_ok_tps: rate(now.consumed, before.consumed),
            consume_rt,
            pull_rt: if now.pulls == 0 {
                0.0
            } else {
                now.pull_time.as_secs_f64() * 1_000.0 / now.pulls as f64
            },
            pull_tps: rate(now.pulled, before.pulled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_minute() {
        let began = Instant::now();
        let mut rates = Rates::new(began);
        let at = |seconds| began + Duration::from_secs(seconds);
        assert!(!rates.is_due(at(9)) && rates.is_due(at(10)));
        for seconds in (10..=100).step_by(10) {
            rates.sample(at(seconds), BTreeMap::new());
        }
        assert_eq!(rates.samples.len(), SAMPLES);
        assert_eq!(rates.samples.front().map(|(when, _)| *when), Some(at(40)));
    }
}
