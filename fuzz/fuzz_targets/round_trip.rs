#![no_main]

rocketmq_fuzz::target!(rocketmq_fuzz::round_trip::round_trip);
