//! `names.jsonl`: which values of Java's options are taken, and which are refused before a group starts.

use std::time::{Duration, Instant};

use rocketmq_consumer::{Config, ConsumerGroup, Now};

use crate::reader::{Case, Outcome, cases, equal};

/// Sets an option to a number of Java's. `None`: the number cannot be expressed.
type Set = fn(&mut Config, i64) -> Option<()>;

/// Where ours takes fewer values than Java: from, to, and why.
type Narrower = (i64, i64, &'static str);

/// Which client, its option, ours, and where it is narrower.
const OPTIONS: &[(&str, &str, Set, Option<Narrower>)] = &[
    ("push", "consumeConcurrentlyMaxSpan", span, None),
    ("push", "pullThresholdForQueue", messages, None),
    ("push", "pullThresholdSizeForQueue", mebibytes, None),
    (
        "push",
        "pullThresholdForTopic",
        |config, all| {
            config.topic_limits.messages = limit(all)?.map(|all| all as usize);
            Some(())
        },
        None,
    ),
    (
        "push",
        "pullThresholdSizeForTopic",
        |config, all| {
            config.topic_limits.bytes = limit(all)?.map(|mebibytes| mebibytes << 20);
            Some(())
        },
        None,
    ),
    ("push", "pullInterval", |config, time| put(&mut config.pull_interval, millis(time)), None),
    ("push", "consumeMessageBatchMaxSize", |config, run| put(&mut config.run, positive(run)), None),
    ("push", "pullBatchSize", pull_batch, None),
    ("push", "popInvisibleTime", |config, time| put(&mut config.pop.invisible, millis(time)), None),
    ("push", "popBatchNums", |config, batch| put(&mut config.pop.batch, small(batch)), None),
    (
        "push",
        "popThresholdForQueue",
        |config, limit| put(&mut config.pop.limit, positive(limit)),
        Some((0, i64::MAX, "there are no fewer messages than none")),
    ),
    (
        "push",
        "pullBatchSizeInBytes",
        |config, bytes| put(&mut config.pull_batch_bytes, small(bytes)),
        Some((1, i64::MAX, "nothing fits into nothing")),
    ),
    (
        "push",
        "maxReconsumeTimes",
        |config, times| put(&mut config.max_redeliveries, small(times)),
        Some((0, i64::MAX, "-1 stands for the default, which a number says")),
    ),
    (
        "push",
        "consumeTimeout",
        |config, minutes| put(&mut config.consume_timeout, millis(minutes.checked_mul(60_000)?)),
        Some((1, DAY / 60_000, LONG)),
    ),
    (
        "push",
        "suspendCurrentQueueTimeMillis",
        |config, time| put(&mut config.suspend_time, millis(time)),
        Some((1, DAY, LONG)),
    ),
    ("lite-pull", "pullBatchSize", pull_batch, Some((1, 1_024, UNCHECKED))),
    (
        "lite-pull",
        "autoCommitIntervalMillis",
        |config, time| put(&mut config.commit_interval, millis(time)),
        Some((1, DAY, LONG)),
    ),
    (
        "lite-pull",
        "brokerSuspendMaxTimeMillis",
        |config, time| put(&mut config.suspend, millis(time)),
        Some((
            0,
            25_000,
            "brokers look at held pulls every 5 s, so an answer may take that much more",
        )),
    ),
    (
        "lite-pull",
        "consumerTimeoutMillisWhenSuspend",
        |config, time| put(&mut config.pull_timeout, millis(time)),
        Some((25_000, DAY, LONG)),
    ),
    ("lite-pull", "consumeMaxSpan", span, Some((1, 65_535, UNCHECKED))),
    ("lite-pull", "pullThresholdForQueue", messages, Some((1, 65_535, UNCHECKED))),
    ("lite-pull", "pullThresholdSizeForQueue", mebibytes, Some((1, 1_024, UNCHECKED))),
];

/// Options that have no counterpart.
const NOT_HERE: &[(&str, &[&str])] = &[
    (
        "threads: tasks are the application's",
        &["consumeThreadMin", "consumeThreadMax", "pullThreadNums"],
    ),
    ("without effect in Java", &["adjustThreadPoolNumsThreshold"]),
    ("every pull may be held", &["consumerPullTimeoutMillis"]),
    ("bytes over all queues, not pulls", &["pullThresholdForAll"]),
    ("the argument of a poll", &["pollTimeoutMillis"]),
];

const DAY: i64 = 24 * 60 * 60 * 1_000;
const LONG: &str = "a day is as good as for ever, and no time at all is none to wait";
const UNCHECKED: &str = "Java checks it for push consumers only";

fn put<T>(option: &mut T, value: Option<T>) -> Option<()> {
    *option = value?;
    Some(())
}

fn positive(number: i64) -> Option<usize> {
    usize::try_from(number).ok()
}

fn small(number: i64) -> Option<u32> {
    u32::try_from(number).ok()
}

fn millis(number: i64) -> Option<Duration> {
    u64::try_from(number).ok().map(Duration::from_millis)
}

/// -1 is none.
fn limit(number: i64) -> Option<Option<u64>> {
    if number == -1 { Some(None) } else { u64::try_from(number).ok().map(Some) }
}

fn span(config: &mut Config, span: i64) -> Option<()> {
    put(&mut config.limits.span, u64::try_from(span).ok())
}

fn messages(config: &mut Config, messages: i64) -> Option<()> {
    put(&mut config.limits.messages, positive(messages))
}

fn mebibytes(config: &mut Config, mebibytes: i64) -> Option<()> {
    put(&mut config.limits.bytes, u64::try_from(mebibytes).ok()?.checked_shl(20))
}

fn pull_batch(config: &mut Config, batch: i64) -> Option<()> {
    put(&mut config.pull_batch, small(batch))
}

/// Whether a group is made with this option, all others as Java has them.
#[expect(clippy::disallowed_methods, reason = "a group is made at some time")]
fn is_taken(case: &Case, set: Set, number: i64) -> bool {
    let mut config = Config::new("g", "me@1", 0);
    if case.text("what") == "lite-pull" {
        config.suspend = Duration::from_secs(20);
    }
    let now = Now { monotonic: Instant::now(), wall: 0 };
    set(&mut config, number).is_some_and(|()| ConsumerGroup::new(config, now).is_ok())
}

fn range(case: &Case) -> Outcome {
    let (what, option) = (case.text("what"), case.text("option"));
    let row = OPTIONS.iter().find(|row| (row.0, row.1) == (what, option));
    let left_out = NOT_HERE.iter().any(|(_, options)| options.contains(&option));
    let Some((_, _, set, narrower)) = row else {
        return equal("said why there is no such option", &left_out, &true);
    };
    let numbers = |member: &str| -> Vec<i64> {
        let numbers = case.get(member).as_array().expect("numbers");
        numbers.iter().map(|number| number.as_i64().expect("a number")).collect()
    };
    let mut needed = narrower.is_none();
    for number in numbers("accepted") {
        let kept = narrower.is_none_or(|(from, to, _)| (from..=to).contains(&number));
        needed |= !kept;
        equal(&format!("{number} is taken"), &is_taken(case, *set, number), &kept)?;
    }
    for number in numbers("refused") {
        equal(&format!("{number} is taken"), &is_taken(case, *set, number), &false)?;
    }
    equal("narrower than Java, as is said", &needed, &true)
}

#[test]
fn names_and_ranges_of_options() {
    let mut failures = Vec::new();
    for case in cases("names").iter().filter(|case| case.text("kind") == "range") {
        if let Err(why) = range(case) {
            failures.push(format!("{}: {why}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
