//! When do requests first get their answer from the new place?

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use crate::support::clock;

/// The pause between two requests: short beside what is measured, and long enough to leave the
/// cores to those who are measured.
const PAUSE: Duration = Duration::from_micros(200);
/// How long the new place may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for a host, each time over a new connection, until a certain origin answers.
pub(crate) struct Probe(Receiver<Option<Instant>>);

impl Probe {
    /// Starts asking, and returns once the first answer has come.
    pub(crate) fn start(front: SocketAddr, host: &str, origin: &str) -> Self {
        let (found, instants) = channel();
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let wanted = format!("x-origin: {origin}\r\n");
        thread::spawn(move || {
            let begin = Instant::now();
            // Whoever started this waits for the one message or the other, or is gone.
            let mut is_first = true;
            while begin.elapsed() < PATIENCE {
                let answer = ask(front, &request).unwrap_or_default();
                let now = Instant::now();
                if answer.contains(&wanted) {
                    let _ = found.send(Some(now));
                    return;
                }
                if std::mem::take(&mut is_first) {
                    let _ = found.send(None);
                }
                clock::pause(PAUSE);
            }
        });
        let probe = Self(instants);
        let first = probe.0.recv().expect("the probe lives until it found the origin");
        assert!(first.is_none(), "{host} is at {origin} already");
        probe
    }

    /// The time from `begin` to the first answer from the new place.
    pub(crate) fn since(self, begin: Instant) -> Duration {
        let found = self.0.recv().ok().flatten();
        found.expect("the new place answers at last").duration_since(begin)
    }
}

/// One request. `None` where it failed, as it may for a moment around a reload.
fn ask(front: SocketAddr, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(front).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
