//! Smart HTTP: `git http-backend` behind a small server that asks for a password.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Sleep, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::support::{ports, runtime};

/// How a server behaves.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// It lets everybody in.
    Open,
    /// It wants these: `user:password`.
    Basic(String),
    /// It takes requests and never answers.
    Silent,
    /// It breaks off in the middle of each pack.
    Lossy,
    /// It sends everybody to this URL.
    Elsewhere(String),
}

/// A running server. Stopped when dropped.
pub(crate) struct Http {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    is_tls: bool,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

struct Shared {
    root: PathBuf,
    manner: Mutex<Manner>,
    /// The `authorization` of each request.
    shown: Mutex<Vec<Option<String>>>,
}

impl Http {
    /// Serves the repositories below a folder.
    pub(crate) fn start(root: &Path, manner: Manner, tls: Option<Arc<ServerConfig>>) -> Self {
        Self::start_at(ports::free_address(), root, manner, tls)
    }

    /// The same at an address that was in use before.
    pub(crate) fn start_at(
        address: SocketAddr,
        root: &Path,
        manner: Manner,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            manner: Mutex::new(manner),
            shown: Mutex::default(),
        });
        let is_tls = tls.is_some();
        let socket = runtime::wait(TcpListener::bind(address)).expect("the port is free");
        let listener = runtime::spawn(serve(socket, tls, Arc::clone(&shared)));
        Self { address, is_tls, shared, listener }
    }

    /// The URL of a repository, with something before the host.
    pub(crate) fn url_as(&self, user: &str, name: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{user}localhost:{}/{name}", self.address.port())
    }

    /// The URL of a repository.
    pub(crate) fn url(&self, name: &str) -> String {
        self.url_as("", name)
    }

    pub(crate) fn set(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// The credentials of each request so far, as `authorization` has them.
    pub(crate) fn shown(&self) -> Vec<Option<String>> {
        self.shared.shown.lock().unwrap().clone()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn serve(socket: TcpListener, tls: Option<Arc<ServerConfig>>, shared: Arc<Shared>) {
    // Dropped with this task, which ends the connections too.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = socket.accept().await else { continue };
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            match tls {
                None => connection(stream, shared).await,
                Some(config) => {
                    let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
                    connection(stream, shared).await;
                }
            }
        });
    }
}

async fn connection<S>(stream: S, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    // A client that leaves in the middle is no concern of the server's.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// For how long a line holds after the first half of a pack, so that it does arrive.
const LINE_HOLDS: Duration = Duration::from_millis(50);

/// A body that may break off.
#[derive(Default)]
struct Sent {
    rest: Bytes,
    cut: Option<Pin<Box<Sleep>>>,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut self.rest)))));
        }
        let Some(moment) = &mut self.cut else { return Poll::Ready(None) };
        ready!(moment.as_mut().poll(context));
        Poll::Ready(Some(Err(io::Error::other("the line is cut"))))
    }

    fn size_hint(&self) -> SizeHint {
        match self.cut {
            None => SizeHint::with_exact(self.rest.len() as u64),
            Some(_) => SizeHint::default(),
        }
    }
}

type Answer = Response<Sent>;

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> io::Result<Answer> {
    let shown =
        request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    shared.shown.lock().unwrap().push(shown.clone());
    let manner = shared.manner.lock().unwrap().clone();
    let empty = |status| Response::builder().status(status);
    let finish = |builder: hyper::http::response::Builder| {
        Ok(builder.body(Sent::default()).expect("the headers are valid"))
    };
    match &manner {
        Manner::Silent => std::future::pending().await,
        Manner::Elsewhere(url) => {
            let rest = request.uri().path_and_query().map_or("", |path| path.as_str());
            return finish(empty(StatusCode::FOUND).header("location", format!("{url}{rest}")));
        }
        Manner::Basic(expected) => {
            let encoded = shown.as_deref().and_then(|value| value.strip_prefix("Basic "));
            if encoded != Some(base64(expected.as_bytes()).as_str()) {
                let refused = empty(StatusCode::UNAUTHORIZED);
                return finish(refused.header("www-authenticate", "Basic realm=\"git\""));
            }
        }
        Manner::Open | Manner::Lossy => {}
    }
    let is_pack = request.uri().path().ends_with("/git-upload-pack");
    let output = backend(request, &shared.root).await?;
    let mut answer = response(&output);
    if matches!(manner, Manner::Lossy) && is_pack {
        let whole = mem::take(&mut answer.body_mut().rest);
        let (rest, cut) = (whole.slice(..whole.len() / 2), Some(Box::pin(sleep(LINE_HOLDS))));
        *answer.body_mut() = Sent { rest, cut };
    }
    Ok(answer)
}

/// Runs the CGI program.
async fn backend(request: Request<Incoming>, root: &Path) -> io::Result<Vec<u8>> {
    let header = |name: HeaderName| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/local/bin")
        .env("HOME", root)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", request.method().as_str())
        .env("PATH_INFO", request.uri().path())
        .env("QUERY_STRING", request.uri().query().unwrap_or_default())
        .env("CONTENT_TYPE", header(CONTENT_TYPE))
        .env("HTTP_CONTENT_ENCODING", header(CONTENT_ENCODING))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let mut input = child.stdin.take().expect("it was asked for");
    input.write_all(&body).await?;
    drop(input);
    Ok(child.wait_with_output().await?.stdout)
}

/// What a CGI program printed, as a response.
fn response(output: &[u8]) -> Answer {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").expect("CGI has headers");
    let mut builder = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").expect("CGI has headers");
        builder = if name == "Status" {
            builder.status(value.split(' ').next().expect("a status has a number"))
        } else {
            builder.header(name, value)
        };
    }
    let rest = Bytes::copy_from_slice(&output[end + 4..]);
    builder.body(Sent { rest, cut: None }).expect("the headers are valid")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
