//! Message trace: telling, in a topic of the cluster's, what became of each message.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rocketmq_protocol::trace::{
    CLOUD_TOPIC_PREFIX, DEFAULT_REGION, PRODUCER_GROUP_PREFIX, TraceRecord,
};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, timeout_at},
};

use crate::{Client, Message, Producer};

/// The topic of brokers that are configured to take traces (`traceTopicEnable`).
const SYSTEM_TOPIC: &str = "RMQ_SYS_TRACE_TOPIC";
/// The largest text of one message, in bytes: what Java's own trace producer sends at most.
const TEXT_MAX: usize = 128_000;
/// Keys travel in the properties, which have 32,767 bytes in all.
const KEYS_MAX: usize = 24_000;
/// How long a trace may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Reports what is sent, or consumed, as records that `mqadmin queryMsgTraceById` and the dashboard read.
///
/// Tracing is lossy by contract: it never delays what it reports about. Records wait in a bounded queue, those for which there is no
/// room are dropped and counted, and a trace topic that does not exist or hangs costs nothing but its traces.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[doc(alias = "enableTrace")]
#[doc(alias = "AsyncTraceDispatcher")]
pub struct Tracing {
    /// The topic. Default `RMQ_SYS_TRACE_TOPIC`.
    #[doc(alias = "traceTopic")]
    pub topic: Arc<str>,
    /// Whether records go to the topic of their region, `rmq_sys_TRACE_DATA_<region>`, in the form of cloud services. Default no.
    #[doc(alias = "accessChannel")]
    pub cloud: bool,
    /// How many records travel in one message at most. Default 10, as in Java.
    #[doc(alias = "traceMsgBatchNum")]
    pub batch: usize,
    /// How many records may wait. Default 2,048, as in Java.
    pub backlog: usize,
    /// How long a record waits for others. Default 5 s, as in Java.
    pub linger: Duration,
}

impl Default for Tracing {
    fn default() -> Self {
        Self {
            topic: SYSTEM_TOPIC.into(),
            cloud: false,
            batch: 10,
            backlog: 2_048,
            linger: Duration::from_secs(5),
        }
    }
}

/// What a dispatcher reports about: part of the name of its producer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TraceOf {
    Sends,
    Consumption,
}

impl TraceOf {
    fn name(self) -> &'static str {
        match self {
            Self::Sends => "PRODUCE",
            Self::Consumption => "CONSUME",
        }
    }
}

/// Takes records, and sends them a few at a time. The task ends when this is dropped, or with the client.
pub(crate) struct Tracer {
    queue: mpsc::Sender<Entry>,
    options: Tracing,
    counts: Arc<Counts>,
    flush: Arc<Notify>,
}

