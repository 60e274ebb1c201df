//! [`Config`]: everything a group is told once.

use std::{sync::Arc, time::Duration};

use rocketmq_protocol::body::SubscriptionData;

use crate::{
    error::ConfigError,
    flow::{Limits, TopicLimits},
    offsets::StartFrom,
    rebalance::{Allocate, Averagely},
};

/// Who gets a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[doc(alias = "MessageModel")]
pub enum Model {
    /// One member of the group. Brokers keep the group's offsets, and take back what fails.
    #[default]
    Clustering,
    /// Every member. Each keeps its own offsets; what fails is passed over.
    Broadcasting,
}

/// In which order the messages of a queue are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Order {
    /// Many at a time; what fails comes again later.
    #[default]
    Any,
    /// One batch at a time, each after the one before it has succeeded, and by one member at a time: a broker leases
    /// the queue to it.
    Strict {
        /// Whether what is acknowledged is consumed (`autoCommit`). Otherwise it is once
        /// [`Outcome::Commit`](crate::Outcome::Commit) follows.
        auto_commit: bool,
    },
}

impl Order {
    /// One batch at a time.
    pub(crate) fn is_strict(self) -> bool {
        matches!(self, Self::Strict { .. })
    }
}

/// Who decides which queues this member reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Assignment {
    /// The group: its members share the queues of the subscribed topics.
    #[default]
    Shared,
    /// The application, by [`Input::Assign`](crate::Input::Assign). Members are not asked for, and not waited for.
    ByHand,
}

/// When a message counts as consumed, so that the group's offset may move past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Consumption {
    /// Once it is settled.
    #[default]
    Settled,
    /// Once somebody has [vouched](crate::Input::Vouch) for it. What is handed out is not held any longer, and not
    /// settled.
    Vouched {
        /// Whether what is vouched for is committed from time to time, and what nobody wants vouched for. Otherwise
        /// nothing is committed that was not asked for.
        automatic: bool,
    },
}

/// Where to go on when a queue ends before the offset that was to be read: its broker has lost messages, as a slave that
/// becomes master may have, or the topic has been created anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BeyondEnd {
    /// Where the broker says, as in Java: at the end, but for brokers of 4.x at 0 if they still have all of the queue
    /// (`store/DefaultMessageStore.java`, `OFFSET_OVERFLOW_BADLY`). Then everything comes again.
    /// Other than in Java at its first message if the topic was gone: then it has been created anew.
    #[default]
    AsTold,
    /// At the end. Nothing comes again; of a topic that has been created anew, what is there already is passed over.
    End,
}

/// How messages are popped from the queues that brokers say are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PopOptions {
    /// Whether brokers are asked which queues are this member's, and whether they are pulled or popped (`clientRebalance` is the
    /// opposite). Default no.
    pub enabled: bool,
    /// Messages asked for with one pop (`popBatchNums`). Default 32, which is the most.
    pub batch: u32,
    /// How long popped messages are out of sight (`popInvisibleTime`). Default 60 s, 5 s to 5 min.
    pub invisible: Duration,
    /// Whether more time is asked for while a handler is at work. Default yes; Java lets its time run out.
    pub renew: bool,
    /// Messages of one queue that may be out; more are not popped then (`popThresholdForQueue`). Default 96.
    pub limit: usize,
    /// How long a broker may hold a pop that finds nothing. Default 15 s.
    pub wait: Duration,
    /// How much longer it may take to answer. Default 10 s.
    pub answer_time: Duration,
}

impl PopOptions {
    /// Java's numbers.
    pub const JAVA: Self = Self {
        enabled: false,
        batch: 32,
        invisible: Duration::from_secs(60),
        renew: true,
        limit: 96,
        wait: Duration::from_secs(15),
        answer_time: Duration::from_secs(10),
    };
}

impl Consumption {
    /// What is vouched for is committed by itself.
    pub(crate) fn is_automatic(self) -> bool {
        self == Self::Vouched { automatic: true }
    }
}

