//! A real HTTP server that takes notifications.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::support::ports::free_address;
use crate::support::runtime;

/// The server. Stopped when dropped.
pub(super) struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    failing: AtomicU32,
    taken: Mutex<Vec<(String, Value)>>,
}

impl Receiver {
    /// Without TLS.
    pub(super) fn plain() -> Self {
        Self::start(None)
    }

    /// Behind TLS.
    pub(super) fn tls(config: Arc<ServerConfig>) -> Self {
        Self::start(Some(TlsAcceptor::from(config)))
    }

    fn start(tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::new(State::default());
        let address = free_address();
        assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
        let shared = Arc::clone(&state);
        let listener =
            runtime::wait(async move { TcpListener::bind(address).await }).expect("a free port");
        let task = runtime::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, state) = (tls.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, state).await;
                            }
                        }
                        None => serve(stream, state).await,
                    }
                });
            }
        });
        Self { address, state, task }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers so many requests with 500.
    pub(super) fn fail_next(&self, times: u32) {
        self.state.failing.store(times, Ordering::SeqCst);
    }

    /// What was taken, in its order.
    pub(super) fn documents(&self) -> Vec<Value> {
        let taken = self.state.taken.lock().expect("no holder panics");
        taken.iter().map(|(_, document)| document.clone()).collect()
    }

    /// Where to.
    pub(super) fn paths(&self) -> Vec<String> {
        let taken = self.state.taken.lock().expect("no holder panics");
        taken.iter().map(|(path, _)| path.clone()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    let service = service_fn(|request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(take(request, &state).await) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn take(request: Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    let is_failing = state
        .failing
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .is_ok();
    let path = request.uri().to_string();
    let is_json = request.headers().get("content-type").is_some_and(|it| it == "application/json");
    let is_post = request.method() == Method::POST;
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let document = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = match document {
        _ if is_failing => StatusCode::INTERNAL_SERVER_ERROR,
        Some(document) if is_post && is_json => {
            state.taken.lock().expect("no holder panics").push((path, document));
            StatusCode::NO_CONTENT
        }
        _ => StatusCode::BAD_REQUEST,
    };
    answer
}