/// A record, and the region that it belongs to where it has none of its own.
type Entry = (Option<Box<str>>, TraceRecord<'static>);

#[derive(Default)]
struct Counts {
    taken: AtomicU64,
    ended: AtomicU64,
    dropped: AtomicU64,
    finished: Notify,
}

impl Tracer {
    /// Starts a dispatcher with a producer of its own, so that a group under load shares neither room nor counters with its trace.
    pub(crate) async fn start(
        client: &Client,
        group: &str,
        of: TraceOf,
        options: Tracing,
    ) -> Result<Self, crate::Error> {
        let own_group =
            format!("{PRODUCER_GROUP_PREFIX}-{group}-{}-{}", of.name(), fastrand::u16(..));
        let producer = client
            .producer(own_group)
            .send_timeout(SEND_TIMEOUT)
            .max_in_flight(4)
            .untraced()
            .await?;
        let (queue, records) = mpsc::channel(options.backlog.max(1));
        let (counts, flush) = (Arc::<Counts>::default(), Arc::<Notify>::default());
        let dispatcher = Dispatcher {
            producer,
            options: options.clone(),
            counts: Arc::clone(&counts),
            flush: Arc::clone(&flush),
        };
        let tasks = client.core().tasks.clone();
        let dispatching = async move {
            tokio::select! {
                () = dispatcher.run(records) => {}
                () = tasks.cancelled() => {}
            }
        };
        client.core().tasks.spawn("trace", dispatching);
        Ok(Self { queue, options, counts, flush })
    }

    /// Never waits.
    pub(crate) fn record(&self, record: TraceRecord<'static>) {
        self.enter((None, record));
    }

    /// The same, of a record that does not name its region.
    pub(crate) fn record_in(&self, region: &str, record: TraceRecord<'static>) {
        self.enter((self.options.cloud.then(|| region.into()), record));
    }

    fn enter(&self, entry: Entry) {
        match self.queue.try_send(entry) {
            Ok(()) => self.counts.taken.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.counts.dropped.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// Whether messages of this topic are left out: those of traces themselves.
    pub(crate) fn leaves_out(&self, topic: &str) -> bool {
        topic.starts_with(&*self.options.topic) || topic.starts_with(CLOUD_TOPIC_PREFIX)
    }

    /// Records that were dropped because there was no room, or because they could not be sent.
    pub(crate) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was recorded has been sent, or the deadline.
    pub(crate) async fn drain(&self, deadline: Instant) {
        let sent = async {
            loop {
                let finished = self.counts.finished.notified();
                let taken = self.counts.taken.load(Ordering::Acquire);
                if self.counts.ended.load(Ordering::Acquire) >= taken {
                    return;
                }
                self.flush.notify_one();
                finished.await;
            }
        };
        if timeout_at(deadline, sent).await.is_err() {
            tracing::debug!("traces were left unsent at shutdown");
        }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("options", &self.options).finish_non_exhaustive()
    }
}

struct Dispatcher {
    producer: Producer,
    options: Tracing,
    counts: Arc<Counts>,
    flush: Arc<Notify>,
}

impl Dispatcher {
    async fn run(self, mut records: mpsc::Receiver<Entry>) {
        let mut batch = Vec::new();
        while let Some(first) = records.recv().await {
            batch.push(first);
            let due = Instant::now() + self.options.linger;
            while batch.len() < self.options.batch.max(1) {
                tokio::select! {
                    biased;
                    next = records.recv() => match next {
                        Some(next) => batch.push(next),
                        None => break,
                    },
                    () = self.flush.notified() => break,
                    () = tokio::time::sleep_until(due) => break,
                }
            }
            self.send(std::mem::take(&mut batch)).await;
        }
    }

    /// Sends records, as few messages as hold them.
    async fn send(&self, records: Vec<Entry>) {
        let count = records.len() as u64;
        let mut letters: Vec<Letter> = Vec::new();
        for (region, record) in &records {
            let topic = self.topic_of(region.as_deref(), record);
            let open = letters.iter_mut().rev().find(|letter| letter.topic == topic);
            if !open.is_some_and(|letter| letter.takes(record)) {
                let mut letter = Letter { topic, text: String::new(), keys: Vec::new() };
                letter.takes(record);
                letters.push(letter);
            }
        }
        for letter in letters {
            let lost = letter.keys.len() as u64;
            if let Err(cause) = self.producer.send(letter.into_message()).await {
                self.counts.dropped.fetch_add(lost, Ordering::Relaxed);
                tracing::debug!(%cause, "traces could not be sent");
            }
        }
        self.counts.ended.fetch_add(count, Ordering::Release);
        self.counts.finished.notify_waiters();
    }

    fn topic_of(&self, region: Option<&str>, record: &TraceRecord<'_>) -> Arc<str> {
        let region: &str = match record {
            TraceRecord::Pub(record) => &record.message.region_id,
            TraceRecord::SubBefore(record) => &record.region_id,
            TraceRecord::EndTransaction(record) => &record.message.region_id,
            TraceRecord::Recall(record) => &record.region_id,
            _ => region.unwrap_or(DEFAULT_REGION),
        };
        match self.options.cloud {
            true => format!("{CLOUD_TOPIC_PREFIX}{region}").into(),
            false => Arc::clone(&self.options.topic),
        }
    }
}

/// Records that travel as one message.
struct Letter {
    topic: Arc<str>,
    text: String,
    keys: Vec<String>,
}

impl Letter {
    /// Adds a record, if there is room. The first always has.
    fn takes(&mut self, record: &TraceRecord<'_>) -> bool {
        let before = self.text.len();
        record.encode(&mut self.text);
        let keys: Vec<String> = record.carrier_keys().map(str::to_owned).collect();
        let key_bytes = self.keys.iter().chain(&keys).map(|key| key.len() + 1).sum::<usize>();
        if before > 0 && (self.text.len() > TEXT_MAX || key_bytes > KEYS_MAX) {
            self.text.truncate(before);
            return false;
        }
        for key in keys {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
        true
    }

    fn into_message(self) -> Message {
        Message::new(self.topic, self.text).key(self.keys.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use rocketmq_protocol::trace::RecallTrace;

    use super::*;

    fn record(id: &str) -> TraceRecord<'static> {
        TraceRecord::Recall(RecallTrace {
            timestamp: 1,
            region_id: "r".into(),
            group: "g".into(),
            topic: "t".into(),
            message_id: id.to_owned().into(),
            success: true,
        })
    }

    #[test]
    fn a_message_of_traces_stays_below_both_limits() {
        let mut letter = Letter { topic: "t".into(), text: String::new(), keys: Vec::new() };
        let mut count = 0;
        while letter.takes(&record(&format!("{count:032}"))) {
            count += 1;
        }
        assert_eq!(count, KEYS_MAX / 33);
        assert!(letter.text.len() <= TEXT_MAX);
        assert_eq!(
            letter.text.matches("Recall").count(),
            count,
            "the one too many has left no trace"
        );
    }
}