/// The options of a [`ConsumerGroup`](crate::ConsumerGroup), checked when the group is made.
///
/// Numbers without a remark are Java's (`DefaultMQPushConsumer`).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The group.
    pub group: Arc<str>,
    /// This member: the client id under which heartbeats are sent.
    pub client_id: Arc<str>,
    /// What to read. The group's retry topic is added by itself.
    pub subscriptions: Vec<SubscriptionData>,
    /// Whether the group's retry topic is read too, if the model has one. Default yes.
    pub retries: bool,
    /// Who decides which queues are read. Default: the group.
    pub assignment: Assignment,
    /// When a message counts as consumed. Default: once it is settled.
    pub consumption: Consumption,
    /// Whether and how messages are popped. Default: they are pulled.
    pub pop: PopOptions,
    /// Who gets a message. Default: one member.
    pub model: Model,
    /// In which order messages are handed out. Default: any.
    pub order: Order,
    /// Where to start a queue for which the group has no offset. Default: the end, as Java does.
    pub start_from: StartFrom,
    /// Where to go on when a queue ends before the offset that was to be read. Default: where the broker says.
    pub beyond_end: BeyondEnd,
    /// How queues are shared out. All members of a group must have the same.
    pub strategy: Arc<dyn Allocate>,
    /// Spreads timers of many members apart. Equal seeds and equal inputs give equal runs.
    pub seed: u64,

    /// Messages asked for with one pull. Default 32, 1 to 1,024. Brokers have limits of their own, 32 by default.
    pub pull_batch: u32,
    /// Bytes asked for with one pull. Default 256 KiB.
    pub pull_batch_bytes: u32,
    /// How long a broker may hold a pull that finds nothing. Default 15 s. Brokers look at held pulls every 5 s.
    pub suspend: Duration,
    /// After this a pull counts as unanswered. Default 30 s; at least 5 s more than `suspend`.
    pub pull_timeout: Duration,
    /// Pause between an answer with messages and the next pull. Default none.
    pub pull_interval: Duration,
    /// Pause after a pull that failed (`pullTimeDelayMillsWhenException`). Default 1 s. Flow control by the broker has
    /// a pause of its own, 20 ms.
    pub retry_delay: Duration,
    /// Whether pulls carry the subscription, so that the broker need not know it from a heartbeat
    /// (`postSubscriptionWhenPull`). Default no.
    pub post_subscription: bool,

    /// What one queue may hold.
    pub limits: Limits,
    /// What the queues of one topic may hold together.
    pub topic_limits: TopicLimits,
    /// Bytes that all queues may hold together. Default 256 MiB; Java has no such limit, and 100 MiB for each of its
    /// queues.
    pub budget: Option<u64>,

    /// After so many redeliveries a message goes to the dead-letter topic (`maxReconsumeTimes`). Default 16; Java lets
    /// ordered groups try for ever.
    pub max_redeliveries: u32,
    /// How long a handler may take before its message is sent back (`consumeTimeout`). Default 15 min. Looked at 16 times
    /// in that time. Ordered groups do not send back; they wait so long for a handler before they give its queue up.
    pub consume_timeout: Duration,
    /// Messages that an ordered group hands out at once, of one queue. Default 1.
    pub run: usize,
    /// How long an ordered queue rests after a failure (`suspendCurrentQueueTimeMillis`). Default 1 s.
    pub suspend_time: Duration,
    /// How often leases of ordered queues are renewed (`rocketmq.client.rebalance.lockInterval`). Default 20 s.
    pub lock_interval: Duration,
    /// How long a lease is trusted after it was asked for (`lockMaxLiveTime`). Default 30 s; brokers keep it for 60 s.
    pub lock_lease: Duration,
    /// After this a queue without progress is reported. Default 2 min.
    pub stall_after: Duration,
    /// When a message could not be sent back it is delivered here again, after this. Default 5 s.
    pub redelivery_delay: Duration,

    /// How often offsets that have moved are committed. Default 5 s.
    pub commit_interval: Duration,
    /// How long a queue that moves to another member waits for its running handlers. Default 1 s. Java does not wait,
    /// and throws their results away.
    pub revoke_grace: Duration,
    /// How long to leave a new queue alone while its former owner, if there are other members, commits its offset.
    /// Default 500 ms. Java waits as long, but reads the offset before.
    pub acquire_delay: Duration,
    /// How often to rebalance when the last round found all in order. Default 20 s, and up to a tenth less.
    pub rebalance_interval: Duration,
    /// How often to try again when it did not. Default 1 s.
    pub rebalance_retry: Duration,
    /// How often heartbeats are sent: a member that brokers do not list for so long has lost its queues. Default 30 s.
    pub heartbeat_interval: Duration,
    /// After this a request other than a pull counts as unanswered. Default 5 s.
    pub request_timeout: Duration,
    /// Whether somebody wants to be told of queues that come and go, and how long that is waited for each time:
    /// [`Action::TellAssigned`](crate::Action::TellAssigned), [`Action::TellRevoked`](crate::Action::TellRevoked). Default:
    /// nobody.
    pub listen: Option<Duration>,
}

