//! An independent asynchronous client for Apache RocketMQ.
