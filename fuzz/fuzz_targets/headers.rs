#![no_main]

rocketmq_fuzz::target!(rocketmq_fuzz::headers::headers);