impl Config {
    /// The options for this member of this group, all others as Java has them.
    pub fn new(group: impl Into<Arc<str>>, client_id: impl Into<Arc<str>>, seed: u64) -> Self {
        let seconds = Duration::from_secs;
        Self {
            group: group.into(),
            client_id: client_id.into(),
            subscriptions: Vec::new(),
            retries: true,
            assignment: Assignment::default(),
            consumption: Consumption::default(),
            pop: PopOptions::JAVA,
            model: Model::Clustering,
            order: Order::Any,
            start_from: StartFrom::Last,
            beyond_end: BeyondEnd::AsTold,
            strategy: Arc::new(Averagely),
            seed,
            pull_batch: 32,
            pull_batch_bytes: 256 << 10,
            suspend: seconds(15),
            pull_timeout: seconds(30),
            pull_interval: Duration::ZERO,
            retry_delay: seconds(1),
            post_subscription: false,
            limits: Limits::JAVA,
            topic_limits: TopicLimits::default(),
            budget: Some(256 << 20),
            max_redeliveries: 16,
            consume_timeout: seconds(15 * 60),
            run: 1,
            suspend_time: seconds(1),
            lock_interval: seconds(20),
            lock_lease: seconds(30),
            stall_after: seconds(120),
            redelivery_delay: seconds(5),
            commit_interval: seconds(5),
            revoke_grace: seconds(1),
            acquire_delay: Duration::from_millis(500),
            rebalance_interval: seconds(20),
            rebalance_retry: seconds(1),
            heartbeat_interval: seconds(30),
            request_timeout: seconds(5),
            listen: None,
        }
    }

    /// The limits of one of `sharing` queues of a topic. An ordered queue has no span: nothing overtakes in it.
    pub(crate) fn limits_of_one(&self, sharing: usize) -> Limits {
        let limits = self.limits.shared(self.topic_limits, sharing);
        if self.order.is_strict() { Limits { span: u64::MAX, ..limits } } else { limits }
    }

