//! [`Cidr`]: a range of addresses.

use std::{net::IpAddr, str::FromStr};

/// Written as `10.0.0.0/8` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    network: u128,
    /// Of 128 bits, v4 addresses being mapped into v6.
    prefix: u32,
}

impl Cidr {
    /// `0.0.0.0/0` and `::/0` (`RemotingHelper.DEFAULT_CIDR_ALL`).
    pub(crate) const ALL: Self = Self { network: 0, prefix: 0 };

    /// How narrow it is.
    #[cfg(feature = "socks")]
    pub(crate) fn prefix(self) -> u32 {
        self.prefix
    }

    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        bits(ip) & mask(self.prefix) == self.network
    }
}

impl From<IpAddr> for Cidr {
    fn from(only: IpAddr) -> Self {
        Self { network: bits(only), prefix: 128 }
    }
}

impl FromStr for Cidr {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ip, prefix) = text.trim().split_once('/').ok_or(())?;
        let ip: IpAddr = ip.parse().map_err(drop)?;
        let prefix: u32 = prefix.parse().map_err(drop)?;
        let prefix = match ip {
            _ if prefix == 0 => return Ok(Self::ALL),
            IpAddr::V4(_) if prefix <= 32 => prefix + 96,
            IpAddr::V6(_) if prefix <= 128 => prefix,
            _ => return Err(()),
        };
        Ok(Self { network: bits(ip) & mask(prefix), prefix })
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn mask(prefix: u32) -> u128 {
    u128::MAX.checked_shl(128 - prefix).unwrap_or(0)
}
