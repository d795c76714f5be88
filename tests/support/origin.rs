//! Real HTTP servers to proxy to, which say who they are and what they saw.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::http::uri::PathAndQuery;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::{clock, ports, runtime};

/// The path that follows [`Origin::set_healthy`].
pub(crate) const HEALTH: &str = "/healthz";

/// A running HTTP server. It answers every path with 200 and, both in headers (`x-origin`,
/// `x-proto`) and as a JSON body, its name and what it was asked. Stopped when dropped.
pub(crate) struct Origin {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    speaks: Speaks,
    state: Arc<State>,
    /// The task that accepts, with all its connections; `None` while connections are refused.
    listener: Mutex<Option<JoinHandle<()>>>,
}

/// What an origin speaks, and nothing else.
#[derive(Clone)]
enum Speaks {
    Http1,
    H2c,
    /// TLS; then HTTP/2 where ALPN agreed on it, else HTTP/1.1.
    Tls(Arc<ServerConfig>),
}

struct State {
    name: String,
    healthy: AtomicBool,
    delay_ms: AtomicU64,
    requests: AtomicU64,
    health_checks: AtomicU64,
    last_check: Mutex<Option<serde_json::Value>>,
}

impl Origin {
    /// A server that speaks HTTP/1.1 only.
    pub(crate) fn http1(name: &str) -> Self {
        Self::start(name, Speaks::Http1)
    }

    /// The same on every address of 127.0.0.0/8, so that it can be many servers at once.
    pub(crate) fn http1_everywhere(name: &str) -> Self {
        Self::start_at(name, Speaks::Http1, Ipv4Addr::UNSPECIFIED)
    }

    /// A server that speaks HTTP/2 in the clear only.
    pub(crate) fn h2c(name: &str) -> Self {
        Self::start(name, Speaks::H2c)
    }

    /// A server behind TLS; `config` comes from [`super::tls::Identity::server`].
    pub(crate) fn tls(name: &str, config: Arc<ServerConfig>) -> Self {
        Self::start(name, Speaks::Tls(config))
    }

    fn start(name: &str, speaks: Speaks) -> Self {
        Self::start_at(name, speaks, Ipv4Addr::LOCALHOST)
    }

    fn start_at(name: &str, speaks: Speaks, address: Ipv4Addr) -> Self {
        let state = State {
            name: name.to_owned(),
            healthy: AtomicBool::new(true),
            delay_ms: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            health_checks: AtomicU64::new(0),
            last_check: Mutex::new(None),
        };
        let address = SocketAddr::from((address, ports::free_port()));
        let origin = Self { address, speaks, state: Arc::new(state), listener: Mutex::new(None) };
        origin.accept();
        origin
    }

    /// Its name, as in `x-origin`.
    pub(crate) fn name(&self) -> &str {
        &self.state.name
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whether `/healthz` answers 200 or 503.
    pub(crate) fn set_healthy(&self, healthy: bool) {
        self.state.healthy.store(healthy, Ordering::Relaxed);
    }

    /// How long each answer takes, health checks included.
    pub(crate) fn set_delay(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).expect("a delay of a test is short");
        self.state.delay_ms.store(delay, Ordering::Relaxed);
    }

    /// How many requests came so far, without `/healthz`.
    pub(crate) fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }

    /// How often `/healthz` was asked.
    pub(crate) fn health_checks(&self) -> u64 {
        self.state.health_checks.load(Ordering::Relaxed)
    }

    /// What the last request for `/healthz` looked like, as in the body of its answer.
    pub(crate) fn last_check(&self) -> Option<serde_json::Value> {
        self.state.last_check.lock().expect("no holder panics").clone()
    }

    /// Stops listening and breaks all connections, like a server that died.
    pub(crate) fn refuse(&self) {
        // A holder that could not listen panicked; nothing is half-done then.
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listener) = listener {
            listener.abort();
            // Once the task is gone, so are its socket and its connections.
            let _ = runtime::wait(listener);
        }
    }

    /// Listens again, on the same port.
    pub(crate) fn accept(&self) {
        let mut listener = self.listener.lock().expect("no holder panics");
        if listener.is_none() {
            let address = self.address;
            // A process that another test is about to start has all our sockets until it runs its own
            // program: for that moment, the one by which the port was reserved, too.
            let mut socket = Err(String::new());
            clock::eventually(Duration::from_secs(5), || {
                socket = runtime::wait(TcpListener::bind(address)).map_err(|why| why.to_string());
                socket.is_ok()
            });
            let socket = socket
                .unwrap_or_else(|error| panic!("{address} is reserved for an origin: {error}"));
            let serving = serve(socket, self.speaks.clone(), Arc::clone(&self.state));
            *listener = Some(runtime::spawn(serving));
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.refuse();
    }
}

async fn serve(socket: TcpListener, speaks: Speaks, state: Arc<State>) {
    // Dropped with this task, which ends the connections too.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = socket.accept().await else { continue };
        connections.spawn(connection(stream, speaks.clone(), Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, speaks: Speaks, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    // A peer that leaves in the middle is no concern of the origin's.
    let _ = match speaks {
        Speaks::Http1 => serve_http1(stream, state, None).await,
        Speaks::H2c => serve_http2(stream, state, None).await,
        Speaks::Tls(config) => {
            let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
            let session = stream.get_ref().1;
            let sni = Some(session.server_name().unwrap_or_default().to_owned());
            if session.alpn_protocol() == Some(b"h2") {
                serve_http2(stream, state, sni).await
            } else {
                serve_http1(stream, state, sni).await
            }
        }
    };
}

async fn serve_http1<S>(stream: S, state: Arc<State>, sni: Option<String>) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request| answer(request, Arc::clone(&state), sni.clone()));
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
}

async fn serve_http2<S>(stream: S, state: Arc<State>, sni: Option<String>) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request| answer(request, Arc::clone(&state), sni.clone()));
    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
}

/// Answers one request; `sni` is there where the connection is TLS.
async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
    sni: Option<String>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_check = request.uri().path() == HEALTH;
    let counter = if is_check { &state.health_checks } else { &state.requests };
    counter.fetch_add(1, Ordering::Relaxed);
    let delay = state.delay_ms.load(Ordering::Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let ill = is_check && !state.healthy.load(Ordering::Relaxed);
    let status = if ill { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let protocol = format!("{:?}", request.version());
    let described = describe(&request, &state.name, &protocol, sni.as_deref());
    let body = described.to_string() + "\n";
    if is_check {
        *state.last_check.lock().expect("no holder panics") = Some(described);
    }
    Ok(Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("x-origin", &state.name)
        .header("x-proto", protocol)
        .body(Full::new(Bytes::from(body)))
        .expect("the names of origins are header values"))
}

fn describe(
    request: &Request<Incoming>,
    origin: &str,
    protocol: &str,
    sni: Option<&str>,
) -> serde_json::Value {
    let headers: BTreeMap<&str, _> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let authority = request.uri().authority().map(|authority| authority.as_str().into());
    json!({
        "origin": origin,
        "protocol": protocol,
        "tls": sni.is_some(),
        "sni": sni.filter(|name| !name.is_empty()),
        "method": request.method().as_str(),
        "host": authority.or_else(|| headers.get(HOST.as_str()).cloned()),
        "path": request.uri().path_and_query().map(PathAndQuery::as_str),
        "headers": headers,
    })
}
