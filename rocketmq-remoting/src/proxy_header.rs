//! [`ProxyHeader`]: telling a load balancer's backend who connects.

use std::net::SocketAddr;

/// A header of the HAProxy PROXY protocol, with which a connection begins.
///
/// Servers of RocketMQ 5.1.4 and later recognise both versions by themselves; whatever stands before them may insist on
/// one. Upstream's clients never send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// The line of text.
    V1,
    /// The binary form.
    V2,
}

const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_PROXY: u8 = 0x21;
const V2_TCP4: u8 = 0x11;
const V2_TCP6: u8 = 0x21;

impl ProxyHeader {
    /// The header of a connection between these addresses.
    pub(crate) fn encode(self, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
        match self {
            Self::V1 => {
                let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
                let ends = (from.ip(), to.ip(), from.port(), to.port());
                format!("PROXY {family} {} {} {} {}\r\n", ends.0, ends.1, ends.2, ends.3)
                    .into_bytes()
            }
            Self::V2 => {
                let (family, addresses) = match (from, to) {
                    (SocketAddr::V4(from), SocketAddr::V4(to)) => {
                        (V2_TCP4, [from.ip().octets(), to.ip().octets()].concat())
                    }
                    _ => (V2_TCP6, [v6_octets(from), v6_octets(to)].concat()),
                };
                let mut header = V2_SIGNATURE.to_vec();
                header.extend([V2_PROXY, family, 0, addresses.len() as u8 + 4]);
                header.extend(addresses);
                header.extend(from.port().to_be_bytes());
                header.extend(to.port().to_be_bytes());
                header
            }
        }
    }
}

fn v6_octets(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(address) => address.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(address) => address.ip().octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_the_specification() {
        let check = |header: ProxyHeader, from: &str, to: &str, expected: &[u8]| {
            assert_eq!(header.encode(from.parse().unwrap(), to.parse().unwrap()), expected);
        };
        check(
            ProxyHeader::V1,
            "10.0.0.1:56324",
            "10.0.0.2:10911",
            b"PROXY TCP4 10.0.0.1 10.0.0.2 56324 10911\r\n",
        );
        check(ProxyHeader::V1, "[::1]:1", "[::2]:2", b"PROXY TCP6 ::1 ::2 1 2\r\n");
        check(
            ProxyHeader::V2,
            "10.0.0.1:258",
            "10.0.0.2:772",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x01\x02\x03\x04",
        );
        let v6 = ProxyHeader::V2.encode("[::1]:1".parse().unwrap(), "[::2]:2".parse().unwrap());
        assert_eq!((v6.len(), v6[13], v6[15]), (16 + 36, V2_TCP6, 36));
    }
}
