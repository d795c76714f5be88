//! What a running gw answers over HTTP/1.1: metrics, health, status, history, and the webhook that
//! hastens a fetch. Everything is bounded: headers, bodies, the time and the number of connections.
//! Nothing that is answered changes anything.

mod answer;
mod places;

use std::{convert::Infallible, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{HeaderMap, StatusCode, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{journal::Journal, metrics::Metrics, report::Board, watch::Vitals};

use self::places::Places;

/// How long the head of a request may take.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may take, from its begin to the end of its answer. It has one request.
const PATIENCE: Duration = Duration::from_secs(15);
/// The greatest head of a request, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// The most headers that a request may have.
const HEADERS_MAX: usize = 64;
/// The pause after a connection that can't be taken, for want of file descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(100);
/// For how long the loop may give no sign of life until it counts as stuck. A pass gives signs, but
/// not while it reads thousands of files.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[error("can't listen for HTTP at {address}")]
pub struct HttpError {
    address: SocketAddr,
    source: io::Error,
}

impl HttpError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        (self.source.kind() == io::ErrorKind::AddrInUse).then(|| {
            "another program listens there, perhaps another gw: name another address by `--http` or \
             by `http:` in gw.yaml, or do without by `--http off`"
                .to_owned()
        })
    }
}

/// What is done with a POST to `/webhook`: it gets headers and body, and says how it is answered. One
/// at a time, in turn: to tell whether a large body is authentic takes its time, and the rest of gw
/// needs some, too.
pub type OnWebhook = Arc<Mutex<dyn FnMut(&HeaderMap, &[u8]) -> StatusCode + Send>>;

/// What is shown.
#[derive(Clone)]
pub struct View {
    /// What is known of the loop.
    pub board: watch::Receiver<Board>,
    /// What is counted.
    pub metrics: Arc<std::sync::Mutex<Metrics>>,
    /// Signs of life.
    pub vitals: Vitals,
    /// For how long a good pass is fresh.
    pub fresh: Duration,
    /// What was done.
    pub journal: Arc<Mutex<Journal>>,
    /// What `/webhook` does; `None` where there is none.
    pub on_webhook: Option<OnWebhook>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

/// A listener. It ends when dropped.
#[derive(Debug)]
pub struct Server(JoinHandle<()>);

impl Server {
    /// Begins to answer.
    pub async fn start(address: SocketAddr, view: View) -> Result<Self, HttpError> {
        let failed = |source| HttpError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        Ok(Self(tokio::spawn(accept(listener, view))))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(listener: TcpListener, view: View) {
    let mut places = Places::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = serve(stream, view.clone());
                // Whoever is slower is no monitoring.
                places.give(peer.ip(), async move { drop(timeout(PATIENCE, connection).await) });
            }
            Err(error) => {
                tracing::debug!(%error, "can't take a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, view: View) {
    let service = service_fn(|request| {
        let view = view.clone();
        async move { Ok::<_, Infallible>(answer::answer(&view, request).await) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests;
