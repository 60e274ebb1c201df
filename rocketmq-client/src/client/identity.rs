//! Who this client is to the brokers: a client id in Java's form, and ids for messages.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rocketmq_protocol::names;

/// The name under which brokers know this client: `<ip>@<instance>[@<unit>]`, as in Java's `ClientConfig.buildMQClientId`.
///
/// Brokers sort members by it, so its form matters to mixed groups. The instance part is process id and a number
/// that differs between clients of one process and between containers that all run as process 1.
pub(crate) fn client_id(address: IpAddr, instance: Option<&str>, unit: Option<&str>) -> Arc<str> {
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let drawn = || format!("{}#{}", std::process::id(), distinct_number());
    let instance = instance.map_or_else(drawn, str::to_owned);
    names::client_id(&host, &instance, unit, false).into()
}

/// Java takes `System.nanoTime()`. The clock alone can be equal in two containers started together.
fn distinct_number() -> u64 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    (u64::from(nanos) << 20) | (fastrand::u64(..) & 0xf_ffff)
}

/// The address this machine uses towards `peer`. Nothing is sent: connecting a datagram socket only asks the
/// system which interface would be taken.
pub(crate) fn local_address_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = match peer {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Milliseconds since 1970: the only clock that goes over the wire.
pub(crate) fn wall_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_java() {
        let address = IpAddr::from([10, 0, 0, 1]);
        let check = |instance, unit, expected: &str| {
            assert_eq!(&*client_id(address, instance, unit), expected);
        };
        check(Some("DEFAULT"), None, "10.0.0.1@DEFAULT");
        check(Some("DEFAULT"), Some("u"), "10.0.0.1@DEFAULT@u");
        let v6 = client_id(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), Some("x"), None);
        assert_eq!(&*v6, "[::1]@x");
    }

    #[test]
    fn clients_of_one_process_differ() {
        let address = IpAddr::from([10, 0, 0, 1]);
        assert_ne!(client_id(address, None, None), client_id(address, None, None));
    }

    #[test]
    fn the_loopback_is_reached_from_the_loopback() {
        let peer = SocketAddr::from(([127, 0, 0, 1], 9876));
        assert_eq!(local_address_towards(peer), Some([127, 0, 0, 1].into()));
    }
}
