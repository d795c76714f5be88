//! `show servers conn`: how many connections each server has, in use and idle.

use std::net::{IpAddr, SocketAddr};

use super::{ReplyError, table::Columns};

const COMMAND: &str = "show servers conn";

/// The columns that are read.
const NAMES: [&str; 5] = ["bkname/svname", "addr", "port", "used_cur", "idle_cur"];

/// The connections to one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConnections {
    /// The backend.
    pub backend: String,
    /// The server.
    pub server: String,
    /// Where the server is, unless it is no IP address.
    pub address: Option<SocketAddr>,
    /// Connections that carry a request.
    pub used: u32,
    /// Connections kept for later requests.
    pub idle: u32,
}

/// Reads a reply.
pub fn parse(text: &str) -> Result<Vec<ServerConnections>, ReplyError> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let names = lines.next().and_then(|line| line.strip_prefix('#'));
    let names = names.ok_or_else(|| ReplyError::new(COMMAND, "no header", text))?;
    let columns = Columns::find(COMMAND, names.split_whitespace(), NAMES)?;
    let row = |line: &str| {
        let row = columns.row(line, line.split_whitespace())?;
        let [name, address, port, ..] = row.fields;
        let (backend, server) = name.split_once('/').ok_or_else(|| row.error("no server"))?;
        let address: Option<IpAddr> = address.parse().ok();
        let port: Option<u16> = port.parse().ok();
        Ok(ServerConnections {
            backend: backend.to_owned(),
            server: server.to_owned(),
            address: address.zip(port).map(SocketAddr::from),
            used: row.number(3)?,
            idle: row.number(4)?,
        })
    };
    lines.map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_and_idle_connections_are_told_apart() {
        let text = "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est \
                    unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]\n\
                    b/x 3/1 127.0.0.1 9931 - 5000 2 3 0 0 0 -1 0 0 0\n\
                    b/s 3/2 ::1 9932 - 5000 0 1 1 1 0 -1 1 1 0\n\
                    b/u 3/3 unix 0 - 5000 0 1 1 1 0 -1 4 1 0\n\n";
        let rows = parse(text).unwrap();
        let short: Vec<_> =
            rows.iter().map(|row| (row.server.as_str(), row.address, row.used, row.idle)).collect();
        assert_eq!(
            short,
            [
                ("x", "127.0.0.1:9931".parse().ok(), 2, 0),
                ("s", "[::1]:9932".parse().ok(), 0, 1),
                ("u", None, 0, 4),
            ]
        );
        for bad in ["", "x", "# a b\n", "# bkname/svname addr port used_cur idle_cur\nb 1 2 3 4"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
