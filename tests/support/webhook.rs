//! What a forge sends after a push.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How long gw may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells the gw that listens at a port of this machine that something was pushed, signed as GitHub
/// does. Returns the status of its answer.
pub(crate) fn push(port: u16, secret: &str) -> io::Result<u16> {
    let body = "{}";
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("of any length");
    mac.update(body.as_bytes());
    let digest = base16ct::lower::encode_string(&mac.finalize().into_bytes());
    let request = format!(
        "POST /webhook HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nX-GitHub-Event: push\r\n\
         X-Hub-Signature-256: sha256={digest}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(port, &request)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::other(format!("no answer: {answer:?}")))
}

/// The body of gw's answer to a GET.
pub(crate) fn get(port: u16, path: &str) -> io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n");
    let answer = exchange(port, &request)?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok(body.to_owned())
}

fn exchange(port: u16, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