    /// Checks what can be checked without a broker, with the ranges of `DefaultMQPushConsumerImpl.checkConfig`.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let blank = |text: &str| text.trim().is_empty();
        if blank(&self.group) {
            return Err(ConfigError::Blank("group"));
        }
        if blank(&self.client_id) {
            return Err(ConfigError::Blank("client_id"));
        }
        range("pull_batch", self.pull_batch.into(), 1, 1_024)?;
        range("pull_batch_bytes", self.pull_batch_bytes.into(), 1, i32::MAX as u64)?;
        range("limits.messages", self.limits.messages as u64, 1, 65_535)?;
        range("limits.bytes", self.limits.bytes, 1, 1 << 30)?;
        range("limits.span", self.limits.span, 1, 65_535)?;
        if let Some(messages) = self.topic_limits.messages {
            range("topic_limits.messages", messages as u64, 1, 6_553_500)?;
        }
        if let Some(bytes) = self.topic_limits.bytes {
            range("topic_limits.bytes", bytes, 1, 102_400 << 20)?;
        }
        if self.pop.enabled && self.order.is_strict() {
            return Err(ConfigError::CannotPop("ordered"));
        }
        if self.pop.enabled && self.model != Model::Clustering {
            return Err(ConfigError::CannotPop("broadcasting"));
        }
        range("pop.batch", self.pop.batch.into(), 1, 32)?;
        range("pop.invisible (ms)", self.pop.invisible.as_millis() as u64, 5_000, 300_000)?;
        duration("pop.wait (ms)", self.pop.wait, 0)?;
        duration("pop.answer_time (ms)", self.pop.answer_time, 1)?;
        range("max_redeliveries", self.max_redeliveries.into(), 0, i32::MAX as u64)?;
        range("pull_interval (ms)", self.pull_interval.as_millis() as u64, 0, 65_535)?;
        range("run", self.run as u64, 1, 1_024)?;
        duration("suspend (ms)", self.suspend, 0)?;
        let held = (self.suspend + Duration::from_secs(5)).as_millis() as u64;
        duration("pull_timeout (ms)", self.pull_timeout, held)?;
        for (option, interval, least) in [
            ("retry_delay (ms)", self.retry_delay, 1),
            ("redelivery_delay (ms)", self.redelivery_delay, 1),
            ("commit_interval (ms)", self.commit_interval, 1),
            ("revoke_grace (ms)", self.revoke_grace, 0),
            ("acquire_delay (ms)", self.acquire_delay, 0),
            ("rebalance_interval (ms)", self.rebalance_interval, 1),
            ("rebalance_retry (ms)", self.rebalance_retry, 1),
            ("heartbeat_interval (ms)", self.heartbeat_interval, 1),
            ("request_timeout (ms)", self.request_timeout, 1),
            ("consume_timeout (ms)", self.consume_timeout, 16),
            ("suspend_time (ms)", self.suspend_time, 1),
            ("lock_interval (ms)", self.lock_interval, 1),
            ("lock_lease (ms)", self.lock_lease, self.lock_interval.as_millis() as u64),
            ("stall_after (ms)", self.stall_after, 16),
        ] {
            duration(option, interval, least)?;
        }
        if let Some(patience) = self.listen {
            duration("listen (ms)", patience, 1)?;
        }
        Ok(())
    }
}

/// A day is as good as for ever, and far from where clocks overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

fn duration(option: &'static str, value: Duration, least: u64) -> Result<(), ConfigError> {
    let millis = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    range(option, millis, least, LONGEST.as_millis() as u64)
}

fn range(option: &'static str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::Range { option, value, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Config), expected: Result<(), &str>) {
        let mut config = Config::new("g", "me@1", 0);
        change(&mut config);
        let complaint = config.check().map_err(|error| error.to_string());
        assert_eq!(complaint.as_ref().map(|_| ()).map_err(|error| error.as_str()), expected);
    }

    #[test]
    fn options_are_checked_with_their_ranges() {
        check(|_| {}, Ok(()));
        check(|config| config.group = " ".into(), Err("group is blank"));
        check(|config| config.client_id = "".into(), Err("client_id is blank"));
        check(|config| config.pop.enabled = true, Ok(()));
        check(
            |config| {
                config.pop.enabled = true;
                config.model = Model::Broadcasting;
            },
            Err("broadcasting groups cannot pop"),
        );
        check(|config| config.pull_batch = 1_024, Ok(()));
        check(|config| config.pull_batch = 0, Err("pull_batch is 0, not between 1 and 1024"));
        check(
            |config| config.limits.span = 65_536,
            Err("limits.span is 65536, not between 1 and 65535"),
        );
        check(|config| config.topic_limits.messages = Some(6_553_500), Ok(()));
        check(
            |config| config.topic_limits.messages = Some(0),
            Err("topic_limits.messages is 0, not between 1 and 6553500"),
        );
        check(|config| config.suspend = Duration::from_secs(25), Ok(()));
        check(
            |config| config.suspend = Duration::from_secs(26),
            Err("pull_timeout (ms) is 30000, not between 31000 and 86400000"),
        );
        check(
            |config| config.revoke_grace = Duration::MAX,
            Err("revoke_grace (ms) is 18446744073709551615, not between 0 and 86400000"),
        );
        check(
            |config| config.commit_interval = Duration::ZERO,
            Err("commit_interval (ms) is 0, not between 1 and 86400000"),
        );
    }
}
