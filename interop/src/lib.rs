//! Starts real Apache RocketMQ servers, and holds the tests that run against them.
