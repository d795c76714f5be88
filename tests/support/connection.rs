//! One client connection, over whichever protocol, and the ways in which a request can fail on it.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::header::HOST;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::runtime;

/// How long connecting and one request may take, each.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after the end of its connection an answer may still be read.
const AFTER_END: Duration = Duration::from_secs(1);

/// What the client speaks.
#[derive(Clone, Debug)]
pub(crate) enum Wire {
    /// HTTP/1.1 in the clear.
    Http1,
    /// HTTP/2 in the clear, by prior knowledge.
    H2c,
    /// TLS; then what ALPN agreed on.
    Tls(Arc<ClientConfig>),
}

/// A request without body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// The method.
    pub(crate) method: Method,
    /// `Host` or `:authority`, and the server name of TLS.
    pub(crate) host: String,
    /// Path and query.
    pub(crate) path: String,
    /// More headers.
    pub(crate) headers: HeaderMap,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: StatusCode,
    /// The protocol version in which it came.
    pub(crate) version: Version,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: String,
}

impl Answer {
    /// The name of the [`super::origin::Origin`] that answered, `None` where HAProxy itself did.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.header("x-origin")
    }

    /// The protocol in which that origin was asked, such as `HTTP/2.0`.
    pub(crate) fn origin_protocol(&self) -> Option<&str> {
        self.header("x-proto")
    }

    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why a request got no answer, by how far it came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There was no connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// The server surely did not handle it: the connection was closed before, the stream was
    /// refused, or a GOAWAY came first. A client may always try again.
    #[error("request not taken: {0}")]
    NotTaken(String),
    /// No answer came, though the server may have read the request.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer began and broke off.
    #[error("answer broke off: {0}")]
    Truncated(String),
}

/// An open connection.
pub(crate) struct Connection {
    sender: Sender,
    /// Its other end is gone as soon as the connection is.
    ended: watch::Receiver<()>,
}

enum Sender {
    /// HTTP/1.1, one request at a time.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// HTTP/2, many streams.
    Http2(http2::SendRequest<Full<Bytes>>, &'static str),
}

impl Connection {
    /// Opens a connection to `address`, for requests to `host`.
    pub(crate) async fn open(
        wire: &Wire,
        address: SocketAddr,
        host: &str,
    ) -> Result<Self, Failure> {
        timeout(PATIENCE, Self::handshake(wire, address, host))
            .await
            .map_err(|late| Failure::Connect(late.to_string()))?
            .map_err(|error| Failure::Connect(chain(&*error)))
    }

    async fn handshake(
        wire: &Wire,
        address: SocketAddr,
        host: &str,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let config = match wire {
            Wire::Http1 => return Ok(http1(stream).await?),
            Wire::H2c => return Ok(http2(stream, "http").await?),
            Wire::Tls(config) => config,
        };
        let name = host.split(':').next().unwrap_or(host).to_owned();
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(ServerName::try_from(name)?, stream).await?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            Ok(http2(stream, "https").await?)
        } else {
            Ok(http1(stream).await?)
        }
    }

    /// A second handle on the same HTTP/2 connection; `None` for HTTP/1.1.
    pub(crate) fn share(&self) -> Option<Self> {
        let Sender::Http2(sender, scheme) = &self.sender else { return None };
        let sender = Sender::Http2(sender.clone(), scheme);
        Some(Self { sender, ended: self.ended.clone() })
    }

    /// Whether the connection can take another request, once it is done with the last.
    pub(crate) async fn is_open(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await.is_ok(),
            Sender::Http2(sender, _) => sender.ready().await.is_ok(),
        }
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&mut self, ask: &Ask) -> Result<Answer, Failure> {
        let mut ended = self.ended.clone();
        let end = async {
            // Nothing is ever sent: this waits for the end.
            let _ = ended.changed().await;
            sleep(AFTER_END).await;
        };
        tokio::select! {
            outcome = timeout(PATIENCE, self.exchange(ask)) => {
                outcome.unwrap_or_else(|late| Err(Failure::NoAnswer(late.to_string())))
            }
            () = end => Err(Failure::NoAnswer("the connection ended without one".to_owned())),
        }
    }

    async fn exchange(&mut self, ask: &Ask) -> Result<Answer, Failure> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = ask.method.clone();
        *request.headers_mut() = ask.headers.clone();
        let invalid = |error: &dyn Error| Failure::NotTaken(format!("invalid request: {error}"));
        let sent = match &mut self.sender {
            Sender::Http1(sender) => {
                *request.uri_mut() = ask.path.parse().map_err(|error| invalid(&error))?;
                let host = ask.host.parse().map_err(|error| invalid(&error))?;
                request.headers_mut().insert(HOST, host);
                sender.try_send_request(request).await
            }
            Sender::Http2(sender, scheme) => {
                let uri = format!("{scheme}://{}{}", ask.host, ask.path);
                *request.uri_mut() = uri.parse().map_err(|error| invalid(&error))?;
                sender.try_send_request(request).await
            }
        };
        let (head, body) = sent.map_err(unanswered).map(Response::into_parts)?;
        let body = body.collect().await.map_err(|error| Failure::Truncated(chain(&error)))?;
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok(Answer { status: head.status, version: head.version, headers: head.headers, body })
    }
}

fn unanswered(mut error: TrySendError<Request<Full<Bytes>>>) -> Failure {
    let unsent = error.take_message().is_some();
    let error = error.into_error();
    let cause = chain(&error);
    if unsent || was_refused(&error) { Failure::NotTaken(cause) } else { Failure::NoAnswer(cause) }
}

/// Whether HTTP/2 promises that the request was not handled (RFC 9113, 8.7).
fn was_refused(error: &hyper::Error) -> bool {
    let Some(error) = error.source().and_then(|source| source.downcast_ref::<h2::Error>()) else {
        return false;
    };
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let away = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
    error.is_remote() && (refused || away)
}

async fn http1<S>(stream: S) -> hyper::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    Ok(Connection { sender: Sender::Http1(sender), ended: drive(connection) })
}

async fn http2<S>(stream: S, scheme: &'static str) -> hyper::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    Ok(Connection { sender: Sender::Http2(sender, scheme), ended: drive(connection) })
}

/// Lets a connection do its work. Its errors reach the requests on it; it ends with the last handle.
fn drive(
    connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
) -> watch::Receiver<()> {
    let (alive, ended) = watch::channel(());
    runtime::spawn(async move {
        let _ = connection.await;
        drop(alive);
    });
    ended
}

/// An error with all its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
