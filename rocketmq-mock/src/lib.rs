//! A RocketMQ name server and brokers inside a process, on real loopback sockets, for tests and examples.
