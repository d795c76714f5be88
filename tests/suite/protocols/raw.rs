//! Requests as bytes, for those that no decent client sends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sends `request`, whose lines may end in `\n`, and reads until the end. The last request must
/// ask for the end of the connection.
pub(super) fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.replace('\n', "\r\n").as_bytes()).unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    String::from_utf8_lossy(&reply).into_owned()
}

/// What answers a request given as its first line and its header lines: `200 web-1` or `404`.
pub(super) fn ask(address: SocketAddr, line: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\n")).collect();
    summary(&exchange(address, &format!("{line}\n{headers}Connection: close\n\n")))
}

/// Status and origin of one answer.
pub(super) fn summary(reply: &str) -> String {
    let head = reply.split("\r\n\r\n").next().unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap_or("nothing");
    let origin = head.lines().find_map(|line| line.strip_prefix("x-origin: "));
    origin.map_or_else(|| status.to_owned(), |origin| format!("{status} {origin}"))
}
