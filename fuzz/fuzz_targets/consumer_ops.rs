#![no_main]

rocketmq_fuzz::target!(
    rocketmq_fuzz::consumer_ops::consumer_ops,
    rocketmq_fuzz::consumer_ops::allowed
);
