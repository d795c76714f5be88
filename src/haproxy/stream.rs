//! A connected socket, unix or TCP, in two halves that can be used at the same time.

use std::{
    io::{self, ErrorKind},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::{sleep, timeout},
};

use super::{Endpoint, SocketError};

pub(super) type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

/// A master executes itself anew at a reload, and up to 3.0 also once its first worker is ready;
/// its socket refuses connections meanwhile, or resets those that it has not accepted, for some
/// milliseconds. A refusal that lasts is true.
pub(super) const RESTART: Duration = Duration::from_millis(500);
pub(super) const RETRY: Duration = Duration::from_millis(10);

/// Connects, within the deadline.
pub(super) async fn connect(
    endpoint: &Endpoint,
    limit: Duration,
) -> Result<(ReadHalf, WriteHalf), SocketError> {
    let attempt = async {
        let mut waited = Duration::ZERO;
        loop {
            match halves(endpoint).await {
                Err(error) if is_refused(error.kind()) && waited < RESTART => {
                    sleep(RETRY).await;
                    waited += RETRY;
                }
                result => return result,
            }
        }
    };
    match timeout(limit, attempt).await {
        Ok(Ok(halves)) => Ok(halves),
        Ok(Err(error)) => Err(SocketError::connecting(endpoint, error)),
        Err(_) => Err(SocketError::Timeout { limit, answered: 0 }),
    }
}

/// Whether nobody took a connection, or what came over it.
pub(super) fn is_refused(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset};
    matches!(kind, ConnectionRefused | ConnectionReset | BrokenPipe)
}

async fn halves(endpoint: &Endpoint) -> io::Result<(ReadHalf, WriteHalf)> {
    match endpoint {
        Endpoint::Unix(path) => {
            let (read, write) = UnixStream::connect(path).await?.into_split();
            Ok((Box::new(read), Box::new(write)))
        }
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            // A batch ends with a short line that must not wait for an acknowledgement.
            stream.set_nodelay(true)?;
            let (read, write) = stream.into_split();
            Ok((Box::new(read), Box::new(write)))
        }
    }
}
