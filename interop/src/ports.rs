//! Ports that nobody uses, on the loopback.

use std::{
    net::{Ipv4Addr, TcpListener},
    ops::RangeInclusive,
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::SystemTime,
};

/// Below the ports that systems give to outgoing connections: one of those would be taken while a JVM boots.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A port that is free, with its neighbours at these distances.
pub(crate) fn free_port(neighbours: RangeInclusive<i32>) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Processes that start together begin their search at different places.
    let start = process::id().wrapping_mul(7919).wrapping_add(now.subsec_micros());
    loop {
        let nth = NEXT.fetch_add(8, Ordering::Relaxed);
        let port = (FIRST + start.wrapping_add(nth) % COUNT) as u16;
        if neighbours.clone().all(|distance| is_free(port.saturating_add_signed(distance as i16))) {
            return port;
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_are_taken_are_passed_over() {
        // Another process may take a port between the look and the bind.
        let taken: Vec<TcpListener> = std::iter::repeat_with(|| free_port(-2..=1))
            .filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
            .take(20)
            .collect();
        let ports: std::collections::BTreeSet<u16> =
            taken.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        assert_eq!(ports.len(), 20);
        assert!(!is_free(*ports.first().unwrap()));
    }
}
