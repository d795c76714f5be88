//! One dump on a connection of its own, through a master.
//!
//! The master of 2.6 now and then forgets the end of a reply of a megabyte or so: the text arrives,
//! the prompt never does (once in some 50 dumps; on 3.0 only where another line waits behind). On a
//! connection that carries one command and is then half closed, it did not happen in hundreds of
//! dumps. The reply ends where the master closes.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{REPLY_MAX, session::closed};
use crate::haproxy::{Command, Endpoint, SocketError, framing::Piece, stream::connect};

const READ_SIZE: usize = 64 * 1024;

/// Runs a dump and hands out its reply in pieces, without their end: that is for the caller to say,
/// once it knows that the worker is still the same.
pub(super) async fn run(
    endpoint: &Endpoint,
    command: &Command,
    prefix: &str,
    limit: Duration,
    sink: &mut impl FnMut(Piece<'_>),
) -> Result<(), SocketError> {
    let exchange = exchange(endpoint, command, prefix, limit, sink);
    timeout(limit, exchange).await.unwrap_or(Err(SocketError::Timeout { limit, answered: 0 }))
}

async fn exchange(
    endpoint: &Endpoint,
    command: &Command,
    prefix: &str,
    limit: Duration,
    sink: &mut impl FnMut(Piece<'_>),
) -> Result<(), SocketError> {
    let (mut read, mut write) = connect(endpoint, limit).await?;
    let mut out = Vec::new();
    command.encode(prefix, &mut out);
    write.write_all(&out).await.map_err(|_| closed())?;
    write.shutdown().await.map_err(|_| closed())?;
    let (mut chunk, mut tail) = (vec![0; READ_SIZE], Tail::default());
    loop {
        let count = read.read(&mut chunk).await.map_err(|_| closed())?;
        if count == 0 {
            break;
        }
        tail.take(&chunk[..count], sink);
        if tail.total > REPLY_MAX {
            return Err(SocketError::Protocol("a reply has no end".to_owned()));
        }
    }
    sink(Piece::Part(tail.finish().ok_or_else(closed)?));
    Ok(())
}

/// Holds back the last two bytes, which tell a whole reply from a piece of one: a reply ends in an
/// empty line, which is no part of it. A reply of one line, such as a variable on 2.6 or the
/// master's complaint about a missing worker, need not.
#[derive(Default)]
struct Tail {
    total: usize,
    /// One line and no header of a table, so far.
    is_one_line: bool,
    held: Vec<u8>,
}

impl Tail {
    fn take(&mut self, bytes: &[u8], sink: &mut impl FnMut(Piece<'_>)) {
        let first = self.total == 0;
        self.total += bytes.len();
        let inner = &bytes[..bytes.len().saturating_sub(1)];
        self.is_one_line = !inner.contains(&b'\n')
            && if first {
                !bytes.starts_with(b"#")
            } else {
                self.is_one_line && !self.held.ends_with(b"\n")
            };
        self.held.extend_from_slice(bytes);
        let ready = self.held.len().saturating_sub(2);
        if ready > 0 {
            sink(Piece::Part(&self.held[..ready]));
            self.held.drain(..ready);
        }
    }

    /// What was held back, but for the empty line. None where this was not the end.
    fn finish(&self) -> Option<&[u8]> {
        match self.held.as_slice() {
            b"\n" => Some(b""),
            [last, b'\n'] if *last == b'\n' || self.is_one_line => Some(&self.held[..1]),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reply, cut into chunks of this size; None where it is taken for truncated.
    fn read(reply: &str, size: usize) -> Option<String> {
        let (mut tail, mut text) = (Tail::default(), Vec::new());
        let mut sink = |piece: Piece<'_>| {
            if let Piece::Part(part) = piece {
                text.extend_from_slice(part);
            }
        };
        reply.as_bytes().chunks(size).for_each(|chunk| tail.take(chunk, &mut sink));
        text.extend_from_slice(tail.finish()?);
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn only_whole_replies_count() {
        for size in 1..10 {
            for whole in ["# name\n", "# name\na\nb\n", "No such server.\n", ""] {
                assert_eq!(read(&format!("{whole}\n"), size).as_deref(), Some(whole));
            }
            assert_eq!(read("proc.x: type=str value=<a>\n", size).unwrap().len(), 26);
            for truncated in ["", "# name\n", "# na", "# name\na\n", "# name\na\nb", "1\n# x\n"] {
                assert_eq!(read(truncated, size), None, "{truncated:?} by {size}");
            }
        }
    }
}
