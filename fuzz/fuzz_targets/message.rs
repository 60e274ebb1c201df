#![no_main]

rocketmq_fuzz::target!(rocketmq_fuzz::message::message, rocketmq_fuzz::meter::allowed_inflating);
