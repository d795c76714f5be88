//! Whether another program has a port that a new configuration listens on. A worker that can't bind
//! makes the old one pause its own sockets, and requests fail, so gw looks before it asks for a reload.

use std::net::SocketAddr;

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketType, bind, socket, sockopt},
};

/// The first of these addresses that another program has. Nothing listens there for this: sockets are
/// bound with the options that HAProxy gives its own (`SO_REUSEADDR`, `SO_REUSEPORT`), and closed. What
/// can't be told counts as free: HAProxy will say so.
pub fn taken(addresses: impl IntoIterator<Item = SocketAddr>) -> Option<SocketAddr> {
    addresses.into_iter().find(|address| try_bind(*address) == Err(Errno::ADDRINUSE))
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
            assert_eq!(taken([address]), Some(address));
            drop(listener);
            assert_eq!(taken([address]), None);
            // A look leaves nothing behind.
            TcpListener::bind(address).unwrap();
        }
    }
}
