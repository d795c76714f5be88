//! Where `gw watch` answers HTTP.

use std::{
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
};

/// Where it is, unless told otherwise: reachable from this machine only. The port is G and W on a
/// telephone's keys, after a 70: below the range of outgoing connections (32768 and up), apart from
/// the exporters of Prometheus (9100 and up), and nobody's in `/etc/services`.
pub const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7049);

/// Whether there is a listener, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// There is none.
    Off,
    /// Here.
    At(SocketAddr),
}

/// Why a text names no place to listen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place to listen at: write an IP address and a port such as {HTTP}, or off")]
pub struct ListenError(String);

impl Listen {
    /// The address; `None` where it is off.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        match text.parse::<SocketAddr>() {
            _ if text == "off" => Ok(Self::Off),
            // Nobody could tell where it is.
            Ok(address) if address.port() != 0 => Ok(Self::At(address)),
            Ok(_) | Err(_) => Err(ListenError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_port_or_off() {
        assert_eq!("off".parse(), Ok(Listen::Off));
        for text in ["127.0.0.1:7049", "[::1]:80", "0.0.0.0:9000"] {
            let address: Listen = text.parse().unwrap();
            assert_eq!(address.address().unwrap().to_string(), text);
        }
        for bad in ["", "on", "7049", "localhost:7049", "127.0.0.1", "127.0.0.1:0", "[::1]"] {
            let error = bad.parse::<Listen>().unwrap_err();
            assert!(error.to_string().contains("127.0.0.1:7049"), "{error}");
        }
    }
}
