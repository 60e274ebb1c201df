//! What happens to a message when a handler is done with it.

use rocketmq_protocol::message::{MessageExt, property};

use crate::{
    config::{Config, Model, Order},
    io::Outcome,
};

/// What a settlement comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is consumed.
    Settle,
    /// It is consumed once the application says so.
    Keep,
    /// It is consumed, and so is all that was kept.
    SettleKept,
    /// It waits again, as if it had not been handed out.
    GiveBack,
    /// It waits again, and its queue rests for so many milliseconds.
    Suspend(u32),
    /// So does all that was kept.
    RollBack(u32),
    /// A broker is to deliver it again, or to bury it: with this delay level. −1 is the dead-letter topic, 0 leaves it
    /// to the broker, which takes 3 + the number of redeliveries (`ConsumeConcurrentlyContext.delayLevelWhenNextConsume`).
    SendBack(i32),
    /// Nobody will see it again.
    PassOver,
    /// It waits again, and its queue stands still.
    Halt,
}

/// What to do about a message that has been delivered without success `times` before this time.
pub(crate) fn step(config: &Config, outcome: Outcome, times: i32) -> Step {
    match (config.order, outcome) {
        (_, Outcome::Returned) => Step::GiveBack,
        (_, Outcome::Halt) => Step::Halt,
        (_, Outcome::DeadLetter) => bury(config),
        (Order::Any, Outcome::Ack | Outcome::Commit) => Step::Settle,
        (Order::Any, _) if config.model == Model::Broadcasting => Step::PassOver,
        (Order::Any, Outcome::RetryAfter(level)) => Step::SendBack(level.into()),
        (Order::Any, _) => Step::SendBack(0),
        (Order::Strict { auto_commit: false }, Outcome::Ack) => Step::Keep,
        (Order::Strict { auto_commit: false }, Outcome::Commit) => Step::SettleKept,
        (Order::Strict { auto_commit: false }, Outcome::Rollback) => Step::RollBack(rest(config)),
        (Order::Strict { .. }, Outcome::Ack | Outcome::Commit) => Step::Settle,
        (Order::Strict { .. }, _) if times >= limit(config) => bury(config),
        (Order::Strict { .. }, Outcome::Suspend(millis)) => Step::Suspend(millis),
        (Order::Strict { .. }, Outcome::Retry | Outcome::RetryAfter(_) | Outcome::Rollback) => {
            Step::Suspend(rest(config))
        }
    }
}

fn rest(config: &Config) -> u32 {
    u32::try_from(config.suspend_time.as_millis()).unwrap_or(u32::MAX)
}

fn bury(config: &Config) -> Step {
    match config.model {
        Model::Clustering => Step::SendBack(-1),
        Model::Broadcasting => Step::PassOver,
    }
}

fn limit(config: &Config) -> i32 {
    i32::try_from(config.max_redeliveries).unwrap_or(i32::MAX)
}

/// A message from the group's retry topic shows the topic that it was first sent to
/// (`DefaultMQPushConsumerImpl.resetRetryAndNamespace`).
pub(crate) fn restore_topic(message: &mut MessageExt) {
    if let Some(topic) = message.properties.get_text(property::RETRY_TOPIC) {
        message.topic = topic;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: Model, order: Order, outcome: Outcome, times: i32, expected: Step) {
        let mut config = Config::new("g", "me@1", 0);
        (config.model, config.order, config.max_redeliveries) = (model, order, 3);
        assert_eq!(step(&config, outcome, times), expected, "{model:?} {order:?} {outcome:?}");
    }

    #[test]
    fn a_failure_is_sent_back_or_passed_over() {
        let sent_back = |outcome, step| check(Model::Clustering, Order::Any, outcome, 9, step);
        sent_back(Outcome::Ack, Step::Settle);
        sent_back(Outcome::Retry, Step::SendBack(0));
        sent_back(Outcome::Suspend(5), Step::SendBack(0));
        sent_back(Outcome::RetryAfter(5), Step::SendBack(5));
        sent_back(Outcome::DeadLetter, Step::SendBack(-1));
        let passed_over = |outcome, step| check(Model::Broadcasting, Order::Any, outcome, 0, step);
        passed_over(Outcome::Ack, Step::Settle);
        passed_over(Outcome::Retry, Step::PassOver);
        passed_over(Outcome::DeadLetter, Step::PassOver);
        passed_over(Outcome::Returned, Step::GiveBack);
    }

    #[test]
    fn a_strict_queue_rests_until_the_limit() {
        let order = Order::Strict { auto_commit: true };
        let strict = |outcome, times, step| check(Model::Clustering, order, outcome, times, step);
        strict(Outcome::Ack, 0, Step::Settle);
        strict(Outcome::Commit, 0, Step::Settle);
        strict(Outcome::Rollback, 0, Step::Suspend(1_000));
        strict(Outcome::Suspend(7), 2, Step::Suspend(7));
        strict(Outcome::Retry, 2, Step::Suspend(1_000));
        strict(Outcome::Retry, 3, Step::SendBack(-1));
        strict(Outcome::DeadLetter, 0, Step::SendBack(-1));
        check(Model::Broadcasting, order, Outcome::Retry, 3, Step::PassOver);
    }

    #[test]
    fn without_automatic_commit_an_ack_waits() {
        let order = Order::Strict { auto_commit: false };
        let manual = |outcome, step| check(Model::Clustering, order, outcome, 0, step);
        manual(Outcome::Ack, Step::Keep);
        manual(Outcome::Commit, Step::SettleKept);
        manual(Outcome::Rollback, Step::RollBack(1_000));
        manual(Outcome::Suspend(9), Step::Suspend(9));
    }
}
