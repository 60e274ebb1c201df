#![no_main]

rocketmq_fuzz::target!(
    rocketmq_fuzz::compression::compression,
    rocketmq_fuzz::meter::allowed_inflating
);
