//! The consumer as state machines: rebalance, pull, window, offsets. No IO, no clock.
