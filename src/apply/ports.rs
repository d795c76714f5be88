//! Whether HAProxy can listen where a new configuration says. A worker that can't bind makes the old one
//! pause its own sockets, and requests fail, so gw looks before it asks for a reload. Where another HAProxy
//! listens, or the operator's own part of this one, it could bind, and they would share the requests.

use std::net::{IpAddr, SocketAddr};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketType, bind, socket, sockopt},
};

/// Why HAProxy could not listen at one of these addresses; with port 0 only the address counts.
/// Nothing listens there for this: sockets are bound and closed. They lack the `SO_REUSEPORT` that HAProxy
/// gives its own, and so meet all that listen. What can't be told is no obstacle: HAProxy will say so.
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
                Some(format!("another program, or your own configuration, has {address}"))
            }
            Err(Errno::ADDRNOTAVAIL) => {
                Some(format!("this machine has no address {}", address.ip()))
            }
            Ok(()) | Err(_) => None,
        }
    })
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

fn try_bind(address: SocketAddr) -> Result<(), Errno> {
    let socket = socket(family(address.ip()), SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use rustix::net::listen;

    use super::*;

    #[test]
    fn what_another_listens_on_is_taken_and_free_again_after_it() {
        for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            for is_shared in [false, true] {
                let socket = socket(family(address), SocketType::STREAM, None).unwrap();
                // As HAProxy has them.
                sockopt::set_socket_reuseaddr(&socket, true).unwrap();
                sockopt::set_socket_reuseport(&socket, is_shared).unwrap();
                bind(&socket, &SocketAddr::new(address, 0)).unwrap();
                listen(&socket, 1).unwrap();
                let listener = TcpListener::from(socket);
                let address = listener.local_addr().unwrap();
                let told = format!("another program, or your own configuration, has {address}");
                assert_eq!(obstacle([address]), Some(told));
                drop(listener);
                assert_eq!(obstacle([address]), None);
                // A look leaves nothing behind.
                TcpListener::bind(address).unwrap();
            }
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
