//! Whether HAProxy can listen where a new configuration says. A worker that can't bind makes the old one
//! pause its own sockets, and requests fail, so gw looks before it asks for a reload.

use std::net::SocketAddr;

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketType, bind, socket, sockopt},
};

/// Why HAProxy could not listen at one of these addresses; with port 0 only the address counts.
/// Nothing listens there for this: sockets are bound with the options that HAProxy gives its own
/// (`SO_REUSEADDR`, `SO_REUSEPORT`), and closed. What can't be told is no obstacle: HAProxy will say so.
pub fn obstacle(addresses: impl IntoIterator<Item = SocketAddr>) -> Option<String> {
    addresses.into_iter().find_map(|address| {
        let alone = SocketAddr::new(address.ip(), 0);
        let bound = match try_bind(address) {
            // Who has no right to the port can still tell the address.
            Err(Errno::ACCESS) if address != alone => try_bind(alone),
            bound => bound,
        };
        match bound {
            // Port 0 is in use where none is left to choose from.
            Err(Errno::ADDRINUSE) if address != alone => {
                Some(format!("another program has {address}"))
            }
            Err(Errno::ADDRNOTAVAIL) => {
                Some(format!("this machine has no address {}", address.ip()))
            }
            Ok(()) | Err(_) => None,
        }
    })
}

fn try_bind(address: SocketAddr) -> Result<(), Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    bind(&socket, &address)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use super::*;

    #[test]
    fn what_another_listens_on_is_taken_and_free_again_after_it() {
        for address in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            let listener = TcpListener::bind(SocketAddr::new(address, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            assert_eq!(obstacle([address]), Some(format!("another program has {address}")));
            drop(listener);
            assert_eq!(obstacle([address]), None);
            // A look leaves nothing behind.
            TcpListener::bind(address).unwrap();
        }
    }

    #[test]
    fn what_is_no_address_of_the_machine_is_told() {
        // For documentation (RFC 5737).
        let address = "192.0.2.7:0".parse().unwrap();
        let expected = Some("this machine has no address 192.0.2.7".to_owned());
        assert_eq!(obstacle([address]), expected);
        assert_eq!(obstacle(["0.0.0.0:0".parse().unwrap()]), None);
    }
}
